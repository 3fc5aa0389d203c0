/// Strings of scalars as a tree; node 0 is the root, and a node's number is that of the pair (parent, scalar) + 1.
struct PieceTrie {
  private var edges: PairTable
  /// The piece that ends at each node, or -1.
  private var pieces: [Int32] = [-1]

  init(_ pieces: some Collection<[UInt32]>) {
    edges = PairTable(capacity: pieces.count)
    for (number, piece) in pieces.enumerated() {
      var node = 0
      for scalar in piece {
        node = edges.insert(PairTable.key(Int32(node), scalar)) + 1
        if node == self.pieces.count { self.pieces.append(-1) }
      }
      self.pieces[node] = Int32(number)
    }
  }

  /// Calls `body` with the length and number of each piece that `text` begins with, shortest first.
  @inline(__always)
  func forEachPrefix(of text: UnsafeBufferPointer<UInt32>, from start: Int, _ body: (Int, Int32) -> Void) {
    var node = 0
    var position = start
    while position < text.count {
      node = edges.find(PairTable.key(Int32(truncatingIfNeeded: node), text[position])) + 1
      guard node > 0 else { return }
      position += 1
      let piece = pieces[node]
      if piece >= 0 { body(position - start, piece) }
    }
  }
}

extension CountedScalars {
  /// The substrings that occur at least twice, up to a length, found level by level: what extends a rare one is rare too.
  /// Of substrings that always occur as part of the same longer one (to the right), only the longest is given. Ordered by
  /// count × length, at most `limit` of them, single scalars aside.
  func frequentSubstrings(longest: Int, limit: Int) -> [(piece: [UInt32], weight: Int)] {
    struct Node {
      let parent: Int32
      let scalar: UInt32
      let weight: Int
      let length: Int32
      var isMaximal = true
    }
    var nodes: [Node] = []
    // Where each occurrence starts and its node, level after level.
    var starts: [(position: Int32, end: Int32, weight: Int32, node: Int32)] = []
    for word in ends.indices {
      let range = range(of: word)
      for position in range {
        starts.append((Int32(position), Int32(range.upperBound), Int32(word), -1))
      }
    }
    for length in 1...max(longest, 1) {
      starts.removeAll { Int($0.position) + length > Int($0.end) }
      guard !starts.isEmpty else { break }
      var level = PairTable(capacity: starts.count / 4)
      var weights: [Int] = []
      for index in starts.indices {
        let scalar = scalars[Int(starts[index].position) + length - 1]
        let place = level.insert(PairTable.key(starts[index].node, scalar))
        if place == weights.count { weights.append(0) }
        weights[place] += counts[Int(starts[index].weight)]
        starts[index].node = Int32(place)
      }
      var numbers = [Int32](repeating: -1, count: level.count)
      for (place, weight) in weights.enumerated() where weight >= 2 {
        let parent = Int32(truncatingIfNeeded: level.keys[place] >> 32)
        let scalar = UInt32(truncatingIfNeeded: level.keys[place])
        numbers[place] = Int32(nodes.count)
        nodes.append(Node(parent: parent, scalar: scalar, weight: weight, length: Int32(length)))
        if parent >= 0, nodes[Int(parent)].weight == weight { nodes[Int(parent)].isMaximal = false }
      }
      for index in starts.indices { starts[index].node = numbers[Int(starts[index].node)] }
      starts.removeAll { $0.node < 0 }
    }
    func score(_ node: Int) -> Int { nodes[node].weight * Int(nodes[node].length) }
    let chosen = nodes.indices.filter { nodes[$0].isMaximal && nodes[$0].length > 1 }
      .sorted { score($0) != score($1) ? score($0) > score($1) : $0 < $1 }
    return chosen.prefix(max(limit, 0)).map { node in
      var piece: [UInt32] = []
      var current = Int32(node)
      while current >= 0 {
        piece.append(nodes[Int(current)].scalar)
        current = nodes[Int(current)].parent
      }
      return (piece.reversed(), score(node))
    }
  }
}
