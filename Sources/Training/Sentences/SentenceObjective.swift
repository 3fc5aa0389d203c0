import Checkpoints
import Encoders
import Foundation

/// What a pretrained encoder is to learn from pairs, triplets and the like.
///
///     objective: multiple_negatives_ranking
///     objective: {matryoshka: {dimensions: [384, 128, 64], loss: {cosent: {scale: 20}}}}
public struct SentenceObjective: Sendable, Equatable {
  /// The loss of the last layer's embeddings.
  public internal(set) var loss: EmbeddingLoss
  /// The wrapper that adds losses of the layers before it, if there is one; its own loss is a copy of `loss`.
  public internal(set) var layers: AdaptiveLayers?
  /// The folder of the model whose embeddings the loss takes: a teacher or a guide.
  public internal(set) var teacher: URL?

  /// The outermost name.
  public var name: String { layers == nil ? loss.name : "adaptive_layers" }
  /// What data it takes.
  public var form: LossForm { loss.form }

  init(_ value: Value, _ folder: URL) throws {
    var teacher: URL?
    let (name, options) = try value.variant()
    if name == "adaptive_layers" {
      loss = try EmbeddingLoss(inner: options, folder, &teacher)
      layers = try AdaptiveLayers(loss, options)
      try options.finish()
    } else {
      loss = try EmbeddingLoss(value, folder, &teacher)
    }
    self.teacher = teacher
  }

  /// The objective with the number of classes that the data have.
  func with(classes: Int) -> SentenceObjective {
    var objective = self
    objective.loss = loss.with(classes: classes)
    return objective
  }

  func json(_ folder: URL) -> JSON {
    let path = teacher.map { JSON.string(relative($0, to: folder)) }
    let inner = loss.json(path)
    guard let layers else { return inner }
    return [
      "adaptive_layers": [
        "loss": inner, "per_step": layers.perStep.map { .integer($0) } ?? "all",
        "last_weight": .float(layers.lastWeight), "prior_weight": .float(layers.priorWeight),
        "divergence_weight": .float(layers.divergenceWeight), "temperature": .float(layers.temperature),
        "weighting": .string(layers.weighting.rawValue),
      ]
    ]
  }
}

extension AdaptiveLayers {
  fileprivate init(_ loss: EmbeddingLoss, _ options: Section) throws {
    var perStep: Int? = 1
    if let value = options["per_step"] { perStep = value.node.string == "all" ? nil : try value.size() }
    self.init(
      loss, perStep: perStep, lastWeight: try options.from0("last_weight", 1),
      priorWeight: try options.from0("prior_weight", 1), divergenceWeight: try options.from0("divergence_weight", 1),
      temperature: try options.from0("temperature", 0.3),
      weighting: try options["weighting"]?.choice(Weighting.self) ?? .uniform)
  }
}

extension Section {
  fileprivate func above0(_ key: String, _ usual: Float) throws -> Float {
    Float(try self[key]?.double("a number above 0") { $0 > 0 } ?? Double(usual))
  }
  fileprivate func from0(_ key: String, _ usual: Float) throws -> Float {
    Float(try self[key]?.double("a number from 0") { $0 >= 0 } ?? Double(usual))
  }
  fileprivate func flag(_ key: String, _ usual: Bool) throws -> Bool { try self[key]?.bool() ?? usual }
  fileprivate func similarity(_ usual: EmbeddingSimilarity) throws -> EmbeddingSimilarity {
    try self["similarity"]?.choice(EmbeddingSimilarity.self) ?? usual
  }
  fileprivate func distance(_ usual: EmbeddingDistance) throws -> EmbeddingDistance {
    try self["distance"]?.choice(EmbeddingDistance.self) ?? usual
  }
  fileprivate func batchDistance() throws -> BatchDistance {
    try self["distance"]?.choice(BatchDistance.self) ?? .euclidean
  }
}

