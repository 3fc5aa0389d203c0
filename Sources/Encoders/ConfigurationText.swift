import Layers
import Tensors

/// What makes a vector of each position.
public enum Encode: Sendable, Equatable {
  /// Word embeddings and a network over them.
  case text(EmbeddingOptions, TextNetwork)
  /// Layers over images or sequences.
  case layers([LayerStep])

  init(_ section: Section, _ preprocess: Preprocess) throws {
    if preprocess.isText {
      if section.has("layers") {
        let names = TextNetwork.names.joined(separator: ", ")
        throw section.error(
          at: "layers",
          "encode: 'layers' are for images and sequences; preprocess gives text, which takes one of \(names)")
      }
      let embedding = try EmbeddingOptions(section.options("embedding"))
      self = .text(embedding, try TextNetwork(section, embedding))
    } else {
      if let name = (["embedding"] + TextNetwork.names).first(where: { section.has($0) }) {
        throw section.error(at: name, "encode: '\(name)' is for text; preprocess gives images, which take 'layers'")
      }
      let layers = section["layers"]
      if layers == nil { try section.finish() }
      self = .layers(try section.required("layers").list().map { try LayerStep($0) })
    }
    try section.finish()
  }
}

/// The table of word vectors.
public struct EmbeddingOptions: Sendable, Equatable {
  /// Columns of the table.
  public var dimension: Int
  /// A file of pretrained vectors in GloVe's or word2vec's text format, as the recipe names it; nil starts at random.
  public var vectors: String?
  /// Whether training changes the vectors.
  public var trainable: Bool
  /// The share of elements set to zero in training.
  public var dropout: Float
  /// New vectors are uniform in ± this.
  public var bound: Float

  init(_ section: Section?) throws {
    dimension = try section?["dimension"]?.size() ?? 100
    vectors = try section?["vectors"]?.string()
    trainable = try section?["trainable"]?.bool() ?? true
    dropout = try section?["dropout"]?.rate() ?? 0
    bound = Float(try section?["uniform"]?.double("a number above 0") { $0 > 0 } ?? 0.25)
    try section?.finish()
  }
}

/// A network over the vectors of a text.
public enum TextNetwork: Sendable, Equatable {
  /// Nothing: a bag of embeddings.
  case bag
  /// Convolutions of several widths side by side. Source: Kim 2014.
  case cnn(widths: [Int], channels: Int, activation: Activation)
  /// Layers of an RNN, LSTM or GRU.
  case recurrent(RecurrentCell, hidden: Int, layers: Int, bidirectional: Bool, dropout: Float)
  /// A Transformer encoder.
  case transformer(TransformerOptions)

  /// The keys of a recipe that name a network.
  package static let names = ["bag", "cnn", "rnn", "lstm", "gru", "transformer"]

  init(_ section: Section, _ embedding: EmbeddingOptions) throws {
    var found: TextNetwork?
    for name in TextNetwork.names {
      guard let options = try section.options(name) else { continue }
      if found != nil {
        throw section.error(
          at: name,
          "encode: a second network, '\(name)'; an encoder has one of \(TextNetwork.names.joined(separator: ", "))")
      }
      found = try TextNetwork(name, options, embedding)
      try options.finish()
    }
    self = found ?? .bag
  }

  private init(_ name: String, _ options: Section, _ embedding: EmbeddingOptions) throws {
    switch name {
    case "bag": self = .bag
    case "cnn":
      let widths = try options["widths"]?.list(of: "widths of windows, as [3, 4, 5]").map { try $0.int(1...64) }
      self = .cnn(
        widths: widths ?? [3, 4, 5], channels: try options["channels"]?.size() ?? 100,
        activation: try options["activation"]?.choice(Activation.self) ?? .relu)
    case "transformer": self = .transformer(try TransformerOptions(options, embedding))
    default:
      self = .recurrent(
        RecurrentCell(rawValue: name) ?? .rnn, hidden: try options["hidden"]?.size() ?? 128,
        layers: try options["layers"]?.int(1...64) ?? 1, bidirectional: try options["bidirectional"]?.bool() ?? false,
        dropout: try options["dropout"]?.rate() ?? 0)
    }
  }
}

/// A Transformer encoder with learned positions.
public struct TransformerOptions: Sendable, Equatable {
  /// How a position gets into its vector.
  public enum Positions: String, Sendable, Codable, CaseIterable {
    /// A vector for each position up to `max_length` is learned and added.
    case learned
  }
  /// Blocks one after another.
  public var layers: Int
  /// Heads of attention; they divide the embedding dimension.
  public var heads: Int
  /// Units between the two linear layers of a block.
  public var feedForward: Int
  /// The share of elements set to zero in training, after attention and in the linear layers.
  public var dropout: Float
  /// What stands between the two linear layers.
  public var activation: Activation
  /// Where the norms stand.
  public var norm: TransformerBlock.NormPlacement
  /// How a position gets into its vector.
  public var positions: Positions

  init(_ section: Section, _ embedding: EmbeddingOptions) throws {
    let width = embedding.dimension
    if let hidden = section["hidden"], try hidden.size() != width {
      throw hidden.error("expected \(width), the embedding's dimension, found \(try hidden.size())")
    }
    layers = try section["layers"]?.int(1...256) ?? 2
    heads = try section["heads"]?.size() ?? 4
    feedForward = try section["feed_forward"]?.size() ?? 4 * width
    dropout = try section["dropout"]?.rate() ?? 0.1
    activation = try section["activation"]?.choice(Activation.self) ?? .gelu
    norm = try section["norm"]?.choice(TransformerBlock.NormPlacement.self) ?? .pre
    positions = try section["positions"]?.choice(Positions.self) ?? .learned
    guard width % heads == 0 else {
      throw (section["heads"] ?? section.value).error("\(heads) heads do not divide the embedding's dimension \(width)")
    }
  }
}
