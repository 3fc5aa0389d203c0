import CArchive
import Checkpoints
import Foundation

/// Files inside zip, tar.gz and other archives, and gzip-compressed files. Decoded by libarchive.
package enum Archive {
  /// The content of a file, decompressed if its name ends with .gz.
  ///
  /// - Throws: `FileError` if it's missing or its compressed data are damaged or cut off.
  static func contents(of url: URL) throws -> [UInt8] {
    guard url.pathExtension == "gz" else { return try MappedFile(url).withBytes { Array($0) } }
    let packed = try MappedFile(url).withBytes { Array($0) }
    guard packed.starts(with: [0x1F, 0x8B]) else {
      let found = packed.prefix(2).map { "0x" + String($0, radix: 16) }.joined(separator: " ")
      throw FileError(
        .malformed, url, "expected gzip data, found \(found.isEmpty ? "an empty file" : found)")
    }
    guard let content = try member(url, packed, isRaw: true, where: { _ in true }) else {
      throw FileError(.malformed, url, "expected gzip data, found none")
    }
    try checkGzip(url, packed, content)
    return content
  }

  /// The first member of an archive whose path ends with `suffix`.
  static func read(_ suffix: String, from url: URL, _ bytes: [UInt8]? = nil) throws -> [UInt8] {
    let packed = try bytes ?? MappedFile(url).withBytes { Array($0) }
    let found = try member(url, packed, isRaw: false) { $0.hasSuffix(suffix) && !$0.contains("/._") }
    guard let found else { throw FileError(.missing, url, item: suffix, "no such file in the archive") }
    return found
  }

  /// The first members whose paths end with the suffixes.
  static func read(_ suffixes: [String], from url: URL, _ bytes: [UInt8]? = nil) throws -> [[UInt8]] {
    let packed = try bytes ?? MappedFile(url).withBytes { Array($0) }
    return try suffixes.map { try read($0, from: url, packed) }
  }

  private static func member(_ url: URL, _ packed: [UInt8], isRaw: Bool, where isWanted: (String) -> Bool) throws
    -> [UInt8]?
  {
    let archive = archive_read_new()
    defer { archive_read_free(archive) }
    archive_read_support_filter_all(archive)
    if isRaw { archive_read_support_format_raw(archive) } else { archive_read_support_format_all(archive) }
    func failure() -> FileError {
      let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
      return FileError(
        .malformed, url, isRaw ? "damaged or truncated gzip data: \(reason)" : "damaged archive: \(reason)")
    }
    return try packed.withUnsafeBytes { bytes in
      guard archive_read_open_memory(archive, bytes.baseAddress, bytes.count) == ARCHIVE_OK else { throw failure() }
      var entry: OpaquePointer?
      while true {
        let status = archive_read_next_header(archive, &entry)
        if status == ARCHIVE_EOF { return nil }
        guard status == ARCHIVE_OK || status == ARCHIVE_WARN else { throw failure() }
        if isWanted(archive_entry_pathname(entry).map { String(cString: $0) } ?? "") { break }
      }
      var content: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = buffer.withUnsafeMutableBytes { archive_read_data(archive, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw failure() }
        if count == 0 { return content }
        content += buffer[0..<count]
      }
    }
  }
}
