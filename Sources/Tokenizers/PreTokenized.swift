/// A normalized text cut into pieces.
struct PreTokenized {
  /// A part of the text that becomes tokens by itself.
  struct Piece {
    var start: Int32
    var end: Int32
    /// The id of the added token it is, or -1.
    var id: Int32
    /// Where in the original it starts; known only if the text is aligned, or wasn't changed so far.
    var origin: Int32

    var range: Range<Int> { Int(start)..<Int(end) }
  }

  var text = AlignedText()
  var pieces: [Piece] = []

  mutating func removeAll(aligned: Bool) {
    text.removeAll(aligned: aligned)
    pieces.removeAll(keepingCapacity: true)
  }

  /// Appends a piece of the text, unless it is empty.
  @inline(__always)
  mutating func append(_ range: Range<Int>, id: Int32 = -1, origin: Int32) {
    guard !range.isEmpty else { return }
    pieces.append(
      Piece(
        start: Int32(truncatingIfNeeded: range.lowerBound), end: Int32(truncatingIfNeeded: range.upperBound), id: id,
        origin: text.isAligned ? text.starts[range.lowerBound] : origin))
  }

  /// Cuts the pieces that are no added tokens anew, at matches or, inverted, at what lies between them.
  mutating func split(
    _ spare: inout [Piece], _ behavior: SplitBehavior, inverted: Bool = false,
    _ matches: (UnsafeBufferPointer<UInt8>, Range<Int>, (Range<Int>) -> Void) -> Void
  ) {
    var splitter = Splitter(behavior)
    recut(&spare) { result, bytes, piece in
      var last = Int(piece.start)
      matches(bytes, piece.range) { match in
        if last < match.lowerBound { splitter.take(last..<match.lowerBound, inverted, piece.origin, &result) }
        splitter.take(match, !inverted, piece.origin, &result)
        last = match.upperBound
      }
      if last < Int(piece.end) { splitter.take(last..<Int(piece.end), inverted, piece.origin, &result) }
      splitter.finish(piece.origin, &result)
    }
  }

  /// Cuts the pieces that are no added tokens at white space, which goes, and round each punctuation mark, in one pass.
  mutating func splitWords(_ spare: inout [Piece]) {
    let properties = UnicodeData.properties
    let (space, punctuation) = (ScalarProperties.space.rawValue, ScalarProperties.punctuation.rawValue)
    recut(&spare) { result, bytes, piece in
      var word = Int(piece.start)
      var position = word
      while position < Int(piece.end) {
        let here = position
        let kind = properties[UTF8Scalars.decode(bytes, &position)] & (space | punctuation)
        guard kind != 0 else { continue }
        result.append(word..<here, origin: piece.origin)
        if kind & space == 0 { result.append(here..<position, origin: piece.origin) }
        word = position
      }
      result.append(word..<Int(piece.end), origin: piece.origin)
    }
  }

  /// Has `body` append what becomes of each piece; added tokens stay.
  @inline(__always)
  private mutating func recut(
    _ spare: inout [Piece], _ body: (inout PreTokenized, UnsafeBufferPointer<UInt8>, Piece) -> Void
  ) {
    spare.removeAll(keepingCapacity: true)
    swap(&pieces, &spare)
    // A second reference, not a copy: nothing is written to the text meanwhile.
    let bytes = text.bytes
    bytes.withUnsafeBufferPointer { bytes in
      for piece in spare {
        if piece.id >= 0 { pieces.append(piece) } else { body(&self, bytes, piece) }
      }
    }
  }

  /// Puts text before each piece whose first scalar `needs` it.
  mutating func prepend(_ prefix: String, _ spare: inout PreTokenized, where needs: (UInt32, Piece) -> Bool) {
    transform(&spare) { from, piece, to in
      var position = Int(piece.start)
      let first = from.bytes.withUnsafeBufferPointer { UTF8Scalars.decode($0, &position) }
      if needs(first, piece) {
        to.rewriting(from, piece.range, origin: piece.origin) { Normalizer.prepend(prefix, &$0, piece.range) }
      } else {
        to.append(from, piece.range)
      }
    }
  }

  /// Writes each piece's text anew; added tokens stay.
  mutating func transform(
    _ spare: inout PreTokenized, _ body: (borrowing AlignedText, Piece, inout AlignedText) -> Void
  ) {
    spare.removeAll(aligned: text.isAligned)
    for piece in pieces {
      let start = spare.text.bytes.count
      if piece.id >= 0 { spare.text.append(text, piece.range) } else { body(text, piece, &spare.text) }
      guard spare.text.bytes.count > start else { continue }
      spare.pieces.append(
        Piece(start: Int32(start), end: Int32(spare.text.bytes.count), id: piece.id, origin: piece.origin))
    }
    swap(&text, &spare.text)
    swap(&pieces, &spare.pieces)
  }
}

/// Joins matches and what lies between them as a behavior wants.
private struct Splitter {
  private let behavior: SplitBehavior
  private var held: Range<Int>?
  private var wasMatch = false

  init(_ behavior: SplitBehavior) { self.behavior = behavior }

  @inline(__always)
  mutating func take(_ range: Range<Int>, _ isMatch: Bool, _ origin: Int32, _ result: inout PreTokenized) {
    switch behavior {
    case .removed:
      if !isMatch { result.append(range, origin: origin) }
    case .isolated:
      result.append(range, origin: origin)
    case .contiguous, .mergedWithPrevious:
      let joins = behavior == .contiguous ? isMatch == wasMatch : isMatch && !wasMatch
      if joins, let before = held {
        held = before.lowerBound..<range.upperBound
      } else {
        if let held { result.append(held, origin: origin) }
        held = range
      }
      wasMatch = isMatch
    case .mergedWithNext:
      if isMatch {
        if let held { result.append(held, origin: origin) }
        held = range
      } else {
        result.append((held?.lowerBound ?? range.lowerBound)..<range.upperBound, origin: origin)
        held = nil
      }
    }
  }

  mutating func finish(_ origin: Int32, _ result: inout PreTokenized) {
    if let held { result.append(held, origin: origin) }
    held = nil
    wasMatch = false
  }
}
