import Foundation

/// Keeps a folder to one user at a time, as long as it lives; what it leaves when the process ends, however, is nothing.
public final class FolderLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `FileError` if someone else has it. File systems without locks let everybody in.
  public init(_ folder: URL) throws {
    descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(.unreadable, folder, code: errno, doing: "open") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      close(descriptor)
      throw FileError(.unwritable, folder, "another process is using it")
    }
  }

  deinit { close(descriptor) }
}
