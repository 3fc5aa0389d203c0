import Foundation

extension JSON {
  /// Where JSON text breaks the grammar (RFC 8259).
  public struct SyntaxError: Error, Equatable, Sendable {
    /// The offset of the offending byte.
    public let offset: Int
    /// What is wrong there.
    public let problem: String
  }

  /// Parses UTF-8 text that holds one JSON value and nothing else; strict, and nested at most 128 deep.
  ///
  /// - Throws: `JSON.SyntaxError`.
  public init(parsing bytes: UnsafeRawBufferPointer) throws {
    var parser = Parser(bytes: bytes)
    self = try parser.document()
  }

  /// Parses a file.
  ///
  /// - Throws: `FileError` with the line at which the text stops being JSON.
  public init(contentsOf url: URL) throws {
    self = try MappedFile(url).withBytes { bytes in
      do {
        return try JSON(parsing: bytes)
      } catch let error as SyntaxError {
        let line = 1 + bytes.prefix(error.offset).count { $0 == UInt8(ascii: "\n") }
        throw FileError(.malformed, url, line: line, "not JSON: \(error.problem)")
      }
    }
  }

  private struct Parser {
    let bytes: UnsafeRawBufferPointer
    var position = 0
    static let deepest = 128

    mutating func document() throws -> JSON {
      let value = try value(depth: 0)
      skipSpace()
      guard position == bytes.count else { throw failure("expected the end, found more") }
      return value
    }

    func failure(_ problem: String) -> SyntaxError { SyntaxError(offset: min(position, bytes.count), problem: problem) }

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
      while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard next == UInt8(ascii: character) else { return false }
      position += 1
      return true
    }

    mutating func value(depth: Int) throws -> JSON {
      guard depth < Parser.deepest else { throw failure("nested more than \(Parser.deepest) deep") }
      skipSpace()
      guard let byte = next else { throw failure("expected a value, found the end") }
      switch Unicode.Scalar(byte) {
      case "{": return try object(depth: depth)
      case "[": return try array(depth: depth)
      case "\"": return .string(try string())
      case "t": return try word("true", .bool(true))
      case "f": return try word("false", .bool(false))
      case "n": return try word("null", .null)
      case "-", "0"..."9": return try number()
      default: throw failure("expected a value")
      }
    }

    mutating func word(_ text: StaticString, _ value: JSON) throws -> JSON {
      let expected = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
      guard bytes[position...].starts(with: expected) else { throw failure("expected \(text)") }
      position += expected.count
      return value
    }

    mutating func object(depth: Int) throws -> JSON {
      position += 1
      var members: [Member] = []
      skipSpace()
      if take("}") { return .object(members) }
      while true {
        skipSpace()
        guard next == UInt8(ascii: "\"") else { throw failure("expected a name in quotes") }
        let name = try string()
        skipSpace()
        guard take(":") else { throw failure("expected ':' after a name") }
        members.append(Member(name, try value(depth: depth + 1)))
        skipSpace()
        if take("}") { return .object(members) }
        guard take(",") else { throw failure("expected ',' or '}'") }
      }
    }

    mutating func array(depth: Int) throws -> JSON {
      position += 1
      var elements: [JSON] = []
      skipSpace()
      if take("]") { return .array(elements) }
      while true {
        elements.append(try value(depth: depth + 1))
        skipSpace()
        if take("]") { return .array(elements) }
        guard take(",") else { throw failure("expected ',' or ']'") }
      }
    }

    mutating func digits() throws {
      guard let byte = next, byte &- 0x30 < 10 else { throw failure("expected a digit") }
      while let byte = next, byte &- 0x30 < 10 { position += 1 }
    }

    mutating func number() throws -> JSON {
      let start = position
      _ = take("-")
      if take("0") {
        if let byte = next, byte &- 0x30 < 10 { throw failure("a number starts with 0") }
      } else {
        try digits()
      }
      var isWhole = true
      if take(".") {
        isWhole = false
        try digits()
      }
      if take("e") || take("E") {
        isWhole = false
        if !take("-") { _ = take("+") }
        try digits()
      }
      let text = String(decoding: bytes[start..<position], as: UTF8.self)
      if isWhole, let value = Int(text) { return .integer(value) }
      guard let value = Double(text), value.isFinite else { throw failure("a number is out of range") }
      return isWhole ? .digits(text) : .number(value)
    }

    mutating func string() throws -> String {
      position += 1
      let start = position
      var unescaped: [UInt8]?
      while let byte = next {
        switch byte {
        case UInt8(ascii: "\""):
          position += 1
          let text =
            unescaped.map { String(validating: $0, as: UTF8.self) }
            ?? String(validating: UnsafeRawBufferPointer(rebasing: bytes[start..<position - 1]), as: UTF8.self)
          guard let text else { throw failure("a string is not valid UTF-8") }
          return text
        case UInt8(ascii: "\\"):
          if unescaped == nil { unescaped = Array(bytes[start..<position]) }
          position += 1
          unescaped?.append(contentsOf: String(try escape()).utf8)
        case 0..<0x20:
          throw failure("a control character in a string")
        default:
          unescaped?.append(byte)
          position += 1
        }
      }
      throw failure("a string doesn't end")
    }

    mutating func escape() throws -> Unicode.Scalar {
      guard let byte = next else { throw failure("a string doesn't end") }
      position += 1
      switch Unicode.Scalar(byte) {
      case "\"": return "\""
      case "\\": return "\\"
      case "/": return "/"
      case "b": return "\u{8}"
      case "f": return "\u{C}"
      case "n": return "\n"
      case "r": return "\r"
      case "t": return "\t"
      case "u":
        var code = UInt32(try hexadecimal())
        if code & 0xFC00 == 0xD800, take("\\"), take("u") {
          let low = UInt32(try hexadecimal())
          guard low & 0xFC00 == 0xDC00 else { throw failure("half of a surrogate pair") }
          code = 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF))
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
        return scalar
      default: throw failure("an unknown escape")
      }
    }

    mutating func hexadecimal() throws -> UInt16 {
      guard position + 4 <= bytes.count else { throw failure("a string doesn't end") }
      var code: UInt16 = 0
      for byte in bytes[position..<position + 4] {
        guard let digit = hexadecimalDigit(byte) else { throw failure("expected four hexadecimal digits") }
        code = code << 4 | digit
      }
      position += 4
      return code
    }

    func hexadecimalDigit(_ byte: UInt8) -> UInt16? {
      switch byte {
      case 0x30...0x39: UInt16(byte - 0x30)
      case 0x41...0x46: UInt16(byte - 0x41 + 10)
      case 0x61...0x66: UInt16(byte - 0x61 + 10)
      default: nil
      }
    }
  }
}
