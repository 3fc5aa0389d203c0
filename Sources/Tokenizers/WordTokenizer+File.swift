import Checkpoints
import Foundation

extension WordTokenizer {
  /// Reads a Hugging Face `tokenizer.json` with a WordLevel model, as `write(to:)` makes it.
  ///
  /// - Throws: `FileError` that names the part this tokenizer doesn't know, or what is malformed.
  public init(contentsOf url: URL) throws {
    let reader = try TokenizerFile(url)
    let scanner = try reader.scanner()
    let maximumLength = try reader.maximumLength()
    let (table, unknownID) = try reader.vocabulary()
    self.init(
      table: table, unknownID: unknownID, scanner: scanner, maximumLength: maximumLength,
      specialTokens: try reader.specialTokens(table))
  }

  /// Writes a Hugging Face `tokenizer.json`: a WordLevel model behind a BertNormalizer and a BertPreTokenizer (or, with
  /// `characters`, a split at every scalar).
  ///
  /// `[PAD]` and `[UNK]` aren't listed as added tokens: text that spells them is text.
  ///
  /// - Throws: `FileError` with the operating system's reason.
  public func write(to url: URL) throws {
    let characterSteps: [JSON] = [["type": "WhitespaceSplit"], TokenizerFile.splitIntoCharacters]
    let preTokenizer: JSON =
      characters
      ? ["type": "Sequence", "pretokenizers": .array(characterSteps)] : ["type": "BertPreTokenizer"]
    let truncation: JSON? = maximumLength.map {
      ["direction": "Right", "max_length": .integer($0), "strategy": "LongestFirst", "stride": .integer(0)]
    }
    let addedTokens = specialTokens.map { token in
      [
        "id": .integer(Int(token.id)), "content": .string(String(decoding: token.bytes, as: UTF8.self)),
        "single_word": .bool(false), "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false),
        "special": .bool(true),
      ] as JSON
    }
    let vocabulary = vocabulary.enumerated().map { JSON.Member($0.element, .integer($0.offset)) }
    let file: JSON = [
      "version": "1.0",
      "truncation": truncation ?? .null,
      "padding": .null,
      "added_tokens": .array(addedTokens),
      "normalizer": [
        "type": "BertNormalizer", "clean_text": .bool(true), "handle_chinese_chars": .bool(true),
        "strip_accents": .bool(false), "lowercase": .bool(lowercase),
      ],
      "pre_tokenizer": preTokenizer,
      "post_processor": .null,
      "decoder": .null,
      "model": ["type": "WordLevel", "vocab": .object(vocabulary), "unk_token": .string(table[Int(unknownID)])],
    ]
    try AtomicFile.write(file, to: url)
  }
}

/// The parts of a `tokenizer.json`; each is understood completely or refused by name.
private struct TokenizerFile {
  let url: URL
  let json: JSON

  static let splitIntoCharacters: JSON = [
    "type": "Split", "pattern": ["Regex": "."], "behavior": "Isolated", "invert": .bool(false),
  ]

  init(_ url: URL) throws {
    self.url = url
    json = try JSON(contentsOf: url)
    guard let members = json.members else { throw failure(nil, "expected an object, found \(json.kind)") }
    // Padding, decoders and versions don't change the ids of a text.
    let known = [
      "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder",
      "model",
    ]
    for member in members where !known.contains(member.name) { throw failure(member.name, "unknown key") }
    if let processor = json["post_processor"], processor != .null {
      throw failure("post_processor", "expected none, found \(TokenizerFile.type(of: processor))")
    }
  }

  func failure(_ item: String?, _ problem: String) -> FileError { FileError(.malformed, url, item: item, problem) }

  static func type(of value: JSON) -> String { value["type"]?.string.map { FileError.quoted($0) } ?? value.kind }

  func part(_ name: String, type: String) throws -> JSON {
    guard let part = json[name], part != .null else { throw failure(name, "expected \(type), found none") }
    guard part["type"]?.string == type else {
      throw failure(name, "expected \(type), found \(TokenizerFile.type(of: part))")
    }
    return part
  }

