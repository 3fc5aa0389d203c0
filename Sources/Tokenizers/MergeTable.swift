/// The merges of a BPE model: which two tokens become which, and how early; found by the pair of ids.
public struct MergeTable: Sendable {
  /// The ids of each merge's parts, earliest learnt first.
  public private(set) var pairs: [(left: Int32, right: Int32)] = []
  private var slots: [Slot]

  private struct Slot {
    /// Left id in the upper half, right id in the lower; `UInt64.max` is a free slot.
    var key = UInt64.max
    /// The rank in the upper half, the merged token's id in the lower.
    var value: UInt64 = 0
  }

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = [Slot](table: Slot(), count: size)
    pairs.reserveCapacity(capacity)
  }

  /// Merges in the order they were learnt, and the id that each makes.
  init(_ pairs: [(left: Int32, right: Int32)], results: [Int32]) {
    self.init(capacity: pairs.count)
    self.pairs = pairs
    // Some merges' slots are read ahead: no read of memory has to wait for another's.
    let lanes = 16
    var ahead = [(home: Int, seen: UInt64)](repeating: (0, 0), count: lanes)
    for first in stride(from: 0, to: pairs.count, by: lanes) {
      let block = first..<min(first + lanes, pairs.count)
      for rank in block {
        let home = MergeTable.hash(MergeTable.key(pairs[rank].left, pairs[rank].right)) & (slots.count - 1)
        ahead[rank - first] = (home, slots[home].key)
      }
      for rank in block {
        let (home, seen) = ahead[rank - first]
        let slot = Slot(
          key: MergeTable.key(pairs[rank].left, pairs[rank].right),
          value: UInt64(rank) << 32 | UInt64(UInt32(bitPattern: results[rank])))
        if seen == .max, slots[home].key == .max { slots[home] = slot } else { set(slot.key, slot.value) }
      }
    }
  }

  /// How many merges there are.
  public var count: Int { pairs.count }

  /// The rank (upper half) and the merged id (lower half) of a pair, or `UInt64.max`.
  @inline(__always)
  func find(_ left: Int32, _ right: Int32) -> UInt64 {
    let key = MergeTable.key(left, right)
    let mask = slots.count - 1
    return slots.withUnsafeBufferPointer { slots in
      var position = MergeTable.hash(key) & mask
      while true {
        let slot = slots[position]
        if slot.key == key { return slot.value }
        if slot.key == .max { return .max }
        position = (position + 1) & mask
      }
    }
  }

  /// Adds a merge of two tokens given by their bytes; the right one's prefix isn't part of the result.
  mutating func append(
    _ left: some Collection<UInt8>, _ right: some Collection<UInt8>, prefix: [UInt8], _ vocabulary: Vocabulary
  ) throws(VocabularyError) {
    func id(_ bytes: [UInt8]) throws(VocabularyError) -> Int32 {
      guard let id = bytes.withUnsafeBufferPointer({ vocabulary.find($0) }) else {
        throw VocabularyError.missing(String(decoding: bytes, as: UTF8.self))
      }
      return id
    }
    let (leftID, rightID) = (try id(Array(left)), try id(Array(right)))
    append(leftID, rightID, merged: try id(Array(left) + right.dropFirst(min(prefix.count, right.count))))
  }

  mutating func append(_ left: Int32, _ right: Int32, merged: Int32) {
    if pairs.count * 2 >= slots.count { grow() }
    let value = UInt64(pairs.count) << 32 | UInt64(UInt32(bitPattern: merged))
    pairs.append((left, right))
    set(MergeTable.key(left, right), value)
  }

  private mutating func set(_ key: UInt64, _ value: UInt64) {
    let mask = slots.count - 1
    var position = MergeTable.hash(key) & mask
    while slots[position].key != .max, slots[position].key != key { position = (position + 1) & mask }
    slots[position] = Slot(key: key, value: value)
  }

  private mutating func grow() {
    let old = slots
    slots = [Slot](table: Slot(), count: old.count * 2)
    for slot in old where slot.key != .max { set(slot.key, slot.value) }
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private static func hash(_ key: UInt64) -> Int {
    let product = key.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return Int(truncatingIfNeeded: (product.high ^ product.low) & 0x7FFF_FFFF_FFFF_FFFF)
  }
}
