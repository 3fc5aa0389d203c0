/// Pairs of numbers, themselves numbered in the order they came in; open addressing, the same on every run.
struct PairTable {
  /// The pairs by number: the left one in the upper half.
  private(set) var keys: [UInt64] = []
  /// The number of a pair + 1; 0 is a free slot.
  private var slots: [UInt32]

  init(capacity: Int = 0) {
    var size = 64
    while size < capacity * 2 { size *= 2 }
    slots = [UInt32](repeating: 0, count: size)
  }

  var count: Int { keys.count }

  @inline(__always)
  static func key(_ left: Int32, _ right: UInt32) -> UInt64 { UInt64(UInt32(bitPattern: left)) << 32 | UInt64(right) }

  /// The number of a pair, or -1.
  @inline(__always)
  func find(_ key: UInt64) -> Int { Int(slots[slot(of: key)]) - 1 }

  /// The number of a pair that is added if it wasn't there.
  @inline(__always)
  mutating func insert(_ key: UInt64) -> Int {
    let slot = slot(of: key)
    if slots[slot] != 0 { return Int(slots[slot]) - 1 }
    precondition(count < Int(Int32.max), "PairTable.insert: the table is full at \(count) pairs")
    keys.append(key)
    slots[slot] = UInt32(count)
    if count * 2 > slots.count { grow() }
    return count - 1
  }

  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    let mask = slots.count - 1
    var position = PairTable.hash(key) & mask
    return slots.withUnsafeBufferPointer { slots in
      keys.withUnsafeBufferPointer { keys in
        while slots[position] != 0, keys[Int(slots[position]) - 1] != key { position = (position + 1) & mask }
        return position
      }
    }
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    let mask = slots.count - 1
    for (index, key) in keys.enumerated() {
      var position = PairTable.hash(key) & mask
      while slots[position] != 0 { position = (position + 1) & mask }
      slots[position] = UInt32(index + 1)
    }
  }

  @inline(__always)
  private static func hash(_ key: UInt64) -> Int {
    let product = key.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return Int(truncatingIfNeeded: (product.high ^ product.low) & 0x7FFF_FFFF_FFFF_FFFF)
  }
}
