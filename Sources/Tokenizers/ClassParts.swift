import Checkpoints
import Foundation

extension Tokenizer {
  /// What transformers' class of a folder's tokenizer makes of a `tokenizer.json`: it builds parts anew by
  /// `tokenizer_config.json` and its own defaults, and adds the tokens that other files list.
  ///
  /// - Throws: `FileError` for a class that can't be built, and for settings that aren't as they should be.
  func asClass(_ known: TokenizerClass?, _ settings: TokenizerPart, in folder: URL) throws -> Tokenizer {
    // A Llama's tokenizer of bytes is taken as it is.
    let isOfBytes = preTokenizer?.endsInBytes ?? false
    let takesFile = known?.takesFile == true || known?.name == "LlamaTokenizer" && isOfBytes
    let name = takesFile ? nil : known?.name
    if let known, name == "RoFormerTokenizer" {
      throw FileError(
        .mismatched, known.url, item: known.key,
        "expected a tokenizer that cuts without a dictionary, found \(known.found), which cuts with jieba's")
    }
    let tokens = try ListedTokens(settings, in: folder, of: name)
    let added = tokens.joined(to: addedTokens, model.vocabulary)
    guard let name else {
      return added == addedTokens
        ? self
        : Tokenizer(
          model: model, normalizer: normalizer, preTokenizer: preTokenizer, postProcessor: postProcessor,
          decoder: decoder, addedTokens: added, truncation: truncation, padding: padding)
    }
    var parts = ClassParts(
      name: name, settings: settings, tokens: tokens, added: added, model: model, normalizer: normalizer,
      preTokenizer: preTokenizer, postProcessor: postProcessor, decoder: decoder)
    switch model {
    case .wordPiece(let words): try parts.build(words)
    case .bpe(let pairs): try parts.build(pairs)
    case .unigram(let pieces): try parts.build(pieces)
    case .wordLevel: break
    }
    return Tokenizer(
      model: parts.model, normalizer: parts.normalizer, preTokenizer: parts.preTokenizer,
      postProcessor: parts.postProcessor, decoder: parts.decoder, addedTokens: added, truncation: truncation,
      padding: padding)
  }
}

extension TokenizerClass {
  /// Whether it builds a unigram model anew, from scores that Python has read.
  var buildsScores: Bool { !takesFile && ClassParts.pieceClasses[name] != nil }
}

/// A tokenizer's parts, those of a file at first, as a class of transformers builds them (its `tokenization_*.py`).
struct ClassParts {
  let name: String
  let settings: TokenizerPart
  let tokens: ListedTokens
  let added: [AddedToken]
  var model: TokenizerModel
  var normalizer: Normalizer?
  var preTokenizer: PreTokenizer?
  var postProcessor: PostProcessor?
  var decoder: TokenDecoder?

  func flag(_ key: String, _ standard: Bool) throws -> Bool { try settings.bool(key, default: standard) }

  /// A special token by its key without "_token"; nil where there is none or it has no id.
  func special(_ key: String) -> PostProcessor.Token? {
    func token(_ text: String?) -> PostProcessor.Token? {
      guard let text else { return nil }
      let id = added.first { $0.content.utf8.elementsEqual(text.utf8) }?.id ?? model.vocabulary.id(of: text)
      return id.map { PostProcessor.Token(text, $0) }
    }
    switch key {
    case "dot": return token(".")
    case "question": return token(settings.json["question_token"]?.string ?? "[QUESTION]")
    case "language":
      let standard = name == "NllbTokenizer" ? "eng_Latn" : "en_XX"
      return token(settings.json["src_lang"]?.string ?? standard) ?? special("unk")
    default: return token(tokens.named.first { $0.key == key + "_token" }?.token.content)
    }
  }

  /// Puts special tokens round a text A and a text B; "sep:1" is the `sep_token` with type id 1. Where one has no id,
  /// what the file does remains.
  mutating func arrange(_ single: String, _ pair: String) {
    var known: [String: PostProcessor.Token] = [:]
    func pieces(_ order: String) -> [PostProcessor.Template.Piece]? {
      var pieces: [PostProcessor.Template.Piece] = []
      for word in order.split(separator: " ") {
        let parts = word.split(separator: ":")
        let typeID = parts.count > 1 ? Int32(parts[1]) ?? 0 : 0
        switch parts[0] {
        case "A": pieces.append(.text(0, typeID: typeID))
        case "B": pieces.append(.text(1, typeID: typeID))
        default:
          guard let token = special(String(parts[0])) else { return nil }
          known[token.text] = token
          pieces.append(.special(token.text, typeID: typeID))
        }
      }
      return pieces
    }
    guard let one = pieces(single), let two = pieces(pair) else { return }
    let specialTokens = known.values.sorted { $0.text < $1.text }.map { (name: $0.text, tokens: [$0]) }
    postProcessor = .template(PostProcessor.Template(single: one, pair: two, specialTokens: specialTokens))
  }
}

/// Word pieces.
extension ClassParts {
  private static let wordClasses: Set = [
    "BertTokenizer", "DPRQuestionEncoderTokenizer", "FunnelTokenizer", "LayoutLMv2Tokenizer", "MPNetTokenizer",
    "SplinterTokenizer",
  ]

  mutating func build(_ words: WordPiece) throws {
    // It only has its own order.
    if name == "ConvBertTokenizer" { arrange("cls A sep", "cls A sep B:1 sep:1") }
    guard ClassParts.wordClasses.contains(name) else { return }
    normalizer = try Tokenizer.normalizer(settings, of: name)
    preTokenizer = .bert
    decoder = .wordPiece(prefix: "##", cleanup: true)
    model = .wordPiece(
      WordPiece(
        file: words.vocabulary, unknown: special("unk")?.text ?? words.unknown, continuationPrefix: "##",
        maximumWordLength: 100))
    switch name {
    case "MPNetTokenizer": surround(ByteLevel(addsPrefixSpace: false))
    case "FunnelTokenizer": arrange("cls:2 A sep", "cls:2 A sep B:1 sep:1")
    case "SplinterTokenizer": arrange("cls A sep", "cls A question dot sep B:1 sep:1")
    default: arrange("cls A sep", "cls A sep B:1 sep:1")
    }
  }

  /// RoBERTa's order.
  mutating func surround(_ step: ByteLevel) {
    guard let start = special("cls"), let separator = special("sep") else { return }
    postProcessor = .roberta(start: start, separator: separator, byteLevel: step)
  }
}
