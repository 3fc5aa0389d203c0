/// Cleans UTF-8 text and cuts it into words exactly as Hugging Face's BertNormalizer (without stripping accents) and
/// BertPreTokenizer do, or into single scalars.
struct WordScanner: Sendable {
  let isLowercasing: Bool
  let isSplittingCharacters: Bool
  /// For each ASCII byte: what it becomes in a word, or one of the marks below (which are controls, never in words).
  private let ascii: [UInt8]
  private let kinds = ScalarKinds.shared

  private static let removed: UInt8 = 0
  private static let space: UInt8 = 1
  private static let single: UInt8 = 2

  init(lowercase: Bool, characters: Bool) {
    isLowercasing = lowercase
    isSplittingCharacters = characters
    ascii = (0..<128).map { (byte: UInt8) in
      switch ScalarKinds.shared.kind(of: UInt32(byte)) {
      case .removed: WordScanner.removed
      case .space: WordScanner.space
      case .single: WordScanner.single
      case .word: lowercase ? UInt8(ScalarKinds.shared.lowercase(UInt32(byte))) : byte
      }
    }
  }

  /// Calls `body` with each word's bytes, in order, until it returns false. `text` must be valid UTF-8.
  @inline(__always)
  func forEachWord(in text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Bool) {
    // Lower case makes 2-byte scalars into 3 bytes at worst.
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: text.count + text.count / 2 + 8) { word in
      ascii.withUnsafeBufferPointer { ascii in
        var length = 0
        var position = 0
        /// Hands over the word so far; false to stop.
        @inline(__always) func finish() -> Bool {
          guard length > 0 else { return true }
          defer { length = 0 }
          return body(UnsafeBufferPointer(rebasing: word[..<length]))
        }
        while position < text.count {
          let byte = text[position]
          if byte < 128 {
            position += 1
            let mapped = ascii[Int(byte)]
            if mapped > WordScanner.single {
              word[length] = mapped
              length += 1
              if isSplittingCharacters, !finish() { return }
            } else if mapped == WordScanner.space {
              if !finish() { return }
            } else if mapped == WordScanner.single {
              if !finish() { return }
              word[0] = byte
              length = 1
              if !finish() { return }
            }
            continue
          }
          let scalar = UTF8Scalars.decode(text, &position)
          switch kinds.kind(of: scalar) {
          case .removed: continue
          case .space:
            if !finish() { return }
          case .single:
            if !finish() { return }
            WordScanner.encode(scalar, to: word, &length)
            if !finish() { return }
          case .word:
            if isLowercasing, scalar == 0x130 {
              WordScanner.encode(0x69, to: word, &length)
              if isSplittingCharacters, !finish() { return }
              WordScanner.encode(0x307, to: word, &length)
            } else {
              WordScanner.encode(isLowercasing ? kinds.lowercase(scalar) : scalar, to: word, &length)
            }
            if isSplittingCharacters, !finish() { return }
          }
        }
        _ = finish()
      }
    }
  }

  @inline(__always)
  private static func encode(_ scalar: UInt32, to word: UnsafeMutableBufferPointer<UInt8>, _ length: inout Int) {
    func append(_ byte: UInt32) {
      word[length] = UInt8(truncatingIfNeeded: byte)
      length += 1
    }
    switch scalar {
    case 0..<0x80: append(scalar)
    case 0x80..<0x800:
      append(0xC0 | scalar >> 6)
      append(0x80 | scalar & 0x3F)
    case 0x800..<0x10000:
      append(0xE0 | scalar >> 12)
      append(0x80 | scalar >> 6 & 0x3F)
      append(0x80 | scalar & 0x3F)
    default:
      append(0xF0 | scalar >> 18)
      append(0x80 | scalar >> 12 & 0x3F)
      append(0x80 | scalar >> 6 & 0x3F)
      append(0x80 | scalar & 0x3F)
    }
  }
}
