/// The tokens of a text or of a pair of texts, with where each comes from.
public struct Encoding: Sendable, Equatable {
  /// The tokens' ids.
  public var ids: [Int32] = []
  /// The tokens' texts.
  public var tokens: [String] = []
  /// What each token stands for in its text, in Unicode scalars; 0 ..< 0 for special tokens that were added.
  public var offsets: [Range<Int>] = []
  /// Which text each token is of, as the model is told: mostly 0 and 1.
  public var typeIDs: [Int32] = []
  /// Which tokens were added round the text.
  public var specialTokensMask: [Bool] = []
  /// The piece of the text, before it became tokens, that each token is of; -1 for added special tokens.
  public var words: [Int32] = []
  /// Which text each token is of, 0 or 1; -1 for added special tokens.
  public var sequences: [Int32] = []
  /// What truncation cut off, in parts of the same form.
  public var overflowing: [Encoding] = []

  /// No tokens.
  public init() {}

  /// No tokens yet, but memory for as many.
  init(room: Int) {
    ids.reserveCapacity(room)
    tokens.reserveCapacity(room)
    offsets.reserveCapacity(room)
    typeIDs.reserveCapacity(room)
    specialTokensMask.reserveCapacity(room)
    words.reserveCapacity(room)
    sequences.reserveCapacity(room)
  }

  /// How many tokens there are.
  public var count: Int { ids.count }

  init(special tokens: [PostProcessor.Token], typeID: Int32) {
    for token in tokens { insert(special: token, typeID: typeID, at: count) }
  }

  /// Puts a special token there.
  mutating func insert(special token: PostProcessor.Token, typeID: Int32, at place: Int) {
    ids.insert(token.id, at: place)
    tokens.insert(token.text, at: place)
    offsets.insert(0..<0, at: place)
    typeIDs.insert(typeID, at: place)
    specialTokensMask.insert(true, at: place)
    words.insert(-1, at: place)
    sequences.insert(-1, at: place)
  }

  private subscript(range: Range<Int>) -> Encoding {
    var part = Encoding()
    part.ids = Array(ids[range])
    part.tokens = Array(tokens[range])
    part.offsets = Array(offsets[range])
    part.typeIDs = Array(typeIDs[range])
    part.specialTokensMask = Array(specialTokensMask[range])
    part.words = Array(words[range])
    part.sequences = Array(sequences[range])
    return part
  }

  /// Keeps `most` tokens; the rest overflows in parts of as many, each of which repeats `stride` of the one before.
  mutating func truncate(to most: Int, stride: Int, _ direction: Truncation.Direction) {
    guard most < count else { return }
    guard most > 0 else {
      let all = self
      self = Encoding()
      overflowing = [all]
      return
    }
    let parts = Encoding.parts(of: count, most, stride: min(stride, most - 1), direction).map { self[$0] }
    self = parts[0]
    overflowing = Array(parts.dropFirst())
  }

  private static func parts(
    of count: Int, _ most: Int, stride: Int, _ direction: Truncation.Direction
  ) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var done = 0
    while true {
      let end = min(done + most, count)
      parts.append(direction == .right ? done..<end : (count - end)..<(count - done))
      if end == count { return parts }
      done += most - stride
    }
  }

  /// Appends another encoding; what overflows of either is combined with the other.
  mutating func append(_ other: Encoding) {
    var combined: [Encoding] = []
    for part in overflowing {
      for next in [other] + other.overflowing {
        var joined = part
        joined.overflowing = []
        var plain = next
        plain.overflowing = []
        joined.append(plain)
        combined.append(joined)
      }
    }
    for next in other.overflowing {
      var joined = self
      joined.overflowing = []
      joined.append(next)
      combined.append(joined)
    }
    ids += other.ids
    tokens += other.tokens
    offsets += other.offsets
    typeIDs += other.typeIDs
    specialTokensMask += other.specialTokensMask
    words += other.words
    sequences += other.sequences
    overflowing = combined
  }

  /// Leaves spaces out of the offsets, as GPT-2's tokens have them before words.
  mutating func trimOffsets(_ step: ByteLevel) {
    func isSpace(_ scalar: Unicode.Scalar) -> Bool {
      scalar.value == 0x120 || ScalarProperties(of: scalar.value).contains(.space)
    }
    for index in tokens.indices {
      // Most tokens show at once that they neither begin nor end with a space.
      if let first = tokens[index].utf8.first, let last = tokens[index].utf8.last,
        0x21..<0x7F ~= first, 0x21..<0x7F ~= last
      {
        continue
      }
      let scalars = tokens[index].unicodeScalars
      var leading = scalars.prefix(while: isSpace).count
      let trailing = scalars.reversed().prefix(while: isSpace).count
      guard leading > 0 || trailing > 0 else { continue }
      var (start, end) = (offsets[index].lowerBound, offsets[index].upperBound)
      if leading > 0 {
        // A space that was put before the text isn't in it.
        if index == 0 || start == 0, step.addsPrefixSpace, leading == 1 { leading = 0 }
        start = min(start + leading, end)
      }
      if trailing > 0, end >= trailing { end = max(end - trailing, start) }
      offsets[index] = start..<end
    }
    for index in overflowing.indices { overflowing[index].trimOffsets(step) }
  }
}
