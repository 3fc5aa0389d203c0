import Foundation
import Tensors

/// A safetensors file, mapped into memory: named tensors, read when asked for.
///
/// The layout: an 8-byte little-endian header length, a JSON header of `name: {dtype, shape, data_offsets}`, then the
/// tensors' bytes without holes. Everything the header says is checked when the file is opened.
/// Source: https://github.com/huggingface/safetensors (format and its reference reader).
public struct SafetensorsFile: Sendable {
  /// Where the file is.
  public let url: URL
  /// The file's own notes, such as `format: pt`.
  public let metadata: [String: String]
  private let file: MappedFile
  private let entries: [String: TensorBytes]

  /// Headers longer than this are refused, as the reference does.
  static let longestHeader = 100_000_000

  /// Opens a file and checks its header.
  ///
  /// - Throws: `FileError` with the full path, and the tensor's name where it concerns one.
  public init(_ url: URL) throws {
    let file = try MappedFile(url, writable: true)
    var metadata: [String: String] = [:]
    let entries = try file.withBytes { bytes in
      var reader = HeaderReader(url: url, bytes: bytes)
      let entries = try reader.entries()
      metadata = reader.metadata
      return entries
    }
    self.url = url
    self.file = file
    self.entries = entries
    self.metadata = metadata
  }

  /// The names of all tensors, in order of their bytes.
  public var keys: [String] { entries.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

  /// Whether there is a tensor of that name.
  public func contains(_ name: String) -> Bool { entries[name] != nil }

  /// The element type and shape of a tensor.
  ///
  /// - Throws: `FileError` if there is no such tensor.
  public func entry(_ name: String) throws -> (type: ElementType, shape: [Int]) {
    let entry = try find(name)
    return (entry.type, entry.shape)
  }

  /// Calls `body` with a tensor's little-endian bytes in the file, valid only during the call and not always aligned.
  public func withBytes<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    let range = try find(name).range
    return try file.withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  /// A tensor of F32, F16, BF16 or F64 as floats.
  ///
  /// - Throws: `FileError` if there is no such tensor or it isn't floating-point.
  public func floats(_ name: String) throws -> [Float] { try find(name).floats(in: file, item: name) }

  /// A tensor where it stands in the file, mapped privately, if it's of F32, not empty and aligned for it. The file must not be cut short
  /// while the memory is in use; files that are replaced, as `AtomicFile` does it, stay whole.
  ///
  /// - Throws: `FileError` if there is no such tensor.
  public func mapped(_ name: String) throws -> MappedFloats? {
    let tensor = try find(name)
    guard tensor.type == .float32, !tensor.range.isEmpty else { return nil }
    return file.withBytes { bytes in
      guard let base = bytes.baseAddress, (Int(bitPattern: base) + tensor.range.lowerBound) % 4 == 0 else { return nil }
      let floats = UnsafeMutableRawPointer(mutating: base + tensor.range.lowerBound).assumingMemoryBound(to: Float.self)
      return MappedFloats(UnsafeMutableBufferPointer(start: floats, count: tensor.range.count / 4), owner: file)
    }
  }

  /// Reads a tensor of F32, F16, BF16 or F64 into memory for its elements, chunk by chunk on the workers.
  ///
  /// - Throws: `FileError` if there is no such tensor or it isn't floating-point.
  public func read(_ name: String, into values: UnsafeMutableBufferPointer<Float>) throws {
    try find(name).read(in: file, item: name, into: values)
  }

  /// A tensor of I64, I32, I16, I8, U8 or BOOL as 64-bit integers.
  ///
  /// - Throws: `FileError` if there is no such tensor or it isn't of whole numbers.
  public func int64s(_ name: String) throws -> [Int64] { try find(name).integers(in: file, item: name) }

  /// A tensor of whole numbers as 32-bit integers.
  ///
  /// - Throws: `FileError` if there is no such tensor, it isn't of whole numbers, or one of them doesn't fit.
  public func int32s(_ name: String) throws -> [Int32] {
    try int64s(name).map { value in
      guard let narrow = Int32(exactly: value) else {
        throw FileError(.mismatched, url, item: name, "expected 32-bit integers, found \(value)")
      }
      return narrow
    }
  }

  private func find(_ name: String) throws -> TensorBytes {
    guard let entry = entries[name] else { throw FileError(.missing, url, item: name, "no such tensor in the file") }
    return entry
  }
}

/// Reads and checks a safetensors header.
private struct HeaderReader {
  let url: URL
  let bytes: UnsafeRawBufferPointer
  var metadata: [String: String] = [:]

  mutating func entries() throws -> [String: TensorBytes] {
    let (header, start) = try header()
    guard let members = header.members else {
      throw failure("the header is \(header.kind), expected an object")
    }
    var entries: [String: TensorBytes] = [:]
    entries.reserveCapacity(members.count)
    var sawMetadata = false
    for member in members {
      if member.name == "__metadata__" {
        guard !sawMetadata else { throw failure("the key appears twice", item: member.name) }
        sawMetadata = true
        try readMetadata(member.value)
        continue
      }
      let entry = try entry(member, start: start)
      guard entries.updateValue(entry, forKey: member.name) == nil else {
        throw failure("the key appears twice", item: member.name)
      }
    }
    try checkCoverage(entries, start: start)
    return entries
  }

