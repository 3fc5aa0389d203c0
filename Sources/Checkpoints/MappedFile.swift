import Foundation

/// A whole file mapped into memory; its pages are read as they are touched. Unmapped with the last reference.
public final class MappedFile: Sendable {
  /// Where the file is.
  public let url: URL
  private let address: UInt
  /// The file's length in bytes.
  public let count: Int

  /// Maps a regular file.
  ///
  /// - Parameter writable: whether the memory may be written to, which changes this mapping alone, not the file.
  /// - Throws: `FileError` if there is no such file, it is not a regular file, or it cannot be read.
  public init(_ url: URL, writable: Bool = false) throws {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw FileError(errno == ENOENT ? .missing : .unreadable, url, code: errno, doing: "open")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FileError(.unreadable, url, code: errno, doing: "read its size")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(.unreadable, url, "expected a file, found \(MappedFile.name(of: status.st_mode))")
    }
    self.url = url
    self.count = Int(status.st_size)
    guard count > 0 else {
      address = 0
      return
    }
    let protection = PROT_READ | (writable ? PROT_WRITE : 0)
    guard let mapped = mmap(nil, count, protection, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED else {
      throw FileError(.unreadable, url, code: errno, doing: "map into memory")
    }
    address = UInt(bitPattern: mapped)
  }

  deinit {
    if count > 0 { munmap(UnsafeMutableRawPointer(bitPattern: address), count) }
  }

  /// Calls `body` with the file's bytes, valid only during the call.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) {
      try body(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count))
    }
  }

  private static func name(of mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: return "a directory"
    case S_IFIFO: return "a pipe"
    case S_IFSOCK: return "a socket"
    default: return "a device"
    }
  }
}
