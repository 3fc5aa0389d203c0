import CArchive
import Checkpoints
import Foundation

extension Archive {
  /// A file in an archive, while it's its turn.
  package struct Entry {
    /// Its path in the archive, without a leading `./`.
    package let path: String
    let archive: OpaquePointer
    let url: URL

    /// Writes the file's content.
    ///
    /// - Throws: `FileError` if the archive is damaged or the file can't be written.
    package func write(to target: URL) throws {
      try AtomicFile.write(to: target) { writer in
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
          let count = buffer.withUnsafeMutableBytes { archive_read_data(archive, $0.baseAddress, $0.count) }
          guard count >= 0 else { throw Archive.failure(archive, url) }
          if count == 0 { return }
          try buffer.withUnsafeBytes { try writer.write(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
      }
    }
  }

  /// Goes through the ordinary files of a tar or zip archive, compressed or not, in their order; links and devices are passed over.
  ///
  /// - Throws: `FileError` if it's missing, no archive or damaged.
  package static func forEachFile(of url: URL, _ body: (Entry) throws -> Void) throws {
    _ = try MappedFile(url)
    guard let archive = archive_read_new() else { throw FileError(.unreadable, url, code: ENOMEM, doing: "read") }
    defer { archive_read_free(archive) }
    archive_read_support_filter_all(archive)
    archive_read_support_format_tar(archive)
    archive_read_support_format_zip(archive)
    guard archive_read_open_filename(archive, url.path, 1 << 18) == ARCHIVE_OK else {
      throw FileError(.malformed, url, "expected a tar, tar.gz or zip archive")
    }
    var entry: OpaquePointer?
    while true {
      let status = archive_read_next_header(archive, &entry)
      if status == ARCHIVE_EOF { return }
      guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry else { throw failure(archive, url) }
      guard archive_entry_filetype(entry) == S_IFREG else { continue }
      let name = archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry)
      var path = name.map { String(cString: $0) } ?? ""
      if path.hasPrefix("./") { path.removeFirst(2) }
      try body(Entry(path: path, archive: archive, url: url))
    }
  }

  private static func failure(_ archive: OpaquePointer, _ url: URL) -> FileError {
    let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
    return FileError(.malformed, url, "expected a tar, tar.gz or zip archive that is whole: \(reason)")
  }
}
