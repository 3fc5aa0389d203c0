import Foundation
import TestSupport
import Testing

/// What scikit-learn computed: `Tests/Golden/metrics.json`, written by `make_metrics.py` beside it.
struct Golden: Decodable {
  struct Classification: Decodable {
    let labels, predictions: [Int]
    let probabilities: [[Float]]
    let classes: [String]
    let accuracy: Double
    /// Precision, recall and F1 by the kind of average.
    let averages: [String: [Double]]
    /// Precision, recall, F1 and support of each class.
    let perClass: [[Double]]
    let confusion: [[Int]]
    let meanAveragePrecision, rocAUC, logLoss: Double
  }

  struct Ranking: Decodable {
    let labels: [Bool]
    let scores: [Float]
    let averagePrecision: Double
    let rocAUC: Double?
  }

  struct Retrieval: Decodable {
    let relevance: [[Bool]]
    let meanAveragePrecision: Double
  }

  struct Regression: Decodable {
    let targets, outputs: [Float]
    let meanSquaredError, meanAbsoluteError: Double
  }

  struct Projection: Decodable {
    let vectors: [Float]
    let width: Int
    let pca: [[Double]]
    /// The first rows of t-SNE's joint probabilities of the first 40 vectors at perplexity 10.
    let joint: [[Double]]
    /// The median over 15 slightly different starts, 750 iterations.
    let divergence: Double
  }

  let classification: [Classification]
  let ranking: [Ranking]
  let retrieval: Retrieval
  let regression: Regression
  let projection: Projection

  static func read() throws -> Golden {
    try JSONDecoder().decode(Golden.self, from: Data(contentsOf: goldens.appendingPathComponent("metrics.json")))
  }
}

func expect(_ value: Double, _ golden: Double, within tolerance: Double = 1e-12, _ comment: Comment? = nil) {
  #expect(abs(value - golden) <= tolerance, comment)
}
