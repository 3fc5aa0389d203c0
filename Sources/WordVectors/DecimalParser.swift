/// Parses a decimal number such as `-0.25`, `3`, `.5` or `1e-05` that takes up all the bytes; nil for anything else,
/// and for numbers that no float can hold.
///
/// A mantissa below 2⁵³ with a small power of ten needs one division of two exact doubles, so it is correctly rounded
/// (Clinger 1990, "How to read floating point numbers accurately"); the rest goes to the standard library. Rounded to
/// double, then to float, as NumPy does.
@inline(__always)
func parseDecimal(_ bytes: UnsafeBufferPointer<UInt8>) -> Float? {
  var position = 0
  let isNegative = bytes.first == UInt8(ascii: "-")
  if isNegative || bytes.first == UInt8(ascii: "+") { position = 1 }
  var mantissa: UInt64 = 0
  var digits = 0
  var significant = 0
  var exponent = 0
  var isFraction = false
  while position < bytes.count {
    let digit = bytes[position] &- 0x30
    if digit < 10 {
      mantissa = mantissa &* 10 &+ UInt64(digit)
      digits += 1
      if mantissa != 0 { significant += 1 }
      if isFraction { exponent -= 1 }
    } else if bytes[position] == UInt8(ascii: "."), !isFraction {
      isFraction = true
    } else {
      break
    }
    position += 1
  }
  guard digits > 0 else { return nil }
  if position < bytes.count {
    guard let written = parseExponent(bytes, from: position) else { return nil }
    exponent += written
  }
  let value: Double
  // 19 digits can't have overflowed the mantissa.
  if significant <= 19, mantissa <= 1 << 53, exponent <= 0, exponent >= -22 {
    value = Double(mantissa) / powersOfTen[-exponent]
  } else if significant <= 19, mantissa <= 1 << 53, exponent > 0, exponent <= 22 {
    value = Double(mantissa) * powersOfTen[exponent]
  } else {
    guard let parsed = Double(String(decoding: bytes, as: UTF8.self)) else { return nil }
    let float = Float(parsed)
    return float.isFinite ? float : nil
  }
  let float = Float(isNegative ? -value : value)
  return float.isFinite ? float : nil
}

/// The number after `e` or `E` at `start`, which must reach to the end.
private func parseExponent(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
  guard bytes[start] | 0x20 == UInt8(ascii: "e") else { return nil }
  var position = start + 1
  var isNegative = false
  if position < bytes.count, bytes[position] == UInt8(ascii: "-") || bytes[position] == UInt8(ascii: "+") {
    isNegative = bytes[position] == UInt8(ascii: "-")
    position += 1
  }
  guard position < bytes.count else { return nil }
  var value = 0
  for byte in bytes[position...] {
    guard byte &- 0x30 < 10 else { return nil }
    // Far beyond any float, and far from overflowing.
    value = min(value * 10 + Int(byte - 0x30), 1_000_000)
  }
  return isNegative ? -value : value
}

private let powersOfTen: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
  1e21, 1e22,
]
