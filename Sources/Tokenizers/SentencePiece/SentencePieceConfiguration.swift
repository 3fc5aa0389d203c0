import Checkpoints
import Foundation

/// What a model folder's `tokenizer_config.json` and `config.json` say about a SentencePiece model.
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
  private let part: TokenizerPart

  /// The order in which transformers adds special tokens.
  static let keys = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  /// By the `tokenizer_config.json` and the folder of the model; without a class, plain SentencePiece.
  ///
  /// - Throws: `FileError` for a class that isn't known.
  init(_ part: TokenizerPart, in folder: URL) throws {
    self.part = part
    guard let known = try TokenizerClass(part, in: folder) else {
      family = nil
      return
    }
    guard let family = Family(rawValue: known.name == "MT5Tokenizer" ? "T5Tokenizer" : known.name) else {
      let families = Family.allCases.map(\.rawValue).joined(separator: ", ")
      throw FileError(
        .mismatched, known.url, item: known.key,
        "expected \(families) with a SentencePiece model, found \(known.found)")
    }
    self.family = family
  }

  func bool(_ key: String, default value: Bool) throws -> Bool { try part.bool(key, default: value) }

  func count(_ key: String, default value: Int, most: Int) throws -> Int {
    try part.count(key, default: value, most: most)
  }

  /// The text of a special token.
  func token(_ key: String) throws -> String? { try addedToken(key)?.content }

  /// The special tokens in the order in which transformers adds them, then the additional ones; ids are not set.
  func specialTokens() throws -> [AddedToken] {
    var tokens = try SentencePieceConfiguration.keys.compactMap { try addedToken($0) }
    for key in ["additional_special_tokens", "extra_special_tokens"] where part.json[key]?.elements != nil {
      for element in try part.parts(key) { tokens.append(try AddedToken(listed: element)) }
    }
    return tokens
  }

  /// The file's token of that name, else the family's.
  private func addedToken(_ key: String) throws -> AddedToken? {
    let stripsLeft = family == .camembert && key == "mask_token"
    if let part = part.optionalPart(key) {
      return try AddedToken(listed: part, special: true, stripsLeft: stripsLeft)
    }
    return standard(key).map { AddedToken($0, id: -1, stripsLeft: stripsLeft) }
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
