import Foundation

/// SentencePiece's compiled table of replacements: a double array of bytes, whose values point into a list of texts that
/// end with 0 (Darts; sentencepiece's `normalizer.cc`).
public struct CharacterMap: Sendable, Equatable {
  private let units: [UInt32]
  private let texts: [UInt8]
  /// Whether the longest key at each place is replaced, as sentencepiece does it; else keys are looked up by graphemes
  /// and then by scalars, as Hugging Face does it.
  var takesLongest = false

  /// The table of base-64 text; nil if it isn't one.
  public init?(base64: String) {
    guard let data = Data(base64Encoded: base64) else { return nil }
    self.init(bytes: [UInt8](data))
  }

  /// The table of a SentencePiece model's `precompiled_charsmap`; nil if it isn't one.
  public init?(bytes: [UInt8]) {
    func word(at offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }
    guard bytes.count >= 4 else { return nil }
    let size = Int(word(at: 0))
    guard size >= 4, size <= bytes.count - 4 else { return nil }
    units = (0..<size / 4).map { word(at: 4 + $0 * 4) }
    texts = Array(bytes[(4 + size / 4 * 4)...])
    guard String(validating: texts, as: UTF8.self) != nil else { return nil }
  }

  /// The table as base-64 text.
  public var base64: String {
    var bytes: [UInt8] = []
    for word in [UInt32(units.count * 4)] + units {
      for shift in [0, 8, 16, 24] { bytes.append(UInt8(word >> UInt32(shift) & 0xFF)) }
    }
    return Data(bytes + texts).base64EncodedString()
  }

  /// Where the replacement stands of a key that the text begins with, and how many bytes the key has; or nil.
  ///
  /// Of several keys the shortest counts, unless the map `takesLongest`: Hugging Face takes the first match.
  @inline(__always)
  func replacement(of text: UnsafeBufferPointer<UInt8>) -> (text: Range<Int>, length: Int)? {
    units.withUnsafeBufferPointer { units in
      var found: (text: Range<Int>, length: Int)?
      var node = 0
      func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
      node ^= offset(units[node])
      for (index, byte) in text.enumerated() {
        node ^= Int(byte)
        guard byte != 0, node < units.count else { break }
        let unit = units[node]
        guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { break }
        node ^= offset(unit)
        guard node < units.count else { break }
        if unit >> 8 & 1 == 1, let range = textRange(at: Int(units[node] & (1 << 31 - 1))) {
          found = (range, index + 1)
          if !takesLongest { break }
        }
      }
      return found
    }
  }

  private func textRange(at start: Int) -> Range<Int>? {
    // A table that points into the middle of a scalar is broken there.
    guard start < texts.count, !UTF8Scalars.isContinuation(texts[start]) else { return nil }
    var end = start
    while end < texts.count, texts[end] != 0 { end += 1 }
    return start..<end
  }

  /// Calls `body` with the bytes of a replacement.
  @inline(__always)
  func withText(_ range: Range<Int>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
    texts.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[range])) }
  }
}
