import Checkpoints
import Encoders
import Foundation
import Tensors

/// Where what `embed` computes of a batch of texts goes.
protocol EmbedOutput<Rows>: AnyObject, SendableMetatype {
  associatedtype Rows: Sendable

  func write(_ rows: Rows) throws
  /// Gives the file its name.
  func finish() throws
  /// Removes what was written, unless it is finished or to be gone on with.
  func discard()
}

/// A row a text: a NumPy file, or JSON lines.
final class RowOutput: EmbedOutput {
  private let target: String
  private let width: Int
  private let precision: EmbeddingPrecision
  private let isSparse: Bool
  private let rows: RowWriter?
  private let spool: AtomicWriter?

  /// Starts the output, or goes on with `partial`.
  ///
  /// Bytes that are linear in each column's range wait for the last row to complete it. Until then the rows are in a file as they
  /// are: `partial`, or a temporary one.
  init(
    _ target: String, width: Int, precision: EmbeddingPrecision, isSparse: Bool = false, partial: AtomicWriter? = nil
  ) throws {
    (self.target, self.width, self.precision, self.isSparse) = (target, width, precision, isSparse)
    if precision == .int8 || precision == .uint8 {
      rows = nil
      let isFile = target != "-" && !AtomicWriter.isDevice(path(target))
      spool =
        try partial
        ?? AtomicWriter(
          isFile ? path(target) : FileManager.default.temporaryDirectory.appendingPathComponent("encoders-embed"))
    } else {
      spool = nil
      rows = try RowWriter(partial ?? RowOutput.file(target), width: width, precision: precision, isSparse: isSparse)
    }
  }

  /// How many bytes so many rows take in the file that grows; nil where each is a line.
  static func byteCount(_ target: String, width: Int, precision: EmbeddingPrecision) -> ((Int) -> Int)? {
    if precision == .int8 || precision == .uint8 { return { 4 * width * $0 } }
    guard target.hasSuffix(".npy") else { return nil }
    let row = precision == .float32 ? 4 * width : precision.columns(of: width)
    // NumpyWriter's header, as long as NumPy's.
    return { 128 + row * $0 }
  }

  private static func file(_ target: String) throws -> AtomicWriter? {
    target == "-" ? nil : try AtomicWriter(path(target))
  }

  func write(_ vectors: Tensor) throws {
    if let spool { return try vectors.withUnsafeBuffer { try spool.write(UnsafeRawBufferPointer($0)) } }
    try rows?.write(vectors)
  }

  /// Writes what waited, and gives the file its name.
  func finish() throws {
    guard let spool else {
      try rows?.finish()
      return
    }
    var least = [Float](repeating: .infinity, count: width)
    var most = [Float](repeating: -.infinity, count: width)
    var count = 0
    try forEachBlock(of: spool) { values in
      count += values.count / width
      for start in stride(from: 0, to: values.count, by: width) {
        for column in 0..<width {
          least[column] = min(least[column], values[start + column])
          most[column] = max(most[column], values[start + column])
        }
      }
    }
    guard count != 1 else {
      throw InputError(
        description: "--precision \(precision.rawValue): the columns' ranges need two vectors or more, found one")
    }
    let ranges = Tensor(least + most, shape: [2, width])
    let rows = try RowWriter(RowOutput.file(target), width: width, precision: precision, isSparse: isSparse)
    try forEachBlock(of: spool) { values in
      try rows.write(Tensor(Array(values), shape: [values.count / width, width]), ranges: ranges)
    }
    try rows.finish()
    spool.discard()
  }

  func discard() {
    spool?.discard()
    rows?.discard()
  }

  private func forEachBlock(of spool: AtomicWriter, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
    try spool.read(by: 1024 * width * MemoryLayout<Float>.stride) { try body($0.bindMemory(to: Float.self)) }
  }
}

/// JSON lines of texts with a vector for each of their tokens.
final class TokenOutput: EmbedOutput {
  private let lines: OutputLines

  init(_ target: String, partial: AtomicWriter?) throws {
    lines = try partial.map { OutputLines($0) } ?? OutputLines(target)
  }

  func write(_ vectors: Ragged<Tensor>) throws {
    let (values, width) = (vectors.rows.scalars, vectors.rows.width)
    for text in 0..<vectors.count {
      let rows = vectors.offsets[text].map { jsonNumbers(values[$0 * width..<($0 + 1) * width]) }
      try lines.write("{\"embeddings\":[\(rows.joined(separator: ","))]}")
    }
  }

  func finish() throws { try lines.finish() }
  func discard() { lines.discard() }
}

/// Writes vectors to a NumPy file or as JSON lines.
private struct RowWriter {
  private let array: NumpyWriter?
  private let lines: OutputLines?
  private let precision: EmbeddingPrecision
  private let isSparse: Bool

  /// Writes to `file`, whose first rows may be there already; nil: to standard output.
  init(_ file: AtomicWriter?, width: Int, precision: EmbeddingPrecision, isSparse: Bool) throws {
    (self.precision, self.isSparse) = (precision, isSparse)
    array =
      try file.flatMap { file in
        guard file.url.path.hasSuffix(".npy") else { return nil }
        return try NumpyWriter(file, width: precision.columns(of: width), type: precision.numpyType)
      }
    lines = array == nil ? OutputLines(file) : nil
  }

  /// The columns' ranges are those of `ranges`, where the precision needs some.
  func write(_ vectors: Tensor, ranges: Tensor? = nil) throws {
    guard precision != .float32 else {
      let (values, width) = (vectors.scalars, vectors.width)
      try array?.append(values)
      for start in lines == nil ? [] : Array(stride(from: 0, to: values.count, by: width)) {
        let row = values[start..<start + width]
        if isSparse {
          let places = row.indices.filter { row[$0] != 0 }
          let indices = places.map { String($0 - start) }.joined(separator: ",")
          try lines?.write("{\"indices\":[\(indices)],\"values\":\(jsonNumbers(places.map { row[$0] }))}")
        } else {
          try lines?.write("{\"embedding\":\(jsonNumbers(row))}")
        }
      }
      return
    }
    let (bytes, width) = (precision.bytes(vectors, calibration: ranges), precision.columns(of: vectors.width))
    try array?.append(bytes: bytes)
    let isSigned = precision.numpyType == "|i1"
    for start in lines == nil ? [] : Array(stride(from: 0, to: bytes.count, by: width)) {
      let numbers = bytes[start..<start + width].map { isSigned ? String(Int8(bitPattern: $0)) : String($0) }
      try lines?.write("{\"embedding\":[\(numbers.joined(separator: ","))]}")
    }
  }

  func finish() throws {
    try array?.finish()
    try lines?.finish()
  }

  func discard() {
    array?.discard()
    lines?.discard()
  }
}
