import Foundation
import Tensors

/// The tensors of a model, by name: one safetensors file, or the shards that an index names.
///
/// A folder stands for its `model.safetensors` or `model.safetensors.index.json`. An index is Hugging Face's: `weight_map` from the name of a
/// tensor to the file that has it, in the index' folder or below. A folder with an adapter stands for its base model's, changed by it.
public struct Checkpoint: Sendable {
  /// The file, or the index.
  public let url: URL
  /// The files that have the tensors, in the order in which an index names them.
  public let files: [SafetensorsFile]
  /// The paths of these files from the folder of the file or the index.
  public let names: [String]
  /// Which of the files has a tensor; empty if there is only one.
  private let places: [String: Int]
  private let adapted: AdaptedTensors?

  /// Opens the files and checks their headers.
  ///
  /// - Parameters:
  ///   - adapter: what changes the tensors; nil: what the folder says.
  /// - Throws: `FileError` with the full path: of a file that is missing or damaged, of an index that names a tensor that its file doesn't have.
  public init(_ url: URL, adapter: AdapterFolder? = nil) throws {
    if adapter == nil, isFolder(url), AdapterFolder.isOne(url) {
      let adapter = try AdapterFolder(url)
      self = try Checkpoint(adapter.base(), adapter: adapter)
      return
    }
    let url = try Checkpoint.file(url)
    self.url = url
    (names, files, places) =
      url.pathExtension == "json"
      ? try Checkpoint.shards(url) : ([url.lastPathComponent], [try SafetensorsFile(url)], [:])
    guard let adapter else {
      adapted = nil
      return
    }
    let (files, places) = (files, places)
    let keys = files.count == 1 ? files[0].keys : Array(places.keys)
    adapted = try AdaptedTensors(adapter, base: keys) { try files[places[$0] ?? 0].entry($0).shape }
  }

  /// The tensors that an index names, each with the path of its file from the index' folder.
  ///
  /// - Throws: `FileError` for a file that is no index, and for a path that leads out of the folder.
  public static func weightMap(_ url: URL) throws -> [(key: String, name: String)] {
    guard let map = try JSON(contentsOf: url)["weight_map"]?.members else {
      throw FileError(.malformed, url, item: "weight_map", "expected an object of file names by tensor")
    }
    return try map.map { member in
      guard let name = member.value.string, isSafePath(name) else {
        let found = member.value.string.map { FileError.quoted($0) } ?? member.value.kind
        throw FileError(
          .malformed, url, item: member.name, "expected the path of a file in this folder, found \(found)")
      }
      return (key: member.name, name: name)
    }
  }

  /// The names and files of an index' shards, and which of them has a tensor.
  private static func shards(_ url: URL) throws -> ([String], [SafetensorsFile], [String: Int]) {
    var (names, files, places): ([String], [SafetensorsFile], [String: Int]) = ([], [], [:])
    var shards: [String: Int] = [:]
    for (key, name) in try weightMap(url) {
      let shard = url.deletingLastPathComponent().appendingPathComponent(name)
      if shards[name] == nil {
        guard FileManager.default.fileExists(atPath: shard.path) else {
          throw FileError(.missing, shard, "no such shard, though \(url.lastPathComponent) names it")
        }
        shards[name] = files.count
        names.append(name)
        files.append(try SafetensorsFile(shard))
      }
      let place = shards[name] ?? 0
      guard files[place].contains(key) else {
        throw FileError(
          .missing, shard, item: key, "no such tensor in the file, though \(url.lastPathComponent) names it")
      }
      guard places.updateValue(place, forKey: key) == nil else {
        throw FileError(.malformed, url, item: key, "the key appears twice")
      }
    }
    for file in files {
      if let stray = file.keys.first(where: { places[$0] == nil }) {
        throw FileError(.mismatched, file.url, item: stray, "a tensor that \(url.lastPathComponent) doesn't name")
      }
    }
    return (names, files, places)
  }

  private static func file(_ url: URL) throws -> URL {
    guard isFolder(url) else { return url }
    let names = ["model.safetensors", "model.safetensors.index.json"]
    let found = names.map { url.appendingPathComponent($0) }.first { FileManager.default.fileExists(atPath: $0.path) }
    if let found { return found }
    let pickled = FileManager.default.fileExists(atPath: url.appendingPathComponent("pytorch_model.bin").path)
    let hint = pickled ? "; its pytorch_model.bin has to be saved as safetensors first" : ""
    throw FileError(.missing, url, "expected \(names.joined(separator: " or ")) in the folder\(hint)")
  }

  /// The names of all tensors, in order of their bytes.
  public var keys: [String] {
    let keys = files.count == 1 ? files[0].keys : Array(places.keys)
    let added = adapted.map { $0.changes.keys.filter { file(of: $0)?.contains($0) != true } } ?? []
    return files.count == 1 && added.isEmpty
      ? keys : (keys + added).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Whether there is a tensor of that name.
  public func contains(_ name: String) -> Bool { isChanged(name) || file(of: name)?.contains(name) ?? false }

  /// Whether an adapter changes or adds that tensor.
  public func isChanged(_ name: String) -> Bool { adapted?.changes[name] != nil }

  /// The file that has, or should have, a tensor.
  public func url(of name: String) -> URL { replacement(of: name)?.file.url ?? file(of: name)?.url ?? url }

  /// The element type and shape of a tensor.
  ///
  /// - Throws: `FileError` if there is no such tensor.
  public func entry(_ name: String) throws -> (type: ElementType, shape: [Int]) {
    if let (file, key) = replacement(of: name) { return try file.entry(key) }
    return try file(having: name).entry(name)
  }

  /// Reads a tensor of F32, F16, BF16 or F64 into memory for its elements, chunk by chunk on the workers.
  ///
  /// - Throws: `FileError` if there is no such tensor or it isn't floating-point.
  public func read(_ name: String, into values: UnsafeMutableBufferPointer<Float>) throws {
    if let (file, key) = replacement(of: name) { return try file.read(key, into: values) }
    try file(having: name).read(name, into: values)
    try adapted?.apply(name, shape: entry(name).shape, to: values)
  }

  /// The elements of a tensor of any integer type.
  ///
  /// - Throws: `FileError` if there is no such tensor or it isn't of whole numbers.
  public func int64s(_ name: String) throws -> [Int64] { try file(having: name).int64s(name) }

  /// A tensor where it stands in its file, if it's of F32 and aligned for it: see `SafetensorsFile.mapped`. Nil for one that is changed.
  ///
  /// - Throws: `FileError` if there is no such tensor.
  public func mapped(_ name: String) throws -> MappedFloats? {
    isChanged(name) ? nil : try file(having: name).mapped(name)
  }

  private func replacement(of name: String) -> (file: SafetensorsFile, key: String)? {
    guard let adapted, case .replaced(let key)? = adapted.changes[name] else { return nil }
    return (adapted.file, key)
  }

  private func file(of name: String) -> SafetensorsFile? {
    files.count == 1 ? files[0] : places[name].map { files[$0] }
  }

  /// - Throws: `FileError` if no file has that tensor.
  func file(having name: String) throws -> SafetensorsFile {
    guard let file = file(of: name) else { throw FileError(.missing, url, item: name, "no such tensor in the index") }
    return file
  }
}

/// Whether a path, from elsewhere, stays within the folder that it belongs to.
public func isSafePath(_ path: String) -> Bool {
  !path.isEmpty && path.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0 != "." && $0 != ".."
    }
}
