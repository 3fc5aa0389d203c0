import Checkpoints
import Datasets
import Foundation

/// Takes a model from a folder or an archive that is at hand.
public enum ModelImport {
  /// Copies what is needed of a model, checked, whole or not at all.
  ///
  /// - Parameters:
  ///   - source: A model folder, or a tar, tar.gz or zip archive (a Python wheel is one) with a folder that has modules.json or config.json.
  ///   - log: Gets a line about what is left out.
  /// - Throws: `FileError` for a file that is missing, damaged or can't be written.
  public static func copy(_ source: URL, to output: URL, log: (String) -> Void) throws {
    guard !isMissing(source) else {
      throw FileError(.missing, source, "no such file; expected a model folder or an archive with one")
    }
    try AtomicFolder.requireFree(output)
    try AtomicFolder.make(output.deletingLastPathComponent(), for: output)
    if isFolder(source) {
      let paths = try ModelFiles.list(source)
      let needed = try ModelFiles.needed(of: paths, in: source)
      try ModelCheck.check(source, needed)
      report(paths, needed, log)
      try AtomicFolder.write(to: output) { folder in
        let sizes = needed.map { (try? MappedFile(source.appendingPathComponent($0)).count) ?? 0 }
        try ModelFiles.requireSpace(sizes.reduce(0, +), for: output, in: folder)
        for path in needed {
          try ModelFiles.copy(source.appendingPathComponent(path), to: folder.appendingPathComponent(path))
        }
      }
    } else {
      try AtomicFolder.write(to: output) { try unpack(source, to: $0, log) }
    }
  }

  private static func unpack(_ source: URL, to folder: URL, _ log: (String) -> Void) throws {
    try Archive.requireWhole(source)
    // libarchive takes a tar that is cut off between two files for a whole one.
    let isCut = try MappedFile(source).withBytes { bytes in
      bytes.count > 512 && bytes[257..<262].elementsEqual("ustar".utf8) && bytes.suffix(1024).contains { $0 != 0 }
    }
    guard !isCut else {
      throw FileError(.malformed, source, "truncated tar archive: expected 1024 zero bytes at its end, found others")
    }
    var paths: [String] = []
    try Archive.forEachFile(of: source) { paths.append($0.path) }
    let root = try modelFolder(of: paths, source)
    let inside = paths.filter { $0.hasPrefix(root) }.map { String($0.dropFirst(root.count)) }
    if let bad = inside.first(where: { !isSafePath($0) }) {
      throw FileError(.malformed, source, item: bad, "expected a path within the model's folder")
    }
    func extract(_ wanted: Set<String>) throws {
      guard !wanted.isEmpty else { return }
      try Archive.forEachFile(of: source) { entry in
        guard entry.path.hasPrefix(root) else { return }
        let path = String(entry.path.dropFirst(root.count))
        guard wanted.contains(path) else { return }
        let target = folder.appendingPathComponent(path)
        try AtomicFolder.make(target.deletingLastPathComponent(), for: target)
        try entry.write(to: target)
      }
    }
    func checking<Result>(_ body: () throws -> Result) throws -> Result {
      do {
        return try body()
      } catch let error as FileError {
        // The temporary folder's name says nothing to the reader: the archive's does.
        let item = error.path.hasPrefix(folder.path + "/") ? root + error.path.dropFirst(folder.path.count + 1) : root
        throw FileError(
          error.kind, source, item: item,
          error.item.map { "\(FileError.quoted($0)): " + error.problem } ?? error.problem)
      }
    }
    let indexes = Set(ModelFiles.indexes(of: inside))
    try extract(indexes)
    let needed = try checking { try ModelFiles.needed(of: inside, in: folder) }
    report(inside, needed, log)
    try extract(Set(needed).subtracting(indexes))
    try checking { try ModelCheck.check(folder, needed) }
  }

  /// The folder, with the slash, that is a model's: the only one nearest to the root with modules.json, else with config.json.
  private static func modelFolder(of paths: [String], _ source: URL) throws -> String {
    for name in ["modules.json", "config.json"] {
      let folders = paths.filter { $0 == name || $0.hasSuffix("/" + name) }.map { String(ModelFiles.parent(of: $0)) }
      func depth(_ folder: String) -> Int { folder.utf8.count { $0 == UInt8(ascii: "/") } }
      guard let least = folders.map(depth).min() else { continue }
      let nearest = folders.filter { depth($0) == least }
      guard nearest.count == 1 else {
        throw FileError(
          .mismatched, source, "expected one model in the archive, found \(nearest.sorted().joined(separator: ", "))")
      }
      return nearest[0]
    }
    throw FileError(.missing, source, "expected a folder with modules.json or config.json in the archive, found none")
  }

  /// Says which files of a model aren't taken.
  static func report(_ paths: [String], _ needed: [String], _ log: (String) -> Void) {
    let others = paths.filter {
      (ModelFiles.isSafetensors($0) || ModelFiles.isOtherWeights($0)) && !needed.contains($0)
    }
    if !others.isEmpty { log("left out: \(others.joined(separator: ", ")) (weights that are not needed)") }
    if needed.contains(where: { $0.hasSuffix(".bin") }) {
      log("some weights are a Python pickle only (pytorch_model.bin): save them as safetensors before use here")
    }
  }
}
