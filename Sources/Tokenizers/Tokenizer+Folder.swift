import Checkpoints
import Foundation

extension Tokenizer {
  /// Opens the tokenizer of a model folder: its `tokenizer.json` or, without one, the `vocab.txt` of a BERT with what
  /// `tokenizer_config.json` says of lower case, ideographs, accents and special tokens, or a SentencePiece `.model`.
  ///
  /// Where `tokenizer_config.json` and `tokenizer.json` disagree about the normalizer of a BERT or the first space of a RoBERTa, the former
  /// is right, as in transformers' classes for these.
  ///
  /// - Throws: `FileError` naming the file and the key that isn't as it should be.
  public init(folder: URL) throws {
    let file = folder.appendingPathComponent("tokenizer.json")
    let words = folder.appendingPathComponent("vocab.txt")
    let exists = { (url: URL) in FileManager.default.fileExists(atPath: url.path) }
    if exists(file) {
      self = try Tokenizer(contentsOf: file).asItsClass(in: folder)
      return
    }
    if !exists(words), let pieces = Tokenizer.sentencePieceFile(in: folder) {
      try self.init(sentencePiece: pieces)
      return
    }
    guard exists(words) else {
      throw FileError(.missing, folder, "expected a tokenizer.json, a vocab.txt or a SentencePiece model, found none")
    }
    try self.init(words: words, settings: Tokenizer.settings("tokenizer_config.json", in: folder))
  }

  /// What a file of a folder says; nothing if there is none.
  private static func settings(_ name: String, in folder: URL) throws -> TokenizerPart {
    let url = folder.appendingPathComponent(name)
    let json = FileManager.default.fileExists(atPath: url.path) ? try JSON(contentsOf: url) : .object([])
    return TokenizerPart(json: json, name: "", url: url)
  }

  /// What transformers' class of a folder's tokenizer makes of a `tokenizer.json`: some set flags by `tokenizer_config.json` and
  /// their own defaults. The model's type names the class where no file does.
  private func asItsClass(in folder: URL) throws -> Tokenizer {
    let settings = try Tokenizer.settings("tokenizer_config.json", in: folder)
    let config = try Tokenizer.settings("config.json", in: folder)
    let named = try settings.optionalString("tokenizer_class") ?? config.json["tokenizer_class"]?.string
    var (normalizer, preTokenizer) = (normalizer, preTokenizer)
    switch named ?? config.json["model_type"]?.string ?? "" {
    case "bert", "distilbert", "electra", "nomic_bert", "mpnet", "BertTokenizer", "BertTokenizerFast",
      "DistilBertTokenizer", "DistilBertTokenizerFast", "ElectraTokenizer", "ElectraTokenizerFast", "MPNetTokenizer",
      "MPNetTokenizerFast":
      guard case .bert(let cleanText, _, _, _) = normalizer else { return self }
      normalizer = .bert(
        cleanText: cleanText, handleChineseCharacters: try settings.bool("tokenize_chinese_chars", default: true),
        stripAccents: try settings.optionalBool("strip_accents"),
        lowercase: try settings.bool("do_lower_case", default: true))
    case "roberta", "RobertaTokenizer", "RobertaTokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast":
      guard case .byteLevel(var bytes) = preTokenizer else { return self }
      bytes.addsPrefixSpace = try settings.bool("add_prefix_space", default: false)
      preTokenizer = .byteLevel(bytes)
    default: return self
    }
    guard normalizer != self.normalizer || preTokenizer != self.preTokenizer else { return self }
    return Tokenizer(
      model: model, normalizer: normalizer, preTokenizer: preTokenizer, postProcessor: postProcessor, decoder: decoder,
      addedTokens: addedTokens, truncation: truncation, padding: padding)
  }

  private init(words url: URL, settings: TokenizerPart) throws {
    func special(_ key: String, _ text: String) throws -> String {
      // A token is a text, or an object with one.
      try settings.optionalPart(key)?.json["content"]?.string ?? settings.string(key, default: text)
    }
    let lowercase = try settings.bool("do_lower_case", default: true)
    let vocabulary = try Tokenizer.readWords(url)
    let unknown = try special("unk_token", "[UNK]")
    let names = [
      try special("pad_token", "[PAD]"), unknown, try special("cls_token", "[CLS]"), try special("sep_token", "[SEP]"),
      try special("mask_token", "[MASK]"),
    ]
    func token(_ text: String) throws -> PostProcessor.Token {
      guard let id = vocabulary.id(of: text) else {
        throw FileError(.malformed, url, "expected the token \(FileError.quoted(text)), found none")
      }
      return PostProcessor.Token(text, id)
    }
    self.init(
      model: .wordPiece(
        try WordPiece(vocabulary: vocabulary, unknown: token(unknown).text)),
      normalizer: .bert(
        cleanText: true, handleChineseCharacters: try settings.bool("tokenize_chinese_chars", default: true),
        stripAccents: try settings.optionalBool("strip_accents"), lowercase: lowercase),
      preTokenizer: .bert,
      postProcessor: .bertTemplate(start: try token(names[2]), separator: try token(names[3])),
      decoder: .wordPiece(prefix: "##", cleanup: true),
      addedTokens: names.compactMap { name in vocabulary.id(of: name).map { AddedToken(name, id: $0) } })
  }

  /// A token a line; the line's number is its id.
  private static func readWords(_ url: URL) throws -> Vocabulary {
    try MappedFile(url).withBytes { bytes in
      if let offset = UTF8Scalars.firstInvalid(bytes) {
        let line = 1 + bytes.prefix(offset).count { $0 == UInt8(ascii: "\n") }
        throw FileError(.malformed, url, line: line, "expected UTF-8 text, found other bytes")
      }
      let text = bytes.assumingMemoryBound(to: UInt8.self)
      var vocabulary = Vocabulary(capacity: bytes.count / 8)
      var start = 0
      var id = 0
      while start < text.count {
        let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
        let line = UnsafeBufferPointer(rebasing: text[start..<end])
        vocabulary.insert(UnsafeBufferPointer(rebasing: line[..<Normalizer.trailingSpace(line)]), id: id)
        id += 1
        start = end + 1
      }
      return vocabulary
    }
  }
}

extension PostProcessor {
  /// BERT's order as a template: `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]` with type ids 0 and 1.
  public static func bertTemplate(start: Token, separator: Token) -> PostProcessor {
    let (first, last) = (
      Template.Piece.special(start.text, typeID: 0), Template.Piece.special(separator.text, typeID: 0)
    )
    return .template(
      Template(
        single: [first, .text(0, typeID: 0), last],
        pair: [first, .text(0, typeID: 0), last, .text(1, typeID: 1), .special(separator.text, typeID: 1)],
        specialTokens: [(start.text, [start]), (separator.text, [separator])]))
  }
}
