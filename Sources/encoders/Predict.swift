import ArgumentParser
import Encoders
import Foundation
import Training

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "Classify input: a JSON line each, with the label and every label's probability.",
    discussion: """
      Input is one text a line, or JSON lines {"text": …} if the first line begins with a brace (then blank lines are skipped); for image models one path (PNG, JPEG, PGM or PPM) a line.

      Output is {"label": …, "probabilities": {…}} a line, in the order of the input. A pretrained model whose problem_type is regression \
      has its numbers there.

      Example:
        echo "a moving, funny film" | encoders predict models/reviews --input -
      """)

  @Argument(help: "The model folder.") var model: String
  @Option(name: .long, help: "The file of inputs, - for standard input.") var input = "-"
  @Option(name: .shortAndLong, help: "The file to write, - for standard output.") var output = "-"
  @OptionGroup var compute: InferenceOptions

  func run() throws {
    try reporting {
      try requireOther(output, than: input)
      compute.apply()
      let (labels, probabilities) = try classifier(path(model))
      let lines = try OutputLines(output)
      let names = try labels.map { try jsonText($0) }
      var count = 0
      try InputLines(source: input).forEachBatch { batch in
        for row in try probabilities(batch, count) {
          try requireFinite(row, from: path(model))
          let pairs = zip(names, row).map { "\($0):\($1)" }.joined(separator: ",")
          try lines.write("{\"label\":\(names[argmax(row)]),\"probabilities\":{\(pairs)}}")
        }
        count += batch.count
      }
      try lines.finish()
    }
  }

  /// The labels of a model, and what gives a batch of lines (after so many others) their probabilities.
  private func classifier(_ folder: URL) throws -> ([String], ([String], Int) throws -> [[Float]]) {
    if try CrossEncoder.isOne(folder) {
      let encoder = try CrossEncoder.open(folder)
      let count = encoder.labels.count
      return (
        encoder.labels,
        { texts, _ in
          let scores = try encoder.predictions(texts).scalars
          return texts.indices.map { Array(scores[$0 * count..<($0 + 1) * count]) }
        }
      )
    }
    let model = try openModel(folder)
    guard model.task.hasLabels else {
      throw InputError(
        description: "\(folder.path): trained for \(model.task.rawValue), it has no labels to predict; use embed")
    }
    return (model.labels, { model.probabilities(try model.input(lines: $0, after: $1)) })
  }
}
