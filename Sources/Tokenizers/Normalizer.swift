import Checkpoints

/// What is done to a text before it is cut, as Hugging Face's normalizers of the same names do it.
public indirect enum Normalizer: Sendable, Equatable {
  /// BERT's cleaning: controls dropped, white space made alike, spaces round ideographs, accents stripped (nil: if
  /// lower-cased), lower case.
  case bert(cleanText: Bool, handleChineseCharacters: Bool, stripAccents: Bool?, lowercase: Bool)
  /// White space dropped at the ends.
  case strip(left: Bool, right: Bool)
  /// Combining marks dropped.
  case stripAccents
  /// Unicode normal forms.
  case nfc, nfd, nfkc, nfkd
  /// Lower case, without regard to context.
  case lowercase
  /// SentencePiece's cleaning of controls and spaces.
  case nmt
  /// SentencePiece's compiled table of replacements.
  case precompiled(CharacterMap)
  /// Each match replaced.
  case replace(TextPattern, String)
  /// Text put before, unless there is none.
  case prepend(String)
  /// Each byte as a printable scalar (GPT-2's table).
  case byteLevel
  /// One after the other.
  case sequence([Normalizer])
}

extension Normalizer {
  init(_ part: TokenizerPart) throws {
    switch try part.type() {
    case "BertNormalizer":
      self = .bert(
        cleanText: try part.bool("clean_text"), handleChineseCharacters: try part.bool("handle_chinese_chars"),
        stripAccents: try part.optionalBool("strip_accents"), lowercase: try part.bool("lowercase"))
    case "Strip": self = .strip(left: try part.bool("strip_left"), right: try part.bool("strip_right"))
    case "StripAccents": self = .stripAccents
    case "NFC": self = .nfc
    case "NFD": self = .nfd
    case "NFKC": self = .nfkc
    case "NFKD": self = .nfkd
    case "Lowercase": self = .lowercase
    case "Nmt": self = .nmt
    case "Precompiled":
      guard let map = CharacterMap(base64: try part.string("precompiled_charsmap")) else {
        throw part.failure("precompiled_charsmap", "expected a compiled character map in base 64")
      }
      self = .precompiled(map)
    case "Replace": self = .replace(try TextPattern(part.part("pattern")), try part.string("content"))
    case "Prepend": self = .prepend(try part.string("prepend"))
    case "ByteLevel": self = .byteLevel
    case "Sequence": self = .sequence(try part.parts("normalizers").map { try Normalizer($0) })
    case let type: throw part.unknownType(type, "normalizer")
    }
  }

  /// As `tokenizer.json` has it.
  var json: JSON {
    switch self {
    case .bert(let cleanText, let handleChineseCharacters, let stripAccents, let lowercase):
      [
        "type": "BertNormalizer", "clean_text": .bool(cleanText),
        "handle_chinese_chars": .bool(handleChineseCharacters),
        "strip_accents": stripAccents.map { .bool($0) } ?? .null, "lowercase": .bool(lowercase),
      ]
    case .strip(let left, let right): ["type": "Strip", "strip_left": .bool(left), "strip_right": .bool(right)]
    case .stripAccents: ["type": "StripAccents"]
    case .nfc: ["type": "NFC"]
    case .nfd: ["type": "NFD"]
    case .nfkc: ["type": "NFKC"]
    case .nfkd: ["type": "NFKD"]
    case .lowercase: ["type": "Lowercase"]
    case .nmt: ["type": "Nmt"]
    case .precompiled(let map): ["type": "Precompiled", "precompiled_charsmap": .string(map.base64)]
    case .replace(let pattern, let content):
      ["type": "Replace", "pattern": pattern.json, "content": .string(content)]
    case .prepend(let text): ["type": "Prepend", "prepend": .string(text)]
    case .byteLevel: ["type": "ByteLevel"]
    case .sequence(let steps): ["type": "Sequence", "normalizers": .array(steps.map(\.json))]
    }
  }
}
