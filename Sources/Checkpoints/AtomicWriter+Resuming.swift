import Foundation

extension AtomicWriter {
  /// The name under which a file grows that a later run may go on with: `vectors.npy.partial` for `vectors.npy`.
  public static func partial(of url: URL) -> URL { URL(fileURLWithPath: url.path + ".partial") }

  /// Opens the file that a run before this one left unfinished, or a new one, to be cut to the bytes that count by
  /// `goOn(after:)`. Until `commit()` it keeps the name `partial(of:)`, whatever becomes of this process.
  ///
  /// - Throws: `FileError` if the directory isn't writable, `url` is one, or another process is writing the file.
  public convenience init(resuming url: URL) throws {
    let url = try AtomicWriter.place(of: url)
    let partial = AtomicWriter.partial(of: url)
    let descriptor = open(partial.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
    var (opened, named) = (stat(), stat())
    // The one that held the lock may have finished, and its file have another name by now.
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &opened) == 0, stat(partial.path, &named) == 0,
      opened.st_ino == named.st_ino, opened.st_dev == named.st_dev
    else {
      close(descriptor)
      throw FileError(.unwritable, partial, "another process is writing it")
    }
    guard opened.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw FileError(.unwritable, partial, "expected a file to go on with, found something else")
    }
    // A later run needs to open it.
    AtomicWriter.keepMode(of: url, descriptor, and: 0o600)
    self.init(
      url, temporary: partial.path, descriptor: descriptor, keepsTemporary: true, count: Int(opened.st_size))
  }

  /// Reads what was written, `size` bytes at a time.
  ///
  /// - Throws: `FileError` if it cannot be read.
  public func read(by size: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    try sync()
    let file = URL(fileURLWithPath: temporary ?? url.path)
    let reader = open(file.path, O_RDONLY | O_CLOEXEC)
    guard reader >= 0 else { throw FileError(.unreadable, file, code: errno, doing: "read") }
    defer { close(reader) }
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    defer { block.deallocate() }
    var filled = 0
    while true {
      let room = UnsafeMutableRawBufferPointer(rebasing: block[filled...])
      let found = Glibc.read(reader, room.baseAddress, room.count)
      if found < 0 && errno == EINTR { continue }
      guard found >= 0 else { throw FileError(.unreadable, file, code: errno, doing: "read") }
      filled += found
      if filled == size || (found == 0 && filled > 0) {
        try body(UnsafeRawBufferPointer(rebasing: block[..<filled]))
        filled = 0
      }
      if found == 0 { return }
    }
  }
}
