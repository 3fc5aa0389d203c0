import Layers
import Tensors

/// The four steps of an encoder as a recipe's sections describe them, and the decoder of an auto-encoder.
public struct EncoderConfiguration: Sendable, Equatable {
  /// From input to ids, pixels or rows.
  public var preprocess: Preprocess
  /// A vector per position.
  public var encode: Encode
  /// One vector.
  public var pool: Pool
  /// The embedding.
  public var project: [ProjectionStep]
  /// Layers from the embedding back to the input's shape, the last linear one implied. Only auto-encoders have it.
  public var decode: [ProjectionStep]?
  /// Where the recipe says how to pool.
  let poolPlace: ConfigurationPlace

  /// Reads the sections `preprocess`, `encode`, `pool`, `project` and `decode` of a recipe or a model's config.json and
  /// checks that every step's output fits the next one's input.
  ///
  /// - Throws: `ConfigurationError` with the file, line and column of what is wrong.
  public init(_ root: Section) throws {
    preprocess = try Preprocess(Section(root.required("preprocess")))
    encode = try Encode(Section(root.required("encode")), preprocess)
    let pool = try root.required("pool")
    self.pool = try Pool(pool)
    poolPlace = ConfigurationPlace(pool)
    project = try root["project"].map { try $0.list().map { try ProjectionStep($0) } } ?? []
    decode = try root["decode"].map { try $0.list().map { try ProjectionStep($0) } }
    _ = try shapes()
  }
}

/// How raw input becomes what the encoder takes.
public enum Preprocess: Sendable, Equatable {
  /// Texts become ids of words.
  case text(TextPreprocess)
  /// Images become scaled pixels; those of training are changed at random.
  case image(ImageShape, Augment)
  /// Images read row by row: sequences of `height` rows of `width`.
  case sequence(ImageShape)

  init(_ section: Section) throws {
    let kinds = ["text", "image", "sequence"].filter { section.has($0) }
    if kinds.count > 1 {
      throw section.error(at: kinds[1], "preprocess: a second kind of input, '\(kinds[1])' besides '\(kinds[0])'")
    }
    if let text = try section.options("text") {
      self = .text(try TextPreprocess(text))
    } else if let image = section["image"] {
      let augment = try section["augment"].map { try Augment(Section($0)) } ?? Augment()
      self = .image(try ImageShape(Section(image)), augment)
    } else if let sequence = section["sequence"] {
      self = .sequence(try ImageShape(sequence: Section(sequence)))
    } else {
      try section.finish()
      throw section.value.error("expected 'text', 'image' or 'sequence'")
    }
    try section.finish()
  }

  /// Whether it reads text.
  public var isText: Bool {
    if case .text = self { return true }
    return false
  }
}

/// Options of the word vocabulary.
public struct TextPreprocess: Sendable, Equatable {
  /// What a token is.
  public enum Tokens: String, Sendable, Codable, CaseIterable {
    /// Words and punctuation marks; every Chinese, Japanese or Korean ideograph for itself.
    case words
    /// Every character but white space.
    case characters
  }
  /// What a token is.
  public var tokens: Tokens
  /// Whether capital letters become small ones.
  public var lowercase: Bool
  /// Tokens of a text that are read; those after them are not.
  public var maxLength: Int
  /// How often a word must occur in the training texts to get an id of its own.
  public var minimumCount: Int
  /// The most ids, the special ones among them.
  public var maximumSize: Int

  init(_ section: Section) throws {
    tokens = try section["tokens"]?.choice(Tokens.self) ?? .words
    lowercase = try section["lowercase"]?.bool() ?? true
    maxLength = try section["max_length"]?.size() ?? 256
    minimumCount = try section["minimum_count"]?.int() ?? 1
    maximumSize = try section["maximum_size"]?.int(3...Int(Int32.max)) ?? 50_000
    try section.finish()
  }
}

