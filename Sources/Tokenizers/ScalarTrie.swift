/// The tokens of a vocabulary by their scalars, to find all that a text begins with.
///
/// Open addressing over edges (node, scalar): no object a node, and a step costs about one read of memory.
struct ScalarTrie: Sendable {
  private struct Edge {
    /// Node in the upper half, scalar in the lower; 0 is a free slot (no edge leads from node 0: the root is 1).
    var key: UInt64 = 0
    /// The node it leads to.
    var child: Int32 = 0
    /// The token that ends there, or -1.
    var id: Int32 = -1
  }

  /// A token on its way into the trie.
  private struct Walk {
    let place: Int
    /// Where its next scalar starts and where it ends, in the vocabulary's bytes.
    var position: Int
    let end: Int
    var node = ScalarTrie.root
    /// The next edge, where it belongs, and whether it's there.
    var key: UInt64 = 0
    var slot = 0
    var isThere = false
  }

  private var edges: [Edge]
  private var count = 0

  static let root: Int32 = 1

  init(_ vocabulary: Vocabulary) {
    var size = 64
    while size < vocabulary.count * 3 { size *= 2 }
    edges = [Edge](table: Edge(), count: size)
    // Many tokens side by side, a scalar each in turn: no read of memory has to wait for another's.
    let lanes = 32
    var walks: [Walk] = []
    walks.reserveCapacity(lanes)
    vocabulary.table.withAllBytes { bytes, ends in
      for first in stride(from: 0, to: ends.count, by: lanes) {
        for place in first..<min(first + lanes, ends.count) {
          let start = place == 0 ? 0 : ends[place - 1]
          if start < ends[place] { walks.append(Walk(place: place, position: start, end: ends[place])) }
        }
        while !walks.isEmpty { step(&walks, bytes, vocabulary.ids) }
      }
    }
  }

  /// The node that a scalar leads to, or 0, and the token that ends there, or -1.
  @inline(__always)
  func child(of node: Int32, _ scalar: UInt32) -> (node: Int32, id: Int32) {
    let key = ScalarTrie.key(node, scalar)
    let mask = edges.count - 1
    var slot = ScalarTrie.hash(key) & mask
    return edges.withUnsafeBufferPointer { edges in
      while true {
        let edge = edges[slot]
        if edge.key == key { return (edge.child, edge.id) }
        if edge.key == 0 { return (0, -1) }
        slot = (slot + 1) & mask
      }
    }
  }

  /// Takes each walk an edge further and drops those that have arrived.
  private mutating func step(_ walks: inout [Walk], _ bytes: UnsafeBufferPointer<UInt8>, _ ids: [Int32]) {
    if (count + walks.count) * 4 > edges.count * 3 { grow() }
    let mask = edges.count - 1
    var left = 0
    edges.withUnsafeMutableBufferPointer { edges in
      walks.withUnsafeMutableBufferPointer { walks in
        for index in walks.indices {
          let key = ScalarTrie.key(walks[index].node, UTF8Scalars.decode(bytes, &walks[index].position))
          let slot = ScalarTrie.hash(key) & mask
          walks[index].key = key
          walks[index].slot = slot
          walks[index].isThere = edges[slot].key == key
        }
        for var walk in walks {
          var slot = walk.slot
          if !walk.isThere {
            while edges[slot].key != 0, edges[slot].key != walk.key { slot = (slot + 1) & mask }
            if edges[slot].key == 0 {
              count += 1
              edges[slot] = Edge(key: walk.key, child: ScalarTrie.root + Int32(count))
            }
          }
          walk.node = edges[slot].child
          if walk.position < walk.end {
            walks[left] = walk
            left += 1
          } else {
            edges[slot].id = ids.isEmpty ? Int32(walk.place) : ids[walk.place]
          }
        }
      }
    }
    walks.removeLast(walks.count - left)
  }

  private mutating func grow() {
    let old = edges
    edges = [Edge](table: Edge(), count: old.count * 2)
    let mask = edges.count - 1
    for edge in old where edge.key != 0 {
      var slot = ScalarTrie.hash(edge.key) & mask
      while edges[slot].key != 0 { slot = (slot + 1) & mask }
      edges[slot] = edge
    }
  }

  @inline(__always)
  private static func key(_ node: Int32, _ scalar: UInt32) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 32 | UInt64(scalar)
  }

  @inline(__always)
  private static func hash(_ key: UInt64) -> Int {
    let product = key.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return Int(truncatingIfNeeded: (product.high ^ product.low) & 0x7FFF_FFFF_FFFF_FFFF)
  }
}
