import ArgumentParser
import Checkpoints
import Encoders
import Foundation
import Tensors
import Training

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show a model's steps, shapes, parameters and how it was trained.",
    discussion: """
      Example:
        encoders inspect models/reviews
      """)

  @Argument(help: "The model folder.") var model: String
  @Flag(name: .long, help: "Print all of it as JSON.") var json = false
  @OptionGroup var compute: ComputeOptions

  /// What is printed.
  struct Inspection: Encodable {
    struct Tensor: Encodable { let name: String, shape: [Int], parameters: Int, trainable: Bool }
    let path: String, task: Task, labels: [String], embeddingDimension: Int?, steps: [StepDescription]
    let tensors: [Tensor], parameters: Int, bytes: Int, training: TrainingSummary?
    let notes: [String]

    init(
      _ folder: URL, _ task: Task, labels: [String], width: Int?, _ steps: [StepDescription],
      _ parameters: [Parameter], _ training: TrainingSummary? = nil, notes: [String] = []
    ) {
      (path, self.task, self.labels, embeddingDimension) = (folder.path, task, labels, width)
      tensors = parameters.map {
        Tensor(name: $0.name, shape: $0.shape, parameters: $0.count, trainable: $0.isTrainable)
      }
      self.parameters = tensors.reduce(0) { $0 + $1.parameters }
      (self.steps, bytes, self.training, self.notes) = (steps, self.parameters * 4, training, notes)
    }
  }

  func run() throws {
    try reporting {
      compute.apply()
      let inspection = try inspect(path(model))
      if json { try printJSON(inspection) } else { try printLine(table(inspection)) }
    }
  }

  private func inspect(_ folder: URL) throws -> Inspection {
    if try CrossEncoder.isOne(folder) {
      let model = try CrossEncoder.open(folder)
      return Inspection(
        folder, .classification, labels: model.labels, width: nil, model.steps, model.classifier.parameters)
    }
    let model = try Model.open(folder)
    let training = folder.appendingPathComponent("training.json")
    var summary: TrainingSummary?
    if FileManager.default.fileExists(atPath: training.path) {
      summary = try? JSONDecoder().decode(TrainingSummary.self, from: Data(contentsOf: training))
      if summary == nil {
        throw FileError(.malformed, training, "expected the summary of a training as JSON; the file is damaged")
      }
    }
    return Inspection(
      folder, model.task, labels: model.labels, width: model.width, model.steps, model.parameters, summary,
      notes: model.sentenceEncoder?.notes ?? [])
  }

  private func table(_ model: Inspection) -> String {
    let output = model.embeddingDimension.map { "embeddings of \($0) numbers" } ?? "a cross-encoder"
    var lines = ["\(model.path): \(model.task.rawValue), \(output)"] + model.notes.map { "  " + $0 } + [""]
    let layerWidth = model.steps.map(\.layer.count).max() ?? 0
    for step in model.steps {
      lines.append("  " + padded(step.step, 12) + padded(step.layer, layerWidth + 2) + step.output)
    }
    lines += ["", "  \(model.parameters) parameters, \(String(format: "%.1f", Double(model.bytes) / 1_048_576)) MiB"]
    let nameWidth = model.tensors.map(\.name.count).max() ?? 0
    for tensor in model.tensors {
      lines.append("    " + padded(tensor.name, nameWidth + 2) + padded("\(tensor.shape)", 18) + "\(tensor.parameters)")
    }
    if !model.labels.isEmpty { lines += ["", "  labels: " + model.labels.joined(separator: ", ")] }
    if let training = model.training {
      lines.append(
        "  trained: \(training.trainSamples) samples, \(training.epochs) epochs "
          + "(best \(training.bestEpoch.map(String.init) ?? "last")), "
          + String(format: "%.1f s, %.0f samples/s", training.seconds, training.samplesPerSecond)
          + ", seed \(training.seed)")
      let part = training.testSamples > 0 ? "test" : "validation"
      if let accuracy = training.classification?.accuracy {
        let numbers = String(format: "%.4f [%.4f, %.4f]", accuracy.value, accuracy.lower, accuracy.upper)
        lines.append("  \(part): accuracy \(numbers)")
      }
      if let error = training.reconstruction?.mse {
        let numbers = String(format: "%.5f [%.5f, %.5f]", error.value, error.lower, error.upper)
        lines.append("  \(part): MSE \(numbers)")
      }
    }
    return lines.joined(separator: "\n")
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }
}
