import Checkpoints
import Crypto
import Foundation

/// A place between two lines of a file, which a later run can find again.
struct InputPosition: Sendable {
  /// Lines before it, skipped ones aside: as many texts.
  private(set) var lines = 0
  /// All lines of the file before it.
  private(set) var allLines = 0
  /// Bytes before it.
  private(set) var bytes = 0
  /// What these bytes were, for those who go on from here later.
  private var hash: SHA256?
  private var endsLine = true

  /// The SHA-256 of the bytes before it, in hexadecimal; nil if they weren't noted.
  var digest: String? { hash?.finalize().hexadecimal }

  /// Goes on behind a line, which may be one that is skipped.
  mutating func take(_ line: ArraySlice<UInt8>, counts: Bool) {
    if counts { lines += 1 }
    allLines += 1
    bytes += line.count
    endsLine = line.last == UInt8(ascii: "\n")
    line.withUnsafeBytes { hash?.update(bufferPointer: $0) }
  }

  /// The start; `notesBytes` if a later run may ask what the bytes were.
  init(notesBytes: Bool = false) { if notesBytes { hash = SHA256() } }

  /// The place after so many lines, skipped ones aside, and bytes of a file; nil if that isn't what is before it, or in the middle of a
  /// line.
  init?(after lines: Int, bytes: Int, digest: String?, in file: URL) throws {
    let handle = try FileHandle(forReadingFrom: file)
    defer { try? handle.close() }
    var (hash, last) = (SHA256(), UInt8(ascii: "\n"))
    while self.bytes < bytes, let chunk = try handle.read(upToCount: min(1 << 20, bytes - self.bytes)),
      let end = chunk.last
    {
      hash.update(data: chunk)
      allLines += chunk.withUnsafeBytes { bytes in bytes.count { $0 == UInt8(ascii: "\n") } }
      self.bytes += chunk.count
      last = end
    }
    (self.lines, self.hash) = (lines, hash)
    endsLine = last == UInt8(ascii: "\n")
    if !endsLine { allLines += 1 }
    // A last line without an end may have grown.
    let isAtEnd = try endsLine || handle.read(upToCount: 1)?.isEmpty ?? true
    guard self.bytes == bytes, self.digest == digest, isAtEnd else { return nil }
  }
}
