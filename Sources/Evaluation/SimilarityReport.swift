import Tensors

/// How well the similarity of pairs follows the scores that they were given: Pearson's and Spearman's correlation.
///
/// Equal to sentence-transformers' `EmbeddingSimilarityEvaluator`.
public struct SimilarityReport: ScoreReport {
  /// The correlations of one similarity.
  public struct Correlations: Sendable, Codable, Equatable {
    /// How alike two embeddings are.
    public let similarity: SimilarityFunction
    /// The linear correlation.
    public let pearson: Estimate
    /// The correlation of the ranks, equal values sharing the mean of theirs.
    public let spearman: Estimate
  }

  /// The pairs.
  public let count: Int
  /// The correlations of each similarity.
  public let correlations: [Correlations]

  /// Compares the similarity of the rows of `first` and `second` with `labels`.
  ///
  /// A correlation with similarities that are all the same is 0.
  /// - Throws: `EvaluationError` for no pairs, lists of different lengths, labels that are all the same, or NaN.
  public init(
    first: Tensor, second: Tensor, labels: [Float], similarities: [SimilarityFunction] = SimilarityFunction.allCases,
    seed: UInt64 = 0, resamples: Int = 1000
  ) throws(EvaluationError) {
    try checkRows([("first embeddings", first), ("second embeddings", second)])
    guard labels.count == first.rows else {
      throw .countMismatch(what: "labels", expected: first.rows, found: labels.count)
    }
    if let place = labels.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(what: "label", sample: place + 1, value: "\(labels[place])")
    }
    guard labels.contains(where: { $0 != labels[0] }) else {
      throw .invalid(what: "labels of pairs", expected: "at least two different scores", found: "only \(labels[0])")
    }
    count = labels.count
    let bootstrap = Bootstrap(
      seed, "similarity", resamples: resamples, count: count, cost: 20 * similarities.count)
    let ranked = similarities.map { Correlation(labels, $0.pairs(first, second)) }
    let estimates = bootstrap.estimates(count) { weights in
      ranked.flatMap { [$0.pearson(weights), $0.spearman(weights)] }
    }
    correlations = similarities.enumerated().map {
      Correlations(similarity: $0.element, pearson: estimates[2 * $0.offset], spearman: estimates[2 * $0.offset + 1])
    }
  }

  /// As sentence-transformers names them: `pearson_cosine`, `spearman_cosine`, …
  public var scores: [(name: String, estimate: Estimate)] {
    correlations.flatMap {
      [("pearson_\($0.similarity.rawValue)", $0.pearson), ("spearman_\($0.similarity.rawValue)", $0.spearman)]
    }
  }

  /// The number of pairs.
  public var size: String { "\(count) pairs" }
}

/// Two lists of numbers, sorted once, then correlated with any weights.
public struct Correlation {
  private let (x, y): (Ranked, Ranked)

  /// Lists of the same length.
  public init(_ x: [Float], _ y: [Float]) { (self.x, self.y) = (Ranked(x), Ranked(y)) }

  /// Spearman's correlation; NaN if either list is constant.
  public var spearman: Double { spearman(Array(repeating: 1, count: x.values.count)) }

  /// Pearson's correlation of samples that count as often as `weights` says; NaN if either list is constant.
  func pearson(_ weights: [Int32]) -> Double { Correlation.pearson(x.values, y.values, weights) }

  /// Spearman's: Pearson's of the ranks.
  func spearman(_ weights: [Int32]) -> Double { Correlation.pearson(x.ranks(weights), y.ranks(weights), weights) }

  private static func pearson(_ x: [Double], _ y: [Double], _ weights: [Int32]) -> Double {
    var (mass, meanX, meanY) = (0.0, 0.0, 0.0)
    for place in x.indices {
      let weight = Double(weights[place])
      mass += weight
      meanX += weight * x[place]
      meanY += weight * y[place]
    }
    meanX /= mass
    meanY /= mass
    var (product, squareX, squareY) = (0.0, 0.0, 0.0)
    for place in x.indices where weights[place] > 0 {
      let (a, b, weight) = (x[place] - meanX, y[place] - meanY, Double(weights[place]))
      product += weight * a * b
      squareX += weight * a * a
      squareY += weight * b * b
    }
    guard squareX > 0, squareY > 0 else { return .nan }
    return min(1, max(-1, product / (squareX.squareRoot() * squareY.squareRoot())))
  }

  private struct Ranked {
    let values: [Double]
    /// Places by rising value.
    private let order: [Int]
    /// Whether the next place in order has another value.
    private let endsTie: [Bool]

    init(_ values: [Float]) {
      self.values = values.map(Double.init)
      let order = values.indices.sorted { values[$0] < values[$1] }
      self.order = order
      endsTie = order.indices.map { $0 + 1 == order.count || values[order[$0]] != values[order[$0 + 1]] }
    }

    /// The rank of each sample, equal values sharing the mean of theirs.
    func ranks(_ weights: [Int32]) -> [Double] {
      var ranks = Array(repeating: 0.0, count: values.count)
      var (below, tied, first) = (0.0, 0.0, 0)
      for (place, sample) in order.enumerated() {
        tied += Double(weights[sample])
        guard endsTie[place] else { continue }
        for sample in order[first...place] { ranks[sample] = below + (tied + 1) / 2 }
        below += tied
        (tied, first) = (0, place + 1)
      }
      return ranks
    }
  }
}
