import Foundation
import Tensors
import TestSupport
import Testing

@testable import Evaluation

/// What sentence-transformers and scikit-learn computed: `Tests/Golden/evaluators.json`, written by
/// `make_evaluators.py`.
struct EmbeddingGolden: Decodable {
  struct Pairs: Decodable {
    let first, second, labels: [Float]
    let width: Int
    let scores: [String: Double]
  }
  struct Triplets: Decodable {
    let anchors, positives, negatives: [Float]
    let width: Int
    let margin: Float
    let scores: [String: Double]
  }
  struct Retrieval: Decodable {
    let queries, corpus: [Float]
    let width: Int
    let relevant: [[Int]]
    let scores: [String: Double]
  }
  struct Reranking: Decodable {
    let queries, documents: [Float]
    let width: Int
    let relevant: [[Bool]]
    let scores: [String: Double]
  }
  struct Clustering: Decodable {
    let points, start: [Float]
    let width: Int
    let labels, clusters: [Int]
    let inertia, best: Double
    let measures: [Double]
  }
  struct Paraphrases: Decodable {
    let embeddings: [Float]
    let width: Int
    let duplicates, pairs: [[Int]]
    let pairScores: [Float]
    let scores, transitive: [String: Double]
  }
  struct Negatives: Decodable {
    struct Case: Decodable {
      struct Options: Decodable {
        let numNegatives, rangeMin, rangeMax: Int?
        let maxScore, minScore, absoluteMargin, relativeMargin: Float?
      }
      let options: Options
      let negatives: [[Int]]
    }
    let queries, corpus: [Float]
    let width: Int
    let positives: [[Int]]
    let cases: [Case]
  }

  let similarity, pairs: Pairs
  let triplets: Triplets
  let retrieval: Retrieval
  let reranking: Reranking
  let clustering: Clustering
  let paraphrases: Paraphrases
  let negatives: Negatives

  static func read() throws -> EmbeddingGolden {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .custom { keys in
      // Keys of ours are in snake case; names of scores stay as they are.
      let parts = keys[keys.count - 1].stringValue.split(separator: "_")
      let isScore = keys.dropLast().contains { ["scores", "transitive"].contains($0.stringValue) }
      guard !isScore, let first = parts.first else { return keys[keys.count - 1] }
      return Key(first + parts.dropFirst().map(\.capitalized).joined())
    }
    return try decoder.decode(
      EmbeddingGolden.self, from: Data(contentsOf: goldens.appendingPathComponent("evaluators.json")))
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: some StringProtocol) { stringValue = String(name) }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

/// Rows of a width.
func matrix(_ values: [Float], _ width: Int) -> Tensor { Tensor(values, shape: [values.count / width, width]) }

/// Checks a report against the reference's scores by name, that intervals hold the values, and that it can be kept.
func expect(
  _ report: some ScoreReport, _ golden: [String: Double], prefix: String = "", within tolerance: Double = 1e-6,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  for (name, estimate) in report.scores {
    let expected = try #require(golden[prefix + name], "\(prefix + name)", sourceLocation: sourceLocation)
    #expect(
      abs(estimate.value - expected) <= tolerance, "\(prefix + name): \(estimate.value), expected \(expected)",
      sourceLocation: sourceLocation)
    #expect(estimate.lower <= estimate.value && estimate.value <= estimate.upper, sourceLocation: sourceLocation)
  }
  let kept = try JSONDecoder().decode(type(of: report), from: JSONEncoder().encode(report))
  #expect(kept == report, sourceLocation: sourceLocation)
  #expect(report.table.contains("95 % interval") && report.table.hasSuffix(report.size))
}
