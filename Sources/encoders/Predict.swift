import ArgumentParser
import Encoders
import Foundation
import Training

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "Classify input: a JSON line each, with the label and every label's probability.",
    discussion: """
      Input is one text a line, or JSON lines {"text": …}; for image models one path (PNG, JPEG, PGM or PPM) a line.

      Output is {"label": …, "probabilities": {…}} a line, in the order of the input.

      Example:
        echo "a moving, funny film" | encoders predict models/reviews --input -
      """)

  @Argument(help: "The model folder.") var model: String
  @Option(name: .long, help: "The file of inputs, - for standard input.") var input = "-"
  @Option(name: .long, help: "The file to write, - for standard output.") var output = "-"
  @OptionGroup var compute: ComputeOptions

  func run() throws {
    try reporting {
      compute.apply()
      let model = try Model.open(path(model))
      guard model.task != .reconstruction else {
        throw InputError(
          description: "\(path(self.model).path): trained for reconstruction, it has no labels to predict; use embed")
      }
      let lines = try OutputLines(output)
      let names = try model.labels.map { try jsonText($0) }
      var count = 0
      try InputLines(source: input).forEachBatch { batch in
        for row in model.probabilities(try model.input(lines: batch, after: count)) {
          let pairs = zip(names, row).map { "\($0):\($1)" }.joined(separator: ",")
          try lines.write("{\"label\":\(names[argmax(row)]),\"probabilities\":{\(pairs)}}")
        }
        count += batch.count
      }
      try lines.finish()
    }
  }
}
