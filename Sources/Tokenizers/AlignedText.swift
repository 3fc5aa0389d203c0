/// A text on its way through a tokenizer and, if asked for, which bytes of the original each of its bytes stands for.
struct AlignedText {
  var bytes: [UInt8] = []
  /// Where in the original each byte's scalar starts; empty if alignments aren't kept.
  var starts: [Int32] = []
  /// Where it ends.
  var ends: [Int32] = []
  var isAligned = false

  mutating func removeAll(aligned: Bool) {
    bytes.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    isAligned = aligned
  }

  /// Appends original text that starts at byte `offset` of it.
  mutating func append(original text: UnsafeBufferPointer<UInt8>, at offset: Int) {
    bytes.append(contentsOf: text)
    guard isAligned else { return }
    let first = Int32(truncatingIfNeeded: offset)
    if UTF8Scalars.isASCII(text) {
      starts.append(contentsOf: first..<first + Int32(text.count))
      ends.append(contentsOf: first + 1..<first + 1 + Int32(text.count))
      return
    }
    var position = 0
    while position < text.count {
      let length = UTF8Scalars.length(lead: text[position])
      let start = Int32(truncatingIfNeeded: offset + position)
      for _ in 0..<length {
        starts.append(start)
        ends.append(start + Int32(length))
      }
      position += length
    }
  }

  /// Appends a part of another text.
  mutating func append(_ other: borrowing AlignedText, _ range: Range<Int>) {
    bytes.append(contentsOf: other.bytes[range])
    guard isAligned else { return }
    starts.append(contentsOf: other.starts[range])
    ends.append(contentsOf: other.ends[range])
  }

  /// Appends a scalar that stands for `start ..< end` of the original.
  @inline(__always)
  mutating func append(_ scalar: UInt32, _ start: Int32, _ end: Int32) {
    UTF8Scalars.append(scalar, to: &bytes)
    guard isAligned else { return }
    for _ in 0..<UTF8Scalars.length(scalar) {
      starts.append(start)
      ends.append(end)
    }
  }
}

/// Writes a text anew, scalar by scalar, and keeps count of which old scalars the new ones stand for.
///
/// Replaced scalars hand on their alignment; added ones take that of the scalar before. These are the reference's rules
/// (`NormalizedString::transform`), odd ones included: offsets must come out the same.
struct TextRewriter: ~Copyable {
  let source: UnsafeBufferPointer<UInt8>
  private let starts: UnsafeBufferPointer<Int32>
  private let ends: UnsafeBufferPointer<Int32>
  /// Where added scalars stand that nothing is before.
  private let origin: Int32
  private let isAligned: Bool
  private let base: Int
  private var offset: Int
  var output: AlignedText

  /// Rewrites `range` of a text.
  init(
    _ source: UnsafeBufferPointer<UInt8>, _ starts: UnsafeBufferPointer<Int32>, _ ends: UnsafeBufferPointer<Int32>,
    range: Range<Int>, origin: Int32, into output: consuming AlignedText
  ) {
    self.source = source
    self.starts = starts
    self.ends = ends
    self.origin = origin
    isAligned = output.isAligned
    base = range.lowerBound
    offset = range.lowerBound
    self.output = output
  }

  /// Passes over scalars that go, at the beginning.
  mutating func skip(_ count: Int) {
    guard isAligned else { return }
    for _ in 0..<count { advance() }
  }

  private mutating func advance() {
    if offset < source.count { offset += UTF8Scalars.length(lead: source[offset]) }
  }

  /// Writes a scalar; `change` as in `ScalarChange`.
  @inline(__always)
  mutating func put(_ scalar: UInt32, _ change: Int) {
    guard isAligned else { return UTF8Scalars.append(scalar, to: &output.bytes) }
    if change > 0 {
      let before = offset - 1
      if before < base {
        output.append(scalar, origin, origin)
      } else {
        output.append(scalar, starts[before], ends[before])
      }
      return
    }
    let place = min(offset, starts.count - 1)
    output.append(scalar, starts[place], ends[place])
    advance()
    if change < 0 { for _ in 0..<(-change) { advance() } }
  }

  consuming func finish() -> AlignedText { output }
}

extension AlignedText {
  /// Replaces the whole text by what `body` writes; `spare` lends its memory.
  mutating func rewrite(_ spare: inout AlignedText, origin: Int32, _ body: (inout TextRewriter) -> Void) {
    spare.removeAll(aligned: isAligned)
    spare.rewriting(self, 0..<bytes.count, origin: origin, body)
    swap(&self, &spare)
  }

  /// Appends what `body` writes in place of a part of another text.
  mutating func rewriting(
    _ other: borrowing AlignedText, _ range: Range<Int>, origin: Int32, _ body: (inout TextRewriter) -> Void
  ) {
    var output = AlignedText()
    swap(&output, &self)
    self = other.bytes.withUnsafeBufferPointer { bytes in
      other.starts.withUnsafeBufferPointer { starts in
        other.ends.withUnsafeBufferPointer { ends in
          var rewriter = TextRewriter(bytes, starts, ends, range: range, origin: origin, into: output)
          output = AlignedText()
          body(&rewriter)
          return rewriter.finish()
        }
      }
    }
  }

  /// Replaces the whole text by the scalars of it that `keeps` wants.
  @inline(__always)
  mutating func filter(_ spare: inout AlignedText, origin: Int32, _ keeps: (UInt32) -> Bool) {
    guard contains({ !keeps($0) }) else { return }
    rewrite(&spare, origin: origin) { rewriter in
      var removed = 0
      var last: UInt32?
      var position = 0
      let source = rewriter.source
      while position < source.count {
        let scalar = UTF8Scalars.decode(source, &position)
        guard keeps(scalar) else {
          removed += 1
          continue
        }
        if let last { rewriter.put(last, -removed) } else { rewriter.skip(removed) }
        last = scalar
        removed = 0
      }
      if let last { rewriter.put(last, -removed) }
    }
  }

  /// Replaces each scalar by another.
  @inline(__always)
  mutating func map(_ spare: inout AlignedText, origin: Int32, _ transform: (UInt32) -> UInt32) {
    guard contains({ transform($0) != $0 }) else { return }
    rewrite(&spare, origin: origin) { rewriter in
      var position = 0
      let source = rewriter.source
      while position < source.count { rewriter.put(transform(UTF8Scalars.decode(source, &position)), 0) }
    }
  }

  /// Whether a scalar is one of those: a pass over the text that would change nothing is left out.
  @inline(__always)
  func contains(_ isSought: (UInt32) -> Bool) -> Bool {
    bytes.withUnsafeBufferPointer { bytes in
      var position = 0
      while position < bytes.count { if isSought(UTF8Scalars.decode(bytes, &position)) { return true } }
      return false
    }
  }

  /// Whether every byte is ASCII.
  var isASCII: Bool { bytes.withUnsafeBufferPointer { UTF8Scalars.isASCII($0) } }
}
