import Tensors

/// Something found, and how alike it is.
public struct Hit: Sendable, Codable, Equatable {
  /// Its row in the corpus.
  public let index: Int
  /// How alike it is.
  public let score: Float

  /// A row and its score.
  public init(index: Int, score: Float) {
    self.index = index
    self.score = score
  }

  /// Whether this one stands before the other: by score, then by row.
  func precedes(_ other: Hit) -> Bool { score > other.score || (score == other.score && index < other.index) }
}

/// The nearest rows of a corpus by comparing with all of them, block by block, without sorting them.
///
/// Memory beyond the embeddings: a block's scores (64 MB at most) and what is found.
public struct ExactSearch: Sendable {
  /// How alike two embeddings are.
  public let similarity: SimilarityFunction
  private let corpus: Tensor

  private static let (queryBlock, corpusBlock) = (1024, 16_384)

  /// A search in a corpus `[count, width]`.
  ///
  /// - Throws: `EvaluationError` if it is empty or not finite.
  public init(_ corpus: Tensor, similarity: SimilarityFunction = .cosine) throws(EvaluationError) {
    try checkEmbeddings([("the corpus", corpus)])
    self.similarity = similarity
    self.corpus = similarity.prepared(corpus)
  }

  /// The `count` nearest rows of each query, the best first; equally near ones by row.
  ///
  /// - Throws: `EvaluationError` if queries aren't finite or not as wide as the corpus.
  public func callAsFunction(_ queries: Tensor, count: Int) throws(EvaluationError) -> [[Hit]] {
    try checkEmbeddings([("the corpus", corpus), ("the queries", queries)])
    precondition(count > 0, "ExactSearch: expected a count above 0, found \(count)")
    let queries = similarity.prepared(queries)
    var found = Array(repeating: TopHits(capacity: min(count, corpus.rows)), count: queries.rows)
    for start in stride(from: 0, to: corpus.rows, by: ExactSearch.corpusBlock) {
      let block = rows(of: corpus, start, ExactSearch.corpusBlock)
      for first in stride(from: 0, to: queries.rows, by: ExactSearch.queryBlock) {
        let scores = similarity.matrix(rows(of: queries, first, ExactSearch.queryBlock), block)
        found.withUnsafeMutableBufferPointer { found in
          scores.withUnsafeBuffer { scores in
            let width = block.rows
            Workers.run(scores.count / width, by: 4) { range in
              for row in range {
                found[first + row].take(UnsafeBufferPointer(rebasing: scores[row * width..<(row + 1) * width]), start)
              }
            }
          }
        }
      }
    }
    return found.map(\.sorted)
  }

  private func rows(of x: Tensor, _ start: Int, _ count: Int) -> Tensor {
    if start == 0, x.rows <= count { return x }
    return x.rows(at: IDs((start..<min(x.rows, start + count)).map { Int32($0) }))
  }
}

/// The best of the hits seen, as a binary heap with the worst of them on top.
private struct TopHits {
  private let capacity: Int
  private var heap: [Hit] = []

  init(capacity: Int) { self.capacity = capacity }

  /// Looks at the scores of rows that follow all seen before.
  mutating func take(_ scores: UnsafeBufferPointer<Float>, _ start: Int) {
    for place in scores.indices {
      if heap.count < capacity {
        push(Hit(index: start + place, score: scores[place]))
      } else if scores[place] > heap[0].score {
        // An equal score is of a later row, and so no better.
        heap[0] = Hit(index: start + place, score: scores[place])
        sink()
      }
    }
  }

  private mutating func push(_ hit: Hit) {
    heap.append(hit)
    var child = heap.count - 1
    while child > 0, heap[(child - 1) / 2].precedes(heap[child]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var worst = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[worst].precedes(heap[child]) {
        worst = child
      }
      guard worst != parent else { return }
      heap.swapAt(parent, worst)
      parent = worst
    }
  }

  var sorted: [Hit] { heap.sorted { $0.precedes($1) } }
}
