import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

private let golden = goldens.appendingPathComponent("Vocabularies")

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
    trainer.size = .max
    #expect(trainer.train(words).tokens.count == 4)
    trainer.size = 0
    #expect(trainer.train(words).tokens == ["<unk>", "a"])
    var unigram = UnigramTrainer()
    unigram.specialTokens = ["<unk>"]
    #expect(unigram.train(WordCounts()).map(\.token) == ["<unk>"])
    #expect(unigram.train(words).map(\.token).contains("aaaa"))
    unigram.size = .max
    unigram.specialTokens = ["a", "aaaa"]
    #expect(Set(unigram.train(words).map(\.token)).count == unigram.train(words).count)
  }

  /// How well pieces spell words: the log likelihood and the number of tokens.
  private func fit(_ pieces: [(token: String, score: Double)], _ words: WordCounts) throws -> (Double, Int) {
    let tokenizer = Tokenizer(model: .unigram(try Unigram(pieces: pieces)))
    var (likelihood, count) = (0.0, 0)
    for index in 0..<words.count {
      let ids = tokenizer.encode(words.table[index])
      likelihood += ids.reduce(0) { $0 + pieces[Int($1)].score } * Double(words.counts[index])
      count += ids.count * words.counts[index]
      #expect(!ids.contains(0))
    }
    return (likelihood, count)
  }

  @Test func unigramFitsAsWellAsTheReferences() throws {
    let json = try JSON(contentsOf: golden.appendingPathComponent("unigram.json"))
    var words = WordCounts()
    for entry in try #require(json["words"]?.elements) {
      words.add(try #require(entry.elements?[0].string), times: try #require(entry.elements?[1].integer))
    }
    let reference = try #require(json["pieces"]?.elements).map {
      (token: try #require($0.elements?[0].string), score: try #require($0.elements?[1].double))
    }
    var trainer = UnigramTrainer()
    trainer.size = try #require(json["size"]?.integer)
    trainer.specialTokens = ["<unk>"]
    let pieces = trainer.train(words)
    #expect(pieces.count == reference.count && pieces.count == trainer.size)
    let (likelihood, count) = try fit(pieces, words)
    let (referenceLikelihood, referenceCount) = try fit(reference, words)
    #expect(likelihood > referenceLikelihood * 1.01)
    #expect(Double(count) < Double(referenceCount) * 1.01)
    #expect(abs(pieces.dropFirst().reduce(0) { $0 + exp($1.score) } - 1) < 1e-9)
  }

  /// Expectations of a word, against the sum over all its segmentations; and of one so long that sums are scaled.
  @Test func expectationsAreThoseOfAllSegmentations() {
    let texts = ["a", "b", "ab", "ba", "aba"]
    let scores = [-1.5, -2.0, -2.5, -1.0, -3.0]
    let pieces = zip(texts, scores).map {
      UnigramTrainer.Piece(scalars: $0.unicodeScalars.map(\.value), score: $1)
    }
    let word = "abaab".unicodeScalars.map(\.value)
    var (total, uses) = (0.0, [Double](repeating: 0, count: pieces.count))
    func extend(_ position: Int, _ path: [Int], _ score: Double) {
      if position == word.count {
        total += exp(score)
        for piece in path { uses[piece] += exp(score) }
      }
      for (index, piece) in pieces.enumerated() where word[position...].starts(with: piece.scalars) {
        extend(position + piece.scalars.count, path + [index], score + piece.score)
      }
    }
    extend(0, [], 0)
    var lattice = UnigramLattice(pieces)
    var expected = [Double](repeating: 0, count: pieces.count)
    lattice.addExpectations(word[...], 3, to: &expected)
    for (found, use) in zip(expected, uses) { #expect(abs(found - 3 * use / total) < 1e-12) }

    let long = [UInt32](repeating: 97, count: 5_000)
    expected = [Double](repeating: 0, count: pieces.count)
    lattice.addExpectations(long[...], 2, to: &expected)
    #expect(abs(expected[0] - 10_000) < 1e-6)
    let mixed = Array(repeatElement([97, 98] as [UInt32], count: 3_000).joined())
    expected = [Double](repeating: 0, count: pieces.count)
    lattice.addExpectations(mixed[...], 1, to: &expected)
    let spelt = zip(expected, pieces).reduce(0) { $0 + $1.0 * Double($1.1.scalars.count) }
    #expect(abs(spelt - 6_000) < 1e-6)
  }

  @Test(arguments: TokenizerTrainer.Kind.allCases, [true, false])
  func tokenizersReadWhatTheyWrote(kind: TokenizerTrainer.Kind, isByteLevel: Bool) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let license = root.appendingPathComponent("LICENSE")
    let lines = try String(contentsOf: license, encoding: .utf8).split(separator: "\n").map(String.init)
    var options = TokenizerTrainer.Options(kind)
    options.size = 500
    options.isByteLevel = isByteLevel
    options.specialTokens = ["[Q]"]
    var (trainer, reversed) = (try TokenizerTrainer(options), try TokenizerTrainer(options))
    for line in lines { trainer.add(line) }
    for line in lines.reversed() { reversed.add(line) }
    let tokenizer = try trainer.train()
    #expect(tokenizer.model.vocabulary == (try reversed.train()).model.vocabulary)
    #expect(tokenizer.model.vocabulary.count == 500)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("trained-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try tokenizer.write(to: file)
    let read = try Tokenizer(contentsOf: file)
    let unknown = try #require(tokenizer.id(of: kind == .wordPiece ? "[UNK]" : "<unk>"))
    for line in lines + ["", "A grant of [Q] rights; naïve 😀"] {
      let ids = tokenizer.encode(line)
      #expect(ids == read.encode(line))
      #expect(ids.count >= 2 && (!ids.contains(unknown) || line.contains("😀")))
    }
    #expect(tokenizer.id(of: "[Q]") == 5 && tokenizer.encode("[Q]").contains(5))
    #expect(tokenizer.encode("a", pair: "b").count == (kind == .wordPiece ? 5 : 6))
  }
}
