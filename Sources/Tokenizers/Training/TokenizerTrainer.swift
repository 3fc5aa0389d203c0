import Checkpoints
import Foundation

/// Learns a tokenizer from texts: counts their words and trains a vocabulary on them.
///
///     var options = TokenizerTrainer.Options(.wordPiece)
///     options.lowercase = true
///     var trainer = try TokenizerTrainer(options)
///     for text in texts { trainer.add(text) }
///     try trainer.train().write(to: folder.appendingPathComponent("tokenizer.json"))
///
/// The same texts in any order give the same tokenizer.
public struct TokenizerTrainer: Sendable {
  /// The kinds of vocabularies.
  public enum Kind: String, CaseIterable, Sendable {
    /// As BERT: cleaned text, cut at white space and punctuation; `[PAD] [UNK] [CLS] [SEP] [MASK]`.
    case wordPiece = "wordpiece"
    /// As RoBERTa (byte-level) or SentencePiece's BPE; `<s> <pad> </s> <unk> <mask>`.
    case bpe
    /// As XLM-RoBERTa; `<s> <pad> </s> <unk> <mask>`.
    case unigram
  }

  /// The settings of a vocabulary.
  public struct Options: Sendable, Equatable {
    /// What is learnt.
    public var kind: Kind
    /// How many tokens there are at most, special tokens included.
    public var size = 30_000
    /// Whether text is lower-cased.
    public var lowercase = false
    /// Whether accents are dropped; nil: a WordPiece vocabulary does so if it lower-cases, others don't.
    public var stripAccents: Bool?
    /// Merges seen less often aren't learnt (WordPiece and BPE).
    public var minimumFrequency = 2
    /// How many different scalars become tokens at most, the most frequent ones (WordPiece and BPE of scalars).
    public var alphabetLimit: Int?
    /// Whether BPE is of bytes, so that no text is unknown.
    public var isByteLevel = true
    /// Special tokens beside those of the kind.
    public var specialTokens: [String] = []

    /// Settings of 30,000 tokens.
    public init(_ kind: Kind) { self.kind = kind }
  }

  /// The settings.
  public let options: Options
  private let draft: Tokenizer
  private var words = WordCounts()

  /// A trainer without texts.
  public init(_ options: Options) throws {
    self.options = options
    draft = options.tokenizer(
      .wordLevel(try WordLevel(vocabulary: Vocabulary([options.unknown]), unknown: options.unknown)), [])
  }

  /// Counts the words of a text.
  public mutating func add(_ text: String) { for piece in draft.pieces(text) { words.add(piece) } }

  /// How many different words there were so far.
  public var wordCount: Int { words.count }

  /// The tokenizer of the texts so far.
  public func train() throws -> Tokenizer {
    let special = options.allSpecialTokens
    let added = special.enumerated().map { AddedToken($0.element, id: Int32($0.offset)) }
    return options.tokenizer(try model(special), added)
  }

  private func model(_ special: [String]) throws -> TokenizerModel {
    guard options.kind != .unigram else {
      var trainer = UnigramTrainer()
      trainer.size = options.size
      trainer.specialTokens = special
      let unknown = special.firstIndex(of: options.unknown) ?? 0
      return .unigram(try Unigram(pieces: trainer.train(words), unknownID: Int32(unknown)))
    }
    var trainer = MergeTrainer()
    trainer.size = options.size
    trainer.minimumFrequency = options.minimumFrequency
    trainer.specialTokens = special
    trainer.alphabetLimit = options.alphabetLimit
    let isByteLevel = options.kind == .bpe && options.isByteLevel
    if isByteLevel {
      trainer.alphabetLimit = nil
      trainer.initialAlphabet = ByteLevel.scalars.compactMap { Unicode.Scalar($0) }
    }
    if options.kind == .wordPiece { trainer.continuationPrefix = "##" }
    let result = trainer.train(words)
    let vocabulary = try Vocabulary(result.tokens)
    if options.kind == .wordPiece {
      return .wordPiece(try WordPiece(vocabulary: vocabulary, unknown: options.unknown))
    }
    var settings = BPE.Options()
    if !isByteLevel {
      settings.unknown = options.unknown
      settings.fusesUnknown = true
    }
    let merges = result.merges.map { (result.tokens[Int($0.left)], result.tokens[Int($0.right)]) }
    return .bpe(try BPE(vocabulary: vocabulary, merges: merges, options: settings))
  }
}

