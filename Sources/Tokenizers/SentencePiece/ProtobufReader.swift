/// The fields of a protobuf message, one after the other (https://protobuf.dev/programming-guides/encoding).
///
/// Nothing is copied: text and nested messages are ranges of the file's bytes, and no length is believed beyond them.
struct ProtobufReader {
  /// A field's value.
  enum Value {
    case integer(UInt64)
    case bytes(Range<Int>)
    case float(Float)
    case double
  }

  /// What is wrong, and at which byte.
  struct Failure: Error {
    let offset: Int
    let problem: String
  }

  private let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  private let end: Int

  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// Calls `body` with the number and value of each field.
  ///
  /// - Throws: `Failure` where the bytes aren't a message, and what `body` throws.
  mutating func forEachField(_ body: (Int, Value) throws -> Void) throws {
    while position < end {
      let start = position
      let tag = try integer()
      let number = Int(truncatingIfNeeded: tag >> 3)
      guard tag >> 3 >= 1, tag >> 3 < 1 << 29 else {
        throw failure("expected a field, found number \(tag >> 3)", start)
      }
      switch tag & 7 {
      case 0: try body(number, .integer(try integer()))
      case 1:
        _ = try take(8)
        try body(number, .double)
      case 2:
        let length = try integer()
        guard length <= UInt64(end - position) else {
          throw failure("a field of \(length) bytes, but \(end - position) are left")
        }
        try body(number, .bytes(try take(Int(length))))
      case 5:
        let range = try take(4)
        let bits = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt32.self))
        try body(number, .float(Float(bitPattern: bits)))
      default: throw failure("unknown wire type \(tag & 7)", start)
      }
    }
  }

  private func failure(_ problem: String, _ offset: Int? = nil) -> Failure {
    Failure(offset: offset ?? position, problem: problem)
  }

  private mutating func take(_ count: Int) throws -> Range<Int> {
    guard count <= end - position else { throw failure("expected \(count) bytes, found \(end - position)") }
    defer { position += count }
    return position..<position + count
  }

  private mutating func integer() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard position < end else { throw failure("a number doesn't end") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw failure("a number of more than 64 bits")
  }
}