/// The size of input images, and how pixels are scaled: (pixel / 255 − mean) / deviation, by channel.
public struct ImageShape: Sendable, Equatable {
  /// Rows of pixels; of a sequence its length.
  public var height: Int
  /// Columns of pixels.
  public var width: Int
  /// Numbers of a pixel: 1 for grey, 2 for grey and opacity, 3 for red, green and blue, 4 for these and opacity.
  public var channels: Int
  /// What is subtracted, for each channel.
  public var mean: [Float]
  /// What the rest is divided by, for each channel.
  public var deviation: [Float]

  private static let side = 1...65_536

  init(_ section: Section) throws {
    let size = try section.required("size")
    let sides = try size.list(of: "[height, width]").map { try $0.int(ImageShape.side) }
    guard sides.count <= 2 else { throw size.error("expected [height, width], found \(sides.count) numbers") }
    (height, width) = (sides[0], sides[sides.count - 1])
    channels = try section["channels"]?.int(1...4) ?? 1
    (mean, deviation) = try ImageShape.scale(section, channels)
    try section.finish()
  }

  init(sequence section: Section) throws {
    height = try section.required("length").int(ImageShape.side)
    width = try section.required("width").int(ImageShape.side)
    channels = 1
    (mean, deviation) = try ImageShape.scale(section, 1)
    try section.finish()
  }

  private static func scale(_ section: Section, _ channels: Int) throws -> (mean: [Float], deviation: [Float]) {
    func perChannel(_ key: String, _ standard: Float, _ expected: String, _ valid: (Double) -> Bool) throws -> [Float] {
      guard let value = section[key] else { return Array(repeating: standard, count: channels) }
      let numbers = try value.list().map { Float(try $0.double(expected, where: valid)) }
      guard numbers.count == 1 || numbers.count == channels else {
        let expected = channels == 1 ? "one number" : "one number or \(channels) (one a channel)"
        throw value.error("expected \(expected), found \(numbers.count)")
      }
      return numbers.count == channels ? numbers : Array(repeating: numbers[0], count: channels)
    }
    return (
      try perChannel("mean", 0, "a number") { _ in true }, try perChannel("std", 1, "a number above 0") { $0 > 0 }
    )
  }
}

/// Random changes of training images.
public struct Augment: Sendable, Equatable {
  /// Up to this many pixels in each direction.
  public var shift = 0
  /// Left and right exchanged, half of the time.
  public var flip = false
  /// Black pixels put on each side before an image of the old size is cut out at random.
  public var crop = 0
  /// The side of a square, centred anywhere, that is made black.
  public var cutout = 0

  /// No change.
  public init() {}
  init(_ section: Section) throws {
    shift = try section["shift"]?.int(0...1024) ?? 0
    flip = try section["flip"]?.bool() ?? false
    crop = try section["crop"]?.int(0...1024) ?? 0
    cutout = try section["cutout"]?.int(0...1024) ?? 0
    try section.finish()
  }
}

/// How positions become one vector.
public enum Pool: Sendable, Equatable {
  /// Every position's vector, channel by channel, one after another; for inputs of a fixed size.
  case flatten
  /// One or several ways side by side.
  case modes([Pooling.Mode])

  init(_ value: Value) throws {
    if value.node.string == "flatten" {
      self = .flatten
      return
    }
    let names = Pooling.Mode.allCases.map(\.rawValue)
    let isList = value.node.sequence != nil
    self = .modes(
      try value.list(of: "one of flatten, \(names.joined(separator: ", ")), or a list of them").map { element in
        let name = try element.string()
        if let mode = Pooling.Mode(rawValue: name) { return mode }
        if name == "flatten" { throw element.error("'flatten' stands alone, not in a list") }
        throw element.error(unknown("value", name, (isList ? [] : ["flatten"]) + names))
      })
  }
}

/// Where in a file something was said, for errors found later.
struct ConfigurationPlace: Sendable, Equatable {
  let file: String, line: Int?, column: Int?, path: String

  init(_ value: Value) { (file, line, column, path) = (value.file, value.line, value.column, value.path) }

  func error(_ problem: String) -> ConfigurationError {
    ConfigurationError(file, line: line, column: column, "\(path): \(problem)")
  }

  /// Places make no difference between configurations that say the same.
  static func == (_: ConfigurationPlace, _: ConfigurationPlace) -> Bool { true }
}
