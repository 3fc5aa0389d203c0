import Checkpoints

/// How a normalized text is cut into pieces, as Hugging Face's pre-tokenizers of the same names do it.
public indirect enum PreTokenizer: Sendable, Equatable {
  /// At white space, and round every punctuation mark.
  case bert
  /// GPT-2's cut (unless `regex` is off), then each byte as a printable scalar.
  case byteLevel(ByteLevel)
  /// Runs of word scalars and runs of others, without white space.
  case whitespace
  /// At white space.
  case whitespaceSplit
  /// Round punctuation.
  case punctuation(SplitBehavior)
  /// Round numbers: each digit by itself, or runs of them.
  case digits(individual: Bool)
  /// Spaces become a mark, and each piece begins with one.
  case metaspace(Metaspace)
  /// At a scalar, which is dropped.
  case delimiter(Unicode.Scalar)
  /// By a pattern; inverted, by what lies between its matches.
  case split(TextPattern, SplitBehavior, inverted: Bool)
  /// Where the script changes.
  case unicodeScripts
  /// After so many scalars.
  case fixedLength(Int)
  /// One after the other.
  case sequence([PreTokenizer])
}

/// What becomes of the matches that a text is cut by: of `-` in `a-b--c`.
public enum SplitBehavior: String, Sendable {
  /// `a` `b` `c`
  case removed = "Removed"
  /// `a` `-` `b` `-` `-` `c`
  case isolated = "Isolated"
  /// `a-` `b-` `-` `c`
  case mergedWithPrevious = "MergedWithPrevious"
  /// `a` `-b` `-` `-c`
  case mergedWithNext = "MergedWithNext"
  /// `a` `-` `b` `--` `c`
  case contiguous = "Contiguous"
}

/// The byte-level step of GPT-2, as pre-tokenizer, post-processor and decoder.
public struct ByteLevel: Sendable, Equatable {
  /// Whether a text that doesn't begin with a space gets one.
  public var addsPrefixSpace: Bool
  /// Whether offsets leave spaces out.
  public var trimsOffsets: Bool
  /// Whether text is cut by GPT-2's expression.
  public var regex: Bool

  /// A byte-level step.
  public init(addsPrefixSpace: Bool = true, trimsOffsets: Bool = true, regex: Bool = true) {
    self.addsPrefixSpace = addsPrefixSpace
    self.trimsOffsets = trimsOffsets
    self.regex = regex
  }

  init(_ part: TokenizerPart) throws {
    self.init(
      addsPrefixSpace: try part.bool("add_prefix_space"), trimsOffsets: try part.bool("trim_offsets"),
      regex: try part.bool("use_regex", default: true))
  }

  var json: JSON {
    [
      "type": "ByteLevel", "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": .bool(trimsOffsets),
      "use_regex": .bool(regex),
    ]
  }
}

/// SentencePiece's mark for spaces, as pre-tokenizer and decoder.
public struct Metaspace: Sendable, Equatable {
  /// Where a mark is put before a piece that has none.
  public enum Prepending: String, Sendable {
    /// Before the piece that the text begins with.
    case first
    /// Nowhere.
    case never
    /// Before every piece.
    case always
  }

  /// The mark.
  public var replacement: Unicode.Scalar
  /// Where one is added.
  public var prepending: Prepending
  /// Whether text is cut before each mark.
  public var splits: Bool

  /// A metaspace step.
  public init(replacement: Unicode.Scalar = "▁", prepending: Prepending = .always, splits: Bool = true) {
    self.replacement = replacement
    self.prepending = prepending
    self.splits = splits
  }

  init(_ part: TokenizerPart) throws {
    let scheme = try part.string("prepend_scheme", default: "always")
    guard var prepending = Prepending(rawValue: scheme) else {
      throw part.failure("prepend_scheme", "expected first, never or always, found \(FileError.quoted(scheme))")
    }
    if try part.optionalBool("add_prefix_space") == false {
      guard prepending == .never || part.json["prepend_scheme"] == nil else {
        throw part.failure("add_prefix_space", "expected true, as prepend_scheme is \(scheme)")
      }
      prepending = .never
    }
    self.init(
      replacement: try part.scalar("replacement"), prepending: prepending, splits: try part.bool("split", default: true)
    )
  }

  var json: JSON {
    [
      "type": "Metaspace", "replacement": .string(String(replacement)), "prepend_scheme": .string(prepending.rawValue),
      "split": .bool(splits),
    ]
  }
}

extension PreTokenizer {
  init(_ part: TokenizerPart) throws {
    switch try part.type() {
    case "BertPreTokenizer": self = .bert
    case "ByteLevel": self = .byteLevel(try ByteLevel(part))
    case "Whitespace": self = .whitespace
    case "WhitespaceSplit": self = .whitespaceSplit
    case "Punctuation": self = .punctuation(try SplitBehavior(part, default: .isolated))
    case "Digits": self = .digits(individual: try part.bool("individual_digits"))
    case "Metaspace": self = .metaspace(try Metaspace(part))
    case "CharDelimiterSplit": self = .delimiter(try part.scalar("delimiter"))
    case "Split":
      self = .split(
        try TextPattern(part.part("pattern")), try SplitBehavior(part, default: nil),
        inverted: try part.bool("invert"))
    case "UnicodeScripts": self = .unicodeScripts
    case "FixedLength":
      let length = try part.count("length", default: 5)
      guard length > 0 else { throw part.failure("length", "expected at least 1, found 0") }
      self = .fixedLength(length)
    case "Sequence": self = .sequence(try part.parts("pretokenizers").map { try PreTokenizer($0) })
    case let type: throw part.unknownType(type, "pre-tokenizer")
    }
  }

  /// As `tokenizer.json` has it.
  var json: JSON {
    switch self {
    case .bert: ["type": "BertPreTokenizer"]
    case .byteLevel(let step): step.json
    case .whitespace: ["type": "Whitespace"]
    case .whitespaceSplit: ["type": "WhitespaceSplit"]
    case .punctuation(let behavior): ["type": "Punctuation", "behavior": .string(behavior.rawValue)]
    case .digits(let individual): ["type": "Digits", "individual_digits": .bool(individual)]
    case .metaspace(let step): step.json
    case .delimiter(let scalar): ["type": "CharDelimiterSplit", "delimiter": .string(String(scalar))]
    case .split(let pattern, let behavior, let inverted):
      [
        "type": "Split", "pattern": pattern.json, "behavior": .string(behavior.rawValue), "invert": .bool(inverted),
      ]
    case .unicodeScripts: ["type": "UnicodeScripts"]
    case .fixedLength(let length): ["type": "FixedLength", "length": .integer(length)]
    case .sequence(let steps): ["type": "Sequence", "pretokenizers": .array(steps.map(\.json))]
    }
  }
}

extension SplitBehavior {
  init(_ part: TokenizerPart, default behavior: SplitBehavior?) throws {
    let name = try part.string("behavior", default: behavior?.rawValue)
    guard let known = SplitBehavior(rawValue: name) else {
      throw part.failure("behavior", "expected a known behavior, found \(FileError.quoted(name))")
    }
    self = known
  }
}
