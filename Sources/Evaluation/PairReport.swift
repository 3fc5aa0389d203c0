import Tensors

/// How well a threshold on the similarity tells pairs that belong together from those that don't.
///
/// Equal to sentence-transformers' `BinaryClassificationEvaluator`. The thresholds are the best ones on these very
/// pairs (and in each resample on its own), so accuracy and F1 flatter a little.
public struct PairReport: ScoreReport {
  /// The scores of one similarity.
  public struct Scores: Sendable, Codable, Equatable {
    /// How alike two embeddings are.
    public let similarity: SimilarityFunction
    /// The best part of pairs on the right side of a threshold.
    public let accuracy: Estimate
    /// The threshold of that: a pair belongs together from it on, or up to it for distances (which are positive here).
    public let accuracyThreshold: Float
    /// The best F1 of a threshold.
    public let f1: Estimate
    /// The threshold of that.
    public let f1Threshold: Float
    /// The precision there.
    public let precision: Estimate
    /// The recall there.
    public let recall: Estimate
    /// The average precision over all thresholds.
    public let averagePrecision: Estimate
    /// Matthews' correlation at the threshold of the best F1.
    public let mcc: Estimate
  }

  /// The pairs.
  public let count: Int
  /// The pairs that belong together.
  public let positives: Int
  /// The scores by similarity.
  public let perSimilarity: [Scores]

  /// Scores the similarity of the rows of `first` and `second`; `labels` says which belong together.
  ///
  /// - Throws: `EvaluationError` for lists of different lengths, NaN, or labels that are all the same.
  public init(
    first: Tensor, second: Tensor, labels: [Bool], similarities: [SimilarityFunction] = SimilarityFunction.allCases,
    seed: UInt64 = 0, resamples: Int = 1000
  ) throws(EvaluationError) {
    try checkRows([("first embeddings", first), ("second embeddings", second)])
    guard labels.count == first.rows else {
      throw .countMismatch(what: "labels", expected: first.rows, found: labels.count)
    }
    guard labels.contains(true), labels.contains(false) else {
      throw .invalid(what: "labels of pairs", expected: "both kinds", found: "only \(labels[0] ? 1 : 0)")
    }
    (count, positives) = (labels.count, labels.count { $0 })
    let bootstrap = Bootstrap(seed, "pairs", resamples: resamples, count: count, cost: 10)
    perSimilarity = similarities.map { similarity in
      let scores = similarity.pairs(first, second)
      let (ranking, scan) = (Ranking(labels: labels, scores: scores), ThresholdScan(labels, scores))
      let estimates = bootstrap.estimates(labels.count) { weights in
        let best = scan(weights)
        return [
          best.accuracy, best.f1, best.precision, best.recall, ranking.scores(weights).averagePrecision, best.mcc,
        ]
      }
      let best = scan(Array(repeating: 1, count: labels.count))
      let sign: Float = similarity.isDistance ? -1 : 1
      return Scores(
        similarity: similarity, accuracy: estimates[0], accuracyThreshold: sign * scan.threshold(best.accuracyRank),
        f1: estimates[1], f1Threshold: sign * scan.threshold(best.f1Rank), precision: estimates[2],
        recall: estimates[3], averagePrecision: estimates[4], mcc: estimates[5])
    }
  }

  /// As sentence-transformers names them: `cosine_accuracy`, `cosine_f1`, `cosine_ap`, …
  public var scores: [(name: String, estimate: Estimate)] {
    perSimilarity.flatMap { scores in
      [
        ("accuracy", scores.accuracy), ("f1", scores.f1), ("precision", scores.precision), ("recall", scores.recall),
        ("ap", scores.averagePrecision), ("mcc", scores.mcc),
      ].map { ("\(scores.similarity.rawValue)_\($0)", $1) }
    }
  }

  /// The number of pairs.
  public var size: String { "\(count) pairs, \(positives) of them positive" }
}

/// Labelled scores from the highest on: every threshold between two of them is looked at in one pass.
struct ThresholdScan {
  private let labels: [Bool]
  private let scores: [Float]
  private let samples: [Int]

  init(_ labels: [Bool], _ scores: [Float]) {
    samples = scores.indices.sorted { scores[$0] > scores[$1] }
    self.labels = samples.map { labels[$0] }
    self.scores = samples.map { scores[$0] }
  }

  /// The best scores of a threshold, and after which rank it lies (−1: above all).
  struct Best {
    var (accuracy, accuracyRank) = (0.0, -1)
    var (f1, precision, recall, mcc, f1Rank) = (0.0, 0.0, 0.0, 0.0, -1)
  }

  /// The best thresholds for samples that count as often as `weights` says.
  func callAsFunction(_ weights: [Int32]) -> Best {
    var (all, positives) = (0.0, 0.0)
    for (rank, sample) in samples.enumerated() {
      all += Double(weights[sample])
      if labels[rank] { positives += Double(weights[sample]) }
    }
    var best = Best()
    best.accuracy = (all - positives) / all
    var (hits, extracted) = (0.0, 0.0)
    for (rank, sample) in samples.enumerated() {
      let weight = Double(weights[sample])
      extracted += weight
      if labels[rank] { hits += weight }
      // A threshold can't part equal scores.
      if rank + 1 < scores.count, scores[rank] == scores[rank + 1] { continue }
      let rejected = all - positives - (extracted - hits)
      let accuracy = (hits + rejected) / all
      if accuracy > best.accuracy { (best.accuracy, best.accuracyRank) = (accuracy, rank) }
      guard hits > 0 else { continue }
      let (precision, recall) = (hits / extracted, hits / positives)
      let f1 = 2 * precision * recall / (precision + recall)
      guard f1 > best.f1 else { continue }
      (best.f1, best.precision, best.recall, best.f1Rank) = (f1, precision, recall, rank)
      let (misses, missed) = (extracted - hits, positives - hits)
      let product = (hits + misses) * positives * (rejected + misses) * (rejected + missed)
      best.mcc = product > 0 ? (hits * rejected - misses * missed) / product.squareRoot() : 0
    }
    return best
  }

  /// The threshold after a rank: midway to the next score, or the score itself if there is nothing between.
  func threshold(_ rank: Int) -> Float {
    guard rank >= 0 else { return scores[0].nextUp }
    guard rank + 1 < scores.count else { return scores[rank] }
    let middle = (scores[rank] + scores[rank + 1]) / 2
    return middle == scores[rank + 1] ? scores[rank] : middle
  }
}
