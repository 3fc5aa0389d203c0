extension Normalizer {
  /// Normalizes a text in place; `spare` lends its memory, `origin` is where the text starts in the original.
  func apply(_ text: inout AlignedText, _ spare: inout AlignedText, origin: Int32) {
    guard !text.bytes.isEmpty else { return }
    switch self {
    case .bert(let cleanText, let handleChineseCharacters, let stripAccents, let lowercase):
      let isASCII = text.isASCII
      if cleanText { Normalizer.clean(&text, &spare, origin) }
      if handleChineseCharacters, !isASCII { Normalizer.spaceIdeographs(&text, &spare, origin) }
      if stripAccents ?? lowercase, !isASCII {
        Normalizer.normalForm(.nfd, &text, &spare, origin)
        text.filter(&spare, origin: origin) { !ScalarProperties(of: $0).contains(.nonspacing) }
      }
      if lowercase { Normalizer.lowercase(&text, &spare, origin) }
    case .strip(let left, let right): Normalizer.strip(&text, &spare, origin, left: left, right: right)
    case .stripAccents:
      if text.isASCII { return }
      text.filter(&spare, origin: origin) { !ScalarProperties(of: $0).contains(.mark) }
    case .nfc: Normalizer.normalForm(.nfc, &text, &spare, origin)
    case .nfd: Normalizer.normalForm(.nfd, &text, &spare, origin)
    case .nfkc: Normalizer.normalForm(.nfkc, &text, &spare, origin)
    case .nfkd: Normalizer.normalForm(.nfkd, &text, &spare, origin)
    case .lowercase: Normalizer.lowercase(&text, &spare, origin)
    case .nmt: Normalizer.nmt(&text, &spare, origin)
    case .precompiled(let map): map.apply(&text, &spare, origin)
    case .replace(let pattern, let content): text.replace(pattern, with: content, &spare, range: nil, origin: origin)
    case .prepend(let prefix):
      text.rewrite(&spare, origin: origin) { Normalizer.prepend(prefix, &$0, 0..<$0.source.count) }
    case .byteLevel: text.rewrite(&spare, origin: origin) { ByteLevel.expand(&$0, 0..<$0.source.count) }
    case .sequence(let steps):
      for step in steps { step.apply(&text, &spare, origin: origin) }
    }
  }

  private static func clean(_ text: inout AlignedText, _ spare: inout AlignedText, _ origin: Int32) {
    let properties = UnicodeData.properties
    // U+0009, U+000A and U+000D are white space, though controls; the table has them as spaces only.
    if text.bytes.contains(where: { $0 < 0x20 || $0 >= 0x7F }) {
      text.filter(&spare, origin: origin) { properties[$0] & ScalarProperties.other.rawValue == 0 }
      text.map(&spare, origin: origin) { properties[$0] & ScalarProperties.space.rawValue == 0 ? $0 : 0x20 }
    }
  }

  private static func spaceIdeographs(_ text: inout AlignedText, _ spare: inout AlignedText, _ origin: Int32) {
    let properties = UnicodeData.properties
    guard text.contains({ properties[$0] & ScalarProperties.chinese.rawValue != 0 }) else { return }
    text.rewrite(&spare, origin: origin) { rewriter in
      var position = 0
      let source = rewriter.source
      while position < source.count {
        let scalar = UTF8Scalars.decode(source, &position)
        if properties[scalar] & ScalarProperties.chinese.rawValue != 0 {
          rewriter.put(0x20, 0)
          rewriter.put(scalar, 1)
          rewriter.put(0x20, 1)
        } else {
          rewriter.put(scalar, 0)
        }
      }
    }
  }

  static func normalForm(
    _ form: Normalization.Form, _ text: inout AlignedText, _ spare: inout AlignedText, _ origin: Int32
  ) {
    if text.isASCII || Normalization.leaves(text, form) { return }
    text.rewrite(&spare, origin: origin) { rewriter in
      // A closure can't hold the rewriter while it is lent: what comes out is collected first.
      var changes: [ScalarChange] = []
      changes.reserveCapacity(rewriter.source.count)
      Normalization.forEach(rewriter.source, form) { changes.append($0) }
      for item in changes { rewriter.put(item.scalar, item.change) }
    }
  }

  private static func lowercase(_ text: inout AlignedText, _ spare: inout AlignedText, _ origin: Int32) {
    if text.isASCII {
      for index in text.bytes.indices where text.bytes[index] &- 0x41 < 26 { text.bytes[index] += 32 }
      return
    }
    let kinds = ScalarKinds.shared
    guard text.contains({ $0 == 0x130 || kinds.lowercase($0) != $0 }) else { return }
    text.rewrite(&spare, origin: origin) { rewriter in
      var position = 0
      let source = rewriter.source
      while position < source.count {
        let scalar = UTF8Scalars.decode(source, &position)
        if scalar == 0x130 {
          rewriter.put(0x69, 0)
          rewriter.put(0x307, 1)
        } else {
          rewriter.put(kinds.lowercase(scalar), 0)
        }
      }
    }
  }

  private static func strip(
    _ text: inout AlignedText, _ spare: inout AlignedText, _ origin: Int32, left: Bool, right: Bool
  ) {
    let (start, end) = text.bytes.withUnsafeBufferPointer { bytes in
      (left ? leadingSpace(bytes) : 0, right ? trailingSpace(bytes) : bytes.count)
    }
    guard start > 0 || end < text.bytes.count else { return }
    spare.removeAll(aligned: text.isAligned)
    // Text of nothing but white space is both: nothing is left.
    if start < end { spare.append(text, start..<end) }
    swap(&text, &spare)
  }

  /// How many bytes of white space a text begins with.
  static func leadingSpace(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var position = 0
    while position < bytes.count {
      var next = position
      guard ScalarProperties(of: UTF8Scalars.decode(bytes, &next)).contains(.space) else { break }
      position = next
    }
    return position
  }

  /// Where the white space begins that a text ends with.
  static func trailingSpace(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var end = bytes.count
    while end > 0 {
      let scalar = UTF8Scalars.last(bytes, before: end)
      guard ScalarProperties(of: scalar).contains(.space) else { break }
      end -= UTF8Scalars.length(scalar)
    }
    return end
  }

  private static func nmt(_ text: inout AlignedText, _ spare: inout AlignedText, _ origin: Int32) {
    text.filter(&spare, origin: origin) {
      switch $0 {
      case 0x1...0x8, 0xB, 0xE...0x1F, 0x7F, 0x8F, 0x9F: false
      default: true
      }
    }
    text.map(&spare, origin: origin) {
      switch $0 {
      case 0x9, 0xA, 0xC, 0xD, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: 0x20
      default: $0
      }
    }
  }

  /// Writes a range of the source with text before it.
  static func prepend(_ prefix: String, _ rewriter: inout TextRewriter, _ range: Range<Int>) {
    for (index, scalar) in prefix.unicodeScalars.enumerated() { rewriter.put(scalar.value, index == 0 ? 0 : 1) }
    var position = range.lowerBound
    let source = rewriter.source
    var isFirst = true
    while position < range.upperBound {
      let scalar = UTF8Scalars.decode(source, &position)
      rewriter.put(scalar, isFirst ? 1 : 0)
      // The first scalar counts as added, even to nothing.
      if isFirst, prefix.isEmpty { rewriter.skip(1) }
      isFirst = false
    }
  }
}

