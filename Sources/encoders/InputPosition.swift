import Crypto
import Foundation

/// A place between two lines of a file, which a later run can find again.
struct InputPosition: Sendable {
  /// Lines before it.
  private(set) var lines = 0
  /// Bytes before it.
  private(set) var bytes = 0
  /// What these bytes were.
  private var hash = SHA256()
  private var endsLine = true

  /// The SHA-256 of the bytes before it, in hexadecimal.
  var digest: String { hash.finalize().map { String(format: "%02x", $0) }.joined() }

  /// Goes on behind a line.
  mutating func take(_ line: ArraySlice<UInt8>) {
    lines += 1
    bytes += line.count
    endsLine = line.last == UInt8(ascii: "\n")
    line.withUnsafeBytes { hash.update(bufferPointer: $0) }
  }

  init() {}

  /// The place after so many lines and bytes of a file; nil if that isn't what is before it, or in the middle of a line.
  init?(after lines: Int, bytes: Int, digest: String, in file: URL) throws {
    let handle = try FileHandle(forReadingFrom: file)
    defer { try? handle.close() }
    var last = UInt8(ascii: "\n")
    while self.bytes < bytes, let chunk = try handle.read(upToCount: min(1 << 20, bytes - self.bytes)),
      let end = chunk.last
    {
      hash.update(data: chunk)
      self.bytes += chunk.count
      last = end
    }
    self.lines = lines
    endsLine = last == UInt8(ascii: "\n")
    // A last line without an end may have grown.
    let isAtEnd = try endsLine || handle.read(upToCount: 1)?.isEmpty ?? true
    guard self.bytes == bytes, self.digest == digest, isAtEnd else { return nil }
  }
}
