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

  @Test func cutsNoTextAloneIfOnlyTheSecondMayBeCut() throws {
    var tokenizer = try tokenizer("bert-uncased")
    let whole = tokenizer.encode("a splendid film")
    tokenizer.truncation = Truncation(maximumLength: 4, strategy: .onlySecond)
    #expect(whole.count > 4)
    #expect(tokenizer.encode("a splendid film") == whole)
    #expect(tokenizer.encoding("a splendid film").ids == whole)
  }

  /// The ids here and below are those of the reference.
  @Test func prefixesAndSuffixesFallBackToBytesToo() throws {
    func encode(_ text: String, prefix: String? = nil, suffix: String? = nil) throws -> [Int32] {
      var options = BPE.Options()
      (options.unknown, options.fallsBackToBytes) = ("U", true)
      (options.continuationPrefix, options.endOfWordSuffix) = (prefix, suffix)
      let vocabulary = try Vocabulary(["U", "a", "b", "<0x21>", "<0x23>", "<0xC3>", "<0xA9>", "<0x62>"])
      return Tokenizer(model: .bpe(try BPE(vocabulary: vocabulary, merges: [], options: options))).encode(text)
    }
    #expect(try encode("ab", prefix: "#") == [1, 4, 7])
    #expect(try encode("aé", prefix: "##") == [1, 4, 4, 5, 6])
    #expect(try encode("b", suffix: "!") == [7, 3])
    #expect(try encode("a", suffix: "!") == [0])
    #expect(try encode("a!", prefix: "#", suffix: "é") == [1, 4, 3, 5, 6])
  }

  @Test func bytesThatHaveNoTokenLeaveNoGap() throws {
    let model = try BPE(vocabulary: Vocabulary(["a", "b", "c"]), merges: [])
    let bytes = PreTokenizer.byteLevel(ByteLevel(addsPrefixSpace: false, trimsOffsets: false, regex: false))
    let encoding = Tokenizer(model: .bpe(model), preTokenizer: bytes).encoding("a b c")
    #expect(encoding.ids == [0, 1, 2])
    #expect(encoding.offsets == [0..<1, 1..<2, 1..<2])
  }

  @Test func whiteSpaceIsStrippedOnce() throws {
    let tokens = [
      AddedToken("\n", id: 1, stripsLeft: true, stripsRight: true), AddedToken("A", id: 2, stripsRight: true),
    ]
    let tokenizer = Tokenizer(
      model: .wordLevel(try WordLevel(vocabulary: Vocabulary(["[UNK]", "\n", "A"]))), addedTokens: tokens)
    let encoding = tokenizer.encoding("a\n\n\nb")
    #expect(encoding.ids == [0, 1, 0])
    #expect(encoding.offsets == [0..<1, 1..<4, 4..<5])
    #expect(tokenizer.encode("A\n\nb") == [2, 0])
  }

  /// Words that marks begin are taken one by one, but not where a merge reaches over a mark.
  @Test func mergesMayReachOverMarks() throws {
    let tokens = ["<unk>", "▁", "a", "b", "▁b", "▁▁", "a▁"]
    var options = BPE.Options()
    options.unknown = "<unk>"
    func encode(_ text: String, _ count: Int, _ merges: [(String, String)]) throws -> Encoding {
      let model = try BPE(vocabulary: Vocabulary(tokens.prefix(count)), merges: merges, options: options)
      return Tokenizer(model: .bpe(model)).encoding(text)
    }
    let within = try encode("a▁b▁▁b?▁", 6, [("▁", "▁"), ("▁", "b")])
    #expect(within.ids == [2, 4, 5, 3, 0, 1])
    #expect(within.offsets == [0..<1, 1..<3, 3..<5, 5..<6, 6..<7, 7..<8])
    #expect(try encode("a▁b", 7, [("a", "▁"), ("▁", "b")]).ids == [6, 3])
  }

  @Test func prependingNothingMovesTheFirstScalar() throws {
    let model = try BPE(vocabulary: Vocabulary(["a", "é"]), merges: [])
    let encoding = Tokenizer(model: .bpe(model), normalizer: .prepend("")).encoding("éa")
    #expect(encoding.ids == [1, 0])
    #expect(encoding.offsets == [0..<0, 1..<2])
  }

  /// The reference refuses such texts; here what is unknown is dropped.
  @Test func unigramModelsNeedNoUnknownToken() throws {
    let text = #"{"model":{"type":"Unigram","unk_id":null,"vocab":[["a",-1.0],["b",-2.5]]}}"#
    try withTokenizerFile { file in
      try Data(text.utf8).write(to: file)
      let tokenizer = try Tokenizer(contentsOf: file)
      #expect(tokenizer.encode("a?b!") == [0, 1])
      #expect(tokenizer.encoding("a?b").offsets == [0..<1, 2..<3])
      try tokenizer.write(to: file)
      #expect(try Tokenizer(contentsOf: file).encode("a?b!") == [0, 1])
    }
  }
}
