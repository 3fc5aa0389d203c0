import Checkpoints
import Foundation
import Tensors
import Tokenizers

/// How the first module of a sentence encoder cuts texts into token ids.
enum SentenceTokenizer: Sendable {
  /// A Hugging Face tokenizer, cutting to its own truncation, with or without special tokens; then to `limit` tokens.
  case pieces(Tokenizer, specialTokens: Bool, limit: Int?)
  /// Known words; then the first `limit`.
  case words(any WordLookup, limit: Int?)

  /// The ids of texts, cut on all workers.
  func encode(_ texts: [String]) -> Ragged<IDs> {
    switch self {
    case .pieces(let tokenizer, let specialTokens, let limit):
      let ids = tokenizer.encode(batch: texts, specialTokens: specialTokens) { Workers.run(chunks: $0, $1) }
      return Ragged(limit.map { limit in ids.map { Array($0.prefix(limit)) } } ?? ids)
    case .words(let words, let limit):
      return Ragged(texts.map { text in limit.map { Array(words.encode(text).prefix($0)) } ?? words.encode(text) })
    }
  }

  /// The same, cutting at so many tokens.
  func limited(to count: Int) -> SentenceTokenizer {
    switch self {
    case .pieces(var tokenizer, let specialTokens, let limit):
      let direction = tokenizer.truncation?.direction ?? .right
      tokenizer.truncation = Truncation(maximumLength: count, direction: direction)
      return .pieces(tokenizer, specialTokens: specialTokens, limit: limit)
    case .words(let words, _): return .words(words, limit: count)
    }
  }

  /// How many tokens a prompt has at the start of a text, a special token that ends it aside.
  func length(ofPrompt prompt: String) -> Int {
    guard case .pieces(let tokenizer, true, _) = self else { return 0 }
    let ids = tokenizer.encode(prompt)
    let endsSpecial = tokenizer.addedTokens.contains { $0.special && $0.id == ids.last }
    return ids.count - (endsSpecial ? 1 : 0)
  }

  /// The Hugging Face tokenizer, if it is one.
  var tokenizer: Tokenizer? { if case .pieces(let tokenizer, _, _) = self { tokenizer } else { nil } }

  /// The tokenizer of a Transformer's folder, cutting as sentence-transformers does: at the limit of its settings, else at the
  /// tokenizer's own and the model's positions; past these never where they are learned. What tokenizer.json says of truncation and padding
  /// is overridden, the side aside.
  static func transformer(
    _ folder: URL, settings: ConfigFile?, _ configuration: TransformerConfiguration
  ) throws -> SentenceTokenizer {
    let folder = try Tokenizer.folder(of: folder)
    var tokenizer = try Tokenizer(folder: folder)
    let config = try ConfigFile.ifPresent(folder.appendingPathComponent("tokenizer_config.json"))
    var limit = configuration.maximumLength
    if let maximum = try settings?.textLength() {
      limit = configuration.positionLimit.map { min($0, maximum) } ?? maximum
    } else if let maximum = try config?.number("model_max_length"), maximum >= 1 {
      // Where there is no limit, the file says 10³⁰.
      limit = Int(min(Double(limit), maximum))
    }
    var direction = tokenizer.truncation?.direction ?? .right
    if let side = try config?.string("truncation_side") { direction = side == "left" ? .left : .right }
    tokenizer.truncation = Truncation(maximumLength: limit, direction: direction)
    tokenizer.padding = nil
    if try settings?.bool("do_lower_case") ?? false { tokenizer = tokenizer.lowercasing() }
    return .pieces(tokenizer, specialTokens: true, limit: nil)
  }

  /// The tokenizer of a WordEmbeddings module.
  static func wordEmbeddings(_ folder: URL, _ config: ConfigFile) throws -> SentenceTokenizer {
    let limit = try config.length("max_seq_length")
    switch try config.string("tokenizer_class")?.split(separator: ".").last {
    case "WhitespaceTokenizer":
      let file = try ConfigFile(folder.appendingPathComponent("whitespacetokenizer_config.json"))
      return .words(try WhitespaceTokenizer(file), limit: limit)
    case "PhraseTokenizer":
      let file = try ConfigFile(folder.appendingPathComponent("phrasetokenizer_config.json"))
      return .words(try PhraseTokenizer(file), limit: limit)
    case "TransformersTokenizerWrapper":
      var tokenizer = try Tokenizer(folder: folder)
      tokenizer.truncation = nil
      tokenizer.padding = nil
      return .pieces(tokenizer, specialTokens: true, limit: limit)
    case let name:
      throw FileError(
        .mismatched, config.url, item: "tokenizer_class",
        "expected WhitespaceTokenizer, PhraseTokenizer or TransformersTokenizerWrapper, found \(name.map(String.init) ?? "none")"
      )
    }
  }
}

extension ConfigFile {
  /// How many tokens sentence-transformers lets a text have by these settings: what it's told for each call, else for opening the tokenizer,
  /// else `max_seq_length`; nil if they don't say.
  ///
  /// - Throws: `FileError` naming a key that isn't as it should be, or has an option that would change vectors and isn't followed.
  fileprivate func textLength() throws -> Int? {
    let anywhere = "trust_remote_code"  // sentence-transformers ignores it
    _ = try options(
      "model_args", "model_kwargs", [anywhere, "add_pooling_layer", "torch_dtype", "dtype", "attn_implementation"])
    _ = try options("config_args", "config_kwargs", [anywhere])
    let opening = try options("tokenizer_args", "processor_kwargs", [anywhere, "model_max_length"])
    let maximum = try opening?.length("model_max_length")
    return try processedLength() ?? maximum ?? length("max_seq_length")
  }

  /// How many tokens each call lets a text have: `processing_kwargs`.
  ///
  /// - Throws: `FileError` naming a key that isn't as it should be, or has an option that isn't followed.
  func processedLength() throws -> Int? {
    let text = try options("processing_kwargs", nil, ["text"])?.options("text", nil, ["max_length", "truncation"])
    _ = try text?.value("truncation", "true") { [.bool(true), "longest_first"].contains($0) ? $0 : nil }
    return try text?.length("max_length")
  }

  fileprivate func length(_ key: String) throws -> Int? {
    try value(key, "a size") { $0.integer.flatMap { $0 > 0 ? $0 : nil } }
  }

  /// An object under a key, or its newer name, whose members that aren't null or empty are among the known ones.
  private func options(_ key: String, _ newer: String?, _ known: [String]) throws -> ConfigFile? {
    guard let key = [key, newer].compactMap({ $0 }).first(where: { self[$0] != nil }),
      let members = try value(key, "an object", \.members)
    else { return nil }
    let isEmpty = { (value: JSON) in value == .null || value.members?.isEmpty == true }
    if let other = members.first(where: { !known.contains($0.name) && !isEmpty($0.value) }) {
      let expected = known.filter { $0 != "trust_remote_code" }.joined(separator: ", ")
      throw FileError(
        .mismatched, url, item: key,
        "expected \(expected.isEmpty ? "no options" : "only \(expected)"), found \(FileError.quoted(other.name))")
    }
    return ConfigFile(url, .object(members))
  }
}
