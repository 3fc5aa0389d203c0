import Checkpoints
import Foundation
import Tensors
import Tokenizers

/// How queries and documents become tokens where each token keeps a vector (ColBERT): by the role there is a marker, a longest length, and
/// queries are filled up with masks, which find words of their own to match.
///
/// Source: Khattab and Zaharia 2020; PyLate's `ColBERT`, sentence-transformers' `MultiVectorEncoder`.
struct TokenRoles: Sendable {
  struct Role: Sendable {
    /// A token that is put after the first one.
    var marker: Int32?
    /// How many tokens a text may have, the marker included; nil: as many as others.
    var maximumLength: Int?
  }

  /// What a query is filled up with.
  struct Expansion: Sendable {
    var token: Int32, length: Int
    /// Whether longer queries are cut.
    var isFixed = true
    /// Whether the query's own tokens attend to it.
    var isSeen = false
    /// Whether it is put there at all: what no token attends to has a vector only where a module masks vectors by itself.
    var isKept = true
  }

  var query = Role(), document = Role()
  var expansion: Expansion?

  /// The tokens of texts, and how many of each attention sees, if not all.
  func encode(_ texts: [String], _ tokens: SentenceTokenizer, isQuery: Bool) -> (ids: Ragged<IDs>, seen: [Int]?) {
    let (role, expansion) = isQuery ? (query, expansion) : (document, nil)
    var limit = role.maximumLength
    if let expansion { limit = expansion.isFixed ? expansion.length : limit.map { max($0, expansion.length) } }
    let ids = (limit.map { tokens.limited(to: $0 - (role.marker == nil ? 0 : 1)) } ?? tokens).encode(texts)
    var seen: [Int] = []
    let all = (0..<ids.count).map { text in
      var row = Array(ids.rows.values[ids.offsets[text]])
      if let marker = role.marker { row.insert(marker, at: min(1, row.count)) }
      seen.append(row.count)
      if let expansion, expansion.isKept, row.count < expansion.length {
        row += Array(repeating: expansion.token, count: expansion.length - row.count)
      }
      return row
    }
    return (Ragged(all), expansion.map { $0.isSeen } ?? true ? nil : seen)
  }
}

extension TokenRoles {
  /// The roles of a folder of sentence-transformers, which `sentence_bert_config.json` describes; nil if it says nothing of them.
  ///
  /// - Throws: `FileError` naming the key that isn't as it should be.
  init?(_ file: ConfigFile, tokenizer: Tokenizer, positions: Int?, in folder: URL) throws {
    let own = try file.processedLength()
    query.maximumLength = try file.length("query_length").map { own ?? $0 }
    document.maximumLength = try file.length("document_length").map { own ?? $0 }
    if let found = file["query_expansion"] {
      let inner = ConfigFile(file.url, found)
      let strategy = try inner.string("strategy")
      guard let strategy, ["fixed", "min"].contains(strategy), let length = try inner.length("length") else {
        throw FileError(
          .mismatched, file.url, item: "query_expansion",
          "expected a strategy, fixed or min, and a length, found \(found.text().prefix(60))")
      }
      let token = try Self.filler(folder, tokenizer, try inner.string("token"), file, "query_expansion")
      expansion = Expansion(
        token: token, length: length, isFixed: strategy == "fixed", isSeen: try inner.bool("attend") ?? false)
    }
    if query.maximumLength == nil, document.maximumLength == nil, expansion == nil { return nil }
    limit(to: positions)
  }

  /// Cuts what's longer than the model's positions.
  private mutating func limit(to positions: Int?) {
    guard let most = positions else { return }
    query.maximumLength = query.maximumLength.map { min($0, most) }
    document.maximumLength = document.maximumLength.map { min($0, most) }
    if let length = expansion?.length { expansion?.length = min(length, most) }
  }

