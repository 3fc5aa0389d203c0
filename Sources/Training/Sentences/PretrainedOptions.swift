import Checkpoints
import Encoders
import Foundation

/// The recipe's section `encode` where it names a pretrained encoder: `{pretrained: models/all-MiniLM-L6-v2, freeze: all}`.
public struct PretrainedOptions: Sendable, Equatable {
  /// Which parameters keep their values.
  public enum Freezing: Sendable, Equatable {
    /// All of the encoder's: only a head learns.
    case all
    /// Those whose names begin with one of these, as `embeddings` or `encoder.layer.0`.
    case prefixes([String])
  }

  /// Low-rank changes of weights that keep their values. Source: Hu et al. 2021 (LoRA).
  public struct LowRank: Sendable, Equatable {
    /// The rank of a change.
    public var rank: Int
    /// The change is multiplied by alpha / rank.
    public var alpha: Double
    /// The part of its input that is dropped in training.
    public var dropout: Float
    /// What the names of the changed layers end with.
    public var targets: [String]
  }

  /// The model's folder.
  public let model: URL
  /// What is changed in its place, if weights are to be left alone.
  public let lowRank: LowRank?
  /// What keeps its value.
  public let freezing: Freezing
  /// Whether layers are computed twice to save memory.
  public let checkpointing: Bool

  /// Whether a recipe's root names a pretrained encoder.
  static func isNamed(_ root: Section) -> Bool {
    guard let value = root["encode"], let section = try? Section(value) else { return false }
    return section.has("pretrained")
  }

  init(_ section: Section, _ folder: URL) throws {
    model = resolve(try section.required("pretrained").string(), folder)
    lowRank = try section["lora"].map { try LowRank(Section($0)) }
    checkpointing = try section["gradient_checkpointing"]?.bool() ?? false
    if let frozen = section["freeze"] {
      freezing =
        frozen.node.string == "all" ? .all : .prefixes(try frozen.list(of: "prefixes of names").map { try $0.string() })
    } else {
      freezing = .prefixes([])
    }
    try section.finish()
  }

  /// Opens the encoder, its frozen parameters no longer trainable.
  ///
  /// - Throws: `FileError` from the model's folder, or if a prefix freezes nothing.
  func open(layerDecay: Double? = nil) throws -> SentenceEncoder {
    for (isGiven, key) in [
      (lowRank != nil, "encode.lora"), (checkpointing, "encode.gradient_checkpointing"),
      (layerDecay != nil, "training.layer_decay"),
    ] where isGiven {
      throw TrainingError.unavailable(key)
    }
    let encoder = try SentenceEncoder.open(model)
    for parameter in encoder.parameters where freezes(parameter.name) { parameter.isTrainable = false }
    return encoder
  }

  /// Whether a parameter keeps its value; its name begins with the number of its module.
  func freezes(_ name: String) -> Bool {
    guard case .prefixes(let prefixes) = freezing else { return true }
    let inner = name.drop { $0 != "." }.dropFirst()
    return prefixes.contains { name.hasPrefix($0) || inner.hasPrefix($0) }
  }

  func json(_ folder: URL) -> JSON {
    let freeze: JSON
    switch freezing {
    case .all: freeze = "all"
    case .prefixes(let prefixes): freeze = prefixes.isEmpty ? .null : .array(prefixes.map { .string($0) })
    }
    return [
      "pretrained": .string(relative(model, to: folder)), "lora": lowRank?.json ?? .null, "freeze": freeze,
      "gradient_checkpointing": .bool(checkpointing),
    ]
  }
}

extension PretrainedOptions.LowRank {
  fileprivate init(_ section: Section) throws {
    rank = try section["rank"]?.size() ?? 8
    alpha = try section["alpha"]?.double("a number above 0") { $0 > 0 } ?? Double(2 * rank)
    dropout = try section["dropout"]?.rate() ?? 0
    targets = try section["targets"]?.list(of: "names of layers").map { try $0.string() } ?? []
    try section.finish()
  }

  fileprivate var json: JSON {
    [
      "rank": .integer(rank), "alpha": .number(alpha), "dropout": .float(dropout),
      "targets": targets.isEmpty ? .null : .array(targets.map { .string($0) }),
    ]
  }
}
