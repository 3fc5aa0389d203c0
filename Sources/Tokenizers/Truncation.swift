import Checkpoints

/// A token that is found in the text itself, beside the model's vocabulary.
public struct AddedToken: Sendable, Equatable {
  /// Its text.
  public var content: String
  /// Its id.
  public var id: Int32
  /// Whether it is found only where no word scalar touches it.
  public var singleWord: Bool
  /// Whether white space left of it belongs to it.
  public var stripsLeft: Bool
  /// Whether white space right of it belongs to it.
  public var stripsRight: Bool
  /// Whether it is looked for, normalized, in the normalized text.
  public var normalized: Bool
  /// Whether decoding can leave it out.
  public var special: Bool

  /// A token, special ones not normalized.
  public init(
    _ content: String, id: Int32, special: Bool = true, singleWord: Bool = false, stripsLeft: Bool = false,
    stripsRight: Bool = false, normalized: Bool? = nil
  ) {
    self.content = content
    self.id = id
    self.singleWord = singleWord
    self.stripsLeft = stripsLeft
    self.stripsRight = stripsRight
    self.normalized = normalized ?? !special
    self.special = special
  }

  init(_ part: TokenizerPart) throws {
    self.init(
      try part.string("content"), id: Int32(try part.count("id", most: Vocabulary.largestID)),
      special: try part.bool("special"), singleWord: try part.bool("single_word"), stripsLeft: try part.bool("lstrip"),
      stripsRight: try part.bool("rstrip"), normalized: try part.bool("normalized"))
  }

  var json: JSON {
    [
      "id": .integer(Int(id)), "content": .string(content), "single_word": .bool(singleWord),
      "lstrip": .bool(stripsLeft), "rstrip": .bool(stripsRight), "normalized": .bool(normalized),
      "special": .bool(special),
    ]
  }
}

/// How what is too long is cut.
public struct Truncation: Sendable, Equatable {
  /// The side on which tokens go.
  public enum Direction: String, Sendable {
    /// The beginning; the end is kept.
    case left = "Left"
    /// The end; the beginning is kept.
    case right = "Right"
  }

  /// Which text of a pair is cut.
  public enum Strategy: String, Sendable {
    /// The longer one, then both.
    case longestFirst = "LongestFirst"
    /// The first; if that isn't enough, as `longestFirst`.
    case onlyFirst = "OnlyFirst"
    /// The second; if that isn't enough, as `longestFirst`. A text alone isn't cut: the reference refuses it.
    case onlySecond = "OnlySecond"
  }

  /// How many tokens there are at most, special tokens included.
  public var maximumLength: Int
  /// The side on which tokens go.
  public var direction: Direction
  /// Which text of a pair is cut.
  public var strategy: Strategy
  /// How many tokens the overflowing parts repeat of the one before.
  public var stride: Int

  /// A limit.
  public init(
    maximumLength: Int, direction: Direction = .right, strategy: Strategy = .longestFirst, stride: Int = 0
  ) {
    self.maximumLength = maximumLength
    self.direction = direction
    self.strategy = strategy
    self.stride = stride
  }

  init(_ part: TokenizerPart) throws {
    let direction = try part.string("direction", default: Direction.right.rawValue)
    let strategy = try part.string("strategy")
    guard let knownDirection = Direction(rawValue: direction) else {
      throw part.failure("direction", "expected Left or Right, found \(FileError.quoted(direction))")
    }
    guard let knownStrategy = Strategy(rawValue: strategy) else {
      throw part.failure("strategy", "expected a known strategy, found \(FileError.quoted(strategy))")
    }
    self.init(
      maximumLength: try part.count("max_length"), direction: knownDirection, strategy: knownStrategy,
      stride: try part.count("stride"))
  }

  var json: JSON {
    [
      "direction": .string(direction.rawValue), "max_length": .integer(maximumLength),
      "strategy": .string(strategy.rawValue), "stride": .integer(stride),
    ]
  }
}

/// How a file wants short texts filled up. It is read and written, but never applied: batches here are ragged.
public struct Padding: Sendable, Equatable {
  /// The length to fill up to; nil: to the batch's longest.
  public var length: Int?
  /// Whether tokens are added on the left.
  public var isLeft: Bool
  /// The length is a multiple of this.
  public var multiple: Int?
  /// The token to fill up with.
  public var token: String
  /// Its id.
  public var id: Int32
  /// Its type id.
  public var typeID: Int32

  /// A filling up.
  public init(
    length: Int? = nil, isLeft: Bool = false, multiple: Int? = nil, token: String = "[PAD]", id: Int32 = 0,
    typeID: Int32 = 0
  ) {
    self.length = length
    self.isLeft = isLeft
    self.multiple = multiple
    self.token = token
    self.id = id
    self.typeID = typeID
  }

  init(_ part: TokenizerPart) throws {
    var length: Int?
    if part.json["strategy"]?.string != "BatchLongest" { length = try part.part("strategy").count("Fixed") }
    let direction = try part.string("direction")
    guard direction == "Left" || direction == "Right" else {
      throw part.failure("direction", "expected Left or Right, found \(FileError.quoted(direction))")
    }
    self.init(
      length: length, isLeft: direction == "Left",
      multiple: try part.optionalPart("pad_to_multiple_of") == nil ? nil : part.count("pad_to_multiple_of"),
      token: try part.string("pad_token"), id: Int32(try part.count("pad_id")),
      typeID: Int32(try part.count("pad_type_id")))
  }

  var json: JSON {
    [
      "strategy": length.map { ["Fixed": .integer($0)] } ?? "BatchLongest",
      "direction": isLeft ? "Left" : "Right", "pad_to_multiple_of": multiple.map { .integer($0) } ?? .null,
      "pad_id": .integer(Int(id)), "pad_type_id": .integer(Int(typeID)), "pad_token": .string(token),
    ]
  }
}
