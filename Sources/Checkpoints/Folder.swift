import Foundation

/// Whether there is a folder at a path.
public func isFolder(_ url: URL) -> Bool {
  var isFolder: ObjCBool = false
  return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && isFolder.boolValue
}

/// Whether there is nothing at a path; not so where the way to it can't be looked into.
public func isMissing(_ url: URL) -> Bool {
  access(url.path, F_OK) != 0 && [ENOENT, ENOTDIR].contains(errno)
}

/// Whether a folder, which needn't be there yet, is another one or in it, links followed.
public func isWithin(_ folder: URL, _ other: URL) -> Bool {
  /// A place without links, as far as it's there.
  func resolved(_ url: URL) -> URL {
    let url = url.standardizedFileURL
    guard url.path != "/", isMissing(url) else { return url.resolvingSymlinksInPath() }
    return resolved(url.deletingLastPathComponent()).appendingPathComponent(url.lastPathComponent)
  }
  let (path, outer) = (resolved(folder).path, resolved(other).path)
  return path == outer || path.hasPrefix(outer + "/")
}

/// Whether two paths lead to one folder, which needn't be there yet.
public func isSameFolder(_ folder: URL, _ other: URL) -> Bool { isWithin(folder, other) && isWithin(other, folder) }
