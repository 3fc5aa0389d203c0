import Encoders
import Evaluation
import Foundation
import Inputs
import Tensors

/// Samples that go through a model at once where nothing is trained.
private let batchSize = 256

extension Model {
  /// Some samples as the encoder takes them, changed at random if `augmentation` says so.
  func input(
    _ samples: Samples, _ indices: [Int], augmentation: ImageAugmentation? = nil, random: Random = Random(seed: 0)
  ) throws -> EncoderInput {
    switch samples {
    case .texts(let texts, _): return try input(texts: indices.map { texts[$0] })
    case .images(let images, _):
      guard let shape = imageShape else {
        preconditionFailure("Model.input: images for a model of text")
      }
      let scaling = PixelScaling(mean: shape.mean, deviation: shape.deviation)
      return .images(images.batch(indices, scaling, augmentation: augmentation, random: random))
    }
  }

  /// Calls `body` with the input of each batch of samples.
  func forEachBatch(of samples: Samples, _ body: (_ indices: [Int], _ input: EncoderInput) throws -> Void) throws {
    for start in stride(from: 0, to: samples.count, by: batchSize) {
      let indices = Array(start..<min(samples.count, start + batchSize))
      try body(indices, input(samples, indices))
    }
  }

  /// The embeddings of samples, row after row.
  public func embeddings(of samples: Samples) throws -> [Float] {
    var all: [Float] = []
    try forEachBatch(of: samples) { all += vectors($1).scalars }
    return all
  }

  /// The probability of each label for each sample.
  public func probabilities(of samples: Samples) throws -> [[Float]] {
    var all: [[Float]] = []
    try forEachBatch(of: samples) { all += probabilities($1) }
    return all
  }

  /// Scores on labelled samples, each with its interval.
  public func classificationReport(_ samples: Samples, seed: UInt64 = 0) throws -> (
    report: ClassificationReport, probabilities: [[Float]]
  ) {
    let probabilities = try probabilities(of: samples)
    let report = try ClassificationReport(
      labels: samples.labels, predictions: probabilities.map(argmax), probabilities: probabilities, classes: labels,
      seed: seed)
    return (report, probabilities)
  }

  /// How well samples come back, each score with its interval.
  public func reconstructionReport(_ samples: Samples, seed: UInt64 = 0) throws -> ReconstructionReport {
    var (squares, absolutes): ([Double], [Double]) = ([], [])
    try forEachBatch(of: samples) { indices, input in
      guard case .images(let images) = input else { return }
      let (target, output) = (images.scalars, reconstruct(embed(input)).scalars)
      let size = target.count / indices.count
      for place in indices.indices {
        let range = place * size..<(place + 1) * size
        let differences = range.map { Double(target[$0] - output[$0]) }
        squares.append(differences.reduce(0) { $0 + $1 * $1 } / Double(size))
        absolutes.append(differences.reduce(0) { $0 + abs($1) } / Double(size))
      }
    }
    return try ReconstructionReport(errors: squares, absolute: absolutes, seed: seed)
  }

  /// The mean loss of a batch, as the objective says.
  func loss(_ input: EncoderInput, _ targets: Targets, _ objective: Objective, classWeights: [Float]?) -> Tensor {
    let embeddings = embed(input)
    guard task == .reconstruction else {
      return loss(embeddings: embeddings, targets, objective, classWeights: classWeights)
    }
    guard case .images(let images) = input else { preconditionFailure("Model.loss: reconstruction of text") }
    return reconstruct(embeddings).meanSquaredError(
      images.reshaped([images.shape[0], images.count / max(1, images.shape[0])]))
  }

  /// The mean loss of labels or their probabilities, from the embeddings.
  func loss(embeddings: Tensor, _ targets: Targets, _ objective: Objective, classWeights: [Float]?) -> Tensor {
    let logits = logits(embeddings)
    switch task {
    case .classification:
      guard let rows = targets.probabilities else {
        return logits.crossEntropy(
          IDs(targets.labels.map { Int32($0) }), labelSmoothing: objective.labelSmoothing, classWeights: classWeights)
      }
      return logits.crossEntropy(
        probabilities: Tensor(rows.flatMap { $0 }, shape: logits.shape), labelSmoothing: objective.labelSmoothing,
        classWeights: classWeights)
    case .binaryClassification:
      let second = targets.probabilities?.map { $0[1] } ?? targets.labels.map { Float($0) }
      return logits.binaryCrossEntropy(
        Tensor(second, shape: logits.shape), positiveWeight: objective.positiveWeight)
    case .reconstruction, .embedding:
      preconditionFailure("Model.loss: nothing is learnt from single samples without labels")
    }
  }

  /// Loss and metrics on validation samples; `embeddings` are theirs if they are known already.
  func validation(
    _ samples: Samples, _ objective: Objective, classWeights: [Float]?, embeddings: Tensor? = nil
  ) throws -> [String: Double] {
    var (loss, correct) = (0.0, 0)
    var confusion = Array(repeating: Array(repeating: 0, count: labels.count), count: labels.count)
    try forEachBatch(of: samples) { indices, input in
      let gold = samples.targets.subset(indices)
      guard task != .reconstruction else {
        let batchLoss = self.loss(input, gold, objective, classWeights: classWeights)
        loss += Double(batchLoss.scalar) * Double(indices.count)
        return
      }
      let embeddings = embeddings?.rows(at: IDs(indices.map { Int32($0) })) ?? vectors(input)
      let batchLoss = self.loss(embeddings: embeddings, gold, objective, classWeights: classWeights)
      loss += Double(batchLoss.scalar) * Double(indices.count)
      for (label, row) in zip(gold.labels, probabilities(embeddings: embeddings)) {
        let predicted = argmax(row)
        confusion[label][predicted] += 1
        if label == predicted { correct += 1 }
      }
    }
    loss /= Double(max(1, samples.count))
    guard task != .reconstruction else { return ["loss": loss, "mse": loss] }
    // As in the report, labels that occur neither as label nor as prediction don't count.
    let scores = labels.indices.compactMap { label -> Double? in
      let (hits, predicted) = (confusion[label][label], confusion.reduce(0) { $0 + $1[label] })
      let both = predicted + confusion[label].reduce(0, +)
      return both == 0 ? nil : 2 * Double(hits) / Double(both)
    }
    return [
      "loss": loss, "accuracy": Double(correct) / Double(max(1, samples.count)),
      "f1": scores.reduce(0, +) / Double(max(1, scores.count)),
    ]
  }
}

/// The place of the largest value, the first of equals.
public func argmax(_ values: [Float]) -> Int {
  values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
}
