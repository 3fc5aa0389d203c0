import Foundation

/// Whole folders, filled under a hidden temporary name in the same directory and renamed: there is all of it or nothing.
public enum AtomicFolder {
  /// Makes a folder; `body` fills it. If that throws, nothing is left.
  ///
  /// - Throws: `FileError` if there is something at `url` already (but for an empty folder), or with the operating system's reason.
  public static func write(to url: URL, _ body: (URL) throws -> Void) throws {
    try requireFree(url)
    let url = try AtomicFile.place(of: url)
    removeAbandoned(url)
    let unique = String(UInt32.random(in: .min ... .max), radix: 36)
    let temporary = sibling(of: url, suffix: "\(getpid()).\(unique).partial")
    try Unfinished.begin(temporary.path) { Result { try make(temporary, for: url) } }.get()
    do {
      try body(temporary)
      try Unfinished.end(temporary.path) { Result { try rename(temporary, to: url) } }.get()
    } catch {
      Unfinished.end(temporary.path) { try? FileManager.default.removeItem(at: temporary) }
      throw error
    }
  }

  /// Removes what programs left that ended in the middle of writing the same folder or file.
  static func removeAbandoned(_ url: URL) {
    let (parent, stem) = (url.deletingLastPathComponent(), ".\(url.lastPathComponent).")
    for name in (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? [] where name.hasPrefix(stem) {
      let parts = name.dropFirst(stem.count).split(separator: ".")
      guard parts.count == 3, parts[2] == "partial", let process = pid_t(parts[0]), process > 0 else { continue }
      if kill(process, 0) != 0, errno == ESRCH {
        try? FileManager.default.removeItem(at: parent.appendingPathComponent(name))
      }
    }
  }

  /// A hidden name beside a folder's.
  public static func sibling(of url: URL, suffix: String) -> URL {
    url.deletingLastPathComponent().appendingPathComponent(".\(url.lastPathComponent).\(suffix)")
  }

  /// - Parameter advice: What the error about a folder ends with.
  /// - Throws: `FileError` if there is a file or a folder with something in it, or the current one, whose place another would take.
  public static func requireFree(_ url: URL, advice: String = "") throws {
    guard FileManager.default.fileExists(atPath: url.path) else { return }
    guard isFolder(url) else { throw FileError(.unwritable, url, "expected a folder to write to, found a file") }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? ["?"]
    guard names.isEmpty else {
      throw FileError(
        .unwritable, url, "expected a new folder to write to, found one with \(names.count) files in it\(advice)")
    }
    guard url.resolvingSymlinksInPath().path != FileManager.default.currentDirectoryPath else {
      throw FileError(.unwritable, url, "expected a new folder to write to, found the current one\(advice)")
    }
  }

  /// Makes a folder and those above it, on the way to writing `target`; nil: the folder is what is wanted.
  ///
  /// - Throws: `FileError` with the operating system's reason.
  public static func make(_ folder: URL, for target: URL? = nil) throws {
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw FileError(.unwritable, target ?? folder, "cannot make the folder: \(FileError.reason(error))")
    }
  }

  /// Gives a whole folder its name, in the place of an empty one.
  ///
  /// - Throws: `FileError` with the operating system's reason.
  public static func rename(_ folder: URL, to url: URL) throws {
    guard Glibc.rename(folder.path, url.path) == 0 else {
      throw FileError(.unwritable, url, code: errno, doing: "write")
    }
  }
}
