import ArgumentParser
import Checkpoints
import Foundation
import Tensors
import Tokenizers

struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Show the tokens of texts: ids, tokens and offsets as JSON lines.",
    discussion: """
      Input is one text a line, or JSON lines {"text": …} if the first line begins with a brace. Output is a JSON line a text, with special tokens:
        {"ids":[…],"tokens":[…],"offsets":[[start,end],…]}
      Offsets count Unicode scalars of the text.

      Example:
        echo "A splendid film!" | encoders tokenize models/all-MiniLM-L6-v2 --input -
      """)

  @Argument(help: "The model folder, with a tokenizer.json or a vocab.txt.") var model: String
  @Option(name: .long, help: "The file of inputs, - for standard input.") var input = "-"
  @Option(name: .shortAndLong, help: "The JSON lines file to write, - for standard output.") var output = "-"
  @OptionGroup var compute: ComputeOptions

  func run() throws {
    try reporting {
      compute.apply()
      let tokenizer = try Tokenizer(folder: path(model))
      let lines = try OutputLines(output)
      try InputLines(source: input).forEachBatch { batch in
        let encodings = tokenizer.encodings(batch: batch) { Workers.run(chunks: $0, $1) }
        for encoding in encodings { try lines.write(json(encoding)) }
      }
      try lines.finish()
    }
  }

  private func json(_ encoding: Encoding) -> String {
    let ids = encoding.ids.map { String($0) }.joined(separator: ",")
    let tokens = encoding.tokens.map { JSON.string($0).text() }.joined(separator: ",")
    let offsets = encoding.offsets.map { "[\($0.lowerBound),\($0.upperBound)]" }.joined(separator: ",")
    return "{\"ids\":[\(ids)],\"tokens\":[\(tokens)],\"offsets\":[\(offsets)]}"
  }
}
