import Foundation
import Tensors

/// How well the relevant documents of each query come before its others.
///
/// Equal to sentence-transformers' `RerankingEvaluator`: the average precision and nDCG are scikit-learn's, with ties.
/// Queries that have only relevant documents, or none, are left out.
public struct RerankingReport: ScoreReport {
  /// The queries that have both kinds of documents.
  public let queries: Int
  /// The documents of these queries.
  public let documents: Int
  /// How many of the first documents count for MRR and nDCG.
  public let cutoff: Int
  /// The mean average precision.
  public let map: Estimate
  /// The mean of 1 / the rank of the first relevant document.
  public let mrr: Estimate
  /// The normalised discounted cumulative gain.
  public let ndcg: Estimate

  /// Scores documents by their similarity with their query; `documents` has a sequence of rows for each query.
  ///
  /// - Throws: `EvaluationError` for lists that don't fit, NaN, or no query with both kinds of documents.
  public init(
    queries: Tensor, documents: Ragged<Tensor>, relevant: [[Bool]], similarity: SimilarityFunction = .cosine,
    cutoff: Int = 10, seed: UInt64 = 0, resamples: Int = 1000
  ) throws(EvaluationError) {
    try checkEmbeddings([("the queries", queries), ("the documents", documents.rows)])
    guard documents.count == queries.rows else {
      throw .countMismatch(what: "lists of documents", expected: queries.rows, found: documents.count)
    }
    let query = (0..<documents.count).flatMap { Array(repeating: Int32($0), count: documents.offsets.length($0)) }
    let values = similarity.pairs(queries.rows(at: IDs(query)), documents.rows)
    try self.init(
      scores: (0..<documents.count).map { Array(values[documents.offsets[$0]]) }, relevant: relevant, cutoff: cutoff,
      seed: seed, resamples: resamples)
  }

  /// Scores the documents of each query by what any model, as a cross-encoder, gave them.
  ///
  /// - Throws: `EvaluationError` for lists that don't fit, NaN, or no query with both kinds of documents.
  public init(
    scores: [[Float]], relevant: [[Bool]], cutoff: Int = 10, seed: UInt64 = 0, resamples: Int = 1000
  ) throws(EvaluationError) {
    guard relevant.count == scores.count else {
      throw .countMismatch(what: "lists of relevance", expected: scores.count, found: relevant.count)
    }
    var lists: [[Double]] = [[], [], []]
    var documents = 0
    for (query, (scores, relevant)) in zip(scores, relevant).enumerated() {
      guard scores.count == relevant.count else {
        throw .countMismatch(
          what: "relevances for query \(query + 1)", expected: scores.count, found: relevant.count)
      }
      if let score = scores.first(where: { !$0.isFinite }) {
        throw .notFinite(what: "score", sample: query + 1, value: "\(score)")
      }
      guard relevant.contains(true), relevant.contains(false) else { continue }
      documents += scores.count
      let order = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
      let ranked = Relevance(isRelevant: order.map { relevant[$0] }, total: relevant.count { $0 })
      lists[0].append(Ranking(labels: relevant, scores: scores).scores().averagePrecision)
      lists[1].append(ranked.reciprocalRank(cutoff))
      lists[2].append(RerankingReport.tiedGain(order.map { scores[$0] }, ranked, cutoff))
    }
    guard !lists[0].isEmpty else { throw .noSamples }
    let means = Bootstrap(seed, "reranking", resamples: resamples, count: lists[0].count, cost: 3).means(lists)
    (map, mrr, ndcg) = (means[0], means[1], means[2])
    (queries, self.documents, self.cutoff) = (lists[0].count, documents, cutoff)
  }

  /// nDCG with documents of equal score sharing the gain of their ranks, as `sklearn.metrics.ndcg_score`.
  ///
  /// Source: McSherry and Najork 2008.
  private static func tiedGain(_ scores: [Float], _ ranked: Relevance, _ cutoff: Int) -> Double {
    var (gain, first) = (0.0, 0)
    while first < scores.count {
      let end = scores[first...].firstIndex { $0 != scores[first] } ?? scores.count
      let hits = ranked.isRelevant[first..<end].count { $0 }
      let discounts = (first..<max(first, min(end, cutoff))).reduce(0.0) { $0 + discount($1) }
      gain += Double(hits) / Double(end - first) * discounts
      first = end
    }
    return gain / (0..<min(cutoff, ranked.total)).reduce(0) { $0 + discount($1) }
  }

  /// As sentence-transformers names them: `map`, `mrr@10`, `ndcg@10`.
  public var scores: [(name: String, estimate: Estimate)] {
    [("map", map), ("mrr@\(cutoff)", mrr), ("ndcg@\(cutoff)", ndcg)]
  }

  /// The queries and their documents.
  public var size: String { "\(queries) queries, \(documents) documents" }
}
