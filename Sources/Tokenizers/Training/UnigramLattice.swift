import Foundation

/// All ways in which a word can be put together from pieces: the expected use of each piece, and the best way.
///
/// Probabilities are summed as they are, not as logarithms, and scaled up by a power of two where they become tiny, so that
/// words of any length are fine.
struct UnigramLattice {
  private let trie: PieceTrie
  private let scores: [Double]
  private let probabilities: [Double]
  private let longest: Int
  /// The log probability of a scalar that is no piece.
  private let unknownScore: Double

  /// A piece from one position to a later one; -1 is a scalar that is no piece.
  private struct Edge {
    let end: Int32
    let piece: Int32
  }

  private var edges: [Edge] = []
  /// Where the edges of each position start.
  private var firstEdges: [Int] = []
  private var forward: [Double] = []
  private var backward: [Double] = []
  /// How often the sums were scaled up before each position.
  private var scalings: [Int] = []
  private var previous: [(start: Int32, piece: Int32)] = []

  private static let tiny = 0x1p-500
  private static let huge = 0x1p500

  init(_ pieces: [UnigramTrainer.Piece]) {
    trie = PieceTrie(pieces.lazy.map(\.scalars))
    scores = pieces.map(\.score)
    probabilities = scores.map { exp($0) }
    longest = pieces.reduce(1) { max($0, $1.scalars.count) }
    unknownScore = (scores.min() ?? 0) - 10
  }

  private mutating func findEdges(_ word: UnsafeBufferPointer<UInt32>) {
    edges.removeAll(keepingCapacity: true)
    firstEdges.removeAll(keepingCapacity: true)
    for start in word.indices {
      firstEdges.append(edges.count)
      var isSpelt = false
      trie.forEachPrefix(of: word, from: start) { length, piece in
        if length == 1 { isSpelt = true }
        edges.append(Edge(end: Int32(start + length), piece: piece))
      }
      if !isSpelt { edges.append(Edge(end: Int32(start + 1), piece: -1)) }
    }
    firstEdges.append(edges.count)
  }

  /// Adds how often each piece is expected in a word that was seen `count` times (forward–backward).
  mutating func addExpectations(_ word: ArraySlice<UInt32>, _ count: Double, to expected: inout [Double]) {
    word.withUnsafeBufferPointer { findEdges($0) }
    let length = word.count
    let unknown = exp(unknownScore)
    @inline(__always) func probability(_ edge: Edge) -> Double {
      edge.piece < 0 ? unknown : probabilities[Int(edge.piece)]
    }

    forward.removeAll(keepingCapacity: true)
    forward.append(contentsOf: repeatElement(0, count: length + 1))
    scalings.removeAll(keepingCapacity: true)
    forward[0] = 1
    var scaling = 0
    for start in 0..<length {
      if forward[start] < UnigramLattice.tiny {
        for position in start...min(start + longest, length) { forward[position] *= UnigramLattice.huge }
        scaling += 1
      }
      scalings.append(scaling)
      for edge in edges[firstEdges[start]..<firstEdges[start + 1]] {
        forward[Int(edge.end)] += forward[start] * probability(edge)
      }
    }
    let total = forward[length]
    let totalScaling = scaling

    backward.removeAll(keepingCapacity: true)
    backward.append(contentsOf: repeatElement(0, count: length + 1))
    backward[length] = 1
    scaling = 0
    for start in stride(from: length - 1, through: 0, by: -1) {
      // Scaling of both sides against the total's: 0 in words of ordinary length.
      let excess = scalings[start] + scaling - totalScaling
      let weight = count * forward[start] / total * (excess == 0 ? 1 : pow(UnigramLattice.tiny, Double(excess)))
      var sum = 0.0
      for edge in edges[firstEdges[start]..<firstEdges[start + 1]] {
        let share = probability(edge) * backward[Int(edge.end)]
        sum += share
        if edge.piece >= 0 { expected[Int(edge.piece)] += weight * share }
      }
      backward[start] = sum
      if sum < UnigramLattice.tiny {
        for position in start...min(start + longest, length) { backward[position] *= UnigramLattice.huge }
        scaling += 1
      }
    }
  }

  /// The most probable pieces of a word and the sum of their scores (Viterbi), if one piece may not be used.
  mutating func bestPath(_ word: ArraySlice<UInt32>, without excluded: Int32 = -2) -> (score: Double, path: [Int32]) {
    word.withUnsafeBufferPointer { findEdges($0) }
    let length = word.count
    forward.removeAll(keepingCapacity: true)
    forward.append(contentsOf: repeatElement(-.infinity, count: length + 1))
    previous.removeAll(keepingCapacity: true)
    previous.append(contentsOf: repeatElement((start: 0, piece: -1), count: length + 1))
    forward[0] = 0
    for start in 0..<length {
      var isSpelt = false
      for edge in edges[firstEdges[start]..<firstEdges[start + 1]] where edge.piece != excluded {
        if Int(edge.end) == start + 1 { isSpelt = true }
        relax(start, edge)
      }
      if !isSpelt { relax(start, Edge(end: Int32(start + 1), piece: -1)) }
    }
    var path: [Int32] = []
    var position = length
    while position > 0 {
      path.append(previous[position].piece)
      position = Int(previous[position].start)
    }
    return (forward[length], path.reversed())
  }

  @inline(__always)
  private mutating func relax(_ start: Int, _ edge: Edge) {
    let score = forward[start] + (edge.piece < 0 ? unknownScore : scores[Int(edge.piece)])
    guard score > forward[Int(edge.end)] else { return }
    forward[Int(edge.end)] = score
    previous[Int(edge.end)] = (Int32(start), edge.piece)
  }
}