  func bool(_ part: JSON, _ key: String, in name: String) throws -> Bool {
    guard let value = part[key]?.bool else {
      throw failure("\(name).\(key)", "expected true or false, found \(part[key]?.kind ?? "none")")
    }
    return value
  }

  func scanner() throws -> WordScanner {
    let normalizer = try part("normalizer", type: "BertNormalizer")
    let lowercase = try bool(normalizer, "lowercase", in: "normalizer")
    for (key, expected) in [("clean_text", true), ("handle_chinese_chars", true)] {
      guard try bool(normalizer, key, in: "normalizer") == expected else {
        throw failure("normalizer.\(key)", "expected \(expected)")
      }
    }
    // No value means "as lowercase says".
    guard normalizer["strip_accents"] == .bool(false) || (normalizer["strip_accents"] ?? .null) == .null && !lowercase
    else { throw failure("normalizer.strip_accents", "expected false") }
    guard let preTokenizer = json["pre_tokenizer"], preTokenizer["type"]?.string == "Sequence" else {
      _ = try part("pre_tokenizer", type: "BertPreTokenizer")
      return WordScanner(lowercase: lowercase, characters: false)
    }
    guard let steps = preTokenizer["pretokenizers"]?.elements, steps.count == 2,
      steps[0]["type"]?.string == "WhitespaceSplit", steps[1] == TokenizerFile.splitIntoCharacters
    else {
      throw failure("pre_tokenizer", "expected a sequence of WhitespaceSplit and a Split isolating the Regex \".\"")
    }
    return WordScanner(lowercase: lowercase, characters: true)
  }

  func maximumLength() throws -> Int? {
    guard let truncation = json["truncation"], truncation != .null else { return nil }
    guard let length = truncation["max_length"]?.integer, length >= 0 else {
      throw failure("truncation.max_length", "expected a whole number from 0 up")
    }
    guard truncation["direction"]?.string ?? "Right" == "Right" else {
      throw failure("truncation.direction", "expected \"Right\"")
    }
    return length
  }

  func vocabulary() throws -> (table: WordTable, unknownID: Int32) {
    let model = try part("model", type: "WordLevel")
    guard let members = model["vocab"]?.members else {
      throw failure("model.vocab", "expected an object, found \(model["vocab"]?.kind ?? "none")")
    }
    var words = [String?](repeating: nil, count: members.count)
    for member in members {
      guard let id = member.value.integer, words.indices.contains(id) else {
        let found = member.value.text().prefix(40)
        throw failure("model.vocab.\(member.name)", "expected an id from 0 to \(members.count - 1), found \(found)")
      }
      guard words[id] == nil else { throw failure("model.vocab.\(member.name)", "another word has the id \(id) too") }
      words[id] = member.name
    }
    var table = WordTable(capacity: words.count)
    for word in words.compactMap({ $0 }) where !table.insert(word).isNew {
      throw failure("model.vocab.\(word)", "the word appears twice")
    }
    guard let unknown = model["unk_token"]?.string, let id = table.find(unknown) else {
      throw failure("model.unk_token", "expected a word of the vocabulary")
    }
    return (table, Int32(id))
  }

  func specialTokens(_ table: WordTable) throws -> [WordTokenizer.SpecialToken] {
    try (json["added_tokens"]?.elements ?? []).map { token in
      guard let content = token["content"]?.string, !content.isEmpty else {
        throw failure("added_tokens", "expected each to have a content")
      }
      for flag in ["single_word", "lstrip", "rstrip", "normalized"] where token[flag]?.bool ?? false {
        throw failure("added_tokens.\(content)", "expected \(flag) to be false")
      }
      guard let id = token["id"]?.integer, table.find(content) == id else {
        throw failure("added_tokens.\(content)", "expected its id in the vocabulary")
      }
      return WordTokenizer.SpecialToken(bytes: Array(content.utf8), id: Int32(id))
    }
  }
}
