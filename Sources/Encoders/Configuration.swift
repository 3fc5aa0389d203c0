import Tensors
import Layers

/// The four steps of an encoder as a recipe's sections describe them, and the decoder of an auto-encoder.
public struct EncoderConfiguration: Sendable {
  /// From input to ids, pixels or rows.
  public var preprocess: Preprocess
  /// A vector per position.
  public var encode: Encode
  /// One vector.
  public var pool: Pool
  /// The embedding.
  public var project: [ProjectionStep]
  /// Layers from the embedding back to the input's shape, whose last linear layer is implied. Only auto-encoders have it.
  public var decode: [ProjectionStep]?

  /// Reads the sections `preprocess`, `encode`, `pool`, `project` and `decode` of a recipe or a model's config.json.
  public init(_ root: Section) throws {
    preprocess = try Preprocess(Section(root.required("preprocess")))
    encode = try Encode(Section(root.required("encode")), preprocess)
    pool = try Pool(root.required("pool"))
    project = try root["project"].map { try $0.list().map { try ProjectionStep($0) } } ?? []
    decode = try root["decode"].map { try $0.list().map { try ProjectionStep($0) } }
  }
}

/// How raw input becomes what the encoder takes.
public enum Preprocess: Sendable {
  case text(TextPreprocess)
  case image(ImageShape, Augment)
  /// Images read row by row: sequences of `height` rows of `width`.
  case sequence(ImageShape)

