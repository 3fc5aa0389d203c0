import ArgumentParser
import Checkpoints
import Foundation
import Tensors
import Tokenizers

struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Show the tokens of texts: ids, tokens and offsets as JSON lines.",
    discussion: """
      Input is one text a line, or JSON lines {"text": …} if the first line begins with a brace (then blank lines are skipped). Output is a JSON line a text, with special tokens:
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
      try requireOther(output, than: input)
      compute.apply()
      let tokenizer = try Tokenizer(folder: path(model))
      let lines = try OutputLines(output)
      try InputLines(source: input).forEachBatch { batch in
        let encodings = tokenizer.encodings(batch: batch) { Workers.run(chunks: $0, $1) }
        let size = 64
        var written = [[UInt8]](repeating: [], count: (encodings.count + size - 1) / size)
        written.withUnsafeMutableBufferPointer { buffer in
          nonisolated(unsafe) let buffer = buffer  // each chunk writes a place of its own
          Workers.run(encodings.count, by: size) { range in
            buffer[range.lowerBound / size] = encodings[range].reduce(into: []) { $1.write(to: &$0) }
          }
        }
        for part in written { try lines.write(part) }
      }
      try lines.finish()
    }
  }
}

extension Encoding {
  /// Appends a line of JSON, in UTF-8: strings put together from strings are too slow for many texts.
  fileprivate func write(to lines: inout [UInt8]) {
    func list<Item>(_ name: String, _ items: [Item], _ write: (Item) -> Void) {
      quote(name)
      lines.append(UInt8(ascii: ":"))
      lines.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { lines.append(UInt8(ascii: ",")) }
        write(item)
      }
      lines.append(UInt8(ascii: "]"))
    }
    func quote(_ text: String) {
      lines.append(UInt8(ascii: "\""))
      if text.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
        lines += JSON.string(text).text().utf8.dropFirst().dropLast()
      } else {
        lines += text.utf8
      }
      lines.append(UInt8(ascii: "\""))
    }
    func number(_ value: Int) {
      guard value > 9 else { return lines.append(UInt8(ascii: "0") + UInt8(value)) }
      number(value / 10)
      lines.append(UInt8(ascii: "0") + UInt8(value % 10))
    }
    lines.append(UInt8(ascii: "{"))
    list("ids", ids) { number(Int($0)) }
    lines.append(UInt8(ascii: ","))
    list("tokens", tokens) { quote($0) }
    lines.append(UInt8(ascii: ","))
    list("offsets", offsets) { range in
      lines.append(UInt8(ascii: "["))
      number(range.lowerBound)
      lines.append(UInt8(ascii: ","))
      number(range.upperBound)
      lines.append(UInt8(ascii: "]"))
    }
    lines.append(UInt8(ascii: "}"))
    lines.append(UInt8(ascii: "\n"))
  }
}
