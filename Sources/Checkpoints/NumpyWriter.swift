import Foundation

/// Writes rows to a NumPy file (.npy version 1, `[rows, width]`, float32 or bytes) without knowing how many will come.
///
/// The file takes its name on `finish()`; without it, nothing is left behind.
public final class NumpyWriter {
  /// The length of a row.
  public let width: Int
  /// How many rows have been appended.
  public private(set) var rows = 0
  private let writer: AtomicWriter
  private let type: String
  // NumPy too reserves room for a row count to grow in, so its files start just like ours.
  private static let headerSize = 128

  /// Starts a file; `type` is NumPy's name of its elements: `<f4`, `|i1` or `|u1`.
  ///
  /// - Throws: `FileError` if it cannot be created.
  public convenience init(_ url: URL, width: Int, type: String = "<f4") throws {
    try self.init(AtomicWriter(url), width: width, type: type)
  }

  /// Starts a file in a writer without bytes, or goes on after the rows of one that was cut off.
  ///
  /// - Throws: `FileError` if it ends within a row, or cannot be written.
  public init(_ writer: AtomicWriter, width: Int, type: String = "<f4") throws {
    precondition(width > 0, "NumpyWriter: width \(width) is not positive")
    precondition(["<f4", "|i1", "|u1"].contains(type), "NumpyWriter: type \(type) is not supported")
    (self.writer, self.width, self.type) = (writer, width, type)
    guard writer.count > 0 else {
      try [UInt8](repeating: 0, count: NumpyWriter.headerSize).withUnsafeBytes { try writer.write($0) }
      return
    }
    let (row, bytes) = (type == "<f4" ? 4 * width : width, writer.count - NumpyWriter.headerSize)
    guard bytes >= 0, bytes % row == 0 else {
      throw FileError(
        .mismatched, writer.url, "expected whole rows of \(row) bytes to go on after, found \(bytes) bytes")
    }
    rows = bytes / row
  }

  /// Appends whole rows, one after the other.
  ///
  /// - Throws: `FileError` with the operating system's reason, such as a full disk.
  public func append(_ values: UnsafeBufferPointer<Float>) throws {
    precondition(values.count % width == 0, "NumpyWriter.append: \(values.count) values are no rows of \(width)")
    try writer.write(UnsafeRawBufferPointer(values))
    rows += values.count / width
  }

  /// Appends whole rows, one after the other.
  public func append(_ values: [Float]) throws {
    try values.withUnsafeBufferPointer { try append($0) }
  }

  /// Appends whole rows of bytes, one after the other.
  public func append(bytes: [UInt8]) throws {
    precondition(type != "<f4" && bytes.count % width == 0, "NumpyWriter.append: bytes are no rows of \(width) \(type)")
    try bytes.withUnsafeBytes { try writer.write($0) }
    rows += bytes.count / width
  }

  /// Removes the file, unless it is finished or one to go on with.
  public func discard() { writer.discard() }

  /// Writes the row count and gives the file its name.
  public func finish() throws {
    let dictionary = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(rows), \(width)), }"
    var header = NumpyFile.magic + [1, 0, UInt8(NumpyWriter.headerSize - 10), 0] + Array(dictionary.utf8)
    header += [UInt8](repeating: UInt8(ascii: " "), count: NumpyWriter.headerSize - 1 - header.count) + [0x0A]
    try header.withUnsafeBytes { try writer.overwrite(at: 0, with: $0) }
    try writer.commit()
  }
}
