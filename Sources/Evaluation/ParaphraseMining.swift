import Tensors

/// Two rows that are alike.
public struct ParaphrasePair: Sendable, Codable, Equatable {
  /// The row that comes first.
  public let first: Int
  /// The other one.
  public let second: Int
  /// How alike they are.
  public let score: Float

  /// Two rows and their score.
  public init(first: Int, second: Int, score: Float) {
    self.first = first
    self.second = second
    self.score = score
  }
}

/// The pairs of rows that are most alike, and how well they are those that say the same.
///
/// Equal to sentence-transformers' `paraphrase_mining` and `ParaphraseMiningEvaluator`.
public struct ParaphraseReport: Sendable, Codable, Equatable {
  /// The pairs that were looked at.
  public let candidates: Int
  /// The pairs that say the same.
  public let duplicates: Int
  /// The mean of the precision at each pair that says the same, out of all of these.
  public let averagePrecision: Double
  /// The best F1 of a threshold on the score.
  public let f1: Double
  /// The precision there.
  public let precision: Double
  /// The recall there.
  public let recall: Double
  /// The threshold.
  public let threshold: Double

  /// Finds the pairs of rows of `[count, width]` that are most alike, the best first.
  ///
  /// For each row up to `neighbours` others are looked at, and up to `limit` pairs are kept.
  /// - Throws: `EvaluationError` if the embeddings aren't finite.
  public static func mine(
    _ embeddings: Tensor, similarity: SimilarityFunction = .cosine, neighbours: Int = 100, limit: Int = 500_000
  ) throws(EvaluationError) -> [ParaphrasePair] {
    let found = try ExactSearch(embeddings, similarity: similarity)(embeddings, count: neighbours + 1)
    var (seen, pairs): (Set<UInt64>, [ParaphrasePair]) = ([], [])
    for (row, hits) in found.enumerated() {
      for hit in hits.lazy.filter({ $0.index != row }).prefix(neighbours) {
        let (first, second) = (min(row, hit.index), max(row, hit.index))
        guard seen.insert(UInt64(first) << 32 | UInt64(second)).inserted else { continue }
        pairs.append(ParaphrasePair(first: first, second: second, score: hit.score))
      }
    }
    pairs.sort { ($0.score, $1.first, $1.second) > ($1.score, $0.first, $0.second) }
    return Array(pairs.prefix(limit))
  }

  /// Compares mined pairs, the best first, with those that say the same; with `transitive`, what says the same as
  /// something that says the same does so too.
  ///
  /// - Throws: `EvaluationError` for no duplicates, or a pair of a row with itself.
  public init(
    pairs: [ParaphrasePair], duplicates: [(first: Int, second: Int)], transitive: Bool = false
  ) throws(EvaluationError) {
    guard !duplicates.isEmpty else { throw .noSamples }
    if let pair = duplicates.first(where: { $0.first == $0.second || min($0.first, $0.second) < 0 }) {
      throw .invalid(what: "a pair of duplicates", expected: "two different rows", found: "\(pair)")
    }
    let listed = transitive ? ParaphraseReport.closed(duplicates) : duplicates
    let gold = Set(listed.map { UInt64(min($0.first, $0.second)) << 32 | UInt64(max($0.first, $0.second)) })
    var (correct, before) = (0, 0)
    var (precisions, best) = (0.0, (f1: 0.0, precision: 0.0, recall: 0.0, threshold: 0.0))
    for (rank, pair) in pairs.enumerated() {
      if gold.contains(UInt64(pair.first) << 32 | UInt64(pair.second)) { correct += 1 }
      let next = pairs[min(rank + 1, pairs.count - 1)].score
      // A threshold can't part equal scores.
      if rank + 1 < pairs.count, next == pair.score { continue }
      if correct > before {
        let (precision, recall) = (Double(correct) / Double(rank + 1), Double(correct) / Double(gold.count))
        precisions += precision * Double(correct - before)
        let f1 = 2 * precision * recall / (precision + recall)
        if f1 > best.f1 { best = (f1, precision, recall, (Double(pair.score) + Double(next)) / 2) }
      }
      before = correct
    }
    (candidates, self.duplicates) = (pairs.count, gold.count)
    averagePrecision = precisions / Double(gold.count)
    (f1, precision, recall, threshold) = best
  }

  /// All pairs within the groups that the pairs connect.
  private static func closed(_ pairs: [(first: Int, second: Int)]) -> [(first: Int, second: Int)] {
    var parents = Array(0...(pairs.map { max($0.first, $0.second) }.max() ?? 0))
    func root(_ row: Int) -> Int {
      var row = row
      while parents[row] != row {
        parents[row] = parents[parents[row]]
        row = parents[row]
      }
      return row
    }
    for pair in pairs { parents[root(pair.first)] = root(pair.second) }
    let members = Dictionary(grouping: Set(pairs.flatMap { [$0.first, $0.second] }), by: root)
    return members.values.flatMap { group in
      let rows = group.sorted()
      return rows.indices.flatMap { place in rows[(place + 1)...].map { (rows[place], $0) } }
    }
  }
}
