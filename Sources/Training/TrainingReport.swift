import Encoders
import Evaluation
import Foundation
import Inputs
import Tensors

/// Gathers what the report of a trained model shows.
struct TrainingReport {
  let recipe: Recipe
  let model: Model
  let samples: Samples
  let summary: TrainingSummary
  let history: [EpochRecord]
  let probabilities: [[Float]]

  func html() throws -> String {
    let name = recipe.url.deletingPathExtension().lastPathComponent
    let facts: [(String, String)] = [
      ("Parameters", String(summary.parameters)), ("Training samples", String(summary.trainSamples)),
      ("Validation samples", String(summary.validationSamples)), ("Test samples", String(summary.testSamples)),
      ("Epochs", String(summary.epochs)), ("Best epoch", summary.bestEpoch.map(String.init) ?? "last"),
      ("Seconds of training", String(format: "%.1f", summary.seconds)),
      ("Samples per second", String(format: "%.0f", summary.samplesPerSecond)), ("Seed", String(summary.seed)),
    ]
    let isChosenBy = summary.testSamples == 0 && summary.validationSamples > 0
    let scored = "\(summary.validationSamples) samples of the validation part, which chose the epoch"
    return Report(
      title: name, subtitle: model.steps.map { "\($0.layer) → \($0.output)" }.joined(separator: " · "),
      recipe: recipe.text,
      facts: facts, history: history, bestEpoch: summary.bestEpoch,
      metricName: model.task == .reconstruction ? "mse" : "accuracy", classification: summary.classification,
      reconstruction: summary.reconstruction, mistakes: mistakes(), map: try map(), classes: mapClasses,
      reconstructions: try reconstructions(), scoredOn: isChosenBy ? scored : nil
    ).html()
  }

  private var mapClasses: [String] {
    model.labels.isEmpty ? (0..<((samples.labels.max() ?? 0) + 1)).map(String.init) : model.labels
  }

  /// The mistakes that the model was surest of.
  private func mistakes() -> [Report.Mistake] {
    let wrong = probabilities.indices.compactMap { place -> (Int, Int, Float)? in
      let predicted = argmax(probabilities[place])
      return predicted == samples.labels[place] ? nil : (place, predicted, probabilities[place][predicted])
    }
    return wrong.sorted { ($1.2, $0.0) < ($0.2, $1.0) }.prefix(24).map { place, predicted, probability in
      .init(
        sample: sample(place), gold: model.labels[samples.labels[place]], predicted: model.labels[predicted],
        probability: Double(probability))
    }
  }

  /// Up to 600 samples, their embeddings laid out in the plane.
  private func map() throws -> [Report.MapPoint] {
    let shown = Array(Random(seed: 0).permutation(samples.count).prefix(600))
    guard shown.count > 2 else { return [] }
    let points = TSNE.layout(try model.embeddings(of: samples.subset(shown)), width: model.width, seed: 0)
    return zip(shown, points).map { .init(x: $1.x, y: $1.y, label: max(0, samples.labels[$0]), sample: sample($0)) }
  }

  private func sample(_ place: Int) -> Report.Sample {
    switch samples {
    case .texts(let texts, _): .text(texts[place])
    case .images(let images, _): .image(image(Array(images.image(place)), images))
    }
  }

  private func image(_ bytes: [UInt8], _ images: ImagePixels) -> Report.Image {
    Report.Image(width: images.width, height: images.height, channels: images.channels, pixels: bytes)
  }

  /// Sixteen samples, drawn at random, and what comes out of them again.
  private func reconstructions() throws -> [(input: Report.Image, output: Report.Image)] {
    guard model.task == .reconstruction, let shape = model.imageShape else { return [] }
    let shown = samples.subset(Array(Random(seed: 0).permutation(samples.count).prefix(16)))
    guard case .images(let images, _) = shown else { return [] }
    var outputs: [Float] = []
    try model.forEachBatch(of: shown) { outputs += model.reconstruct(model.embed($1)).scalars }
    let size = outputs.count / max(1, shown.count)
    return (0..<shown.count).map { place in
      let bytes = outputs[place * size..<(place + 1) * size].enumerated().map { at, value -> UInt8 in
        let channel = at % images.channels
        return UInt8(max(0, min(255, ((value * shape.deviation[channel] + shape.mean[channel]) * 255).rounded())))
      }
      return (image(Array(images.image(place)), images), image(bytes, images))
    }
  }
}
