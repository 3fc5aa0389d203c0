import Foundation

/// Scores without intervals, each as scikit-learn computes it.
public enum Metrics {
  /// The average precision of scores against what is relevant: Σ (R_n − R_{n−1}) P_n over the distinct scores.
  ///
  /// 0 if nothing is relevant, as `sklearn.metrics.average_precision_score` has it.
  public static func averagePrecision(labels: [Bool], scores: [Float]) throws -> Double {
    try check(labels.count, scores)
    let value = Ranking(labels: labels, scores: scores).scores().averagePrecision
    return value.isNaN ? 0 : value
  }

  /// The area under the ROC curve: how probably a positive scores above a negative, a tie being half.
  ///
  /// Nil where positives or negatives are missing. `sklearn.metrics.roc_auc_score`.
  public static func rocAUC(labels: [Bool], scores: [Float]) throws -> Double? {
    try check(labels.count, scores)
    let value = Ranking(labels: labels, scores: scores).scores().rocAUC
    return value.isNaN ? nil : value
  }

  /// The mean over queries of the average precision of a ranked list: the mean of the precision at each relevant rank.
  ///
  /// A row is a query's results from the best on. A query without a relevant result counts as 0.
  public static func meanAveragePrecision(relevance: [[Bool]]) throws -> Double {
    guard !relevance.isEmpty else { throw EvaluationError.noSamples }
    let sum = relevance.reduce(0.0) { sum, ranks in
      var (hits, precisions) = (0, 0.0)
      for (rank, relevant) in ranks.enumerated() where relevant {
        hits += 1
        precisions += Double(hits) / Double(rank + 1)
      }
      return hits == 0 ? sum : sum + precisions / Double(hits)
    }
    return sum / Double(relevance.count)
  }

  /// The mean of −log of the label's probability, probabilities kept 2⁻⁵² away from 0 and 1.
  /// `sklearn.metrics.log_loss`.
  public static func logLoss(labels: [Int], probabilities: [[Float]]) throws -> Double {
    let losses = try logLosses(labels: labels, probabilities: probabilities)
    return losses.reduce(0, +) / Double(losses.count)
  }

  /// The mean squared difference. `sklearn.metrics.mean_squared_error`.
  public static func meanSquaredError(targets: [Float], outputs: [Float]) throws -> Double {
    try check(targets.count, outputs)
    return zip(targets, outputs).reduce(0.0) {
      let difference = Double($1.0) - Double($1.1)
      return $0 + difference * difference
    } / Double(targets.count)
  }

  /// The mean absolute difference. `sklearn.metrics.mean_absolute_error`.
  public static func meanAbsoluteError(targets: [Float], outputs: [Float]) throws -> Double {
    try check(targets.count, outputs)
    return zip(targets, outputs).reduce(0.0) { $0 + abs(Double($1.0) - Double($1.1)) } / Double(targets.count)
  }

  /// −log of the label's probability, sample by sample.
  static func logLosses(labels: [Int], probabilities: [[Float]]) throws -> [Double] {
    guard !labels.isEmpty else { throw EvaluationError.noSamples }
    guard probabilities.count == labels.count else {
      throw EvaluationError.countMismatch(
        what: "rows of probabilities", expected: labels.count, found: probabilities.count)
    }
    return try labels.indices.map { sample in
      let (label, row) = (labels[sample], probabilities[sample])
      guard row.indices.contains(label) else {
        throw EvaluationError.outOfRange(what: "label", sample: sample + 1, value: label, classes: row.count)
      }
      return -log(min(1 - Double.ulpOfOne, max(Double.ulpOfOne, Double(row[label]))))
    }
  }

  private static func check(_ labels: Int, _ scores: [Float]) throws {
    guard labels > 0 else { throw EvaluationError.noSamples }
    guard labels == scores.count else {
      throw EvaluationError.countMismatch(what: "scores", expected: labels, found: scores.count)
    }
    if let place = scores.firstIndex(where: { !$0.isFinite }) {
      throw EvaluationError.notFinite(what: "score", sample: place + 1, value: "\(scores[place])")
    }
  }
}
