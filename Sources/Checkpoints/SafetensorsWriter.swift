import Foundation

/// Writes a safetensors file, byte for byte as the reference does; tensors stream to the disk one after the other.
///
///     var writer = SafetensorsWriter()
///     writer.add("linear.weight", shape: [2, 3], weights)
///     try writer.write(to: url)
public struct SafetensorsWriter {
  /// Hands out a tensor's bytes, in one or more pieces, when it is their turn to be written.
  public typealias Source = (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

  private struct Item {
    let name: String
    let type: ElementType
    let shape: [Int]
    let byteCount: Int
    let source: Source
  }

  private let metadata: [String: String]
  private var items: [String: Item] = [:]

  /// A file of no tensors yet, with its notes.
  public init(metadata: [String: String] = ["format": "pt"]) {
    self.metadata = metadata
  }

  /// Adds a tensor whose little-endian bytes are asked for when it is written. A name can be added once.
  public mutating func add(_ name: String, type: ElementType, shape: [Int], source: @escaping Source) {
    guard let byteCount = type.byteCount(of: shape) else {
      preconditionFailure("SafetensorsWriter.add: \(name) has the impossible shape \(shape)")
    }
    precondition(name != "__metadata__", "SafetensorsWriter.add: the name __metadata__ is reserved")
    let item = Item(name: name, type: type, shape: shape, byteCount: byteCount, source: source)
    precondition(items.updateValue(item, forKey: name) == nil, "SafetensorsWriter.add: \(name) is added twice")
  }

  /// Adds a tensor of floats, stored as F32, F16 or BF16: the nearest numbers of that type, of two equally near ones the even one.
  public mutating func add(_ name: String, as type: ElementType = .float32, shape: [Int], _ values: [Float]) {
    add(name, type: type, shape: shape) { write in
      try values.withUnsafeBufferPointer { values in
        for start in stride(from: 0, to: values.count, by: SafetensorsWriter.chunk) {
          let part = values[start..<min(start + SafetensorsWriter.chunk, values.count)]
          let bytes = type.bytes(of: UnsafeBufferPointer(rebasing: part))
          try bytes.withUnsafeBytes(write)
        }
      }
    }
  }

  /// Adds a tensor of a file as it is, or its floats as F32, F16 or BF16; it is read when it is written, piece by piece.
  ///
  /// Writing throws a `FileError` with the tensor's name if one of its numbers is too large for the type.
  public mutating func add(_ name: String, of file: SafetensorsFile, as type: ElementType? = nil) throws {
    let (stored, shape) = try file.entry(name)
    let type = stored.isFloating ? type ?? stored : stored
    add(name, type: type, shape: shape) { write in
      try file.withBytes(name) { bytes in
        guard type != stored else { return try write(bytes) }
        let step = SafetensorsWriter.chunk * stored.byteCount
        for start in stride(from: 0, to: bytes.count, by: step) {
          let part = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + step, bytes.count)])
          try SafetensorsWriter.write(stored.floats(from: part) ?? [], as: type, of: name, in: file.url, write)
        }
      }
    }
  }

  /// Adds a tensor of a checkpoint as `add(_:of:as:)` does, read at once when it's written if an adapter changes it.
  ///
  /// - Throws: `FileError` if there is no such tensor.
  public mutating func add(_ name: String, of checkpoint: Checkpoint, as type: ElementType? = nil) throws {
    guard checkpoint.isChanged(name) else { return try add(name, of: checkpoint.file(having: name), as: type) }
    let (stored, shape) = try checkpoint.entry(name)
    guard stored.isFloating else {
      throw FileError(.mismatched, checkpoint.url(of: name), item: name, "expected floats, found \(stored.rawValue)")
    }
    let type = type ?? (stored == .float64 ? .float32 : stored)
    add(name, type: type, shape: shape) { write in
      var values = [Float](repeating: 0, count: shape.reduce(1, *))
      try values.withUnsafeMutableBufferPointer { try checkpoint.read(name, into: $0) }
      try SafetensorsWriter.write(values, as: type, of: name, in: checkpoint.url(of: name), write)
    }
  }

  /// Writes numbers of a tensor in a type.
  ///
  /// - Throws: `FileError` with the tensor's file and name if one of them is too large for the type.
  static func write(
    _ values: [Float], as type: ElementType, of name: String, in file: URL,
    _ write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try values.withUnsafeBufferPointer { values in
      if let large = type.firstTooLarge(in: values) {
        throw FileError(
          .mismatched, file, item: name, "expected numbers that \(type.rawValue) can hold, found \(large)")
      }
      try type.bytes(of: values).withUnsafeBytes(write)
    }
  }

  /// How many elements are converted at a time: enough for all workers, and little memory.
  static let chunk = 1 << 22

  /// How many bytes the tensors take.
  public var byteCount: Int { items.values.reduce(0) { $0 + $1.byteCount } }

  /// Adds a tensor of 64-bit integers.
  public mutating func add(_ name: String, shape: [Int], _ values: [Int64]) {
    add(name, type: .int64, shape: shape) { write in try values.withUnsafeBytes(write) }
  }

  /// Adds a tensor of 32-bit integers.
  public mutating func add(_ name: String, shape: [Int], _ values: [Int32]) {
    add(name, type: .int32, shape: shape) { write in try values.withUnsafeBytes(write) }
  }

  /// Writes the file under a temporary name and renames it.
  ///
  /// - Throws: `FileError` with the path and the operating system's reason; whatever a tensor's source throws.
  public func write(to url: URL) throws {
    let ordered = items.values.sorted(by: SafetensorsWriter.precedes)
    try AtomicFile.write(to: url) { writer in
      let header = Array(header(ordered).utf8)
      let padding = [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
      try withUnsafeBytes(of: UInt64(header.count + padding.count).littleEndian) { try writer.write($0) }
      try (header + padding).withUnsafeBytes { try writer.write($0) }
      for item in ordered {
        var written = 0
        try item.source { bytes in
          written += bytes.count
          try writer.write(bytes)
        }
        precondition(
          written == item.byteCount,
          "SafetensorsWriter.write: \(item.name) \(item.shape) takes \(item.byteCount) bytes, not \(written)")
      }
    }
  }

  /// The reference's order: widest types first, so that every tensor is aligned to its elements, then by name.
  private static func precedes(_ a: Item, _ b: Item) -> Bool {
    let ranks: [ElementType] = [.int64, .float64, .float32, .int32, .bfloat16, .float16, .int16, .int8, .uint8, .bool]
    let (rankA, rankB) = (ranks.firstIndex(of: a.type) ?? 0, ranks.firstIndex(of: b.type) ?? 0)
    return rankA != rankB ? rankA < rankB : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
  }

  private func header(_ ordered: [Item]) -> String {
    var members: [JSON.Member] = []
    if !metadata.isEmpty {
      let notes = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      members.append(.init("__metadata__", .object(notes.map { .init($0.key, .string($0.value)) })))
    }
    var offset = 0
    for item in ordered {
      let end = offset + item.byteCount
      members.append(
        .init(
          item.name,
          [
            "dtype": .string(item.type.rawValue),
            "shape": .array(item.shape.map { .integer($0) }),
            "data_offsets": .array([.integer(offset), .integer(end)]),
          ]))
      offset = end
    }
    return JSON.object(members).text()
  }
}
