import Foundation

/// A NumPy array file (.npy, versions 1 to 3), mapped into memory: one array of any number of dimensions, in C order.
///
/// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
public struct NumpyFile: Sendable {
  /// Where the file is.
  public let url: URL
  private let file: MappedFile
  private let array: TensorBytes

  /// Opens a file and checks its header.
  ///
  /// - Throws: `FileError` with the full path, what was expected and what was found.
  public init(_ url: URL) throws {
    let file = try MappedFile(url)
    self.url = url
    self.file = file
    array = try file.withBytes { try NumpyFile.read($0, url) }
  }

  /// The type of the elements.
  public var type: ElementType { array.type }
  /// The length of each dimension; none for a single number.
  public var shape: [Int] { array.shape }

  /// An array of 16-, 32- or 64-bit floats as floats.
  ///
  /// - Throws: `FileError` if the elements are of another type.
  public func floats() throws -> [Float] { try array.floats(in: file, item: nil) }

  /// An array of whole numbers or truth values as 64-bit integers.
  ///
  /// - Throws: `FileError` if the elements are of another type.
  public func int64s() throws -> [Int64] { try array.integers(in: file, item: nil) }

  /// Calls `body` with the array's little-endian bytes, valid only during the call and not always aligned.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try file.withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[array.range])) }
  }

  static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

  private static let types: [String: ElementType] = [
    "<f8": .float64, "<f4": .float32, "<f2": .float16, "<i8": .int64, "<i4": .int32, "<i2": .int16, "|i1": .int8,
    "|u1": .uint8, "|b1": .bool,
  ]

  private static func read(_ bytes: UnsafeRawBufferPointer, _ url: URL) throws -> TensorBytes {
    guard bytes.count >= 12, bytes.prefix(6).elementsEqual(magic) else {
      throw FileError(.malformed, url, "not a .npy file: it doesn't start with \\x93NUMPY and a version")
    }
    let version = bytes[6]
    guard (1...3).contains(version) else {
      throw FileError(.malformed, url, "expected .npy version 1, 2 or 3, found \(version)")
    }
    let short = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
    let long = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    let (headerStart, length) = version == 1 ? (10, short) : (12, long)
    guard length <= bytes.count - headerStart else {
      throw FileError(.malformed, url, "header length \(length) is longer than the file")
    }
    let start = headerStart + length
    var parser = NumpyHeader(bytes: UnsafeRawBufferPointer(rebasing: bytes[headerStart..<start]))
    guard parser.parse(), let descriptor = parser.descriptor, let shape = parser.shape, let isFortran = parser.isFortran
    else {
      throw FileError(.malformed, url, "the header is not a dictionary of descr, fortran_order and shape")
    }
    guard let type = types[descriptor] else {
      let known = types.keys.sorted().joined(separator: ", ")
      throw FileError(.mismatched, url, "element type \(FileError.quoted(descriptor)) isn't one of \(known)")
    }
    guard !isFortran || shape.count < 2 else {
      throw FileError(.mismatched, url, "expected C order, found Fortran order (use numpy.ascontiguousarray)")
    }
    guard let expected = type.byteCount(of: shape), expected == bytes.count - start else {
      throw FileError(
        .malformed, url, "shape \(shape) of \(descriptor) doesn't fit the \(bytes.count - start) bytes of data")
    }
    return TensorBytes(type: type, shape: shape, range: start..<bytes.count)
  }
}

/// The part of Python's literals that NumPy writes: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
private struct NumpyHeader {
  let bytes: UnsafeRawBufferPointer
  var position = 0
  var descriptor: String?
  var shape: [Int]?
  var isFortran: Bool?

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Whether the header is well formed and names each key once.
  mutating func parse() -> Bool {
    guard take("{") else { return false }
    while !take("}") {
      guard let key = string(), take(":") else { return false }
      switch key {
      case "descr" where descriptor == nil: descriptor = string()
      case "shape" where shape == nil: shape = tuple()
      case "fortran_order" where isFortran == nil: isFortran = take("True") ? true : take("False") ? false : nil
      default: return false
      }
      if !take(",") {
        guard take("}") else { return false }
        break
      }
    }
    skipSpace()
    return position == bytes.count
  }

  private mutating func skipSpace() {
    while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x0A { position += 1 }
  }

  private mutating func take(_ text: String) -> Bool {
    skipSpace()
    guard bytes[position...].starts(with: text.utf8) else { return false }
    position += text.utf8.count
    return true
  }

  private mutating func string() -> String? {
    let quote: UInt8
    if take("'") { quote = 0x27 } else if take("\"") { quote = 0x22 } else { return nil }
    guard let end = bytes[position...].firstIndex(of: quote) else { return nil }
    defer { position = end + 1 }
    return String(validating: bytes[position..<end], as: UTF8.self)
  }

  private mutating func tuple() -> [Int]? {
    guard take("(") else { return nil }
    var dimensions: [Int] = []
    while !take(")") {
      skipSpace()
      let digits = bytes[position...].prefix { $0 &- 0x30 < 10 }
      guard !digits.isEmpty, let dimension = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
      position += digits.count
      dimensions.append(dimension)
      if !take(",") { return take(")") ? dimensions : nil }
    }
    return dimensions
  }
}
