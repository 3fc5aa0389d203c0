/// Words numbered in the order they came in, found by their UTF-8 bytes (so that `é` and `e` + accent stay two words).
///
/// Open addressing over one block of bytes: no object a word. Finding takes time in proportion to the word's length.
public struct WordTable: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  /// Upper half: the hash's upper half; lower half: the word's number + 1. 0 is a free slot.
  private var slots: [UInt64]

  /// A table with room for about `capacity` words before it grows.
  public init(capacity: Int = 0) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = [UInt64](table: 0, count: size)
  }

  /// Words given by their bytes, one after the other, and where each ends; nil if a word appears twice.
  init?(bytes: [UInt8], ends: [Int]) {
    self.init(capacity: ends.count)
    (self.bytes, self.ends) = (bytes, ends)
    // Some words' slots are read ahead: no read of memory has to wait for another's.
    let lanes = 16
    var ahead = [(hash: UInt64, home: Int, seen: UInt64)](repeating: (0, 0, 0), count: lanes)
    for first in stride(from: 0, to: ends.count, by: lanes) {
      let block = first..<min(first + lanes, ends.count)
      for index in block {
        let hash = withBytes(of: index) { WordTable.hash($0) }
        let home = Int(truncatingIfNeeded: hash >> 32) & (slots.count - 1)
        ahead[index - first] = (hash, home, slots[home])
      }
      for index in block {
        let (hash, home, seen) = ahead[index - first]
        var position = home
        if seen != 0 || slots[home] != 0 {
          position = withBytes(of: index) { slot(of: $0, hash) }
          if slots[position] != 0 { return nil }
        }
        slots[position] = hash & ~0xFFFF_FFFF | UInt64(index + 1)
      }
    }
  }

  /// How many words there are.
  public var count: Int { ends.count }

  /// The number of a word, or nil if it isn't there.
  @inline(__always)
  public func find(_ word: UnsafeBufferPointer<UInt8>) -> Int? {
    let hash = WordTable.hash(word)
    let slot = slots[slot(of: word, hash)]
    return slot == 0 ? nil : Int(slot & 0xFFFF_FFFF) - 1
  }

  /// The number of a word, or nil if it isn't there.
  public func find(_ word: String) -> Int? {
    var word = word
    return word.withUTF8 { find($0) }
  }

  /// The numbers of words given by their bytes, one after the other, and where each ends; -1 for those that aren't there.
  func find(bytes words: UnsafeBufferPointer<UInt8>, ends wordEnds: [Int]) -> [Int32] {
    var numbers = [Int32](repeating: -1, count: wordEnds.count)
    let mask = slots.count - 1
    // As in `init`, first the slots of some words are read, then where the words in them stand, then how these begin.
    let lanes = 16
    var ahead = [(hash: UInt64, slot: UInt64, range: Range<Int>, byte: UInt8)](
      repeating: (0, 0, 0..<0, 0), count: lanes)
    var start = 0
    for first in stride(from: 0, to: wordEnds.count, by: lanes) {
      let block = first..<min(first + lanes, wordEnds.count)
      var position = start
      for index in block {
        let hash = WordTable.hash(UnsafeBufferPointer(rebasing: words[position..<wordEnds[index]]))
        ahead[index - first] = (hash, slots[Int(truncatingIfNeeded: hash >> 32) & mask], 0..<0, 0)
        position = wordEnds[index]
      }
      for lane in 0..<block.count where (ahead[lane].slot ^ ahead[lane].hash) >> 32 == 0 && ahead[lane].slot != 0 {
        ahead[lane].range = range(of: Int(ahead[lane].slot & 0xFFFF_FFFF) - 1)
      }
      for lane in 0..<block.count where !ahead[lane].range.isEmpty {
        ahead[lane].byte = bytes[ahead[lane].range.lowerBound]
      }
      for index in block {
        let word = UnsafeBufferPointer(rebasing: words[start..<wordEnds[index]])
        let (hash, slot, range, byte) = ahead[index - first]
        if let first = word.first, first == byte, equals(range, word) {
          numbers[index] = Int32(truncatingIfNeeded: slot & 0xFFFF_FFFF) - 1
        } else {
          let slot = slots[self.slot(of: word, hash)]
          if slot != 0 { numbers[index] = Int32(truncatingIfNeeded: slot & 0xFFFF_FFFF) - 1 }
        }
        start = wordEnds[index]
      }
    }
    return numbers
  }

  /// The number of a word that is added if it wasn't there.
  public mutating func insert(_ word: UnsafeBufferPointer<UInt8>) -> (index: Int, isNew: Bool) {
    let hash = WordTable.hash(word)
    let position = slot(of: word, hash)
    if slots[position] != 0 { return (Int(slots[position] & 0xFFFF_FFFF) - 1, false) }
    precondition(count < Int(Int32.max), "WordTable.insert: the table is full at \(count) words")
    bytes.append(contentsOf: word)
    ends.append(bytes.count)
    slots[position] = hash & ~0xFFFF_FFFF | UInt64(count)
    if count * 2 > slots.count { grow() }
    return (count - 1, true)
  }

  /// The number of a word that is added if it wasn't there.
  public mutating func insert(_ word: String) -> (index: Int, isNew: Bool) {
    var word = word
    return word.withUTF8 { insert($0) }
  }

  /// The word of that number.
  public subscript(index: Int) -> String { withBytes(of: index) { String(decoding: $0, as: UTF8.self) } }

  /// All words, by number.
  public var words: [String] { (0..<count).map { self[$0] } }

  /// The length in bytes of the longest word.
  public var longest: Int {
    var start = 0
    return ends.reduce(0) { longest, end in
      defer { start = end }
      return max(longest, end - start)
    }
  }

  /// Calls `body` with the bytes of the word of that number.
  public func withBytes<Result>(
    of index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result {
    try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[range(of: index)])) }
  }

  /// Calls `body` with the bytes of all words, one after the other, and where each ends.
  func withAllBytes<Result>(
    _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<Int>) throws -> Result
  ) rethrows -> Result {
    try bytes.withUnsafeBufferPointer { bytes in try ends.withUnsafeBufferPointer { try body(bytes, $0) } }
  }

  /// Whether a word's bytes come before another's.
  public func precedes(_ a: Int, _ b: Int) -> Bool {
    bytes[range(of: a)].lexicographicallyPrecedes(bytes[range(of: b)])
  }

  private func range(of index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  /// The slot that holds the word, or the free one where it belongs.
  @inline(__always)
  private func slot(of word: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int {
    let mask = slots.count - 1
    var position = Int(truncatingIfNeeded: hash >> 32) & mask
    while true {
      let slot = slots[position]
      if slot == 0 { return position }
      if (slot ^ hash) >> 32 == 0, equals(range(of: Int(slot & 0xFFFF_FFFF) - 1), word) { return position }
      position = (position + 1) & mask
    }
  }

  @inline(__always)
  private func equals(_ range: Range<Int>, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
    guard range.count == word.count else { return false }
    let raw = UnsafeRawBufferPointer(word)
    return bytes.withUnsafeBytes { bytes in
      /// Whether as many bytes from `offset` on are the same as there are in an integer of the type.
      @inline(__always) func same<Bytes: FixedWidthInteger>(_: Bytes.Type, at offset: Int) -> Bool {
        bytes.loadUnaligned(fromByteOffset: range.lowerBound + offset, as: Bytes.self)
          == raw.loadUnaligned(fromByteOffset: offset, as: Bytes.self)
      }
      // The last bytes of longer words are compared together with some before them.
      switch raw.count {
      case 0..<4: return (0..<raw.count).allSatisfy { same(UInt8.self, at: $0) }
      case 4..<8: return same(UInt32.self, at: 0) && same(UInt32.self, at: raw.count - 4)
      default:
        var offset = 0
        while offset + 8 < raw.count {
          guard same(UInt64.self, at: offset) else { return false }
          offset += 8
        }
        return same(UInt64.self, at: raw.count - 8)
      }
    }
  }

  private mutating func grow() {
    let old = slots
    slots = [UInt64](table: 0, count: old.count * 2)
    let mask = slots.count - 1
    for slot in old where slot != 0 {
      var position = Int(truncatingIfNeeded: slot >> 32) & mask
      while slots[position] != 0 { position = (position + 1) & mask }
      slots[position] = slot
    }
  }

  /// Eight bytes at a time, each folded in by a 64 × 64 → 128-bit product (as wyhash does); the same on every run.
  @inline(__always)
  private static func hash(_ word: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let count = word.count
    let raw = UnsafeRawBufferPointer(word)
    let hash = UInt64(count) ^ 0x9E37_79B9_7F4A_7C15
    if count < 4 {
      guard count > 0 else { return mix(hash, 0) }
      return mix(hash, UInt64(word[0]) | UInt64(word[count / 2]) << 8 | UInt64(word[count - 1]) << 16)
    }
    if count < 8 {
      let low = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
      let high = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
      return mix(hash, UInt64(low) | UInt64(high) << 32)
    }
    var result = hash
    var offset = 0
    while offset + 8 < count {
      result = mix(result, UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
      offset += 8
    }
    // The last eight bytes, some of them for the second time.
    return mix(result, UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)))
  }

  @inline(__always)
  private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = (a ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: b ^ 0xE703_7ED1_A0B4_28DB)
    return product.high ^ product.low
  }
}