extension ByteLevel {
  /// GPT-2's printable scalar for each byte.
  static let scalars: [UInt32] = {
    var next: UInt32 = 256
    return (0..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return UInt32(byte)
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// The byte of each printable scalar up to U+0143, or -1.
  static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = Int16(byte) }
    return table
  }()

  /// Writes a range of the source with each byte as a printable scalar.
  static func expand(_ rewriter: inout TextRewriter, _ range: Range<Int>) {
    let scalars = scalars
    let source = rewriter.source
    for position in range {
      rewriter.put(scalars[Int(source[position])], UTF8Scalars.isContinuation(source[position]) ? 1 : 0)
    }
  }
}

extension AlignedText {
  /// Replaces each match of a pattern in the text; what is put there stands for the last scalar of the match.
  mutating func replace(
    _ pattern: TextPattern, with content: String, _ spare: inout AlignedText, range: Range<Int>?, origin: Int32
  ) {
    let range = range ?? 0..<bytes.count
    spare.removeAll(aligned: isAligned)
    spare.appendReplacing(pattern, with: content, self, range, origin: origin)
    swap(&self, &spare)
  }

  /// Appends a part of another text with each match replaced.
  mutating func appendReplacing(
    _ pattern: TextPattern, with content: String, _ other: borrowing AlignedText, _ range: Range<Int>, origin: Int32
  ) {
    var matches: [Range<Int>] = []
    other.bytes.withUnsafeBufferPointer { bytes in
      pattern.regex.forEachMatch(in: bytes, range) { matches.append($0) }
    }
    var last = range.lowerBound
    for match in matches {
      append(other, last..<match.lowerBound)
      last = match.upperBound
      let before = match.upperBound - 1
      let isFirst = before < range.lowerBound
      for scalar in content.unicodeScalars {
        append(
          scalar.value, !isAligned || isFirst ? origin : other.starts[before],
          !isAligned || isFirst ? origin : other.ends[before])
      }
    }
    append(other, last..<range.upperBound)
  }
}
