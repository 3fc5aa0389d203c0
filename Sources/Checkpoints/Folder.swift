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
