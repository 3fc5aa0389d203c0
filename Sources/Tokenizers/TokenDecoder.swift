import Checkpoints

/// How tokens become text again, as Hugging Face's decoders of the same names do it.
public indirect enum TokenDecoder: Sendable, Equatable {
  /// Prefixes dropped, other tokens a space apart; with `cleanup` no space before punctuation.
  case wordPiece(prefix: String, cleanup: Bool)
  /// Printable scalars back to bytes.
  case byteLevel(ByteLevel)
  /// Marks back to spaces.
  case metaspace(Metaspace)
  /// A suffix ends a word.
  case bpe(suffix: String)
  /// `<0x61>` back to bytes.
  case byteFallback
  /// All tokens as one.
  case fuse
  /// Up to so many of a scalar dropped at each end.
  case strip(Unicode.Scalar, start: Int, stop: Int)
  /// Each match replaced.
  case replace(TextPattern, String)
  /// Repeated tokens once (Connectionist Temporal Classification).
  case ctc(padding: String, wordDelimiter: String, cleanup: Bool)
  /// One after the other.
  case sequence([TokenDecoder])
}

extension TokenDecoder {
  init(_ part: TokenizerPart) throws {
    switch try part.type() {
    case "WordPiece": self = .wordPiece(prefix: try part.string("prefix"), cleanup: try part.bool("cleanup"))
    case "ByteLevel": self = .byteLevel(try ByteLevel(part))
    case "Metaspace": self = .metaspace(try Metaspace(part))
    case "BPEDecoder": self = .bpe(suffix: try part.string("suffix"))
    case "ByteFallback": self = .byteFallback
    case "Fuse": self = .fuse
    case "Strip":
      self = .strip(try part.scalar("content"), start: try part.count("start"), stop: try part.count("stop"))
    case "Replace": self = .replace(try TextPattern(part.part("pattern")), try part.string("content"))
    case "CTC":
      self = .ctc(
        padding: try part.string("pad_token"), wordDelimiter: try part.string("word_delimiter_token"),
        cleanup: try part.bool("cleanup"))
    case "Sequence": self = .sequence(try part.parts("decoders").map { try TokenDecoder($0) })
    case let type: throw part.unknownType(type, "decoder")
    }
  }

  /// As `tokenizer.json` has it.
  var json: JSON {
    switch self {
    case .wordPiece(let prefix, let cleanup):
      ["type": "WordPiece", "prefix": .string(prefix), "cleanup": .bool(cleanup)]
    case .byteLevel(let step): step.json
    case .metaspace(let step): step.json
    case .bpe(let suffix): ["type": "BPEDecoder", "suffix": .string(suffix)]
    case .byteFallback: ["type": "ByteFallback"]
    case .fuse: ["type": "Fuse"]
    case .strip(let scalar, let start, let stop):
      ["type": "Strip", "content": .string(String(scalar)), "start": .integer(start), "stop": .integer(stop)]
    case .replace(let pattern, let content):
      ["type": "Replace", "pattern": pattern.json, "content": .string(content)]
    case .ctc(let padding, let wordDelimiter, let cleanup):
      [
        "type": "CTC", "pad_token": .string(padding), "word_delimiter_token": .string(wordDelimiter),
        "cleanup": .bool(cleanup),
      ]
    case .sequence(let steps): ["type": "Sequence", "decoders": .array(steps.map(\.json))]
    }
  }
}