  /// The roles of a PyLate folder, and the kinds of tokens of documents that don't count.
  ///
  /// - Throws: `FileError` naming the key that isn't as it should be.
  static func pyLate(_ file: ConfigFile, tokenizer: Tokenizer, positions: Int?, in folder: URL) throws -> (
    TokenRoles, skipped: Set<Int32>
  ) {
    func role(_ name: String, _ prefix: String, _ length: Int) throws -> Role {
      let prefix = try file.string("\(name)_prefix") ?? prefix
      let role = Role(
        marker: prefix.isEmpty ? nil : tokenizer.id(of: prefix),
        maximumLength: try file.length("\(name)_length") ?? length)
      guard prefix.isEmpty || role.marker != nil else {
        throw FileError(
          .mismatched, file.url, item: "\(name)_prefix",
          "expected a token of the tokenizer, found \(FileError.quoted(prefix))")
      }
      return role
    }
    var roles = TokenRoles(query: try role("query", "[Q] ", 32), document: try role("document", "[D] ", 180))
    if try file.bool("do_query_expansion") ?? true {
      roles.expansion = Expansion(
        token: try filler(folder, tokenizer, nil, file, "do_query_expansion"), length: roles.query.maximumLength ?? 32,
        isSeen: try file.bool("attend_to_expansion_tokens") ?? false)
    }
    roles.limit(to: positions)
    // As there, a word that is no token stands for all unknown ones.
    let unknown = try special("unk_token", folder).flatMap { tokenizer.id(of: $0) }
    let words = try file.strings("skiplist_words") ?? "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".map { String($0) }
    return (roles, Set(words.compactMap { tokenizer.id(of: $0) ?? unknown }))
  }

  /// What PyLate has in `config_sentence_transformers.json`, or Stanford's ColBERT in `artifact.metadata` under other names; nil for a folder
  /// of neither.
  ///
  /// - Throws: `FileError` if a file is malformed.
  static func settings(_ file: ConfigFile?, of folder: URL) throws -> ConfigFile? {
    if let file,
      file["model_type"]?.string == "ColBERT" || file["query_prefix"] != nil || file["document_prefix"] != nil
    {
      return file
    }
    guard !ModuleEntry.hasModules(folder),
      let config = try ConfigFile.ifPresent(folder.appendingPathComponent("config.json")),
      config["architectures"]?.elements?.first?.string == "HF_ColBERT"
    else { return nil }
    let metadata = folder.appendingPathComponent("artifact.metadata")
    let found = try ConfigFile.ifPresent(metadata)
    let names = [
      "query_prefix": "query_token_id", "document_prefix": "doc_token_id", "query_length": "query_maxlen",
      "document_length": "doc_maxlen", "attend_to_expansion_tokens": "attend_to_mask_tokens",
    ]
    let usual: [String: JSON] = ["query_prefix": "[unused0]", "document_prefix": "[unused1]"]
    var members = names.compactMap { ours, theirs in (found?[theirs] ?? usual[ours]).map { JSON.Member(ours, $0) } }
    if try found?.bool("mask_punctuation") == false { members.append(.init("skiplist_words", .array([]))) }
    return ConfigFile(metadata, .object(members))
  }

  /// The token that fills queries up: the one that is named, else the mask, else the end of a text.
  private static func filler(
    _ folder: URL, _ tokenizer: Tokenizer, _ name: String?, _ file: ConfigFile, _ key: String
  ) throws -> Int32 {
    if try special("padding_side", folder) == "left" {
      throw FileError(
        .mismatched, folder.appendingPathComponent("tokenizer_config.json"), item: "padding_side",
        "expected right where queries are filled up, found left")
    }
    let names = try name.map { [$0] } ?? ["mask_token", "eos_token"].compactMap { try special($0, folder) }
    guard let token = names.lazy.compactMap({ tokenizer.id(of: $0) }).first else {
      let expected = name.map { FileError.quoted($0) } ?? "a mask token, or one for the end of a text,"
      throw FileError(.mismatched, file.url, item: key, "expected \(expected) in the tokenizer, found none")
    }
    return token
  }

  /// A special token, a text or an object with one, of the tokenizer's settings.
  private static func special(_ key: String, _ folder: URL) throws -> String? {
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
      guard let file = try ConfigFile.ifPresent(folder.appendingPathComponent(name)), let found = file[key] else {
        continue
      }
      return found.string ?? found["content"]?.string
    }
    return nil
  }
}

extension ConfigFile {
  /// A number of tokens: two special ones, a marker and at least one of the text.
  fileprivate func length(_ key: String) throws -> Int? {
    try value(key, "a number of tokens, at least 4") { $0.integer.flatMap { (4...1 << 20).contains($0) ? $0 : nil } }
  }
}
