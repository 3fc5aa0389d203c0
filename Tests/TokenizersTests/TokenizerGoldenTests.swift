import Checkpoints
import Foundation
import Testing

@testable import Tokenizers

@Suite struct TokenizerGoldenTests {
  @Test(arguments: familyNames)
  func encodesLikeTheReference(name: String) throws {
    let original = try tokenizer(name)
    let goldens = try TokenizerGolden.all(name)
    #expect(goldens.count > 25)
    for golden in goldens {
      var tokenizer = original
      if let options = golden.options { tokenizer.truncation = options.truncation }
      let encoding = tokenizer.encoding(golden.text, pair: golden.pair)
      let note = Comment(rawValue: "\(golden.text.debugDescription) \(golden.pair.debugDescription)")
      #expect(encoding.ids == golden.ids, note)
      #expect(encoding.tokens.map(\.scalars) == golden.tokens.map(\.scalars), note)
      #expect(encoding.offsets.flatMap { [$0.lowerBound, $0.upperBound] } == golden.offsets, note)
      #expect(encoding.typeIDs == golden.typeIDs, note)
      #expect(encoding.specialTokensMask.map { $0 ? 1 : 0 } == golden.mask, note)
      #expect(encoding.words == golden.words, note)
      #expect(encoding.overflowing.map(\.ids) == (golden.overflowing ?? []).map(\.ids), note)
      #expect(encoding.overflowing.map(\.typeIDs) == (golden.overflowing ?? []).map(\.typeIDs), note)
      #expect(
        encoding.overflowing.map { $0.specialTokensMask.map { $0 ? 1 : 0 } } == (golden.overflowing ?? []).map(\.mask),
        note)
      #expect(tokenizer.encode(golden.text, pair: golden.pair) == golden.ids, note)
    }
  }

  @Test(arguments: familyNames)
  func decodesLikeTheReference(name: String) throws {
    let tokenizer = try tokenizer(name)
    for golden in try TokenizerGolden.all(name) {
      #expect(tokenizer.decode(golden.ids).scalars == golden.decoded.scalars)
      #expect(tokenizer.decode(golden.ids, skippingSpecialTokens: false).scalars == golden.decodedWhole.scalars)
    }
  }

  /// Tokens in an order that no text has: bytes that are no UTF-8 become U+FFFD as they do in the reference.
  @Test(arguments: familyNames)
  func decodesAnyIdsLikeTheReference(name: String) throws {
    let tokenizer = try tokenizer(name)
    let file = try JSON(contentsOf: families.appendingPathComponent("scalars.json"))
    let goldens = try #require(file["decodings"]?[name]?.elements)
    #expect(goldens.count == 12)
    for golden in goldens {
      let ids = golden.elements?[0].elements?.compactMap { $0.integer.map { Int32($0) } } ?? []
      #expect(ids.count == 20)
      #expect(tokenizer.decode(ids).scalars == golden.elements?[1].string?.scalars, "\(ids)")
    }
  }

  @Test(arguments: familyNames)
  func readsWhatItWrote(name: String) throws {
    let tokenizer = try tokenizer(name)
    let again = try withTokenizerFile { file in
      try tokenizer.write(to: file)
      return try Tokenizer(contentsOf: file)
    }
    #expect(again.normalizer == tokenizer.normalizer)
    #expect(again.preTokenizer == tokenizer.preTokenizer)
    #expect(again.postProcessor == tokenizer.postProcessor)
    #expect(again.decoder == tokenizer.decoder)
    #expect(again.addedTokens == tokenizer.addedTokens)
    #expect(again.truncation == tokenizer.truncation)
    #expect(again.model.vocabulary == tokenizer.model.vocabulary)
    for golden in try TokenizerGolden.all(name) where golden.options == nil {
      #expect(again.encode(golden.text, pair: golden.pair) == golden.ids)
    }
  }

  /// What a thread worked on before, and what else is in the batch, never matters.
  @Test(arguments: ["bert-uncased", "qwen3", "xlm-roberta", "bpe-metaspace"])
  func batchesAreTheSameAsSingles(name: String) throws {
    let tokenizer = try tokenizer(name)
    let texts = try TokenizerGolden.all(name).map(\.text)
    let many = (0..<40).flatMap { round in texts.dropFirst(round % 5) + ["\(round)"] }
    let singles = many.map { tokenizer.encode($0) }
    #expect(tokenizer.encode(batch: many) == singles)
    #expect(
      tokenizer.encodings(batch: many) { chunks, body in for chunk in (0..<chunks).reversed() { body(chunk) } }.map(
        \.ids)
        == singles)
    #expect(tokenizer.encode(batch: []) == [])
    let pairs = Array(many.reversed())
    let pairIDs = zip(many, pairs).map { tokenizer.encode($0, pair: $1) }
    #expect(tokenizer.encode(batch: many, pairs: pairs) == pairIDs)
    #expect(tokenizer.encodings(batch: many, pairs: pairs).map(\.ids) == pairIDs)
  }

  @Test func encodesWithoutSpecialTokens() throws {
    let tokenizer = try tokenizer("bert-uncased")
    let whole = tokenizer.encode("a splendid film", pair: "don't")
    let bare = tokenizer.encode("a splendid film", pair: "don't", specialTokens: false)
    #expect(whole.filter { $0 != 2 && $0 != 3 } == bare)
    #expect(tokenizer.encoding("a splendid film", pair: "don't", specialTokens: false).ids == bare)
    #expect(tokenizer.id(of: "[CLS]") == 2)
    #expect(tokenizer.token(of: 2) == "[CLS]")
    #expect(tokenizer.token(of: 100_000) == nil)
  }
}
