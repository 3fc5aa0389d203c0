import Tensors

/// How often an anchor is more like its positive than like its negative.
///
/// Equal to sentence-transformers' `TripletEvaluator`.
public struct TripletReport: ScoreReport {
  /// The triplets.
  public let count: Int
  /// The part of the triplets in the right order, by similarity.
  public let accuracy: [SimilarityFunction: Estimate]

  /// Compares embeddings row by row; the positive must be more alike by more than `margin`.
  ///
  /// - Throws: `EvaluationError` for no triplets, lists of different lengths, or NaN.
  public init(
    anchors: Tensor, positives: Tensor, negatives: Tensor,
    similarities: [SimilarityFunction] = SimilarityFunction.allCases, margin: Float = 0, seed: UInt64 = 0,
    resamples: Int = 1000
  ) throws(EvaluationError) {
    try checkRows([("anchors", anchors), ("positives", positives), ("negatives", negatives)])
    count = anchors.rows
    let lists = similarities.map { similarity in
      zip(similarity.pairs(anchors, positives), similarity.pairs(anchors, negatives)).map {
        $0 > $1 + margin ? 1.0 : 0
      }
    }
    let means = Bootstrap(seed, "triplets", resamples: resamples, count: count, cost: lists.count).means(lists)
    accuracy = Dictionary(zip(similarities, means), uniquingKeysWith: { first, _ in first })
  }

  /// As sentence-transformers names them: `cosine_accuracy`, …
  public var scores: [(name: String, estimate: Estimate)] {
    SimilarityFunction.allCases.compactMap { similarity in
      accuracy[similarity].map { ("\(similarity.rawValue)_accuracy", $0) }
    }
  }

  /// The number of triplets.
  public var size: String { "\(count) triplets" }
}
