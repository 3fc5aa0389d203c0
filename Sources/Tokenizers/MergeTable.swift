/// The merges of a BPE model: which two tokens become which, and how early; found by the pair of ids.
public struct MergeTable: Sendable {
  /// The ids of each merge's parts, earliest learnt first.
  public private(set) var pairs: [(left: Int32, right: Int32)] = []
  /// Left id in the upper half, right id in the lower; `UInt64.max` is a free slot.
  private var keys: [UInt64]
  /// The rank in the upper half, the merged token's id in the lower.
  private var values: [UInt64]

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    keys = [UInt64](repeating: .max, count: size)
    values = [UInt64](repeating: 0, count: size)
    pairs.reserveCapacity(capacity)
  }

  /// How many merges there are.
  public var count: Int { pairs.count }

  /// The rank (upper half) and the merged id (lower half) of a pair, or `UInt64.max`.
  @inline(__always)
  func find(_ left: Int32, _ right: Int32) -> UInt64 {
    let key = MergeTable.key(left, right)
    let mask = keys.count - 1
    return keys.withUnsafeBufferPointer { keys in
      var position = MergeTable.hash(key) & mask
      while true {
        let found = keys[position]
        if found == key { return values[position] }
        if found == .max { return .max }
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
    if pairs.count * 2 >= keys.count { grow() }
    let value = UInt64(pairs.count) << 32 | UInt64(UInt32(bitPattern: merged))
    pairs.append((left, right))
    set(MergeTable.key(left, right), value)
  }

  private mutating func set(_ key: UInt64, _ value: UInt64) {
    let mask = keys.count - 1
    var position = MergeTable.hash(key) & mask
    while keys[position] != .max, keys[position] != key { position = (position + 1) & mask }
    keys[position] = key
    values[position] = value
  }

  private mutating func grow() {
    let (oldKeys, oldValues) = (keys, values)
    keys = [UInt64](repeating: .max, count: oldKeys.count * 2)
    values = [UInt64](repeating: 0, count: oldKeys.count * 2)
    for (key, value) in zip(oldKeys, oldValues) where key != .max { set(key, value) }
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
