import Tensors

/// What the embeddings of a batch are to be, as a number to make small: an objective of fine-tuning.
///
///     let loss = EmbeddingLoss.multipleNegativesRanking(scale: 20)
///     let value = try loss([queries, positives], .none)          // a scalar, recorded like any operation
///
/// Each case is sentence-transformers' loss of the same name, value and gradient alike, with its defaults. `form` says
/// what data it takes, `parameters(width:at:)` makes what it learns itself. Its memory is bounded by `GradientCache`.
public indirect enum EmbeddingLoss: Sendable, Equatable {
  /// Cross-entropy of a query's positive among the positives and the negatives of the whole batch.
  ///
  /// `symmetric` adds the same from positives to queries, at equal weight; `learnsTemperature` makes `scale` a
  /// parameter that starts there. Source: van den Oord et al. 2018; Henderson et al. 2017.
  case multipleNegativesRanking(
    scale: Float = 20, similarity: EmbeddingSimilarity = .cosine, symmetric: Bool = false,
    learnsTemperature: Bool = false)
  /// The same, leaving out what a guide model finds closer to the query than its positive (by `margin`).
  ///
  /// The labels are the guide's embeddings of each column. Source: Solatorio 2024.
  case gistEmbed(
    temperature: Float = 0.01, margin: Float = 0, isRelative: Bool = false, contrastAnchors: Bool = true,
    contrastPositives: Bool = true)
  /// log(1 + Σ e^(scale · (s_i − s_j))) over the pairs that should be i less than j alike. Source: Su 2022; Huang et
  /// al. 2024.
  case cosent(scale: Float = 20, similarity: EmbeddingSimilarity = .cosine)
  /// CoSENT with the similarity |cos + sin| in the complex plane, which doesn't saturate. Source: Li and Li 2024.
  case angle(scale: Float = 20)
  /// The mean squared difference between cosine and score.
  case cosineSimilarity
  /// Distance² of pairs with label 1, max(margin − distance, 0)² of those with 0. Source: Hadsell et al. 2006.
  case contrastive(distance: EmbeddingDistance = .cosine, margin: Float = 0.5)
  /// The same over the hard pairs of a batch only: positives farther than the nearest negative, negatives nearer than
  /// the farthest positive.
  case onlineContrastive(distance: EmbeddingDistance = .cosine, margin: Float = 0.5)
  /// max(distance of the positive − distance of the negative + margin, 0).
  case triplet(distance: EmbeddingDistance = .euclidean, margin: Float = 5)
  /// The same over all triplets of a batch of labelled texts, averaged over those above 0. Source: Hermans et al. 2017.
  case batchAllTriplet(distance: BatchDistance = .euclidean, margin: Float = 5)
  /// The same with each text's farthest positive and nearest negative. Source: Hermans et al. 2017.
  case batchHardTriplet(distance: BatchDistance = .euclidean, margin: Float = 5)
  /// The same with log(1 + eˣ) in place of a margin. Source: Hermans et al. 2017.
  case batchHardSoftMarginTriplet(distance: BatchDistance = .euclidean)
  /// The same with the nearest negative that is farther than the positive. Source: Schroff et al. 2015 (FaceNet).
  case batchSemiHardTriplet(distance: BatchDistance = .euclidean, margin: Float = 5)
  /// Cross-entropy of a linear classifier over (u, v, |u − v|) and, if asked for, u · v. Source: Reimers and Gurevych
  /// 2019.
  case softmax(classes: Int, difference: Bool = true, product: Bool = false)
  /// The mean squared difference from a teacher's embeddings. Source: Reimers and Gurevych 2020.
  case embeddingMSE
  /// The mean squared difference between the margins (positive − negative) and a teacher's. Source: Hofstätter et al.
  /// 2021.
  case marginMSE(similarity: EmbeddingSimilarity = .dot)
  /// A loss, and for sparse embeddings Σ over dimensions of (mean activation)², of the documents (all columns but the
  /// first, or the only one) and, with `queryWeight`, of the queries.
  ///
  /// With `threshold`, only texts with more active dimensions count. Source: Paria et al. 2020; Formal et al. 2021
  /// (SPLADE).
  case splade(EmbeddingLoss, documentWeight: Float, queryWeight: Float?, threshold: Int? = nil)
  /// A loss of the first dimensions of the embeddings, for several numbers of them, each normalised and weighted.
  ///
  /// In a step all of them take part, or `perStep` drawn by chance. Source: Kusupati et al. 2022.
  case matryoshka(EmbeddingLoss, dimensions: [Int], weights: [Float]? = nil, perStep: Int? = nil)

  /// Cross-entropy of each token of a text, predicted by a decoder that sees the tokens before it and the embedding of the text
  /// without some of its words.
  ///
  /// The decoder shares the encoder's parameters; the labels are the tokens of the whole texts. Source: Wang et al. 2021 (TSDAE).
  case denoisingAutoEncoder(DenoisingNoise = DenoisingNoise())

  /// The names of all, as recipes have them.
  public static let names = [
    multipleNegativesRanking(), gistEmbed(), cosent(), angle(), cosineSimilarity, contrastive(), onlineContrastive(),
    triplet(), batchAllTriplet(), batchHardTriplet(), batchHardSoftMarginTriplet(), batchSemiHardTriplet(),
    softmax(classes: 2), embeddingMSE, marginMSE(), splade(cosent(), documentWeight: 0, queryWeight: nil),
    matryoshka(cosent(), dimensions: []), denoisingAutoEncoder(),
  ].map(\.name)

  /// The name in recipes.
  public var name: String {
    switch self {
    case .multipleNegativesRanking: "multiple_negatives_ranking"
    case .gistEmbed: "gist_embed"
    case .cosent: "cosent"
    case .angle: "angle"
    case .cosineSimilarity: "cosine_similarity"
    case .contrastive: "contrastive"
    case .onlineContrastive: "online_contrastive"
    case .triplet: "triplet"
    case .batchAllTriplet: "batch_all_triplet"
    case .batchHardTriplet: "batch_hard_triplet"
    case .batchHardSoftMarginTriplet: "batch_hard_soft_margin_triplet"
    case .batchSemiHardTriplet: "batch_semi_hard_triplet"
    case .softmax: "softmax"
    case .embeddingMSE: "embedding_mse"
    case .marginMSE: "margin_mse"
    case .splade: "splade"
    case .matryoshka: "matryoshka"
    case .denoisingAutoEncoder: "denoising_auto_encoder"
    }
  }

  /// What data it takes.
  public var form: LossForm {
    switch self {
    case .multipleNegativesRanking:
      LossForm("query", "positive", "negative", repeatsLast: true, required: 2, labels: .none)
    case .gistEmbed:
      LossForm("query", "positive", "negative", repeatsLast: true, required: 2, labels: .embeddings)
    case .angle:
      LossForm("first", "second", "negative", repeatsLast: true, required: 2, labels: .score, .none)
    case .cosent, .cosineSimilarity, .contrastive, .onlineContrastive:
      LossForm("first", "second", labels: .score)
    case .triplet: LossForm("anchor", "positive", "negative", labels: .none)
    case .batchAllTriplet, .batchHardTriplet, .batchHardSoftMarginTriplet, .batchSemiHardTriplet:
      LossForm("text", labels: .class)
    case .softmax: LossForm("first", "second", labels: .class)
    case .embeddingMSE: LossForm("text", repeatsLast: true, labels: .embeddings)
    case .marginMSE:
      LossForm("query", "positive", "negative", repeatsLast: true, labels: .scoreList, .score)
    case .splade(let loss, _, _, _), .matryoshka(let loss, _, _, _): loss.form
    case .denoisingAutoEncoder: LossForm("text", labels: .tokens)
    }
  }

  /// The loss of a batch: columns of embeddings `[samples, width]`, labels, what the loss learns itself, and the
  /// numbers that wrappers draw from (other ones each step).
  ///
  /// - Throws: `LossError` if the columns or the labels aren't what `form` says, or a label is out of range.
  public func callAsFunction(
    _ columns: [Tensor], _ labels: LossLabels, _ parameters: LossParameters = LossParameters(),
    random: Random = Random(seed: 0)
  ) throws(LossError) -> Tensor {
    try check(columns, labels)
    switch self {
    case .multipleNegativesRanking(let scale, let similarity, let symmetric, _):
      return ranking(
        columns, similarity, symmetric: symmetric,
        scaled: { scores in parameters.logScale.map { scores.scaled(byExponentialOf: $0.tensor) } ?? scores * scale })
    case .gistEmbed: return try guidedRanking(columns, labels)
    case .cosent(let scale, let similarity):
      return cosent(similarity.pairs(columns[0], columns[1]) * scale, labels.values)
    case .angle(let scale): return angle(columns, labels, scale: scale)
    case .cosineSimilarity:
      let cosines = EmbeddingSimilarity.cosine.pairs(columns[0], columns[1])
      return cosines.meanSquaredError(Tensor(labels.values, shape: cosines.shape))
    case .contrastive(let distance, let margin):
      return contrastive(distance.pairs(columns[0], columns[1], epsilon: 1e-6), labels.values, margin)
    case .onlineContrastive(let distance, let margin):
      return onlineContrastive(distance.pairs(columns[0], columns[1], epsilon: 1e-6), labels.values, margin)
    case .triplet(let distance, let margin):
      let margins = distance.pairs(columns[0], columns[1]) - distance.pairs(columns[0], columns[2]) + margin
      return margins.activated(.relu).mean()
    case .batchAllTriplet(let distance, let margin):
      return batchAll(distance.matrix(columns[0]), labels.classes, margin)
    case .batchHardTriplet(let distance, let margin):
      return (hardest(distance.matrix(columns[0]), labels.classes) + margin).activated(.relu).mean()
    case .batchHardSoftMarginTriplet(let distance):
      return softplus(hardest(distance.matrix(columns[0]), labels.classes)).mean()
    case .batchSemiHardTriplet(let distance, let margin):
      return batchSemiHard(distance.matrix(columns[0]), labels.classes, margin)
    case .softmax(let classes, _, _): return try classification(columns, labels.classes, classes, parameters)
    case .embeddingMSE: return try embeddingMSE(columns, labels.embeddings)
    case .marginMSE(let similarity): return try marginMSE(columns, labels, similarity)
    case .splade(let loss, let documents, let queries, let threshold):
      var value = try loss(columns, labels, parameters, random: random)
      value = value + flops(.stacked(columns.count == 1 ? columns : Array(columns.dropFirst())), threshold) * documents
      return queries.map { value + flops(columns[0], threshold) * $0 } ?? value
    case .matryoshka(let loss, let dimensions, let weights, let perStep):
      return try matryoshka(loss, dimensions, weights, perStep, columns, labels, parameters, random)
    case .denoisingAutoEncoder:
      guard case .tokens(let ids) = labels, let decoder = parameters.decoder else {
        throw .invalid(loss: name, what: "parameters", expected: "a decoder", found: "none")
      }
      return try denoising(columns[0], ids, decoder)
    }
  }

  /// Checks a batch against the form.
  private func check(_ columns: [Tensor], _ labels: LossLabels) throws(LossError) {
    try form.check(name, columns: columns.count, labels: labels.kind)
    let shapes = columns.map(\.shape)
    guard let first = shapes.first, first.count == 2, first[0] > 0, shapes.allSatisfy({ $0 == first }) else {
      throw .invalid(
        loss: name, what: "embeddings", expected: "columns of one shape [samples, width]", found: "\(shapes)")
    }
    if let count = labels.count, count != first[0] {
      throw .invalid(loss: name, what: "labels", expected: "\(first[0])", found: "\(count)")
    }
    if let value = labels.values.first(where: { !$0.isFinite }) {
      throw .invalid(loss: name, what: "score", expected: "a finite number", found: "\(value)")
    }
  }
}

extension LossLabels {
  var values: [Float] {
    if case .scores(let values) = self { return values }
    return []
  }
  var classes: [Int] {
    if case .classes(let values) = self { return values }
    return []
  }
  var embeddings: [Tensor] {
    if case .embeddings(let values) = self { return values }
    return []
  }
}