  func failure(_ problem: String, item: String? = nil) -> FileError {
    FileError(.malformed, url, item: item, problem)
  }

  /// The parsed header and the offset at which the data starts.
  func header() throws -> (JSON, Int) {
    guard bytes.count >= 8 else {
      throw failure("not a safetensors file: expected at least 8 bytes, found \(bytes.count)")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(SafetensorsFile.longestHeader) else {
      throw failure("header length \(length) is above the limit of \(SafetensorsFile.longestHeader) bytes")
    }
    guard length <= UInt64(bytes.count - 8) else {
      throw failure("header length \(length) is longer than the file's remaining \(bytes.count - 8) bytes")
    }
    let start = 8 + Int(length)
    do {
      return (try JSON(parsing: UnsafeRawBufferPointer(rebasing: bytes[8..<start])), start)
    } catch let error as JSON.SyntaxError {
      throw failure("the header is not JSON: \(error.problem) at byte \(8 + error.offset)")
    }
  }

  mutating func readMetadata(_ value: JSON) throws {
    guard let members = value.members else {
      throw failure("expected an object of strings, found \(value.kind)", item: "__metadata__")
    }
    for member in members {
      guard let text = member.value.string else {
        throw failure("expected a string, found \(member.value.kind)", item: "__metadata__.\(member.name)")
      }
      guard metadata.updateValue(text, forKey: member.name) == nil else {
        throw failure("the key appears twice", item: "__metadata__.\(member.name)")
      }
    }
  }

  func entry(_ member: JSON.Member, start: Int) throws -> TensorBytes {
    let name = member.name
    guard let fields = member.value.members else {
      throw failure("expected an object, found \(member.value.kind)", item: name)
    }
    // Three fields, each of them found, are neither unknown nor repeated.
    guard fields.count == 3, let dtype = member.value["dtype"], let shape = member.value["shape"],
      let offsets = member.value["data_offsets"]
    else {
      let found = fields.map(\.name).joined(separator: ", ")
      throw failure("expected the keys dtype, shape, data_offsets, found \(FileError.quoted(found))", item: name)
    }
    guard let code = dtype.string else {
      throw failure("expected dtype to be a string, found \(dtype.kind)", item: name)
    }
    guard let type = ElementType(rawValue: code) else {
      let known = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
      throw failure("unknown dtype \(FileError.quoted(code)), expected one of \(known)", item: name)
    }
    let dimensions = try integers(shape, "shape", item: name)
    let bounds = try integers(offsets, "data_offsets", item: name)
    guard bounds.count == 2, bounds[0] <= bounds[1], bounds[1] <= bytes.count - start else {
      throw failure(
        "data_offsets \(bounds) are not a range within the \(bytes.count - start) bytes of data", item: name)
    }
    guard let expected = type.byteCount(of: dimensions) else {
      throw failure("shape \(dimensions) of \(code) is larger than any memory", item: name)
    }
    guard expected == bounds[1] - bounds[0] else {
      throw failure(
        "shape \(dimensions) of \(code) takes \(expected) bytes, data_offsets \(bounds) hold \(bounds[1] - bounds[0])",
        item: name)
    }
    return TensorBytes(type: type, shape: dimensions, range: start + bounds[0]..<start + bounds[1])
  }

  func integers(_ value: JSON, _ field: String, item: String) throws -> [Int] {
    guard let elements = value.elements else {
      throw failure("expected \(field) to be an array, found \(value.kind)", item: item)
    }
    // As many dimensions as PyTorch's tensors have at most.
    guard elements.count <= 64 else {
      throw failure("expected \(field) to be at most 64 numbers, found \(elements.count)", item: item)
    }
    return try elements.map {
      guard let integer = $0.integer, integer >= 0 else {
        throw failure("expected \(field) to be whole numbers from 0 up, found \($0.text().prefix(40))", item: item)
      }
      return integer
    }
  }

  /// Tensors one after the other must cover the data exactly: no overlaps, no holes, nothing left over.
  func checkCoverage(_ entries: [String: TensorBytes], start: Int) throws {
    let ordered = entries.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound) < ($1.value.range.lowerBound, $1.value.range.upperBound)
    }
    var end = start
    for (name, entry) in ordered {
      guard entry.range.lowerBound == end else {
        let gap = entry.range.lowerBound - end
        throw failure(
          gap > 0 ? "\(gap) bytes before its data belong to no tensor" : "its data overlap another tensor's",
          item: name)
      }
      end = entry.range.upperBound
    }
    guard end == bytes.count else {
      throw failure("\(bytes.count - end) bytes at the end belong to no tensor")
    }
  }
}