extension EmbeddingLoss {
  fileprivate init(_ value: Value, _ folder: URL, _ teacher: inout URL?) throws {
    let (name, options) = try value.variant()
    switch name {
    case "multiple_negatives_ranking":
      self = .multipleNegativesRanking(
        scale: try options.above0("scale", 20), similarity: try options.similarity(.cosine),
        symmetric: try options.flag("symmetric", false),
        learnsTemperature: try options.flag("learned_temperature", false))
    case "gist_embed":
      teacher = resolve(try options.required("guide").string(), folder)
      self = .gistEmbed(
        temperature: try options.above0("temperature", 0.01), margin: try options.from0("margin", 0),
        isRelative: try options.flag("relative_margin", false),
        contrastAnchors: try options.flag("contrast_anchors", true),
        contrastPositives: try options.flag("contrast_positives", true))
    case "cosent":
      self = .cosent(scale: try options.above0("scale", 20), similarity: try options.similarity(.cosine))
    case "angle": self = .angle(scale: try options.above0("scale", 20))
    case "cosine_similarity": self = .cosineSimilarity
    case "contrastive":
      self = .contrastive(distance: try options.distance(.cosine), margin: try options.from0("margin", 0.5))
    case "online_contrastive":
      self = .onlineContrastive(distance: try options.distance(.cosine), margin: try options.from0("margin", 0.5))
    case "triplet":
      self = .triplet(distance: try options.distance(.euclidean), margin: try options.from0("margin", 5))
    case "batch_all_triplet":
      self = .batchAllTriplet(distance: try options.batchDistance(), margin: try options.from0("margin", 5))
    case "batch_hard_triplet":
      self = .batchHardTriplet(distance: try options.batchDistance(), margin: try options.from0("margin", 5))
    case "batch_hard_soft_margin_triplet": self = .batchHardSoftMarginTriplet(distance: try options.batchDistance())
    case "batch_semi_hard_triplet":
      self = .batchSemiHardTriplet(distance: try options.batchDistance(), margin: try options.from0("margin", 5))
    case "softmax":
      // How many classes there are the data tell.
      self = .softmax(
        classes: 2, difference: try options.flag("difference", true), product: try options.flag("product", false))
    case "embedding_mse":
      teacher = resolve(try options.required("teacher").string(), folder)
      self = .embeddingMSE
    case "margin_mse":
      if let path = options["teacher"] { teacher = resolve(try path.string(), folder) }
      self = .marginMSE(similarity: try options.similarity(.dot))
    case "splade":
      self = .splade(
        try EmbeddingLoss(inner: options, folder, &teacher),
        documentWeight: try options.from0("document_weight", 3e-5),
        queryWeight: try options["query_weight"].map { Float(try $0.double("a number from 0") { $0 >= 0 }) },
        threshold: try options["threshold"]?.size())
    case "matryoshka":
      let dimensions = try options.required("dimensions").list(of: "dimensions").map { try $0.size() }
      let weights = try options["weights"].map { list in
        let weights = try list.list().map { Float(try $0.double("a number from 0") { $0 >= 0 }) }
        guard weights.count == dimensions.count else {
          throw list.error("expected \(dimensions.count) numbers (one a dimension), found \(weights.count)")
        }
        return weights
      }
      self = .matryoshka(
        try EmbeddingLoss(inner: options, folder, &teacher), dimensions: dimensions, weights: weights,
        perStep: try options["per_step"]?.size())
    case "denoising_auto_encoder":
      self = .denoisingAutoEncoder(DenoisingNoise(ratio: try options["deletion"]?.rate() ?? DenoisingNoise().ratio))
    default:
      let others = ["adaptive_layers", "classification", "binary_classification", PretrainingRecipe.objective]
      throw value.error(unknown("objective", name, EmbeddingLoss.names + (value.path == "objective" ? others : [])))
    }
    try options.finish()
  }

  /// The loss that a wrapper's options name.
  fileprivate init(inner options: Section, _ folder: URL, _ teacher: inout URL?) throws {
    let value = try options.required("loss")
    try self.init(value, folder, &teacher)
    if case .denoisingAutoEncoder = self {
      throw value.error("\(name) can't be wrapped: its loss is of tokens")
    }
  }

  fileprivate func with(classes: Int) -> EmbeddingLoss {
    switch self {
    case .softmax(_, let difference, let product):
      .softmax(classes: classes, difference: difference, product: product)
    case .splade(let loss, let documents, let queries, let threshold):
      .splade(loss.with(classes: classes), documentWeight: documents, queryWeight: queries, threshold: threshold)
    default: self
    }
  }

  fileprivate func json(_ teacher: JSON?) -> JSON {
    let options: JSON =
      switch self {
      case .multipleNegativesRanking(let scale, let similarity, let symmetric, let learns):
        [
          "scale": .float(scale), "similarity": .string(similarity.rawValue), "symmetric": .bool(symmetric),
          "learned_temperature": .bool(learns),
        ]
      case .gistEmbed(let temperature, let margin, let isRelative, let anchors, let positives):
        [
          "guide": teacher ?? .null, "temperature": .float(temperature), "margin": .float(margin),
          "relative_margin": .bool(isRelative), "contrast_anchors": .bool(anchors),
          "contrast_positives": .bool(positives),
        ]
      case .cosent(let scale, let similarity):
        ["scale": .float(scale), "similarity": .string(similarity.rawValue)]
      case .angle(let scale): ["scale": .float(scale)]
      case .cosineSimilarity: .null
      case .contrastive(let distance, let margin), .onlineContrastive(let distance, let margin),
        .triplet(let distance, let margin):
        ["distance": .string(distance.rawValue), "margin": .float(margin)]
      case .batchAllTriplet(let distance, let margin), .batchHardTriplet(let distance, let margin),
        .batchSemiHardTriplet(let distance, let margin):
        ["distance": .string(distance.rawValue), "margin": .float(margin)]
      case .batchHardSoftMarginTriplet(let distance): ["distance": .string(distance.rawValue)]
      case .softmax(_, let difference, let product): ["difference": .bool(difference), "product": .bool(product)]
      case .embeddingMSE: ["teacher": teacher ?? .null]
      case .marginMSE(let similarity): ["similarity": .string(similarity.rawValue), "teacher": teacher ?? .null]
      case .splade(let loss, let documents, let queries, let threshold):
        [
          "document_weight": .float(documents), "query_weight": queries.map { .float($0) } ?? .null,
          "threshold": threshold.map { .integer($0) } ?? .null, "loss": loss.json(teacher),
        ]
      case .matryoshka(let loss, let dimensions, let weights, let perStep):
        [
          "dimensions": .array(dimensions.map { .integer($0) }),
          "weights": weights.map { .array($0.map { .float($0) }) } ?? .null,
          "per_step": perStep.map { .integer($0) } ?? .null, "loss": loss.json(teacher),
        ]
      case .denoisingAutoEncoder(let noise): ["deletion": .float(noise.ratio)]
      }
    return options == .null ? .string(name) : .object([.init(name, options)])
  }
}