  init(_ section: Section) throws {
    if let text = section["text"] {
      self = .text(try TextPreprocess(Section(text)))
    } else if let sequence = section["sequence"] {
      let inner = try Section(sequence)
      let (length, width) = (try inner.required("length").int(), try inner.required("width").int())
      try inner.finish()
      self = .sequence(ImageShape(height: length, width: width, channels: 1, mean: [0], deviation: [1]))
    } else {
      guard let image = section["image"] else { throw section.value.error("expected 'text', 'image' or 'sequence'") }
      let augment = try section["augment"].map { try Augment(Section($0)) } ?? Augment()
      self = .image(try ImageShape(Section(image)), augment)
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
public struct TextPreprocess: Sendable {
  /// What a token is.
  public enum Tokens: String, Sendable, CaseIterable {
    /// Words and punctuation marks; every Chinese, Japanese or Korean ideograph for itself.
    case words
    /// Every character but white space.
    case characters
  }
  public var tokens: Tokens
  public var lowercase: Bool
  public var maxLength: Int
  public var minimumCount: Int
  public var maximumSize: Int

  init(_ section: Section) throws {
    tokens = try section["tokens"]?.choice(Tokens.self) ?? .words
    lowercase = try section["lowercase"]?.bool() ?? true
    maxLength = try section["max_length"]?.int() ?? 256
    minimumCount = try section["minimum_count"]?.int() ?? 1
    maximumSize = try section["maximum_size"]?.int(3...Int.max) ?? 50_000
    try section.finish()
  }
}

/// The size of input images, and how pixels are scaled: (pixel / 255 − mean) / deviation, by channel.
public struct ImageShape: Sendable {
  public var height: Int
  public var width: Int
  public var channels: Int
  public var mean: [Float]
  public var deviation: [Float]

  init(height: Int, width: Int, channels: Int, mean: [Float], deviation: [Float]) {
    (self.height, self.width, self.channels, self.mean, self.deviation) = (height, width, channels, mean, deviation)
  }

  init(_ section: Section) throws {
    let size = try section.required("size")
    let sides = try size.list().map { try $0.int() }
    guard sides.count <= 2 else { throw size.error("expected [height, width], found \(sides.count) numbers") }
    height = sides[0]
    width = sides[sides.count - 1]
    let channels = try section["channels"]?.int(1...4) ?? 1
    self.channels = channels
    func perChannel(_ key: String, _ standard: Float, _ expected: String, _ valid: (Double) -> Bool) throws -> [Float] {
      guard let value = section[key] else { return Array(repeating: standard, count: channels) }
      let numbers = try value.list().map { Float(try $0.double(expected, where: valid)) }
      guard numbers.count == 1 || numbers.count == channels else {
        throw value.error("expected \(channels) numbers (one a channel), found \(numbers.count)")
      }
      return numbers.count == channels ? numbers : Array(repeating: numbers[0], count: channels)
    }
    mean = try perChannel("mean", 0, "a number") { _ in true }
    deviation = try perChannel("std", 1, "a number above 0") { $0 > 0 }
    try section.finish()
  }
}

/// Random changes of training images.
public struct Augment: Sendable, Equatable {
  /// Up to this many pixels in each direction.
  public var shift = 0
  /// Left and right exchanged, half of the time.
  public var flip = false
  /// Zeros around the image before a crop of its size is cut out at random.
  public var crop = 0
  /// The side of a square set to zero.
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

/// What makes a vector of each position.
public enum Encode: Sendable {
  /// Word embeddings and a network over them.
  case text(EmbeddingOptions, TextNetwork)
  /// Layers over images or sequences.
  case layers([LayerStep])

  init(_ section: Section, _ preprocess: Preprocess) throws {
    if preprocess.isText {
      let embedding = try EmbeddingOptions(section["embedding"].map { try Section($0) })
      self = .text(embedding, try TextNetwork(section, embedding))
    } else {
      self = .layers(try section.required("layers").list().map { try LayerStep($0) })
    }
    try section.finish()
  }
}

/// The table of word vectors.
public struct EmbeddingOptions: Sendable {
  public var dimension: Int
  /// A file of pretrained vectors in GloVe's or word2vec's text format, as the recipe names it; nil starts at random.
  public var vectors: String?
  public var trainable: Bool
  public var dropout: Float
  /// New vectors are uniform in ± this.
  public var bound: Float

  init(_ section: Section?) throws {
    dimension = try section?["dimension"]?.int() ?? 100
    vectors = try section?["vectors"]?.string()
    trainable = try section?["trainable"]?.bool() ?? true
    dropout = try section?["dropout"]?.rate() ?? 0
    bound = Float(try section?["uniform"]?.double("a number above 0") { $0 > 0 } ?? 0.25)
    try section?.finish()
  }
}

/// A network over the vectors of a text.
public enum TextNetwork: Sendable {
  /// Nothing: a bag of embeddings.
  case bag
  /// Convolutions of several widths side by side. Source: Kim 2014.
  case cnn(widths: [Int], channels: Int, activation: Activation)
  case recurrent(RecurrentCell, hidden: Int, layers: Int, bidirectional: Bool, dropout: Float)
  case transformer(TransformerOptions)

  init(_ section: Section, _ embedding: EmbeddingOptions) throws {
    var found: TextNetwork?
    for name in ["bag", "cnn", "rnn", "lstm", "gru", "transformer"] {
      let isThere = section.has(name)
      guard let value = section[name] ?? (isThere && name == "bag" ? section.value : nil) else { continue }
      if found != nil { throw value.error("a second network; an encoder has one of bag, cnn, rnn, lstm, gru, transformer") }
      if name == "bag" { found = .bag; continue }
      let inner = try Section(value)
      switch name {
      case "cnn":
        let widths = try inner["widths"]?.list().map { try $0.int(1...64) } ?? [3, 4, 5]
        found = .cnn(
          widths: widths, channels: try inner["channels"]?.int() ?? 100,
          activation: try inner["activation"]?.choice(Activation.self) ?? .relu)
      case "transformer": found = .transformer(try TransformerOptions(inner, embedding))
      default:
        found = .recurrent(
          RecurrentCell(rawValue: name) ?? .rnn, hidden: try inner["hidden"]?.int() ?? 128,
          layers: try inner["layers"]?.int(1...64) ?? 1, bidirectional: try inner["bidirectional"]?.bool() ?? false,
          dropout: try inner["dropout"]?.rate() ?? 0)
      }
      try inner.finish()
    }
    self = found ?? .bag
  }
}

/// A Transformer encoder with learned positions.
public struct TransformerOptions: Sendable {
  public var layers: Int
  public var heads: Int
  public var feedForward: Int
  public var dropout: Float
  public var activation: Activation
  public var norm: TransformerBlock.NormPlacement

  init(_ section: Section, _ embedding: EmbeddingOptions) throws {
    layers = try section["layers"]?.int(1...256) ?? 2
    heads = try section["heads"]?.int() ?? 4
    feedForward = try section["feed_forward"]?.int() ?? 4 * embedding.dimension
    dropout = try section["dropout"]?.rate() ?? 0.1
    activation = try section["activation"]?.choice(Activation.self) ?? .gelu
    norm = try section["norm"]?.choice(TransformerBlock.NormPlacement.self) ?? .pre
    guard embedding.dimension % heads == 0 else {
      throw section.value.error("\(heads) heads do not divide the embedding dimension \(embedding.dimension)")
    }
  }
}

/// How positions become one vector.
public enum Pool: Sendable {
  /// Every position's vector, channel by channel, one after another; for inputs of a fixed size.
  case flatten
  case modes([Pooling.Mode])

  init(_ value: Value) throws {
    if value.node.string == "flatten" {
      self = .flatten
    } else {
      self = .modes(try value.list().map { try $0.choice(Pooling.Mode.self) })
    }
  }
}

/// A layer over images or sequences, and the line of the recipe that it stands on.
public struct LayerStep: Sendable {
  public enum Kind: Sendable {
    /// `padding` nil keeps the size.
    case convolution(channels: Int, kernel: Int, stride: Int, padding: Int?, dilation: Int, groups: Int, bias: Bool)
    case batchNorm
    case activation(Activation)
    case maxPool(kernel: Int, stride: Int, padding: Int)
    case averagePool(kernel: Int, stride: Int, padding: Int)
    case dropout(Float)
  }
  public let kind: Kind
  let place: ConfigurationPlace

  init(_ value: Value) throws {
    place = ConfigurationPlace(value)
    let (name, options) = try value.variant()
    switch name {
    case "convolution":
      let kernel = try options["kernel"]?.int(1...1024) ?? 3
      var padding: Int?
      if let given = options["padding"], given.node.string != "same" { padding = try given.int(0...1024) }
      kind = .convolution(
        channels: try options.required("channels").int(), kernel: kernel, stride: try options["stride"]?.int() ?? 1,
        padding: padding, dilation: try options["dilation"]?.int() ?? 1, groups: try options["groups"]?.int() ?? 1,
        bias: try options["bias"]?.bool() ?? true)
    case "batch_norm": kind = .batchNorm
    case "max_pool", "average_pool":
      guard let size = options.main("kernel") else { throw value.error("expected a window size, as \(name): 2") }
      let kernel = try size.int(1...1024)
      let stride = try options["stride"]?.int() ?? kernel
      let padding = try options["padding"]?.int(0...kernel / 2) ?? 0
      kind = name == "max_pool" ? .maxPool(kernel: kernel, stride: stride, padding: padding) : .averagePool(kernel: kernel, stride: stride, padding: padding)
    case "dropout": kind = .dropout(try (options.main("rate")?.rate()) ?? 0.5)
    default:
      guard let activation = Activation(rawValue: name) else {
        let names = ["convolution", "batch_norm", "max_pool", "average_pool", "dropout"] + Activation.allCases.map(\.rawValue)
        throw value.error(value.unknown("layer", name, names))
      }
      kind = .activation(activation)
    }
    try options.finish()
  }
}

/// A layer over pooled vectors.
public struct ProjectionStep: Sendable {
  public enum Kind: Sendable {
    case linear(Int, bias: Bool)
    case activation(Activation)
    case dropout(Float)
    case normalize
    case truncate(Int)
  }
  public let kind: Kind
  let place: ConfigurationPlace

  init(_ value: Value) throws {
    place = ConfigurationPlace(value)
    let (name, options) = try value.variant()
    switch name {
    case "linear":
      guard let size = options.main("size") else { throw value.error("expected the number of outputs, as linear: 128") }
      kind = .linear(try size.int(), bias: try options["bias"]?.bool() ?? true)
    case "dropout": kind = .dropout(try (options.main("rate")?.rate()) ?? 0.5)
    case "normalize": kind = .normalize
    case "truncate":
      guard let size = options.main("size") else { throw value.error("expected the number of columns, as truncate: 64") }
      kind = .truncate(try size.int())
    default:
      guard let activation = Activation(rawValue: name) else {
        throw value.error(value.unknown("layer", name, ["linear", "dropout", "normalize", "truncate"] + Activation.allCases.map(\.rawValue)))
      }
      kind = .activation(activation)
    }
    try options.finish()
  }
}

/// Where in a file something was said, for errors found later.
struct ConfigurationPlace: Sendable {
  let file: String, line: Int?, path: String
  init(_ value: Value) { (file, line, path) = (value.file, value.line, value.path) }
  func error(_ problem: String) -> ConfigurationError { ConfigurationError(file, line: line, "\(path): \(problem)") }
}
