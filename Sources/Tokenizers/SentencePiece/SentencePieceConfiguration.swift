import Checkpoints
import Foundation

/// What a model folder's `tokenizer_config.json` says about a SentencePiece model.
struct SentencePieceConfiguration {
  /// The classes of transformers whose way of using a SentencePiece model is known.
  enum Family: String, CaseIterable {
    case t5 = "T5Tokenizer"
    case xlmRoberta = "XLMRobertaTokenizer"
    case camembert = "CamembertTokenizer"
    case albert = "AlbertTokenizer"
    case llama = "LlamaTokenizer"
  }

  let family: Family?
  private let part: TokenizerPart?

  /// The order in which transformers adds special tokens.
  private static let keys = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  /// Plain SentencePiece: no special tokens.
  init() {
    family = nil
    part = nil
  }

  /// - Throws: `FileError` for a class that isn't known, and for values of the wrong kind.
  init(contentsOf url: URL) throws {
    let part = TokenizerPart(json: try JSON(contentsOf: url), name: "", url: url)
    guard part.json.members != nil else {
      throw FileError(.malformed, url, "expected an object, found \(part.json.kind)")
    }
    self.part = part
    guard let name = try part.optionalString("tokenizer_class") else {
      family = nil
      return
    }
    let stem = name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
    guard let family = Family(rawValue: stem == "MT5Tokenizer" ? "T5Tokenizer" : stem) else {
      let known = Family.allCases.map(\.rawValue).joined(separator: ", ")
      throw FileError(
        .mismatched, url, item: "tokenizer_class",
        "expected \(known) with a SentencePiece model, found \(FileError.quoted(name))")
    }
    self.family = family
  }

  func bool(_ key: String, default value: Bool) throws -> Bool { try part?.bool(key, default: value) ?? value }

  func count(_ key: String, default value: Int, most: Int) throws -> Int {
    try part?.count(key, default: value, most: most) ?? value
  }

  /// The text of a special token.
  func token(_ key: String) throws -> String? { try addedToken(key)?.content }

  /// The special tokens in the order in which transformers adds them, then the additional ones; ids are not set.
  func specialTokens() throws -> [AddedToken] {
    var tokens = try SentencePieceConfiguration.keys.compactMap { try addedToken($0) }
    for key in ["additional_special_tokens", "extra_special_tokens"] where part?.json[key]?.elements != nil {
      for element in try part?.parts(key) ?? [] { tokens.append(try addedToken(element)) }
    }
    return tokens
  }

  /// The file's token of that name, else the family's.
  private func addedToken(_ key: String) throws -> AddedToken? {
    if let part = part?.optionalPart(key) { return try addedToken(part) }
    guard let content = standard(key) else { return nil }
    return AddedToken(content, id: -1, stripsLeft: family == .camembert && key == "mask_token")
  }

  private func addedToken(_ part: TokenizerPart) throws -> AddedToken {
    if let content = part.json.string { return AddedToken(content, id: -1) }
    guard part.json.members != nil else { throw part.failure("expected a token, found \(part.json.kind)") }
    return AddedToken(
      try part.string("content"), id: -1, singleWord: try part.bool("single_word", default: false),
      stripsLeft: try part.bool("lstrip", default: false), stripsRight: try part.bool("rstrip", default: false),
      normalized: try part.bool("normalized", default: false))
  }

  private func standard(_ key: String) -> String? {
    switch (family, key) {
    case (nil, _): nil
    case (.t5, "bos_token"), (.t5, "sep_token"), (.t5, "cls_token"), (.t5, "mask_token"): nil
    case (.llama, "sep_token"), (.llama, "pad_token"), (.llama, "cls_token"), (.llama, "mask_token"): nil
    case (.albert, "bos_token"), (.albert, "cls_token"): "[CLS]"
    case (.albert, "eos_token"), (.albert, "sep_token"): "[SEP]"
    case (.albert, "mask_token"): "[MASK]"
    case (_, "bos_token"), (_, "cls_token"): "<s>"
    case (_, "eos_token"), (_, "sep_token"): "</s>"
    case (_, "unk_token"): "<unk>"
    case (_, "pad_token"): "<pad>"
    case (_, "mask_token"): "<mask>"
    default: nil
    }
  }
}
