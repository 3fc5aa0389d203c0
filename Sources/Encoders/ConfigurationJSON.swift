import Checkpoints

/// The configuration written back, every default resolved: what `init(_: Section)` reads again as an equal value.
extension EncoderConfiguration {
  /// The sections `preprocess`, `encode`, `pool`, `project` and, for auto-encoders, `decode`, in this order.
  public var json: JSON {
    var members: [JSON.Member] = [
      .init("preprocess", preprocess.json), .init("encode", encode.json), .init("pool", pool.json),
      .init("project", .array(project.map(\.json))),
    ]
    if let decode { members.append(.init("decode", .array(decode.map(\.json)))) }
    return .object(members)
  }
}

extension JSON {
  /// A number as it was written, without the digits that its conversion to a double adds.
  public static func float(_ value: Float) -> JSON {
    Int(exactly: value).map { .integer($0) } ?? .number(Double(value.description) ?? Double(value))
  }
}

extension Preprocess {
  fileprivate var json: JSON {
    switch self {
    case .text(let text):
      [
        "text": [
          "tokens": .string(text.tokens.rawValue), "lowercase": .bool(text.lowercase),
          "max_length": .integer(text.maxLength), "minimum_count": .integer(text.minimumCount),
          "maximum_size": .integer(text.maximumSize),
        ]
      ]
    case .image(let shape, let augment):
      [
        "image": [
          "size": .array([.integer(shape.height), .integer(shape.width)]), "channels": .integer(shape.channels),
          "mean": .array(shape.mean.map { .float($0) }), "std": .array(shape.deviation.map { .float($0) }),
        ],
        "augment": [
          "shift": .integer(augment.shift), "flip": .bool(augment.flip), "crop": .integer(augment.crop),
          "cutout": .integer(augment.cutout),
        ],
      ]
    case .sequence(let shape):
      [
        "sequence": [
          "length": .integer(shape.height), "width": .integer(shape.width),
          "mean": .array(shape.mean.map { .float($0) }), "std": .array(shape.deviation.map { .float($0) }),
        ]
      ]
    }
  }
}

extension Encode {
  fileprivate var json: JSON {
    switch self {
    case .text(let embedding, let network):
      .object([.init("embedding", embedding.json), network.member])
    case .layers(let layers): ["layers": .array(layers.map(\.json))]
    }
  }
}

extension EmbeddingOptions {
  fileprivate var json: JSON {
    [
      "dimension": .integer(dimension), "vectors": vectors.map { .string($0) } ?? .null, "trainable": .bool(trainable),
      "dropout": .float(dropout), "uniform": .float(bound),
    ]
  }
}

extension TextNetwork {
  fileprivate var member: JSON.Member {
    switch self {
    case .bag: .init("bag", .null)
    case .cnn(let widths, let channels, let activation):
      .init(
        "cnn",
        [
          "widths": .array(widths.map { .integer($0) }), "channels": .integer(channels),
          "activation": .string(activation.rawValue),
        ])
    case .recurrent(let cell, let hidden, let layers, let bidirectional, let dropout):
      .init(
        cell.rawValue,
        [
          "hidden": .integer(hidden), "layers": .integer(layers), "bidirectional": .bool(bidirectional),
          "dropout": .float(dropout),
        ])
    case .transformer(let options):
      .init(
        "transformer",
        [
          "layers": .integer(options.layers), "heads": .integer(options.heads),
          "feed_forward": .integer(options.feedForward), "dropout": .float(options.dropout),
          "activation": .string(options.activation.rawValue), "norm": .string(options.norm.rawValue),
          "positions": .string(options.positions.rawValue),
        ])
    }
  }
}

extension Pool {
  fileprivate var json: JSON {
    switch self {
    case .flatten: "flatten"
    case .modes(let modes) where modes.count == 1: .string(modes[0].rawValue)
    case .modes(let modes): .array(modes.map { .string($0.rawValue) })
    }
  }
}

extension LayerStep {
  fileprivate var json: JSON {
    switch kind {
    case .convolution(let channels, let kernel, let stride, let padding, let dilation, let groups, let bias):
      [
        "convolution": [
          "channels": .integer(channels), "kernel": .integer(kernel), "stride": .integer(stride),
          "padding": padding.map { .integer($0) } ?? "same", "dilation": .integer(dilation), "groups": .integer(groups),
          "bias": .bool(bias),
        ]
      ]
    case .batchNorm: "batch_norm"
    case .activation(let activation): .string(activation.rawValue)
    case .maxPool(let kernel, let stride, let padding):
      ["max_pool": ["kernel": .integer(kernel), "stride": .integer(stride), "padding": .integer(padding)]]
    case .averagePool(let kernel, let stride, let padding):
      ["average_pool": ["kernel": .integer(kernel), "stride": .integer(stride), "padding": .integer(padding)]]
    case .dropout(let rate): ["dropout": .float(rate)]
    }
  }
}

extension ProjectionStep {
  fileprivate var json: JSON {
    switch kind {
    case .linear(let outputs, let bias): ["linear": ["size": .integer(outputs), "bias": .bool(bias)]]
    case .activation(let activation): .string(activation.rawValue)
    case .dropout(let rate): ["dropout": .float(rate)]
    case .normalize: "normalize"
    case .truncate(let columns): ["truncate": .integer(columns)]
    }
  }
}
