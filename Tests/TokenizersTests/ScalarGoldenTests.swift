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

/// How many scalars lie before each byte of `everyScalar` and before its end.
private let scalarsBefore: [Int] = {
  var counts: [Int] = []
  for byte in everyScalar { counts.append((counts.last ?? -1) + (UTF8Scalars.isContinuation(byte) ? 0 : 1)) }
  return counts + [(counts.last ?? -1) + 1]
}()

/// Where an expression matches, in bytes; the reference doesn't show empty matches.
private func matches(_ source: String, in text: [UInt8]) throws -> [Range<Int>] {
  let regex = try Regex(source)
  var found: [Range<Int>] = []
  text.withUnsafeBufferPointer { bytes in
    regex.forEachMatch(in: bytes, 0..<bytes.count) { if !$0.isEmpty { found.append($0) } }
  }
  return found
}

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
    let ends = text.pieces.map { "\(scalarsBefore[Int($0.start)])-\(scalarsBefore[Int($0.end)])" }
      .joined(separator: ",")
    #expect(golden["sum"]?.integer == Int(crc32(ends.utf8)))
  }

  @Test func expressionsMatchLikeTheReference() throws {
    let golden = try goldens.get()
    let sample = Array(try #require(golden["sample"]?.string).utf8)
    let expressions = try #require(golden["expressions"]?.members)
    #expect(expressions.count == 53)
    let count = { (end: Int) in sample[..<end].filter { !UTF8Scalars.isContinuation($0) }.count }
    for expression in expressions {
      let found = try matches(expression.name, in: sample).map { [count($0.lowerBound), count($0.upperBound)] }
      let expected = expression.value.elements?.map { $0.elements?.compactMap(\.integer) ?? [] }
      #expect(found == expected, "\(expression.name)")
    }
  }

  @Test func classesHoldTheSameScalarsAsTheReferences() throws {
    let classes = try #require(try goldens.get()["classes"]?.members)
    #expect(classes.count == 32)
    for golden in classes {
      let ends = try matches("\(golden.name)+", in: everyScalar)
        .map { "\(scalarsBefore[$0.lowerBound])-\(scalarsBefore[$0.upperBound])" }.joined(separator: ",")
      #expect(golden.value.integer == Int(crc32(ends.utf8)), "\(golden.name)")
    }
  }

  @Test(
    arguments: [
      "(a+)+b", "(a*)+b", "(a+?)*?b", "(?:a|aa)+b", "(?:a?a?)*b", "(?:a{0,3}){20}b", "((a*)*)*b", "(?=(a+)+b)a",
      "(?>(a+)+b)", "a+b", "(?:(?:(?:){1000}){1000}){1000}",
    ])
  func timeGrowsWithTheTextWhateverTheExpression(source: String) throws {
    #expect(try matches(source, in: Array(repeating: UInt8(ascii: "a"), count: 20_000)).isEmpty)
  }

  @Test func rememberingWhatFailedChangesNoMatch() throws {
    let text = Array((String(repeating: "a", count: 3000) + "c" + "aab").utf8)
    #expect(try matches("(?:a+)+b|a", in: text) == (0..<3000).map { $0..<$0 + 1 } + [3001..<3004])
    #expect(try matches("(?:a??a)+?(?<=a|aac)c|a{2}", in: text) == [0..<3001, 3001..<3003])
  }

  @Test(
    arguments: [
      #"(a)\1"#, #"\X"#, #"\R"#, #"\K"#, #"\G"#, #"(?<a>b)\k<a>"#, "(?~a)", #"a(?"#, "[a", "(a", "a)", "*a",
      "a{2,1}", "a{5000}", "a***********", #"\p{Klingon}"#, "[[:alphabetic:]]", "(?<>a)", "(?<1>a)", "(?<a",
      "(?<a)>b)", "(?'a>b)", "(?<=a+)b", #"\x{110000}"#, #"\p"#, #"\"#, "(?x)a", "(?i", "[z-a]",
    ])
  func unsupportedExpressionsAreErrors(source: String) {
    #expect(throws: RegexError.self) { try Regex(source) }
  }
}
