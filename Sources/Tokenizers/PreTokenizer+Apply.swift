extension PreTokenizer {
  /// Cuts a text further; `spare` lends its memory. `leavesBytes`: a last byte-level step only cuts.
  func apply(_ text: inout PreTokenized, _ spare: inout PreTokenized, leavesBytes: Bool = false) {
    switch self {
    case .bert:
      text.splitWords(&spare.pieces)
    case .whitespaceSplit: text.split(&spare.pieces, .removed) { PreTokenizer.each(.space, $0, $1, $2) }
    case .punctuation(let behavior):
      text.split(&spare.pieces, behavior) { PreTokenizer.each(.punctuation, $0, $1, $2) }
    case .digits(let individual):
      text.split(&spare.pieces, individual ? .isolated : .contiguous) { PreTokenizer.each(.numeric, $0, $1, $2) }
    case .delimiter(let scalar):
      text.split(&spare.pieces, .removed) { PreTokenizer.each(where: { $0 == scalar.value }, $0, $1, $2) }
    case .whitespace: text.split(&spare.pieces, .removed, inverted: true) { PreTokenizer.words($0, $1, $2) }
    case .split(let pattern, let behavior, let inverted):
      text.split(&spare.pieces, behavior, inverted: inverted) { pattern.regex.forEachMatch(in: $0, $1, $2) }
    case .byteLevel(let step):
      if step.addsPrefixSpace { text.prepend(" ", &spare) { first, _ in first != 0x20 } }
      if step.regex { text.split(&spare.pieces, .isolated) { Regex.gpt2.forEachMatch(in: $0, $1, $2) } }
      if leavesBytes { return }
      text.transform(&spare) { from, piece, to in
        to.rewriting(from, piece.range, origin: piece.origin) { ByteLevel.expand(&$0, piece.range) }
      }
    case .metaspace(let step): step.apply(&text, &spare)
    case .unicodeScripts: text.split(&spare.pieces, .removed, inverted: true) { PreTokenizer.scripts($0, $1, $2) }
    case .fixedLength(let length):
      text.split(&spare.pieces, .isolated) { bytes, range, body in
        var (start, count) = (range.lowerBound, 0)
        for position in range where !UTF8Scalars.isContinuation(bytes[position]) {
          if count == length {
            body(start..<position)
            (start, count) = (position, 0)
          }
          count += 1
        }
        body(start..<range.upperBound)
      }
    case .sequence(let steps):
      for (index, step) in steps.enumerated() {
        step.apply(&text, &spare, leavesBytes: leavesBytes && index == steps.count - 1)
      }
    }
  }

  /// Every scalar with a property.
  private static func each(
    _ property: ScalarProperties, _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void
  ) {
    let properties = UnicodeData.properties
    each(where: { properties[$0] & property.rawValue != 0 }, bytes, range, body)
  }

  @inline(__always)
  fileprivate static func each(
    where matches: (UInt32) -> Bool, _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>,
    _ body: (Range<Int>) -> Void
  ) {
    var position = range.lowerBound
    while position < range.upperBound {
      let start = position
      if matches(UTF8Scalars.decode(bytes, &position)) { body(start..<position) }
    }
  }

  /// Runs of word scalars, and runs of what is neither word nor white space.
  private static func words(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    let properties = UnicodeData.properties
    let mask = ScalarProperties([.word, .space]).rawValue
    var start = range.lowerBound
    var kind = ScalarProperties.space.rawValue
    var position = start
    while position < range.upperBound {
      let here = position
      let next = properties[UTF8Scalars.decode(bytes, &position)] & mask
      guard next != kind else { continue }
      if kind != ScalarProperties.space.rawValue { body(start..<here) }
      (start, kind) = (here, next)
    }
    if kind != ScalarProperties.space.rawValue, start < range.upperBound { body(start..<range.upperBound) }
  }

  /// Runs of one script, from the first scalar on that has one.
  private static func scripts(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    let scripts = UnicodeData.scriptRuns
    var start: Int?
    var last: UInt8 = 0
    var position = range.lowerBound
    while position < range.upperBound {
      let here = position
      let script = scripts[UTF8Scalars.decode(bytes, &position)]
      guard script != 0 else { continue }
      if script != last {
        if let start { body(start..<here) }
        start = here
      }
      last = script
    }
    if let start { body(start..<range.upperBound) }
  }
}

extension Metaspace {
  func apply(_ text: inout PreTokenized, _ spare: inout PreTokenized) {
    let mark = String(replacement)
    text.transform(&spare) { from, piece, to in
      to.appendReplacing(.space, with: mark, from, piece.range, origin: piece.origin)
    }
    switch prepending {
    case .always: text.prepend(mark, &spare) { first, _ in first != replacement.value }
    case .first: text.prepend(mark, &spare) { first, piece in first != replacement.value && piece.origin == 0 }
    case .never: break
    }
    guard splits else { return }
    text.split(&spare.pieces, .mergedWithNext) { bytes, range, body in
      PreTokenizer.each(where: { $0 == replacement.value }, bytes, range, body)
    }
  }
}
