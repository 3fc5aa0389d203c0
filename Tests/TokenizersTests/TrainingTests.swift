import Checkpoints
import Foundation
import Testing

@testable import Tokenizers

private let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("Golden/Vocabularies")

/// A vocabulary that Hugging Face `tokenizers` learnt, and from what.
private struct Case {
  let name: String
  let words: WordCounts
  let trainer: MergeTrainer
  let tokens: [String]
  let merges: [[String]]?

  init(_ json: JSON) throws {
    name = try #require(json["name"]?.string)
    var words = WordCounts()
    for entry in try #require(json["words"]?.elements) {
      words.add(try #require(entry.elements?[0].string), times: try #require(entry.elements?[1].integer))
    }
    self.words = words
    func strings(_ json: JSON?) -> [String] { json?.elements?.compactMap(\.string) ?? [] }
    let settings = try #require(json["settings"])
    var trainer = MergeTrainer()
    trainer.size = try #require(settings["vocab_size"]?.integer)
    trainer.minimumFrequency = settings["min_frequency"]?.integer ?? 0
    trainer.specialTokens = strings(settings["special_tokens"])
    trainer.initialAlphabet = strings(settings["initial_alphabet"]).flatMap(\.unicodeScalars)
    trainer.alphabetLimit = settings["limit_alphabet"]?.integer
    trainer.continuationPrefix = settings["continuing_subword_prefix"]?.string
    trainer.endOfWordSuffix = settings["end_of_word_suffix"]?.string
    self.trainer = trainer
    tokens = strings(json["tokens"])
    merges = json["merges"]?.elements?.map { strings($0) }
  }

  static func all() throws -> [Case] {
    let file = try JSON(contentsOf: golden.appendingPathComponent("training.json"))
    return try #require(file.elements).map { try Case($0) }
  }
}

/// As bytes: equal strings may differ in their normal form.
private func bytes(_ tokens: [String]) -> [[UInt8]] { tokens.map { Array($0.utf8) } }

@Suite struct TrainingTests {
  @Test func learnsTheReferencesMerges() throws {
    let cases = try Case.all()
    #expect(cases.count == 7)
    for sample in cases {
      let result = sample.trainer.train(sample.words)
      #expect(bytes(result.tokens) == bytes(sample.tokens), "\(sample.name)")
      guard let merges = sample.merges else { continue }
      let found = result.merges.map { [result.tokens[Int($0.left)], result.tokens[Int($0.right)]] }
      #expect(found.map(bytes) == merges.map(bytes), "\(sample.name)")
    }
  }

  @Test func mergesDoNotDependOnTheOrderOfWords() throws {
    for sample in try Case.all() {
      var reversed = WordCounts()
      for index in (0..<sample.words.count).reversed() {
        reversed.add(sample.words.table[index], times: sample.words.counts[index])
      }
      let (a, b) = (sample.trainer.train(sample.words), sample.trainer.train(reversed))
      #expect(bytes(a.tokens) == bytes(b.tokens), "\(sample.name)")
      #expect(a.merges.map(\.left) == b.merges.map(\.left) && a.merges.map(\.right) == b.merges.map(\.right))
    }
  }

  @Test func trainsOnNothingAndOnLittle() {
    var trainer = MergeTrainer()
    trainer.specialTokens = ["<unk>", "<unk>", "a"]
    #expect(trainer.train(WordCounts()).tokens == ["<unk>", "a"])
    var words = WordCounts()
    words.add("")
    words.add("aaaa", times: 3)
    #expect(trainer.train(words).tokens == ["<unk>", "a", "aa", "aaaa"])
    trainer.size = 0
    #expect(trainer.train(words).tokens == ["<unk>", "a"])
    var unigram = UnigramTrainer()
    unigram.specialTokens = ["<unk>"]
    #expect(unigram.train(WordCounts()).map(\.token) == ["<unk>"])
    #expect(unigram.train(words).map(\.token).contains("aaaa"))
  }
}
