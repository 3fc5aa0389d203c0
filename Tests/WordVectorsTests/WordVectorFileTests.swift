import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import WordVectors

private let golden = goldens.appendingPathComponent("WordVectors")
private let words = ["the", ",", "n't", "\u{E9}", "e\u{301}", "中文", "😀", "1995", "\u{A0}", "The"]

/// Calls `body` with a file of these bytes, removed afterwards.
private func withFile<Result>(_ bytes: some Sequence<UInt8>, _ body: (URL) throws -> Result) throws -> Result {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("vectors-\(UUID().uuidString)")
  try Data(bytes).write(to: url)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url)
}

private func bytes(_ words: [String]) -> [[UInt8]] { words.map { Array($0.utf8) } }

@Suite struct WordVectorFileTests {
  @Test(arguments: ["words.txt", "words.vec", "words.bin"])
  func readsWhatGensimWrote(name: String) throws {
    let expected = try NumpyFile(golden.appendingPathComponent("words.npy")).floats()
    let read = try WordVectorFile.read(golden.appendingPathComponent(name))
    #expect(read.width == 7)
    #expect(bytes(read.words) == bytes(words))
    #expect(read.vectors.map(\.bitPattern) == expected.map(\.bitPattern))
    #expect(read["中文"].map(Array.init) == Array(expected[35..<42]))
    #expect(read["\u{E9}"] != read["e\u{301}"])
    #expect(read["absent"] == nil)
    let some = try WordVectorFile.read(golden.appendingPathComponent(name), only: ["The", "absent", "中文"])
    #expect(some.words == ["中文", "The"])
    #expect(some.vectors == Array(expected[35..<42] + expected[63..<70]))
  }

  @Test func readsAwkwardNumbersAsGensimDoes() throws {
    let expected = try NumpyFile(golden.appendingPathComponent("awkward.npy")).floats()
    let read = try WordVectorFile.read(golden.appendingPathComponent("awkward.txt"))
    #expect(read.words == ["a", "b", "c"])
    #expect(read.vectors.map(\.bitPattern) == expected.map(\.bitPattern))
  }

  @Test func parsesEveryDecimalAsTheStandardLibraryDoes() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<100_000 {
      let value = Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &generator))
      guard value.isFinite else { continue }
      for text in ["\(value)", "\(Double(value))", "\(Double(value).rounded() / 1000)"] {
        let parsed = Array(text.utf8).withUnsafeBufferPointer { parseDecimal($0) }
        let expected = Double(text).map { Float($0) }
        #expect(parsed?.bitPattern == expected?.bitPattern, "\(text)")
      }
    }
  }

  @Test(arguments: [
    "", "-", ".", "e5", "1e", "1e+", "1.2.3", "nan", "inf", "0x10", "1_000", "1,5", "1e39", "12a", "--1",
  ])
  func refusesWhatIsNoNumber(text: String) {
    #expect(Array(text.utf8).withUnsafeBufferPointer { parseDecimal($0) } == nil)
  }

  @Test func readsWordsWithSpaces() throws {
    try withFile("a 1 2\n. . . 3 4\nat b@c.d 5 6\n".utf8) { url in
      let read = try WordVectorFile.read(url)
      #expect(read.words == ["a", ". . .", "at b@c.d"])
      #expect(read.vectors == [1, 2, 3, 4, 5, 6])
    }
  }

  @Test(arguments: [
    ("", nil, "expected word vectors, found an empty file"),
    ("a 1 2\nb 1\n", 2, "expected a word and 2 numbers, found 2 fields"),
    ("a 1 2\nb 1 2 3\n", 2, "expected a word and 2 numbers, found 4 fields"),
    ("a 1 2\n\nb 1 2\n", 2, "expected a word and 2 numbers, found 0 fields"),
    ("a 1 2\n 1 2 3\n", 2, "expected a word and 2 numbers, found 3 fields"),
    ("a 1 2\nb 1 x\n", 2, "expected a number, found \"x\""),
    ("a 1 2\nb nan 1\n", 2, "expected a number, found \"nan\""),
    ("word\n", 1, "expected a word and its numbers"),
    ("3 2\na 1 2\nb 1 2\n", 1, "the header promises 3 words, found 2"),
    ("1 2\na 1 2\nb 1 2\n", 1, "the header promises 1 words, found 2"),
    ("2 3\na 1 2 3\nb 1 2\n", 3, "expected a word and 3 numbers, found 3 fields"),
    ("2 3\na 1 2\nb 1 2\n", 2, "expected a word and 3 numbers, found 3 fields"),
  ])
  func namesTheLine(text: String, line: Int?, problem: String) throws {
    try withFile(text.utf8) { url in
      let error = #expect(throws: FileError.self) { try WordVectorFile.read(url) }
      #expect(error?.path == url.path)
      #expect(error?.line == line)
      #expect(error?.problem == problem)
    }
  }

  @Test func namesTheLineOfWordsLeftOut() throws {
    try withFile("a 1 2\nb 1\nc 1 2\n".utf8) { url in
      let error = #expect(throws: FileError.self) { try WordVectorFile.read(url, only: ["c"]) }
      #expect(error?.line == 2)
    }
  }

  @Test func refusesBadBytes() throws {
    try withFile(Array("a 1 2\n".utf8) + [0xFF] + Array(" 1 2\n".utf8)) { url in
      let error = #expect(throws: FileError.self) { try WordVectorFile.read(url) }
      #expect(error?.line == 2)
      #expect(error?.problem == "the word is not valid UTF-8")
      let kept = try WordVectorFile.read(url, only: ["a"])
      #expect(kept.count == 1)
    }
    try withFile([0x1F, 0x8B, 8, 0]) { url in
      _ = #expect(throws: FileError.self) { try WordVectorFile.read(url) }
    }
  }

  /// Every truncation is refused (but for the last line feed); every damaged byte is read or refused.
  @Test(arguments: ["words.txt", "words.vec", "words.bin"])
  func survivesDamage(name: String) throws {
    let original = try Array(Data(contentsOf: golden.appendingPathComponent(name)))
    for length in stride(from: 0, to: original.count - 30, by: 3) where name != "words.txt" {
      try withFile(original.prefix(length)) { url in
        let error = #expect(throws: FileError.self, "truncated to \(length)") { try WordVectorFile.read(url) }
        #expect(error?.description.hasPrefix(url.path) == true)
      }
    }
    for index in stride(from: 0, to: original.count, by: 2) {
      var damaged = original
      damaged[index] ^= index % 4 == 0 ? 0x80 : 0x11
      try withFile(damaged) { url in
        do { _ = try WordVectorFile.read(url) } catch { #expect(error is FileError) }
      }
    }
  }

  @Test func refusesHeadersThatLie() throws {
    for header in ["9223372036854775807 4", "3 9223372036854775807", "4611686018427387904 4611686018427387904"] {
      for format in [WordVectorFile.Format.binary, .textWithHeader] {
        try withFile("\(header)\na ".utf8 + [0, 0, 0, 0]) { url in
          _ = #expect(throws: FileError.self) { try WordVectorFile.read(url, format: format) }
        }
      }
    }
  }

  @Test func holdsVectors() {
    let vectors = WordVectors(words: ["a", "b", "a"], vectors: [1, 2, 3, 4, 5, 6], width: 2)
    #expect(vectors.words == ["a", "b"])
    #expect(vectors.vectors == [1, 2, 3, 4])
    #expect(vectors.index(of: "b") == 1)
  }
}
