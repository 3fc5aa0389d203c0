/// Tokens and their ids, found by their UTF-8 bytes. Ids may have holes; they start at 0 or above.
public struct Vocabulary: Sendable {
  /// Tokens in the order they came in.
  private(set) var table: WordTable
  /// The id of each place in the table; empty while every id is its place.
  private(set) var ids: [Int32] = []
  /// The place of each id in the table, or -1; empty while every id is its place.
  private var places: [Int32] = []

  /// The largest id a file may give; it bounds the memory that a lying file can ask for.
  static let largestID = 1 << 24

  /// An empty vocabulary with room for about `capacity` tokens before it grows.
  public init(capacity: Int = 0) { table = WordTable(capacity: capacity) }

  /// Tokens numbered from 0 in their order.
  ///
  /// - Throws: `VocabularyError` if a token appears twice.
  public init(_ tokens: some Collection<String>) throws(VocabularyError) {
    self.init(capacity: tokens.count)
    for token in tokens {
      guard table.insert(token).isNew else { throw VocabularyError.appearsTwice(token) }
    }
  }

  /// Tokens given by their bytes, one after the other, where each ends, and their ids from 0 to `largestID` (nil: their
  /// places); what comes later under the same token or id wins.
  init(bytes: [UInt8], ends: [Int], ids: [Int32]? = nil) {
    self.init()
    if let table = WordTable(bytes: bytes, ends: ends) {
      self.table = table
      guard let ids, !ids.indices.allSatisfy({ ids[$0] == $0 }) else { return }
      self.ids = ids
      places = [Int32](repeating: -1, count: Int(ids.max() ?? -1) + 1)
      for (place, id) in ids.enumerated() { places[Int(id)] = Int32(place) }
      return
    }
    bytes.withUnsafeBufferPointer { bytes in
      var start = 0
      for (place, end) in ends.enumerated() {
        insert(UnsafeBufferPointer(rebasing: bytes[start..<end]), id: ids.map { Int($0[place]) } ?? place)
        start = end
      }
    }
  }

  /// How many tokens there are.
  public var count: Int { table.count }

  /// One more than the largest id.
  public var idLimit: Int { ids.isEmpty ? table.count : places.count }

  /// The id of a token, or nil.
  public func id(of token: String) -> Int32? {
    var token = token
    return token.withUTF8 { find($0) }
  }

  /// The token of an id, or nil.
  public subscript(id: Int32) -> String? { place(of: id).map { table[$0] } }

  /// The id of a token, or nil.
  @inline(__always)
  func find(_ token: UnsafeBufferPointer<UInt8>) -> Int32? {
    guard let place = table.find(token) else { return nil }
    return ids.isEmpty ? Int32(truncatingIfNeeded: place) : ids[place]
  }

  /// The ids of tokens given by their bytes, one after the other, and where each ends; -1 for those that aren't there.
  func find(bytes: UnsafeBufferPointer<UInt8>, ends: [Int]) -> [Int32] {
    let places = table.find(bytes: bytes, ends: ends)
    return ids.isEmpty ? places : places.map { $0 < 0 ? -1 : ids[Int($0)] }
  }

  /// Where in the table the token of an id is, or nil.
  @inline(__always)
  func place(of id: Int32) -> Int? {
    if ids.isEmpty { return id >= 0 && id < table.count ? Int(id) : nil }
    guard id >= 0, id < places.count, places[Int(id)] >= 0 else { return nil }
    return Int(places[Int(id)])
  }

  /// Calls `body` with the token's bytes; with none for an id that has no token.
  func withBytes<Result>(of id: Int32, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
    guard let place = place(of: id) else { return try body(UnsafeBufferPointer(start: nil, count: 0)) }
    return try table.withBytes(of: place, body)
  }

  /// Whether a token has SentencePiece's mark `▁` after something else.
  var hasMarksInside: Bool {
    (0..<count).contains { place in
      table.withBytes(of: place) { token in
        var isInside = false
        token.forEachMarkedWord { isInside = isInside || $0.lowerBound > 0 }
        return isInside
      }
    }
  }

  /// Adds a token under the next id. Returns its id, the one it had if it was there.
  mutating func append(_ token: UnsafeBufferPointer<UInt8>) -> Int32 {
    let next = idLimit
    let (place, isNew) = table.insert(token)
    if !ids.isEmpty, isNew { setID(next, place: place) }
    return ids.isEmpty ? Int32(place) : ids[place]
  }

  /// Adds a token under an id from 0 to `largestID`; what comes later under the same token or id wins.
  mutating func insert(_ token: UnsafeBufferPointer<UInt8>, id: Int) {
    let (place, isNew) = table.insert(token)
    if ids.isEmpty {
      if id == place { return }
      ids = (0..<(isNew ? place : table.count)).map { Int32($0) }
      places = ids
    }
    setID(id, place: place)
  }

  private mutating func setID(_ id: Int, place: Int) {
    if place < ids.count {
      let old = Int(ids[place])
      if old < places.count, places[old] == place { places[old] = -1 }
      ids[place] = Int32(id)
    } else {
      ids.append(Int32(id))
    }
    if id >= places.count { places.append(contentsOf: repeatElement(-1, count: id + 1 - places.count)) }
    places[id] = Int32(place)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Calls `body` with the parts of UTF-8 text that begin with marks `▁`; the first one need not.
  @inline(__always)
  func forEachMarkedWord(_ body: (Range<Int>) -> Void) {
    var (start, afterMark) = (0, 0)
    var position = 0
    while position + 2 < count {
      if self[position] == 0xE2, self[position + 1] == 0x96, self[position + 2] == 0x81 {
        if position > afterMark {
          body(start..<position)
          start = position
        }
        position += 3
        afterMark = position
      } else {
        position += 1
      }
    }
    body(start..<count)
  }
}

extension Vocabulary: Equatable {
  /// Whether both have the same tokens under the same ids.
  public static func == (a: Vocabulary, b: Vocabulary) -> Bool {
    guard a.count == b.count else { return false }
    return (0..<a.count).allSatisfy { place in
      let id = a.ids.isEmpty ? Int32(place) : a.ids[place]
      return a.table.withBytes(of: place) { b.find($0) } == id
    }
  }
}
