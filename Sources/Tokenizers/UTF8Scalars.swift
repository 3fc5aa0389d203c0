/// Scalars in valid UTF-8.
enum UTF8Scalars {
  /// The scalar at `position`, which moves past it.
  @inline(__always)
  static func decode(_ text: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> UInt32 {
    let lead = UInt32(text[position])
    if lead < 0x80 {
      position += 1
      return lead
    }
    let count = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    var scalar = lead & (0x7F >> UInt32(count))
    for offset in 1..<count { scalar = scalar << 6 | UInt32(text[position + offset] & 0x3F) }
    position += count
    return scalar
  }

  /// How many bytes the scalar takes that starts with this byte.
  @inline(__always)
  static func length(lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4 }

  /// How many bytes a scalar takes.
  @inline(__always)
  static func length(_ scalar: UInt32) -> Int { scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4 }

  /// Whether a byte is the second or a later one of a scalar.
  @inline(__always)
  static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

  /// Whether every byte is ASCII.
  static func isASCII(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    let bytes = UnsafeRawBufferPointer(text)
    var position = 0
    while position + 8 <= bytes.count {
      if bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return false }
      position += 8
    }
    return bytes[position...].allSatisfy { $0 < 0x80 }
  }

  /// How many scalars the text has.
  static func count(_ text: UnsafeBufferPointer<UInt8>) -> Int {
    var count = 0
    for byte in text where !isContinuation(byte) { count += 1 }
    return count
  }

  /// The scalar that ends before `position`.
  @inline(__always)
  static func last(_ text: UnsafeBufferPointer<UInt8>, before position: Int) -> UInt32 {
    var start = position - 1
    while start > 0, isContinuation(text[start]) { start -= 1 }
    return decode(text, &start)
  }

  /// Appends a scalar's bytes.
  @inline(__always)
  static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
    if scalar < 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: scalar))
    } else if scalar < 0x800 {
      bytes.append(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    } else {
      if scalar < 0x10000 {
        bytes.append(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
      } else {
        bytes.append(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
      }
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    }
  }

  /// The offset of the first byte that isn't part of valid UTF-8, or nil.
  static func firstInvalid(_ bytes: UnsafeRawBufferPointer) -> Int? {
    var position = 0
    func word(at offset: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    while position < bytes.count {
      while position + 32 <= bytes.count,
        (word(at: position) | word(at: position + 8) | word(at: position + 16) | word(at: position + 24))
          & 0x8080_8080_8080_8080 == 0
      { position += 32 }
      if position + 8 <= bytes.count {
        let eight = UInt64(littleEndian: word(at: position))
        let ascii = (eight & 0x8080_8080_8080_8080).trailingZeroBitCount / 8
        position += ascii
        if ascii == 8 { continue }
      }
      let lead = bytes[position]
      if lead < 0x80 {
        position += 1
        continue
      }
      if lead < 0xE0 {
        guard lead >= 0xC2, position + 1 < bytes.count, isContinuation(bytes[position + 1]) else { return position }
        position += 2
        continue
      }
      let length = length(lead: lead)
      guard lead <= 0xF4, position + length <= bytes.count else { return position }
      // Overlong forms, surrogates and what lies above U+10FFFF show in the second byte.
      let second: ClosedRange<UInt8> =
        lead == 0xE0
        ? 0xA0...0xBF
        : lead == 0xED
          ? 0x80...0x9F
          : lead == 0xF0
            ? 0x90...0xBF
            : lead == 0xF4
              ? 0x80...0x8F
              : 0x80...0xBF
      guard second.contains(bytes[position + 1]) else { return position }
      for offset in 2..<length where !isContinuation(bytes[position + offset]) { return position }
      position += length
    }
    return nil
  }
}