extension TokenizerTrainer.Options {
  /// The kind's special tokens in the order of their ids, then the others.
  var allSpecialTokens: [String] {
    let standard =
      kind == .wordPiece
      ? ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] : ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    return standard + specialTokens.filter { !standard.contains($0) }
  }

  var unknown: String { kind == .wordPiece ? "[UNK]" : "<unk>" }

  /// A tokenizer of the kind's parts round a model.
  func tokenizer(_ model: TokenizerModel, _ added: [AddedToken]) -> Tokenizer {
    func token(_ text: String) -> PostProcessor.Token {
      PostProcessor.Token(text, added.first { $0.content == text }?.id ?? 0)
    }
    let start = token(kind == .wordPiece ? "[CLS]" : "<s>")
    let end = token(kind == .wordPiece ? "[SEP]" : "</s>")
    let accents: [Normalizer] = stripAccents ?? false ? [.nfd, .stripAccents, .nfc] : []
    let lower: [Normalizer] = lowercase ? [.lowercase] : []
    switch kind {
    case .wordPiece:
      return Tokenizer(
        model: model,
        normalizer: .bert(
          cleanText: true, handleChineseCharacters: true, stripAccents: stripAccents, lowercase: lowercase),
        preTokenizer: .bert, postProcessor: .template(template(start, end)),
        decoder: .wordPiece(prefix: "##", cleanup: true), addedTokens: added)
    case .bpe where isByteLevel:
      let steps = accents + lower
      let bytes = ByteLevel(addsPrefixSpace: false)
      return Tokenizer(
        model: model, normalizer: steps.isEmpty ? nil : .sequence(steps), preTokenizer: .byteLevel(bytes),
        postProcessor: .roberta(start: start, separator: end, byteLevel: bytes), decoder: .byteLevel(bytes),
        addedTokens: added)
    case .bpe, .unigram:
      let steps: [Normalizer] = [.nmt, .nfkc] + accents + lower
      return Tokenizer(
        model: model, normalizer: .sequence(steps),
        preTokenizer: .sequence([.whitespaceSplit, .metaspace(Metaspace())]),
        postProcessor: .template(template(start, end)), decoder: .metaspace(Metaspace()), addedTokens: added)
    }
  }

  private func template(_ start: PostProcessor.Token, _ end: PostProcessor.Token) -> PostProcessor.Template {
    let isBERT = kind == .wordPiece
    typealias Piece = PostProcessor.Template.Piece
    let single: [Piece] = [.special(start.text, typeID: 0), .text(0, typeID: 0), .special(end.text, typeID: 0)]
    let second: [Piece] = [.text(1, typeID: isBERT ? 1 : 0), .special(end.text, typeID: isBERT ? 1 : 0)]
    return PostProcessor.Template(
      single: single, pair: single + (isBERT ? [] : [.special(end.text, typeID: 0)]) + second,
      specialTokens: [(start.text, [start]), (end.text, [end])])
  }

  /// What `tokenizer_config.json` says, for transformers' `AutoTokenizer`.
  public var configuration: JSON {
    let special = allSpecialTokens
    let (start, end, padding, mask) =
      kind == .wordPiece ? ("[CLS]", "[SEP]", "[PAD]", "[MASK]") : ("<s>", "</s>", "<pad>", "<mask>")
    var members: [JSON.Member] = [JSON.Member("tokenizer_class", "PreTrainedTokenizerFast")]
    for (key, token) in [
      ("bos_token", kind == .wordPiece ? nil : start), ("eos_token", kind == .wordPiece ? nil : end),
      ("unk_token", unknown), ("sep_token", end), ("pad_token", padding), ("cls_token", start), ("mask_token", mask),
    ] {
      if let token { members.append(JSON.Member(key, .string(token))) }
    }
    let others = special.dropFirst(5).map { JSON.string($0) }
    if !others.isEmpty { members.append(JSON.Member("additional_special_tokens", .array(others))) }
    members.append(JSON.Member("clean_up_tokenization_spaces", .bool(false)))
    if kind == .wordPiece {
      let inputs: [JSON] = ["input_ids", "token_type_ids", "attention_mask"]
      members.append(JSON.Member("model_input_names", .array(inputs)))
    }
    return .object(members)
  }
}
