import Checkpoints
import Foundation

/// Walks through JSON text without making values: vocabularies have hundreds of thousands of members.
///
/// The text must be valid UTF-8. Small parts are handed to `JSON`.
struct JSONCursor {
  let bytes: UnsafeBufferPointer<UInt8>
  private(set) var position = 0

  /// Where the text stops being what is expected.
  struct Failure: Error {
    let offset: Int
    let problem: String
    /// The keys that lead there; empty if they aren't known.
    var key = ""
  }

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes.assumingMemoryBound(to: UInt8.self) }

  func failure(_ problem: String, at offset: Int? = nil) -> Failure {
    Failure(offset: min(offset ?? position, bytes.count), problem: problem)
  }

  /// An error about the next value or the one at `offset`: a number is shown, of others the kind is named.
  private mutating func mistake(expected: String, at offset: Int? = nil) -> Failure {
    position = offset ?? position
    guard let byte = next() else { return failure("expected \(expected), found the end") }
    let found: String
    switch Unicode.Scalar(byte) {
    case "{": found = "an object"
    case "[": found = "an array"
    case "\"": found = "a string"
    case "t", "f": found = "true or false"
    case "n": found = "null"
    case "-", "0"..."9":
      let number = bytes[position...].prefix(40).prefix { !JSONCursor.endsWord($0) }
      found = String(decoding: number, as: UTF8.self)
    default: found = "no value"
    }
    return failure("expected \(expected), found \(found)")
  }

  /// Has a failure of `body` name a key, before those that it names itself.
  @inline(__always)
  static func naming(_ key: @autoclosure () -> String, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch var failure as Failure {
      failure.key = key() + failure.key
      throw failure
    }
  }

  @inline(__always)
  private mutating func skipSpace() {
    while position < bytes.count, bytes[position] <= 0x20,
      bytes[position] == 0x20 || bytes[position] == 0x0A || bytes[position] == 0x0D || bytes[position] == 0x09
    { position += 1 }
  }

  /// The next byte that isn't white space, or nil at the end.
  mutating func next() -> UInt8? {
    skipSpace()
    return position < bytes.count ? bytes[position] : nil
  }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next() == UInt8(ascii: byte) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ byte: Unicode.Scalar) throws {
    guard take(byte) else { throw failure("not JSON: expected '\(byte)'") }
  }

  /// Calls `body` with each name of an object; it must take the value.
  mutating func forEachMember(_ body: (inout JSONCursor, UnsafeBufferPointer<UInt8>) throws -> Void) throws {
    guard next() == UInt8(ascii: "{") else { throw mistake(expected: "an object") }
    position += 1
    if take("}") { return }
    repeat {
      guard next() == UInt8(ascii: "\"") else { throw failure("not JSON: expected a name in quotes") }
      try string { cursor, name in
        try cursor.expect(":")
        try body(&cursor, name)
      }
    } while take(",")
    guard take("}") else { throw failure("not JSON: expected ',' or '}'") }
  }

  /// Calls `body` for each element of an array; it must take the element.
  mutating func forEachElement(_ body: (inout JSONCursor) throws -> Void) throws {
    guard next() == UInt8(ascii: "[") else { throw mistake(expected: "an array") }
    position += 1
    if take("]") { return }
    repeat { try body(&self) } while take(",")
    guard take("]") else { throw failure("not JSON: expected ',' or ']'") }
  }

  /// Takes a string and calls `body` with its bytes.
  @inline(__always)
  mutating func string<Result>(
    _ body: (inout JSONCursor, UnsafeBufferPointer<UInt8>) throws -> Result
  ) throws -> Result {
    guard next() == UInt8(ascii: "\"") else { throw mistake(expected: "a string") }
    position += 1
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        position += 1
        return try body(&self, UnsafeBufferPointer(rebasing: bytes[start..<position - 1]))
      }
      if byte == UInt8(ascii: "\\") { break }
      guard byte >= 0x20 else { throw failure("not JSON: a control character in a string") }
      position += 1
    }
    // With an escape: the strict parser knows them all.
    position = start - 1
    let slice = try skippedValue()
    guard let text = try json(slice).string else { throw failure("expected a string", at: start) }
    return try Array(text.utf8).withUnsafeBufferPointer { try body(&self, $0) }
  }

  /// Takes a whole number from 0 to `most`.
  @inline(__always)
  mutating func count(most: Int) throws -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < bytes.count, bytes[position] &- 0x30 < 10 {
      value = value * 10 + Int(bytes[position] &- 0x30)
      guard value <= most else { throw mistake(expected: "a whole number from 0 to \(most)", at: start) }
      position += 1
    }
    guard position == start || position < bytes.count else { throw failure("not JSON: the file ends early") }
    let isNumber = position > start && (position == start + 1 || bytes[start] != UInt8(ascii: "0"))
    guard isNumber, ![0x2E, 0x45, 0x65].contains(bytes[position]) else {
      throw mistake(expected: "a whole number from 0 to \(most)", at: start)
    }
    return value
  }

  /// Takes a number and reads it as Rust's serde_json does or, with `nearest`, as Python does: the nearest double. Both may
  /// differ in the last bit: the reference's scores of equally good segmentations tie or don't by that bit.
  mutating func number(nearest: Bool = false) throws -> Double {
    skipSpace()
    let start = position
    var (mantissa, exponent): (UInt64, Int) = (0, 0)
    let isNegative = position < bytes.count && bytes[position] == UInt8(ascii: "-")
    if isNegative { position += 1 }
    var isFull = false
    /// Takes digits; says how many there were.
    func digits(isFraction: Bool) -> Int {
      let first = position
      while position < bytes.count, bytes[position] &- 0x30 < 10 {
        let (product, overflow) = mantissa.multipliedReportingOverflow(by: 10)
        let (sum, carry) = product.addingReportingOverflow(UInt64(bytes[position] - 0x30))
        isFull = isFull || overflow || carry
        // Digits that don't fit are ignored, those before the point at least counted.
        if isFull {
          exponent += isFraction ? 0 : 1
        } else {
          mantissa = sum
          exponent -= isFraction ? 1 : 0
        }
        position += 1
      }
      return position - first
    }
    let whole = position
    var isNumber = digits(isFraction: false) > 0 && (bytes[whole] != 0x30 || position == whole + 1)
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      isNumber = digits(isFraction: true) > 0 && isNumber
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      let power = position + 1
      while position < bytes.count, !JSONCursor.endsWord(bytes[position]) { position += 1 }
      let text = String(decoding: bytes[power..<position], as: UTF8.self)
      isNumber = isNumber && Int(text) != nil
      exponent += max(-1_000_000, min(1_000_000, Int(text) ?? 0))
    }
    guard isNumber else { throw mistake(expected: "a number", at: start) }
    if nearest {
      let text = bytes[start..<position]
      let known = isFull ? nil : JSONCursor.nearest(mantissa, dividedByPower: -exponent)
      let value = known.map { isNegative ? -$0 : $0 } ?? Double(String(decoding: text, as: UTF8.self))
      guard let value, value.isFinite else { throw failure("a number is out of range", at: start) }
      return value
    }
    var value = Double(mantissa)
    while exponent < -308, value != 0 {
      value /= 1e308
      exponent += 308
    }
    let power = JSONCursor.powers[min(abs(exponent), 308)]
    value = exponent >= 0 ? value * power : value / power
    guard value.isFinite, exponent <= 308 || value == 0 else { throw failure("a number is out of range", at: start) }
    return isNegative ? -value : value
  }

  private static let powers: [Double] = (0...308).map { Double("1e\($0)") ?? 1 }
  private static let wholePowers: [UInt64] = (0...19).map { (0..<$0).reduce(1) { power, _ in power * 10 } }

  /// The double nearest to `mantissa` / 10^`power`, for powers from 0 to 19.
  private static func nearest(_ mantissa: UInt64, dividedByPower power: Int) -> Double? {
    guard wholePowers.indices.contains(power) else { return nil }
    guard mantissa > 0 else { return 0 }
    let divisor = wholePowers[power]
    let (left, right) = (mantissa.leadingZeroBitCount, divisor.leadingZeroBitCount)
    let (numerator, denominator) = (mantissa << left, divisor << right)
    // 64 bits of the quotient, and in the last whether more bits follow: enough for a double's 53 to be rounded once.
    let shift = numerator < denominator ? 0 : 1
    let (quotient, rest) = denominator.dividingFullWidth((numerator >> shift, shift == 0 ? 0 : numerator << 63))
    return Double(sign: .plus, exponent: right - left - 64 + shift, significand: Double(quotient | (rest > 0 ? 1 : 0)))
  }

  /// Takes any value and returns where it stands; the text inside isn't checked yet.
  mutating func skippedValue() throws -> Range<Int> {
    guard let first = next() else { throw failure("not JSON: expected a value, found the end") }
    let start = position
    var depth = 0
    repeat {
      guard position < bytes.count else { throw failure("not JSON: the file ends early") }
      switch bytes[position] {
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: "\""):
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
          position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard position < bytes.count else {
          position = bytes.count
          throw failure("not JSON: a string doesn't end")
        }
      default:
        if depth == 0 {
          while position < bytes.count, !JSONCursor.endsWord(bytes[position]) { position += 1 }
          guard position > start else { throw failure("not JSON: expected a value") }
          return start..<position
        }
      }
      position += 1
    } while depth > 0
    guard first != UInt8(ascii: "}"), first != UInt8(ascii: "]") else {
      throw failure("not JSON: expected a value", at: start)
    }
    return start..<position
  }

  /// Takes any value.
  mutating func value() throws -> JSON { try json(skippedValue()) }

  private func json(_ range: Range<Int>) throws -> JSON {
    do {
      return try JSON(parsing: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[range])))
    } catch let error as JSON.SyntaxError {
      throw failure("not JSON: \(error.problem)", at: range.lowerBound + error.offset)
    }
  }

  /// Nothing but white space is left.
  mutating func finish() throws {
    guard next() == nil else { throw failure("not JSON: expected the end, found more") }
  }

  private static func endsWord(_ byte: UInt8) -> Bool {
    byte <= 0x20 || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
      || byte == UInt8(ascii: ":")
  }
}
