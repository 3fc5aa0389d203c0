import Foundation
import Tensors

/// How well the relevant rows of a corpus are found among the first k, a mean over the queries each.
///
/// Equal to sentence-transformers' `InformationRetrievalEvaluator` where the rows of the corpus are in the order of their ids; queries
/// without anything relevant are left out.
public struct RetrievalReport: ScoreReport {
  /// At which k each score is taken.
  public struct Cutoffs: Sendable, Codable, Equatable {
    /// Of accuracy.
    public var accuracy: [Int]
    /// Of precision and recall.
    public var precision: [Int]
    /// Of the reciprocal rank.
    public var mrr: [Int]
    /// Of the discounted cumulative gain.
    public var ndcg: [Int]
    /// Of the average precision.
    public var map: [Int]

    /// sentence-transformers' cutoffs, unless others are given.
    public init(
      accuracy: [Int] = [1, 3, 5, 10], precision: [Int] = [1, 3, 5, 10], mrr: [Int] = [10], ndcg: [Int] = [10],
      map: [Int] = [100]
    ) {
      self.accuracy = accuracy
      self.precision = precision
      self.mrr = mrr
      self.ndcg = ndcg
      self.map = map
    }

    /// How many results a query must have.
    public var depth: Int { ([1] + accuracy + precision + mrr + ndcg + map).max() ?? 1 }
  }

  /// The queries that have something relevant.
  public let queries: Int
  /// The rows of the corpus.
  public let corpus: Int
  /// How many of the queries have something relevant among the first k.
  public let accuracy: [Int: Estimate]
  /// The part of the first k that is relevant.
  public let precision: [Int: Estimate]
  /// The part of what is relevant that is among the first k.
  public let recall: [Int: Estimate]
  /// 1 / the rank of the first relevant one, 0 if it isn't among the first k.
  public let mrr: [Int: Estimate]
  /// Σ 1 / log₂(rank + 1) over what is relevant among the first k, divided by what it could be.
  public let ndcg: [Int: Estimate]
  /// The mean precision at the ranks of what is relevant among the first k, out of min(k, all relevant).
  public let map: [Int: Estimate]

  /// Searches a corpus exactly; `relevant` has the rows of the corpus that each query should find.
  ///
  /// - Throws: `EvaluationError` for embeddings that don't fit, no query with something relevant, or a row out of
  /// range.
  public init(
    queries: Tensor, corpus: Tensor, relevant: [[Int]], similarity: SimilarityFunction = .cosine,
    cutoffs: Cutoffs = Cutoffs(), seed: UInt64 = 0, resamples: Int = 1000
  ) throws(EvaluationError) {
    let found = try ExactSearch(corpus, similarity: similarity)(queries, count: cutoffs.depth)
    try self.init(
      found: found.map { $0.map(\.index) }, relevant: relevant, corpus: corpus.rows, cutoffs: cutoffs, seed: seed,
      resamples: resamples)
  }

  /// Scores what was found for each query, the best first, by whatever search.
  ///
  /// - Throws: `EvaluationError` for lists of different lengths, no query with something relevant, or a row out of
  /// range.
  public init(
    found: [[Int]], relevant: [[Int]], corpus: Int, cutoffs: Cutoffs = Cutoffs(), seed: UInt64 = 0,
    resamples: Int = 1000
  ) throws(EvaluationError) {
    guard relevant.count == found.count else {
      throw .countMismatch(what: "lists of relevant rows", expected: found.count, found: relevant.count)
    }
    for (query, rows) in relevant.enumerated() {
      if let row = rows.first(where: { !(0..<corpus).contains($0) }) {
        throw .invalid(
          what: "relevant row of query \(query + 1)", expected: "a number from 0 to \(corpus - 1)", found: "\(row)")
      }
    }
    let scored = found.indices.filter { !relevant[$0].isEmpty }
    guard !scored.isEmpty else { throw .noSamples }
    let kinds: [(cutoffs: [Int], score: @Sendable (Relevance, Int) -> Double)] = [
      (cutoffs.accuracy, { $0.hits($1) > 0 ? 1 : 0 }), (cutoffs.precision, { Double($0.hits($1)) / Double($1) }),
      (cutoffs.precision, { Double($0.hits($1)) / Double($0.total) }), (cutoffs.mrr, { $0.reciprocalRank($1) }),
      (cutoffs.ndcg, { $0.discountedGain($1) }), (cutoffs.map, { $0.averagePrecision($1) }),
    ]
    let queries = scored.map { query in
      let rows = Set(relevant[query])
      return Relevance(isRelevant: found[query].map { rows.contains($0) }, total: rows.count)
    }
    let lists = kinds.flatMap { kind in kind.cutoffs.map { cutoff in queries.map { kind.score($0, cutoff) } } }
    let bootstrap = Bootstrap(seed, "retrieval", resamples: resamples, count: queries.count, cost: lists.count)
    var means = bootstrap.means(lists)[...]
    let all = kinds.map { kind in
      Dictionary(kind.cutoffs.map { ($0, means.removeFirst()) }, uniquingKeysWith: { first, _ in first })
    }
    (accuracy, precision, recall, mrr, ndcg, map) = (all[0], all[1], all[2], all[3], all[4], all[5])
    self.queries = queries.count
    self.corpus = corpus
  }

  /// As sentence-transformers names them: `accuracy@1`, …, `map@100`.
  public var scores: [(name: String, estimate: Estimate)] {
    [
      ("accuracy", accuracy), ("precision", precision), ("recall", recall), ("ndcg", ndcg), ("mrr", mrr), ("map", map),
    ].flatMap { name, values in values.sorted { $0.key < $1.key }.map { ("\(name)@\($0.key)", $0.value) } }
  }

  /// The queries and the corpus.
  public var size: String { "\(queries) queries, \(corpus) in the corpus" }
}

/// Which of a query's results are relevant, from the best on, and how many relevant ones there are at all.
struct Relevance {
  let isRelevant: [Bool]
  let total: Int

  func hits(_ cutoff: Int) -> Int { isRelevant.prefix(cutoff).count { $0 } }

  func reciprocalRank(_ cutoff: Int) -> Double {
    isRelevant.prefix(cutoff).firstIndex(of: true).map { 1 / Double($0 + 1) } ?? 0
  }

  func discountedGain(_ cutoff: Int) -> Double {
    let gain = isRelevant.prefix(cutoff).enumerated().reduce(0.0) { $1.element ? $0 + discount($1.offset) : $0 }
    return gain / (0..<min(cutoff, total)).reduce(0) { $0 + discount($1) }
  }

  func averagePrecision(_ cutoff: Int) -> Double {
    var (hits, sum) = (0, 0.0)
    for (rank, relevant) in isRelevant.prefix(cutoff).enumerated() where relevant {
      hits += 1
      sum += Double(hits) / Double(rank + 1)
    }
    return sum / Double(min(cutoff, total))
  }
}

/// What a result at a rank from 0 counts: 1 / log₂(rank + 2). Source: Järvelin and Kekäläinen 2002.
func discount(_ rank: Int) -> Double { 1 / log2(Double(rank + 2)) }
