import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// What Hugging Face `tokenizers` says of a line.
private struct Row: Decodable {
  let text: String
  let lower: [Int32]
  let cased: [Int32]
  let characters: [Int32]
}

private let golden = goldens.appendingPathComponent("Tokenizers")

private func rows() throws -> [Row] {
  let file = try String(contentsOf: golden.appendingPathComponent("words.jsonl"), encoding: .utf8)
  return try file.split(separator: "\n").map { try JSONDecoder().decode(Row.self, from: Data($0.utf8)) }
}

private let expected: [String: @Sendable (Row) -> [Int32]] = [
  "lower": { $0.lower }, "cased": { $0.cased }, "characters": { $0.characters },
]

/// Calls `body` with the path of a file in a new folder, removed afterwards.
private func withFile<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizers-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.appendingPathComponent("tokenizer.json"))
}

@Suite struct WordTokenizerTests {
  @Test(arguments: ["lower", "cased", "characters"])
  func givesTheReferencesIds(name: String) throws {
    let tokenizer = try WordTokenizer(contentsOf: golden.appendingPathComponent("words-\(name).json"))
    let ids = try #require(expected[name])
    let rows = try rows()
    #expect(rows.count == 147)
    for row in rows { #expect(tokenizer.encode(row.text) == ids(row), "\(row.text.debugDescription)") }
  }

  @Test(arguments: ["lower", "cased", "characters"])
  func trainsTheReferencesVocabulary(name: String) throws {
    let reference = try WordTokenizer(contentsOf: golden.appendingPathComponent("words-\(name).json"))
    let texts = try rows().prefix(73).map(\.text)
    let trained = WordTokenizer.train(
      texts: texts, maximumSize: 500, lowercase: name != "cased", characters: name == "characters", maximumLength: 60)
    // As bytes: equal strings may differ in their normal form.
    #expect(trained.vocabulary.map { Array($0.utf8) } == reference.vocabulary.map { Array($0.utf8) })
    let reversed = WordTokenizer.train(
      texts: texts.reversed(), maximumSize: 500, lowercase: name != "cased", characters: name == "characters")
    #expect(reversed.vocabulary == trained.vocabulary)
  }

  @Test(arguments: ["lower", "cased", "characters"])
  func readsWhatItWrote(name: String) throws {
    let original = try WordTokenizer(contentsOf: golden.appendingPathComponent("words-\(name).json"))
    try withFile { url in
      try original.write(to: url)
      let copy = try WordTokenizer(contentsOf: url)
      for row in try rows() { #expect(copy.encode(row.text) == original.encode(row.text)) }
      let first = try Data(contentsOf: url)
      try copy.write(to: url)
      #expect(try Data(contentsOf: url) == first)
    }
  }

  @Test func trainsByCountThenBytes() {
    let texts = ["b a, B!", "c é a e\u{301}", "b d"]
    let tokenizer = WordTokenizer.train(texts: texts)
    #expect(
      tokenizer.vocabulary.map { Array($0.utf8) }
        == ["[PAD]", "[UNK]", "b", "a", "!", ",", "c", "d", "e\u{301}", "\u{E9}"].map { Array($0.utf8) })
    #expect(WordTokenizer.train(texts: texts, minimumCount: 2).vocabulary == ["[PAD]", "[UNK]", "b", "a"])
    #expect(WordTokenizer.train(texts: texts, maximumSize: 3).vocabulary == ["[PAD]", "[UNK]", "b"])
    #expect(WordTokenizer.train(texts: texts, lowercase: false).id(of: "B") != nil)
    #expect(WordTokenizer.train(texts: [String]()).encode("a b") == [1, 1])
    #expect(tokenizer.words("Ab, 电影!") == ["ab", ",", "电", "影", "!"])
    #expect(tokenizer.tokens("b x a") == ["b", "[UNK]", "a"])
    #expect(tokenizer.encode("") == [])
    #expect(tokenizer.encode("b b").count == 2)
    // Text that spells a special token is text.
    #expect(tokenizer.encode("[PAD]") == [1, 1, 1])
  }

  @Test func cutsAtTheMaximumLength() {
    let tokenizer = WordTokenizer.train(texts: ["a b c"], maximumLength: 2)
    #expect(tokenizer.encode("a b c a") == [2, 3])
    #expect(tokenizer.words("a b c a").count == 4)
  }

  @Test func refusesWordsThatAreNoVocabulary() {
    #expect(throws: VocabularyError.appearsTwice("a")) { try WordTokenizer(vocabulary: ["[UNK]", "a", "a"]) }
    #expect(throws: VocabularyError.missing("[UNK]")) { try WordTokenizer(vocabulary: ["a"]) }
    #expect(throws: Never.self) { try WordTokenizer(vocabulary: ["[UNK]", "\u{E9}", "e\u{301}"]) }
  }

  @Test(arguments: [
    (#""type": "WordLevel""#, #""type": "BPE""#, "model", "expected WordLevel, found \"BPE\""),
    (#""BertNormalizer""#, #""NFC""#, "normalizer", "expected BertNormalizer, found \"NFC\""),
    (#""BertPreTokenizer""#, #""ByteLevel""#, "pre_tokenizer", "expected BertPreTokenizer, found \"ByteLevel\""),
    (#""strip_accents": false"#, #""strip_accents": true"#, "normalizer.strip_accents", "expected false"),
    (#""strip_accents": false"#, #""strip_accents": null"#, "normalizer.strip_accents", "expected false"),
    (#""clean_text": true"#, #""clean_text": false"#, "normalizer.clean_text", "expected true"),
    (#""lowercase": true"#, #""lowercase": 1"#, "normalizer.lowercase", "expected true or false, found a number"),
    (
      #""post_processor": null"#, #""post_processor": {"type":"BertProcessing"}"#, "post_processor",
      "expected none, found \"BertProcessing\""
    ),
    (#""direction": "Right""#, #""direction": "Left""#, "truncation.direction", "expected \"Right\""),
    (#""max_length": 9"#, #""max_length": -9"#, "truncation.max_length", "expected a whole number from 0 up"),
    (#""a": 2"#, #""a": 7"#, "model.vocab.a", "expected an id from 0 to 3, found 7"),
    (#""a": 2"#, #""a": 3"#, "model.vocab.b", "another word has the id 3 too"),
    (#""b": 3"#, #""a": 3"#, "model.vocab.a", "the word appears twice"),
    (#""unk_token": "[UNK]""#, #""unk_token": "<unk>""#, "model.unk_token", "expected a word of the vocabulary"),
    (#""version""#, #""verison""#, "verison", "unknown key"),
  ])
  func namesWhatItDoesNotKnow(from: String, to: String, item: String, problem: String) throws {
    try withFile { url in
      try WordTokenizer.train(texts: ["a b"], maximumLength: 9).write(to: url)
      let text = try String(contentsOf: url, encoding: .utf8)
      #expect(text.contains(from))
      try Data(text.replacingOccurrences(of: from, with: to).utf8).write(to: url)
      let error = #expect(throws: FileError.self) { try WordTokenizer(contentsOf: url) }
      #expect(error?.path == url.path)
      #expect(error?.item == item)
      #expect(error?.problem == problem)
    }
  }

  @Test func survivesTruncatedFiles() throws {
    try withFile { url in
      try WordTokenizer.train(texts: ["a b"]).write(to: url)
      let whole = try Data(contentsOf: url)
      for length in 0..<whole.count - 2 {
        try whole.prefix(length).write(to: url)
        #expect(throws: FileError.self) { try WordTokenizer(contentsOf: url) }
      }
    }
  }
}

@Suite struct WordTableTests {
  @Test func findsWhatItHolds() {
    var table = WordTable()
    let words = (0..<20_000).map { "word\($0 * 7919)" } + ["", "a", "é", "e\u{301}"]
    for (index, word) in words.enumerated() { #expect(table.insert(word) == (index, true)) }
    for (index, word) in words.enumerated() { #expect(table.find(word) == index) }
    #expect(table.insert("a") == (20_001, false))
    #expect(table.find("b") == nil)
    #expect(table.count == words.count)
    #expect(table[19_999] == words[19_999])
    #expect(table.precedes(20_000, 20_001) && !table.precedes(20_001, 20_001))
  }
}
