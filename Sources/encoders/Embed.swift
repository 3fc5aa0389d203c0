import ArgumentParser
import Checkpoints
import Encoders
import Foundation
import Tensors

struct EmbedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed", abstract: "Turn input into vectors: a NumPy file or JSON lines.",
    discussion: """
      Input is one text a line, or JSON lines {"text": …}; for image models one path (PNG, JPEG, PGM or PPM) a line.
      Output is a .npy file (float32, a row an input), a .jsonl file ({"embedding": […]} a line), or JSON lines on
      standard output.

      Example:
        encoders embed models/reviews --input sentences.txt --output vectors.npy
      """)

  @Argument(help: "The model folder.") var model: String
  @Option(name: .long, help: "The file of inputs, - for standard input.") var input = "-"
  @Option(name: .long, help: "The .npy or .jsonl file to write, - for JSON lines on standard output.") var output = "-"
  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard output == "-" || [".npy", ".jsonl"].contains(where: output.hasSuffix) else {
      throw ValidationError("--output: expected a name that ends with .npy or .jsonl, or -; found \(output)")
    }
  }

  func run() throws {
    try reporting {
      compute.apply()
      let model = try Model.open(path(model))
      let width = model.width
      let array = output.hasSuffix(".npy") ? try NumpyWriter(path(output), width: width) : nil
      let lines = array == nil ? try OutputLines(output) : nil
      var count = 0
      try InputLines(source: input).forEachBatch { batch in
        let vectors = model.embed(try model.input(lines: batch, after: count)).scalars
        try array?.append(vectors)
        if let lines {
          for row in batch.indices {
            try lines.write("{\"embedding\":\(jsonNumbers(vectors[row * width..<(row + 1) * width]))}")
          }
        }
        count += batch.count
      }
      try array?.finish()
      try lines?.finish()
    }
  }
}
