import Foundation

/// Whole files written under a temporary name in the same directory and renamed: a reader sees the old file or the new
/// one, never half of it, and a failure leaves nothing behind.
public enum AtomicFile {
  /// Writes bytes to a file.
  ///
  /// - Throws: `FileError` with the path and the operating system's reason (disk full, no permission, …).
  public static func write(_ data: Data, to url: URL) throws {
    try write(to: url) { writer in try data.withUnsafeBytes { try writer.write($0) } }
  }

  /// Writes text to a file, as UTF-8.
  public static func write(_ text: String, to url: URL) throws {
    try write(to: url) { try $0.write(text) }
  }

  /// Writes a JSON document, indented and ended by a line break.
  public static func write(_ json: JSON, to url: URL) throws {
    try write(json.text(indented: true) + "\n", to: url)
  }

  /// Writes a file piece by piece; if `body` throws, the file is left as it was.
  public static func write(to url: URL, _ body: (AtomicWriter) throws -> Void) throws {
    let writer = try AtomicWriter(url)
    do {
      try body(writer)
      try writer.commit()
    } catch {
      writer.discard()
      throw error
    }
  }
}

/// A buffered file that takes its name only on `commit()`; without it, its temporary file is removed.
public final class AtomicWriter {
  /// The name the file will have.
  public let url: URL
  private let temporary: String?
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 1 << 18

  /// Creates the temporary file beside `url`.
  ///
  /// - Throws: `FileError` if the directory is missing or not writable.
  public convenience init(_ url: URL) throws {
    var status = stat()
    if stat(url.path, &status) == 0, status.st_mode & S_IFMT != S_IFREG, status.st_mode & S_IFMT != S_IFDIR {
      // A device or a pipe has no content to keep whole: it is written to as it is, never replaced.
      let descriptor = open(url.path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
      self.init(url, temporary: nil, descriptor: descriptor)
      return
    }
    let unique = String(UInt32.random(in: .min ... .max), radix: 36)
    // Names have at most 255 bytes.
    let stem = url.lastPathComponent.utf8.count > 200 ? "file" : url.lastPathComponent
    let name = ".\(stem).\(getpid()).\(unique).partial"
    let temporary = url.deletingLastPathComponent().appendingPathComponent(name).path
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
    self.init(url, temporary: temporary, descriptor: descriptor)
  }

  init(_ url: URL, temporary: String?, descriptor: Int32) {
    self.url = url
    self.temporary = temporary
    self.descriptor = descriptor
  }

  deinit { discard() }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    if buffer.count + bytes.count > AtomicWriter.bufferSize { try flush() }
    if bytes.count >= AtomicWriter.bufferSize {
      try writeAll(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  /// Appends text, as UTF-8.
  public func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
  }

  /// Overwrites bytes that were written before, from `offset` on.
  public func overwrite(at offset: Int, with bytes: UnsafeRawBufferPointer) throws {
    try flush()
    guard let start = bytes.baseAddress else { return }
    var done = 0
    while done < bytes.count {
      let written = pwrite(descriptor, start + done, bytes.count - done, off_t(offset + done))
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
      done += written
    }
  }

  /// Puts everything on the disk and gives the file its name.
  public func commit() throws {
    precondition(descriptor >= 0, "AtomicWriter.commit: the file is already committed or discarded")
    try flush()
    // Some file systems report a full disk only here.
    guard fsync(descriptor) == 0 || errno == EINVAL || temporary == nil else {
      throw FileError(.unwritable, url, code: errno, doing: "write")
    }
    let closed = close(descriptor)
    descriptor = -1
    guard closed == 0, temporary.map({ rename($0, url.path) == 0 }) ?? true else {
      let code = errno
      if let temporary { unlink(temporary) }
      throw FileError(.unwritable, url, code: code, doing: "write")
    }
    let directory = open(url.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  /// Removes the temporary file; nothing happens after `commit()`.
  public func discard() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    descriptor = -1
    if let temporary { unlink(temporary) }
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try writeAll($0) }
    buffer.removeAll(keepingCapacity: true)
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(descriptor >= 0, "AtomicWriter.write: the file is already committed or discarded")
    guard var next = bytes.baseAddress else { return }
    var left = bytes.count
    while left > 0 {
      let written = Glibc.write(descriptor, next, left)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
      next += written
      left -= written
    }
  }
}
