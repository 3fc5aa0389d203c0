import Checkpoints
import Crypto
import Datasets
import Foundation

/// Why a model couldn't be had, in one line.
public struct HubError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The line.
  public let description: String
}

/// A model of the hub (https://huggingface.co, or what speaks as it does), by its name.
///
/// The addresses are `{endpoint}/api/models/{name}/tree/{revision}` for the list of files, with their sizes and checksums, and
/// `{endpoint}/{name}/resolve/{revision}/{file}` for the files.
public struct HubModel: Sendable {
  /// As `sentence-transformers/all-MiniLM-L6-v2`.
  public let name: String
  /// A branch, tag or commit.
  public let revision: String

  /// - Throws: `HubError` if the name can't be a model's.
  public init(_ name: String, revision: String = "main") throws {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.".utf8)
    guard (1...2).contains(parts.count),
      parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") && $0.utf8.allSatisfy(allowed.contains) })
    else {
      throw HubError(
        description:
          "expected a model's name, as sentence-transformers/all-MiniLM-L6-v2, found \(FileError.quoted(name))")
    }
    guard !revision.isEmpty, revision.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw HubError(description: "expected a branch, tag or commit, found \(FileError.quoted(revision))")
    }
    (self.name, self.revision) = (name, revision)
  }

  /// The last part of the name: the folder it's written to if none is named.
  public var folderName: String { name.split(separator: "/").last.map(String.init) ?? name }

  /// Downloads what is needed of the model, checked, whole or not at all.
  ///
  /// What an interrupted download left is kept in a hidden folder beside `output`, and gone on with. If `output` is there and whole, nothing
  /// is fetched but the list and the indexes of shards.
  ///
  /// - Parameters:
  ///   - environment: HF_ENDPOINT (else https://huggingface.co), HF_TOKEN (sent to the endpoint's host only), HF_HUB_OFFLINE.
  ///   - log: Gets a line about each file.
  /// - Throws: `HubError` for what the hub or the network refuses, `FileError` for what can't be written.
  public func get(to output: URL, environment: [String: String], log: (String) -> Void) throws {
    let hub = try HubConnection(environment)
    let all = try hub.files(of: self, log)
    let paths = Set(try needed(of: all, hub, log))
    let files = all.filter { paths.contains($0.path) }
    let place = "\(hub.endpoint)/\(name)"
    guard files.contains(where: { $0.path == "config.json" || $0.path == "modules.json" }) else {
      throw HubError(description: "\(place): expected a model with a config.json or modules.json, found none")
    }
    guard files.contains(where: { $0.path.hasSuffix(".safetensors") || $0.path.hasSuffix(".bin") }) else {
      throw HubError(description: "\(place): expected a model with weights as safetensors, found none")
    }
    ModelImport.report(all.map(\.path), files.map(\.path), log)
    if try isThere(files, output) { return log("\(output.path) is there already and whole") }
    let output = try AtomicFile.place(of: output)
    let folder = AtomicFolder.sibling(of: output, suffix: "partial")
    try AtomicFolder.make(folder, for: output)
    let lock = try lock(folder, for: output)
    defer { close(lock) }
    let missing = files.filter { length(folder.appendingPathComponent($0.path)) != $0.size }
    let begun = missing.reduce(0) { $0 + (length(HubConnection.partial(folder.appendingPathComponent($1.path))) ?? 0) }
    try ModelFiles.requireSpace(missing.reduce(0) { $0 + $1.size } - begun, for: output, in: folder)
    for file in files {
      let url = folder.appendingPathComponent(file.path)
      if try length(url) == file.size && file.problem(of: url) == nil { continue }
      try AtomicFolder.make(url.deletingLastPathComponent(), for: url)
      log("fetching \(file.path) (\(ModelFiles.size(file.size)))")
      try hub.fetch(file, of: self, to: url, log)
    }
    // What another revision left has no place in this one.
    for path in try ModelFiles.list(folder) where !paths.contains(path) {
      try? FileManager.default.removeItem(at: folder.appendingPathComponent(path))
    }
    try ModelCheck.check(folder, files.map(\.path))
    try? FileManager.default.removeItem(at: folder.appendingPathComponent(HubModel.lockName))
    try AtomicFolder.rename(folder, to: output)
  }

  /// What is needed of the model's files; where there are shards, their indexes tell.
  ///
  /// - Throws: `HubError` for an index that the hub doesn't give, or that names what can't be.
  private func needed(of files: [HubFile], _ hub: HubConnection, _ log: (String) -> Void) throws -> [String] {
    let paths = files.map(\.path)
    let indexes = ModelFiles.indexes(of: paths)
    let scratch = HubConnection.scratch()
    defer { try? FileManager.default.removeItem(at: scratch) }
    for file in files where indexes.contains(file.path) {
      let url = scratch.appendingPathComponent(file.path)
      try AtomicFolder.make(url.deletingLastPathComponent(), for: url)
      try hub.fetch(file, of: self, to: url, log)
    }
    do {
      return try ModelFiles.needed(of: paths, in: scratch)
    } catch let error as FileError {
      throw HubError(description: "\(hub.endpoint)/\(name)\(error.description.dropFirst(scratch.path.count))")
    }
  }

  /// Whether the model has been fetched before.
  ///
  /// - Throws: `FileError` if there is something else.
  private func isThere(_ files: [HubFile], _ output: URL) throws -> Bool {
    guard isFolder(output), files.allSatisfy({ length(output.appendingPathComponent($0.path)) == $0.size }) else {
      try AtomicFolder.requireFree(output)
      return false
    }
    for file in files {
      let url = output.appendingPathComponent(file.path)
      if let problem = try file.problem(of: url) {
        throw FileError(.mismatched, url, "\(problem); remove the folder, or choose another with --output")
      }
    }
    return true
  }

  private static let lockName = ".lock"

  /// Only one program at a time writes to a folder.
  private func lock(_ folder: URL, for output: URL) throws -> Int32 {
    let url = folder.appendingPathComponent(HubModel.lockName)
    let descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw FileError(.unwritable, output, "another download of this model is under way")
    }
    return descriptor
  }
}

/// A file's length; nil if there is none.
func length(_ url: URL) -> Int? {
  var status = stat()
  return stat(url.path, &status) == 0 ? Int(status.st_size) : nil
}

/// A file of the hub's list.
struct HubFile: Sendable, Equatable {
  let path: String
  let size: Int
  /// The SHA-256 of the content of a large file.
  let sha256: String?
  /// The SHA-1 by which git knows a small one: of `blob <size>` and a zero byte, and the content.
  let blob: String?

  /// What is wrong with a downloaded file; nil if nothing is.
  ///
  /// - Throws: `FileError` if it can't be read.
  func problem(of url: URL) throws -> String? {
    try MappedFile(url).withBytes { bytes in
      guard bytes.count == size else { return "expected \(size) bytes, found \(bytes.count)" }
      if let sha256 {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        let found = hash.finalize().hexadecimal
        return found == sha256 ? nil : "expected content with SHA-256 \(sha256), found \(found)"
      }
      guard let blob else { return nil }
      var hash = Insecure.SHA1()
      hash.update(data: Data("blob \(size)\0".utf8))
      hash.update(bufferPointer: bytes)
      let found = hash.finalize().hexadecimal
      return found == blob ? nil : "expected content with git's SHA-1 \(blob), found \(found)"
    }
  }
}
