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

  /// Where a path leads, links followed, a last one to nothing too.
  ///
  /// - Throws: `FileError` for links that lead in a circle.
  public static func place(of url: URL) throws -> URL {
    var place = url.resolvingSymlinksInPath()
    for _ in 0..<40 {
      // Foundation leaves a link to nothing as it is.
      guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: place.path) else { return place }
      let folder = target.hasPrefix("/") ? URL(fileURLWithPath: "/") : place.deletingLastPathComponent()
      place = folder.appendingPathComponent(target).resolvingSymlinksInPath()
    }
    throw FileError(.unwritable, url, code: ELOOP, doing: "write")
  }
}

/// A buffered file that takes its name only on `commit()`; without it, its temporary file is removed, unless it is one to go on with.
public final class AtomicWriter {
  /// The name the file will have.
  public let url: URL
  /// Where that is, links followed.
  private let place: URL
  /// How many bytes it has, those still in the buffer among them.
  public private(set) var count: Int
  let temporary: String?
  private let keepsTemporary: Bool
  private(set) var descriptor: Int32
  private var buffer: [UInt8] = []
  private var failure: FileError?
  private static let bufferSize = 1 << 18

  /// Creates the temporary file beside `url`.
  ///
  /// - Throws: `FileError` if the directory is missing or not writable, or `url` is one.
  public convenience init(_ url: URL) throws {
    if AtomicWriter.isDevice(url) {
      let descriptor = open(url.path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
      self.init(url, temporary: nil, descriptor: descriptor)
      return
    }
    // A link stays one, and what it leads to is replaced; a file keeps who may read it.
    let place = try AtomicWriter.place(of: url)
    AtomicFolder.removeAbandoned(place)
    let unique = String(UInt32.random(in: .min ... .max), radix: 36)
    // Names have at most 255 bytes.
    let stem = place.lastPathComponent.utf8.count > 200 ? "file" : place.lastPathComponent
    let name = ".\(stem).\(getpid()).\(unique).partial"
    let temporary = place.deletingLastPathComponent().appendingPathComponent(name).path
    let descriptor = Unfinished.begin(temporary) { open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
    guard descriptor >= 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
    AtomicWriter.keepMode(of: place, descriptor)
    self.init(url, place: place, temporary: temporary, descriptor: descriptor)
  }

  init(
    _ url: URL, place: URL? = nil, temporary: String?, descriptor: Int32, keepsTemporary: Bool = false, count: Int = 0
  ) {
    self.url = url
    self.place = place ?? url
    self.temporary = temporary
    self.descriptor = descriptor
    self.keepsTemporary = keepsTemporary
    self.count = count
  }

  deinit { discard() }

  /// Gives a file the permissions of the one whose place it takes, if there is one, and others besides.
  static func keepMode(of place: URL, _ descriptor: Int32, and others: mode_t = 0) {
    var status = stat()
    if stat(place.path, &status) == 0 { fchmod(descriptor, status.st_mode & 0o777 | others) }
  }

  /// Where a file is written, links followed.
  ///
  /// - Throws: `FileError` if there is a folder.
  static func place(of url: URL) throws -> URL {
    let place = try AtomicFile.place(of: url)
    guard !isFolder(place) else { throw FileError(.unwritable, url, code: EISDIR, doing: "write") }
    return place
  }

  /// Whether there is a device or a pipe: it has no content to keep whole, and is written to as it is, never replaced.
  public static func isDevice(_ url: URL) -> Bool {
    var status = stat()
    return stat(url.path, &status) == 0 && ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
  }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    count += bytes.count
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

  /// Puts everything written so far on the disk.
  public func sync() throws {
    try flush()
    // Some file systems report a full disk only here.
    guard fsync(descriptor) == 0 || errno == EINVAL || temporary == nil else { throw failed(errno) }
  }

  /// Forgets all but the first bytes and goes on behind them.
  ///
  /// - Throws: `FileError` if there are fewer.
  public func goOn(after bytes: Int) throws {
    try flush()
    let size = lseek(descriptor, 0, SEEK_END)
    guard size >= bytes else {
      throw FileError(
        .malformed, URL(fileURLWithPath: temporary ?? url.path), "expected at least \(bytes) bytes, found \(size)")
    }
    guard ftruncate(descriptor, off_t(bytes)) == 0, lseek(descriptor, off_t(bytes), SEEK_SET) >= 0 else {
      throw failed(errno)
    }
    count = bytes
  }

  /// Puts everything on the disk and gives the file its name.
  public func commit() throws {
    precondition(descriptor >= 0, "AtomicWriter.commit: the file is already committed or discarded")
    try sync()
    if keepsTemporary { AtomicWriter.keepMode(of: place, descriptor) }
    let closing = close(descriptor) == 0 ? 0 : errno
    descriptor = -1
    let code: Int32 =
      temporary.map { name in
        Unfinished.end(name) { () -> Int32 in
          let code = closing == 0 && rename(name, place.path) != 0 ? errno : closing
          if code != 0, !keepsTemporary { unlink(name) }
          return code
        }
      } ?? closing
    guard code == 0 else { throw failed(code) }
    let directory = open(place.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  /// Removes the temporary file, unless it is one to go on with; nothing happens after `commit()`.
  public func discard() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    descriptor = -1
    if let temporary, !keepsTemporary { Unfinished.end(temporary) { unlink(temporary) } }
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try writeAll($0) }
    buffer.removeAll(keepingCapacity: true)
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
    if let failure { throw failure }
    precondition(descriptor >= 0, "AtomicWriter.write: the file is already committed or discarded")
    guard Checkpoints.writeAll(bytes, to: descriptor) else { throw failed(errno) }
  }

  /// A write that failed may have left some of its bytes, so nothing may follow them: the error stays.
  private func failed(_ code: Int32) -> FileError {
    let error = FileError(.unwritable, url, code: code, doing: "write")
    failure = error
    return error
  }
}
