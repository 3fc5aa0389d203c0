import Tensors

/// Finds what a model takes for an answer though it isn't one: hard negatives for training.
///
/// Equal to sentence-transformers' `mine_hard_negatives`.
public struct HardNegatives: Sendable, Equatable {
  /// Which of the candidates are taken.
  public enum Sampling: String, Sendable, Codable, CaseIterable {
    /// The most alike.
    case top
    /// Some by chance.
    case random
  }

  /// How many of the most alike candidates are left out: they may be answers that nobody marked.
  public var rangeMin = 0
  /// How many of the most alike rows are looked at; nil: as many as are needed, ten times that with margins or
  /// `maxScore`.
  public var rangeMax: Int?
  /// The highest score of a negative.
  public var maxScore: Float?
  /// The lowest score of a negative.
  public var minScore: Float?
  /// By how much a negative must score below the query's lowest positive.
  public var absoluteMargin: Float?
  /// By which part of its score a negative must score below the query's lowest positive.
  public var relativeMargin: Float?
  /// The negatives of a query.
  public var count = 3
  /// Which of the candidates are taken.
  public var sampling = Sampling.top
  /// How alike two embeddings are.
  public var similarity = SimilarityFunction.cosine

  /// sentence-transformers' settings, to be changed.
  public init() {}

  /// The negatives of each query out of a corpus, the most alike first; fewer than `count` where there are no more.
  ///
  /// `positives` has the rows of the corpus that answer each query, at least one each. `mostPositives` is how many pairs the
  /// query with the most of them had, if pairs were repeated: room for so many is added to the range.
  /// - Throws: `EvaluationError` for settings or lists that don't fit, or NaN.
  public func mine(
    queries: Tensor, positives: [[Int]], corpus: Tensor, mostPositives: Int = 1, random: Random = Random(seed: 0)
  ) throws(EvaluationError) -> [[Hit]] {
    guard positives.count == queries.rows else {
      throw .countMismatch(what: "lists of positives", expected: queries.rows, found: positives.count)
    }
    for (query, rows) in positives.enumerated() {
      guard !rows.isEmpty, rows.allSatisfy({ (0..<corpus.rows).contains($0) }) else {
        throw .invalid(
          what: "positives of query \(query + 1)", expected: "rows from 0 to \(corpus.rows - 1)", found: "\(rows)")
      }
    }
    let mostPositives = max(mostPositives, positives.map(\.count).max() ?? 1)
    let isFiltered = absoluteMargin != nil || relativeMargin != nil || maxScore != nil
    guard count > 0, rangeMin >= 0, rangeMax.map({ $0 >= rangeMin && $0 - rangeMin >= count }) ?? true else {
      throw .invalid(
        what: "the range of negatives", expected: "room for at least \(max(1, count)) from rank \(rangeMin) on",
        found: "\(rangeMin) to \(rangeMax ?? corpus.rows)")
    }
    // No more than all rows can be found, however large the numbers are.
    let (most, first) = (min(count, corpus.rows), min(rangeMin, corpus.rows))
    let end = min(rangeMax ?? first + most * (isFiltered ? 10 : 1) + mostPositives, corpus.rows)
    let found = try ExactSearch(corpus, similarity: similarity)(queries, count: end + mostPositives)
    let owners = positives.enumerated().flatMap { Array(repeating: Int32($0.offset), count: $0.element.count) }
    let positiveScores = similarity.pairs(
      queries.rows(at: IDs(owners)), corpus.rows(at: IDs(positives.joined().map { Int32($0) })))
    var start = 0
    return found.enumerated().map { query, hits in
      let own = Set(positives[query])
      let lowest = positiveScores[start..<start + positives[query].count].min() ?? 0
      start += positives[query].count
      let candidates = hits.filter { !own.contains($0.index) && isNegative($0.score, lowest) }.prefix(end)
        .dropFirst(first)
      guard sampling == .random else { return Array(candidates.prefix(most)) }
      let order = random.split(UInt64(query)).permutation(candidates.count)
      return order.prefix(most).sorted().map { candidates[candidates.startIndex + $0] }
    }
  }

  private func isNegative(_ score: Float, _ lowest: Float) -> Bool {
    if let absoluteMargin, score + absoluteMargin > lowest { return false }
    if let relativeMargin, score > lowest - abs(lowest) * relativeMargin { return false }
    if let maxScore, score > maxScore { return false }
    if let minScore, score < minScore { return false }
    return true
  }
}
