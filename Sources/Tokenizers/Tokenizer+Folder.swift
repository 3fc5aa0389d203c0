import Checkpoints
import Foundation

extension Tokenizer {
  /// Opens the tokenizer of a model folder: its `tokenizer.json` or, without one, the `vocab.txt` of a BERT or MPNet
  /// with what `tokenizer_config.json` says of lower case, ideographs, accents and the special and added tokens that it
  /// and the older `special_tokens_map.json` and `added_tokens.json` list, or a SentencePiece `.model`.
  ///
  /// Where these files and `tokenizer.json` disagree, the class that they name decides, as in transformers: what it
  /// builds itself (a BERT's normalizer, an XLM-R's way to cut, …) is built from them. Tokens that only they list are
  /// added. An adapter's folder without a tokenizer has its base's.
  ///
  /// - Throws: `FileError` naming the file and the key that isn't as it should be.
  public init(folder: URL) throws {
    let folder = try Tokenizer.folder(of: folder)
    let file = folder.appendingPathComponent("tokenizer.json")
    let words = folder.appendingPathComponent("vocab.txt")
    let exists = { (url: URL) in FileManager.default.fileExists(atPath: url.path) }
    if exists(file) {
      let settings = try TokenizerPart("tokenizer_config.json", in: folder)
      let known = try TokenizerClass(settings, in: folder)
      self = try Tokenizer(contentsOf: file, nearestScores: known?.buildsScores ?? false)
        .asClass(known, settings, in: folder)
      return
    }
    if !exists(words), let pieces = Tokenizer.sentencePieceFile(in: folder) {
      try self.init(sentencePiece: pieces)
      return
    }
    guard exists(words) else {
      throw FileError(.missing, folder, "expected a tokenizer.json, a vocab.txt or a SentencePiece model, found none")
    }
    try self.init(words: words, in: folder)
  }

  /// The names of the files that a tokenizer may be read from.
  public static let fileNames = Set(
    [
      "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
      "vocab.json", "merges.txt",
    ] + sentencePieceNames)

  /// The folder that has the tokenizer of a model: where an adapter's folder has none, its base's.
  ///
  /// - Throws: `FileError` if there is no such folder, or it is an adapter's that can't be opened or whose base isn't
  ///   there.
  public static func folder(of model: URL) throws -> URL {
    guard isFolder(model) else {
      let found = FileManager.default.fileExists(atPath: model.path) ? "a file" : "nothing"
      throw FileError(.missing, model, "expected a model folder, found \(found)")
    }
    let names = ["tokenizer.json", "vocab.txt", "tokenizer_config.json"]
    let exists = { FileManager.default.fileExists(atPath: model.appendingPathComponent($0).path) }
    guard AdapterFolder.isOne(model), !names.contains(where: exists), sentencePieceFile(in: model) == nil else {
      return model
    }
    return try AdapterFolder(model).base()
  }

  /// The normalizer of a BERT, or of another class with its words, by its `tokenizer_config.json`.
  static func normalizer(_ settings: TokenizerPart, of name: String = "BertTokenizer") throws -> Normalizer {
    .bert(
      cleanText: try name != "FunnelTokenizer" || settings.bool("clean_text", default: true),
      handleChineseCharacters: try settings.bool("tokenize_chinese_chars", default: true),
      stripAccents: try settings.optionalBool("strip_accents"),
      lowercase: try name == "DPRQuestionEncoderTokenizer" || settings.bool("do_lower_case", default: true))
  }

