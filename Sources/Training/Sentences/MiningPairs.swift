import Checkpoints
import Encoders
import Evaluation
import Foundation
import Tensors

/// Queries and their answers, among which hard negatives are looked for.
public struct MiningPairs: Sendable {
  /// The different queries.
  public let queries: [String]
  /// The different answers.
  public let corpus: [String]
  /// The places in `corpus` of each query's answers.
  public let relevant: [[Int]]
  /// The most rows of one query, where pairs may repeat.
  private let mostRows: Int

  /// Rows with what was found.
  public struct Found: Sendable {
    /// A query, one of its answers and a negative a row.
    public let triplets: [[String]]
    fileprivate let pairs: [(query: String, positive: String, negatives: [String])]

    /// A query, one of its answers and `count` negatives a row; pairs with fewer are left out.
    public func tuples(of count: Int) -> [[String]] {
      pairs.filter { $0.negatives.count >= count }.map { [$0.query, $0.positive] + $0.negatives.prefix(count) }
    }
  }

  /// Reads pairs; `columns` are those of query and answer, nil the first two, ids and scores aside.
  ///
  /// - Throws: `FileError` for files that aren't pairs.
  public init(_ url: URL, columns: [String]? = nil) throws {
    let table = try SentenceTable(url, columns: columns)
    guard table.texts.count >= 2,
      case .retrieval(let queries, let corpus, let relevant)? = try ScoringData(table.firstPairs)
    else {
      throw FileError(.mismatched, url, line: 1, "expected two columns of texts, found \(table.texts.count)")
    }
    (self.queries, self.corpus, self.relevant) = (queries, corpus, relevant)
    mostRows = Dictionary(table.texts[0].map { ($0, 1) }, uniquingKeysWith: +).values.max() ?? 1
  }

  /// Looks for the negatives of each query, by vectors of length 1, as sentence-transformers does.
  ///
  /// - Throws: `TokenError` from the encoder, `EvaluationError` for settings that don't fit.
  public func mine(_ mining: HardNegatives, _ encoder: SentenceEncoder, seed: UInt64) throws -> Found {
    let hits = try mining.mine(
      queries: encoder.encodeQueries(queries).normalized(), positives: relevant,
      corpus: encoder.encodeDocuments(corpus).normalized(), mostPositives: mostRows,
      random: Random(seed: seed).split("mining"))
    let pairs = queries.indices.flatMap { query in
      relevant[query].map { (queries[query], corpus[$0], hits[query].map { corpus[$0.index] }) }
    }
    return Found(triplets: pairs.flatMap { pair in pair.2.map { [pair.0, pair.1, $0] } }, pairs: pairs)
  }
}

extension SentenceTable {
  /// The first two columns alone.
  fileprivate var firstPairs: SentenceTable { columns(0..<min(2, texts.count)) }
}
