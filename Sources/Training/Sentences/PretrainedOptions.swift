import Checkpoints
import Encoders
import Foundation
import Layers
import Tensors

/// The recipe's section `encode` where it names a pretrained encoder: `{pretrained: models/all-MiniLM-L6-v2, freeze: all}`.
public struct PretrainedOptions: Sendable, Equatable {
  /// Which parameters keep their values.
  public enum Freezing: Sendable, Equatable {
    /// All of the encoder's: only a head learns.
    case all
    /// Those whose names have one of these parts, as `embeddings`, `encoder.layer.0` or `encoder.layer.0-3`; see `Scope.freezing`.
    case parts([String])
  }

  /// Low-rank changes of weights that keep their values. Source: Hu et al. 2021 (LoRA).
  public struct LowRank: Sendable, Equatable {
    /// The rank of a change.
    public var rank: Int
    /// The change is multiplied by alpha / rank.
    public var alpha: Double
    /// The part of its input that is dropped in training.
    public var dropout: Float
    /// What the names of the changed layers end with; `all-linear` for all.
    public var targets: [String]
    /// Whether the changes are kept beside the model too, as a folder `adapter` of the PEFT library.
    public var keepsAdapter = false
  }

  /// The model's folder.
  public let model: URL
  /// What is changed in its place, if weights are to be left alone.
  public let lowRank: LowRank?
  /// What keeps its value.
  public let freezing: Freezing
  /// Whether layers are computed twice to save memory.
  public let checkpointing: Bool

  /// The keys of `encode` in recipes from scratch.
  private static let steps = ["embedding", "layers"] + TextNetwork.names

  /// Whether a recipe's root is meant to name a pretrained encoder: it does, or has nothing of one from scratch.
  static func isMeant(_ root: Section) -> Bool {
    let section = root["encode"].flatMap { try? Section($0) }
    if section?.has("pretrained") ?? false { return true }
    return root.has("encode") && !root.has("preprocess") && !steps.contains { section?.has($0) ?? false }
  }

  init(_ section: Section, _ folder: URL) throws {
    guard let path = section["pretrained"] else {
      // A misspelt key is no missing one.
      for key in ["lora", "gradient_checkpointing", "freeze"] { _ = section[key] }
      try section.finish()
      throw section.value.error("'pretrained' is missing")
    }
    model = resolve(try path.string(), folder)
    lowRank = try section["lora"].map { try LowRank(Section($0)) }
    checkpointing = try section["gradient_checkpointing"]?.bool() ?? false
    if let frozen = section["freeze"] {
      freezing =
        frozen.node.string == "all" ? .all : .parts(try frozen.list(of: "parts of names").map { try $0.string() })
    } else {
      freezing = .parts([])
    }
    try section.finish()
    if freezing == .all, lowRank != nil, let value = section["freeze"] {
      throw value.error("expected no 'all' beside lora, whose additions are what is trained")
    }
  }

  /// Opens the encoder, its frozen parameters no longer trainable, its adapted layers with new additions.
  ///
  /// - Throws: `FileError` from the model's folder; `ConfigurationError` where the recipe names what freezes or adapts nothing.
  func open(for recipe: any RecipeDocument, seed: UInt64) throws -> SentenceEncoder {
    let adaptation = lowRank.map {
      LowRankAdaptation(
        rank: $0.rank, alpha: Float($0.alpha), dropout: $0.dropout, targets: $0.targets, seed: seed)
    }
    var frozen: [String] = []
    if case .parts(let parts) = freezing { frozen = parts }
    var scopes: [Scope] = []
    let encoder = try SentenceEncoder.open(model) { scope in
      let frozen = scope.freezing(frozen)
      scopes.append(adaptation.map { frozen.adapted(by: $0) } ?? frozen)
      return scopes[scopes.count - 1]
    }
    guard !encoder.hasRoutes else {
      throw FileError(
        .mismatched, model, item: "encode", "an encoder with ways of their own for queries can't be trained")
    }
    do {
      try Scope.requireRulesMatched(in: scopes)
    } catch let error as ScopeError {
      let path = error.isOfTarget ? ["encode", "lora", "targets"] : ["encode", "freeze"]
      throw recipe.error(at: path, "\(path.joined(separator: ".")): \(error.description)")
    }
    if lowRank?.keepsAdapter ?? false { try encoder.requireAdaptedTransformer() }
    if freezing == .all { for parameter in encoder.parameters { parameter.isTrainable = false } }
    return checkpointing ? encoder.checkpointingLayers() : encoder
  }

  /// Writes the adapter beside the model, if it's to be kept.
  func saveAdapter(of encoder: SentenceEncoder?, beside output: URL) throws {
    guard let encoder, lowRank?.keepsAdapter ?? false else { return }
    try encoder.saveAdapter(to: output.appendingPathComponent("adapter"))
  }

  func json(_ folder: URL) -> JSON {
    let freeze: JSON
    switch freezing {
    case .all: freeze = "all"
    case .parts(let parts): freeze = parts.isEmpty ? .null : .array(parts.map { .string($0) })
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
    targets =
      try section["targets"]?.list(of: "names of layers").map { try $0.string() } ?? [LowRankAdaptation.allLinear]
    keepsAdapter = try section["adapter"]?.bool() ?? false
    try section.finish()
  }

  fileprivate var json: JSON {
    [
      "rank": .integer(rank), "alpha": .number(alpha), "dropout": .float(dropout),
      "targets": .array(targets.map { .string($0) }), "adapter": .bool(keepsAdapter),
    ]
  }
}
