import Checkpoints
import Foundation
import TestSupport

@testable import Tokenizers

/// The goldens that Tests/Golden/Tokenizers/families.py wrote.
let families = goldens.appendingPathComponent("Tokenizers/families")

let familyNames: [String] = [
  "bert-accents", "bert-processing", "bert-uncased", "bpe-metaspace", "bpe-prefix", "bpe-suffix", "byte-normalizer",
  "cut-delimiter", "cut-digits", "cut-fixed", "cut-invert", "cut-regex", "cut-scripts", "gpt2", "llama2", "llama3",
  "modernbert", "mpnet", "nmt", "o200k", "qwen3", "roberta", "roberta-prefix", "xlm-roberta",
]

func tokenizer(_ name: String) throws -> Tokenizer {
  try Tokenizer(contentsOf: families.appendingPathComponent("\(name).json"))
}

/// What the reference makes of a text or a pair.
struct TokenizerGolden: Decodable {
  struct Options: Decodable {
    let max_length: Int
    let direction: String?
    let strategy: String?
    let stride: Int?

    var truncation: Truncation {
      let strategies: [String: Truncation.Strategy] = ["only_first": .onlyFirst, "only_second": .onlySecond]
      return Truncation(
        maximumLength: max_length, direction: direction == "left" ? .left : .right,
        strategy: strategies[strategy ?? ""] ?? .longestFirst, stride: stride ?? 0)
    }
  }

  struct Overflow: Decodable {
    let ids: [Int32]
    let typeIDs: [Int32]
    let mask: [Int]
  }

  let text: String
  let pair: String?
  let options: Options?
  let ids: [Int32]
  let tokens: [String]
  let offsets: [Int]
  let typeIDs: [Int32]
  let mask: [Int]
  let words: [Int32]
  let overflowing: [Overflow]?
  let decoded: String
  let decodedWhole: String

  static func all(_ name: String) throws -> [TokenizerGolden] {
    let text = try Data(contentsOf: families.appendingPathComponent("\(name).golden"))
    return try text.split(separator: UInt8(ascii: "\n")).map {
      try JSONDecoder().decode(TokenizerGolden.self, from: $0)
    }
  }
}

extension String {
  /// Its scalars: equal strings may differ in their normal form.
  var scalars: [UInt32] { unicodeScalars.map(\.value) }
}

/// The checksum of zlib and PNG.
func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
  let table = (0..<256).map { (byte: UInt32) in
    (0..<8).reduce(byte) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
  }
  return ~bytes.reduce(~UInt32(0)) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ $0 >> 8 }
}

/// Calls `body` with the path of a file in a new folder, removed afterwards.
func withTokenizerFile<Result>(_ name: String = "tokenizer.json", _ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizer-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.appendingPathComponent(name))
}