  private init(words url: URL, in folder: URL) throws {
    let settings = try TokenizerPart("tokenizer_config.json", in: folder)
    let isMPNet = try TokenizerClass(settings, in: folder)?.name == "MPNetTokenizer"
    let tokens = try ListedTokens(settings, in: folder, of: isMPNet ? "MPNetTokenizer" : "BertTokenizer")
    let vocabulary = try Tokenizer.readWords(url)
    let added = AddedToken.numbered(tokens.all, after: vocabulary)
    /// A special token that the vocabulary has, or one of those that got ids from a file.
    func token(_ key: String, or listed: [AddedToken] = []) throws -> PostProcessor.Token {
      let text = tokens.named.first { $0.key == key }?.token.content ?? ""
      guard vocabulary.id(of: text) != nil || listed.contains(where: { $0.content == text }),
        let id = added.first(where: { $0.content == text })?.id
      else { throw FileError(.malformed, url, "expected the token \(FileError.quoted(text)), found none") }
      return PostProcessor.Token(text, id)
    }
    let unknown = try token("unk_token").text
    let start = try token("cls_token", or: tokens.added)
    let separator = try token("sep_token", or: tokens.added)
    self.init(
      model: .wordPiece(try WordPiece(vocabulary: vocabulary, unknown: unknown)),
      normalizer: try Tokenizer.normalizer(settings), preTokenizer: .bert,
      postProcessor: isMPNet
        ? .roberta(start: start, separator: separator, byteLevel: ByteLevel(addsPrefixSpace: false))
        : .bertTemplate(start: start, separator: separator),
      decoder: .wordPiece(prefix: "##", cleanup: true), addedTokens: added)
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

/// The special and added tokens that the files beside a `vocab.txt` or a `tokenizer.json` list, as transformers takes
/// them.
struct ListedTokens {
  /// The special tokens and their keys, and whether a file lists them or only the class has them.
  let named: [(key: String, token: AddedToken, isListed: Bool)]
  /// What `added_tokens_decoder` or, without it, `added_tokens.json` lists, by id.
  let added: [AddedToken]
  /// The special tokens without a key.
  let additional: [AddedToken]
  /// Whether `added` is from the newer list, which counts more than what a `tokenizer.json` says.
  private let isNewer: Bool

  /// All, in the order in which they get ids.
  var all: [AddedToken] { added + named.map { $0.token } + additional }

  /// The tokens of a folder whose tokenizer is of the class of this name, if that is known.
  init(_ settings: TokenizerPart, in folder: URL, of name: String?) throws {
    let decoder = settings.optionalPart("added_tokens_decoder")
    isNewer = decoder != nil
    // The older files count only where the newer list isn't.
    let map = try decoder == nil ? TokenizerPart("special_tokens_map.json", in: folder) : nil
    let standard = name.flatMap { TokenizerClass.specialTokens[$0] } ?? [:]
    named = try SentencePieceConfiguration.keys.compactMap { key in
      let stripsLeft = key == "mask_token" && name.map { TokenizerClass.maskingSpace.contains($0) } ?? false
      if let part = map?.optionalPart(key) ?? settings.optionalPart(key) {
        let token = try AddedToken(listed: part, special: true, stripsLeft: stripsLeft)
        return (key: key, token: token, isListed: true)
      }
      guard settings.json[key] == nil else { return nil }
      return standard[key].map {
        (key: key, token: AddedToken($0, id: -1, stripsLeft: stripsLeft), isListed: false)
      }
    }
    var additional: [AddedToken] = []
    for part in [settings, map].compactMap({ $0 }) {
      for key in ["extra_special_tokens", "additional_special_tokens"]
      where additional.isEmpty && part.json[key]?.elements != nil {
        additional = try part.parts(key).map { try AddedToken(listed: $0) }
      }
    }
    self.additional = additional
    let special = Set(named.map { $0.token.content } + additional.map { $0.content })
    let listed = try decoder ?? TokenizerPart("added_tokens.json", in: folder)
    guard let members = listed.json.members else {
      throw listed.failure("expected an object, found \(listed.json.kind)")
    }
    let entries: [(id: Int, token: AddedToken)] = try members.map { member in
      let isSpecial = special.contains(member.value["content"]?.string ?? member.name)
      guard decoder != nil else {
        guard let id = member.value.integer else {
          throw listed.failure(member.name, "expected the token's id, found \(member.value.kind)")
        }
        return (id: id, token: AddedToken(member.name, id: -1, special: isSpecial))
      }
      guard let id = Int(member.name) else {
        throw listed.failure(
          member.name, "expected a token's id as the key, found \(FileError.quoted(member.name))")
      }
      let part = TokenizerPart(json: member.value, name: "\(listed.name).\(member.name)", url: listed.url)
      return (id: id, token: try AddedToken(listed: part, special: isSpecial))
    }
    added = entries.sorted { $0.id < $1.id }.map { $0.token }
  }

  /// The tokens of a `tokenizer.json`, which keep their ids, and after them those of these that it hasn't. What only
  /// the class has needs to be in the vocabulary: it gets no new id.
  func joined(to tokens: [AddedToken], _ vocabulary: Vocabulary) -> [AddedToken] {
    var joined = tokens
    var places = Dictionary(
      tokens.enumerated().map { (Array($0.element.content.utf8), $0.offset) }, uniquingKeysWith: { $1 })
    let known = named.filter { $0.isListed || vocabulary.id(of: $0.token.content) != nil }.map { $0.token }
    for (index, var token) in (added + known + additional).enumerated() {
      if let place = places[Array(token.content.utf8)] {
        guard isNewer, index < added.count else { continue }
        token.id = joined[place].id
        joined[place] = token
      } else {
        places[Array(token.content.utf8)] = joined.count
        joined.append(token)
      }
    }
    return joined == tokens ? tokens : AddedToken.numbered(joined, after: vocabulary)
  }
}

extension AddedToken {
  /// A token as transformers' files have it: a text, which is special, or an object with flags. Its id is not set.
  init(listed part: TokenizerPart, special: Bool = false, stripsLeft: Bool = false) throws {
    if let content = part.json.string {
      self.init(content, id: -1, stripsLeft: stripsLeft)
      return
    }
    guard part.json.members != nil else { throw part.failure("expected a token, found \(part.json.kind)") }
    self.init(
      try part.string("content"), id: -1, special: try special || part.bool("special", default: false),
      singleWord: try part.bool("single_word", default: false), stripsLeft: try part.bool("lstrip", default: false),
      stripsRight: try part.bool("rstrip", default: false), normalized: try part.optionalBool("normalized"))
  }

  /// The tokens by id, each once: the vocabulary's ids, else those after it.
  static func numbered(_ tokens: [AddedToken], after vocabulary: Vocabulary) -> [AddedToken] {
    var (seen, next) = (WordTable(), Int32(vocabulary.count))
    var added: [AddedToken] = []
    for var token in tokens where !token.content.isEmpty && seen.insert(token.content).isNew {
      if let id = vocabulary.id(of: token.content) {
        token.id = id
      } else {
        token.id = next
        next += 1
      }
      added.append(token)
    }
    return added.sorted { $0.id < $1.id }
  }
}

extension TokenizerPart {
  /// What a file says.
  ///
  /// - Throws: `FileError` unless it is a JSON object.
  init(contentsOf url: URL) throws {
    self.init(json: try JSON(contentsOf: url), name: "", url: url)
    guard json.members != nil else { throw FileError(.malformed, url, "expected an object, found \(json.kind)") }
  }

  /// What a file of a folder says; nothing if there is none.
  init(_ name: String, in folder: URL) throws {
    let url = folder.appendingPathComponent(name)
    if FileManager.default.fileExists(atPath: url.path) {
      try self.init(contentsOf: url)
    } else {
      self.init(json: .object([]), name: "", url: url)
    }
  }
}
