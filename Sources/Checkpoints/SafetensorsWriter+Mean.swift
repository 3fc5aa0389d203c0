import Foundation

extension Checkpoint {
  /// - Throws: `FileError` for the first tensor of floats of another that this one doesn't have, or the other way round, or that has another
  ///   shape.
  public func requireSameTensors(_ other: Checkpoint) throws {
    for name in keys {
      let (type, shape) = try entry(name)
      guard type.isFloating else { continue }
      guard other.contains(name) else {
        throw FileError(.missing, other.url, item: name, "no such tensor, though \(url.path) has it")
      }
      let found = try other.entry(name)
      guard found.type.isFloating, found.shape == shape else {
        throw FileError(
          .mismatched, other.url(of: name), item: name,
          "expected floats \(shape) as in \(url(of: name).path), found \(found.type.rawValue) \(found.shape)")
      }
    }
    for name in other.keys where !contains(name) {
      guard try other.entry(name).type.isFloating else { continue }
      throw FileError(.mismatched, other.url(of: name), item: name, "a tensor that \(url.path) doesn't have")
    }
  }
}

extension SafetensorsWriter {
  /// Adds the mean of a tensor of several checkpoints, in the first one's type (F64 as F32); sums are taken in 64 bits, piece by piece as
  /// it's written. Of whole numbers it adds the first checkpoint's.
  ///
  /// Writing throws a `FileError` with the tensor's name if one of its numbers is too large for the type.
  /// - Throws: `FileError` if a checkpoint has no such tensor.
  public mutating func add(_ name: String, meanOf checkpoints: [Checkpoint]) throws {
    let (first, shape) = try checkpoints[0].entry(name)
    guard first.isFloating else { return try add(name, of: checkpoints[0]) }
    let files = try checkpoints.map { try $0.file(having: name) }
    let type = first == .float64 ? .float32 : first
    let stored = try files.map { try $0.entry(name).type }
    add(name, type: type, shape: shape) { write in
      let count = shape.reduce(1, *)
      for start in stride(from: 0, to: count, by: SafetensorsWriter.chunk) {
        let part = start..<min(start + SafetensorsWriter.chunk, count)
        var sums = [Double](repeating: 0, count: part.count)
        for (file, stored) in zip(files, stored) {
          let values = try file.withBytes(name) { bytes in
            let range = part.lowerBound * stored.byteCount..<part.upperBound * stored.byteCount
            return stored.floats(from: UnsafeRawBufferPointer(rebasing: bytes[range])) ?? []
          }
          for (index, value) in values.enumerated() { sums[index] += Double(value) }
        }
        let means = sums.map { Float($0 / Double(files.count)) }
        try SafetensorsWriter.write(means, as: type, of: name, in: files[0].url, write)
      }
    }
  }
}
