/// The tokens of a vocabulary by their scalars, to find all that a text begins with.
///
/// Open addressing over edges (node, scalar): no object a node, and a step costs about one read of memory.
struct ScalarTrie: Sendable {
  /// Node in the upper half, scalar in the lower; 0 is a free slot (no edge leads from node 0: the root is 1).
  private var keys: [UInt64]
  private var children: [Int32]
  /// The token that ends at each node, or -1.
  private(set) var ids: [Int32] = [-1, -1]

  static let root: Int32 = 1

  init(_ vocabulary: Vocabulary) {
    let count = vocabulary.count
    var size = 64
    while size < count * 4 { size *= 2 }
    keys = [UInt64](repeating: 0, count: size)
    children = [Int32](repeating: 0, count: size)
    ids.reserveCapacity(count * 2)
    for place in 0..<count {
      let id = vocabulary.ids.isEmpty ? Int32(place) : vocabulary.ids[place]
      vocabulary.table.withBytes(of: place) { insert($0, id: id) }
    }
  }

  /// The node that a scalar leads to, or 0.
  @inline(__always)
  func child(of node: Int32, _ scalar: UInt32) -> Int32 {
    let key = UInt64(UInt32(bitPattern: node)) << 32 | UInt64(scalar)
    let mask = keys.count - 1
    var position = ScalarTrie.hash(key) & mask
    return keys.withUnsafeBufferPointer { keys in
      while true {
        let found = keys[position]
        if found == key { return children[position] }
        if found == 0 { return 0 }
        position = (position + 1) & mask
      }
    }
  }

  private mutating func insert(_ token: UnsafeBufferPointer<UInt8>, id: Int32) {
    var node = ScalarTrie.root
    var position = 0
    while position < token.count {
      let scalar = UTF8Scalars.decode(token, &position)
      let key = UInt64(UInt32(bitPattern: node)) << 32 | UInt64(scalar)
      let mask = keys.count - 1
      var slot = ScalarTrie.hash(key) & mask
      while keys[slot] != 0, keys[slot] != key { slot = (slot + 1) & mask }
      if keys[slot] == 0 {
        keys[slot] = key
        children[slot] = Int32(ids.count)
        ids.append(-1)
        if ids.count * 2 > keys.count {
          node = Int32(ids.count - 1)
          grow()
          continue
        }
      }
      node = children[slot]
    }
    if node != ScalarTrie.root { ids[Int(node)] = id }
  }

  private mutating func grow() {
    let (oldKeys, oldChildren) = (keys, children)
    keys = [UInt64](repeating: 0, count: oldKeys.count * 2)
    children = [Int32](repeating: 0, count: oldKeys.count * 2)
    let mask = keys.count - 1
    for (key, child) in zip(oldKeys, oldChildren) where key != 0 {
      var slot = ScalarTrie.hash(key) & mask
      while keys[slot] != 0 { slot = (slot + 1) & mask }
      keys[slot] = key
      children[slot] = child
    }
  }

  @inline(__always)
  private static func hash(_ key: UInt64) -> Int {
    let product = key.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return Int(truncatingIfNeeded: (product.high ^ product.low) & 0x7FFF_FFFF_FFFF_FFFF)
  }
}
