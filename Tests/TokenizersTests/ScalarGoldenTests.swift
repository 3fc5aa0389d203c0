import Checkpoints
import Foundation
import Testing

@testable import Tokenizers

/// Every scalar between two letters: `a` + scalar + `b `.
private let everyScalar: [UInt8] = {
  var bytes: [UInt8] = []
  for scalar in UInt32(1)..<0x110000 where Unicode.Scalar(scalar) != nil {
    bytes.append(UInt8(ascii: "a"))
    UTF8Scalars.append(scalar, to: &bytes)
    bytes += "b ".utf8
  }
  return bytes
}()

private let goldens = Result { try JSON(contentsOf: families.appendingPathComponent("scalars.json")) }

@Suite struct ScalarGoldenTests {
  @Test(arguments: ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt", "StripAccents", "ByteLevel", "BertNormalizer"])
  func normalizesEveryScalarLikeTheReference(name: String) throws {
    let json: JSON =
      name == "BertNormalizer"
      ? [
        "type": "BertNormalizer", "clean_text": .bool(true), "handle_chinese_chars": .bool(true),
        "lowercase": .bool(true),
      ]
      : ["type": .string(name)]
    let normalizer = try Normalizer(TokenizerPart(json: json, name: "", url: families))
    var (text, spare) = (AlignedText(), AlignedText())
    text.bytes = everyScalar
    normalizer.apply(&text, &spare, origin: 0)
    #expect(try goldens.get()["normalizers"]?[name]?.integer == Int(crc32(text.bytes)))
  }

  @Test(
    arguments: [
      "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation", "Digits", "UnicodeScripts", "gpt2", "qwen",
      "llama3", "o200k",
    ])
  func cutsEveryScalarLikeTheReference(name: String) throws {
    let golden = try #require(try goldens.get()["cuts"]?[name])
    let cut = try PreTokenizer(TokenizerPart(json: try #require(golden["json"]), name: "", url: families))
    var (text, spare) = (PreTokenized(), PreTokenized())
    text.removeAll(aligned: false)
    text.text.bytes = everyScalar
    text.append(0..<everyScalar.count, origin: 0)
    cut.apply(&text, &spare, leavesBytes: true)
    var counts: [Int] = []
    for byte in everyScalar { counts.append((counts.last ?? -1) + (UTF8Scalars.isContinuation(byte) ? 0 : 1)) }
    counts.append((counts.last ?? -1) + 1)
    let ends = text.pieces.map { "\(counts[Int($0.start)])-\(counts[Int($0.end)])" }.joined(separator: ",")
    #expect(golden["sum"]?.integer == Int(crc32(ends.utf8)))
  }

  @Test func expressionsMatchLikeTheReference() throws {
    let golden = try goldens.get()
    let sample = Array(try #require(golden["sample"]?.string).utf8)
    let expressions = try #require(golden["expressions"]?.members)
    #expect(expressions.count == 36)
    for expression in expressions {
      let regex = try Regex(expression.name)
      var found: [[Int]] = []
      sample.withUnsafeBufferPointer { bytes in
        let count = { UTF8Scalars.count(UnsafeBufferPointer(rebasing: bytes[..<$0])) }
        regex.forEachMatch(in: bytes, 0..<bytes.count) {
          // The reference doesn't show empty matches.
          if !$0.isEmpty { found.append([count($0.lowerBound), count($0.upperBound)]) }
        }
      }
      let expected = expression.value.elements?.map { $0.elements?.compactMap(\.integer) ?? [] }
      #expect(found == expected, "\(expression.name)")
    }
  }

  @Test(
    arguments: [
      #"(a)\1"#, #"\X"#, #"a(?"#, "[a", "(a", "a)", "*a", #"\p{Klingon}"#, "(?<name>a)", #"[[:alpha:]]"#, "a{2,1}",
      "a{5000}",
      "(?<=a+)b", #"\x{110000}"#, #"\p"#, #"\"#, "(?x)a", "(?i", "[z-a]",
    ])
  func unsupportedExpressionsAreErrors(source: String) {
    #expect(throws: RegexError.self) { try Regex(source) }
  }
}
