import Checkpoints
import Foundation

/// Which files of a model folder are what, by their paths in it.
enum ModelFiles {
  /// Weights in a format that isn't safetensors, or files that only such weights need.
  static func isOtherWeights(_ path: String) -> Bool {
    let folders = ["onnx", "openvino", "coreml", "tflite"]
    let endings = [
      ".bin", ".bin.index.json", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".onnx_data", ".ot", ".tflite",
      ".gguf", ".pb", ".npz", ".pkl", ".pickle",
    ]
    return path.split(separator: "/").dropLast().contains { folders.contains(String($0)) }
      || endings.contains { path.hasSuffix($0) }
  }

  /// What the program needs of a model's files, in their order: settings, vocabularies, and of each folder one set of weights: safetensors,
  /// whole before shards, else PyTorch's; also the card and the licence.
  ///
  /// - Parameter shards: The files that the `indexes` name.
  static func needed(of paths: [String], shards: Set<String> = []) -> [String] {
    let all = Set(paths)
    return paths.filter { path in
      if shards.contains(path) { return true }
      guard !isHidden(path) else { return false }
      let folder = parent(of: path)
      let name = String(path.dropFirst(folder.count))
      let isPyTorch = name.hasPrefix("pytorch_model") && (name.hasSuffix(".bin") || name.hasSuffix(".bin.index.json"))
      if isPyTorch {
        return !paths.contains { isSafetensors($0) && parent(of: $0) == folder }
      }
      if isOtherWeights(path) { return false }
      if isSafetensors(path) {
        // Beside a model there may be variants of it, as model.fp16.safetensors.
        let names = ["model.safetensors", "model.safetensors.index.json"]
        guard let model = names.first(where: { all.contains("\(folder)\($0)") }) else { return true }
        return name == model || name == "adapter_model.safetensors"
      }
      // The second has the settings of Stanford's ColBERT.
      if folder.isEmpty, ["README.md", "artifact.metadata"].contains(name) { return true }
      return [".json", ".txt", ".model"].contains { name.hasSuffix($0) }
        || folder.isEmpty && (name.hasPrefix("LICENSE") || name.hasPrefix("NOTICE"))
    }
  }

  /// What is needed of the files of a model whose `indexes` can be read in a folder.
  ///
  /// - Throws: `FileError` for an index that is malformed, or names a file that isn't among these.
  static func needed(of paths: [String], in folder: URL) throws -> [String] {
    let all = Set(paths)
    var shards: Set<String> = []
    for index in indexes(of: paths) {
      for (_, name) in try Checkpoint.weightMap(folder.appendingPathComponent(index)) {
        let path = "\(parent(of: index))\(name)"
        guard all.contains(path) else {
          let url = folder.appendingPathComponent(path)
          throw FileError(.missing, url, "no such shard, though model.safetensors.index.json names it")
        }
        shards.insert(path)
      }
    }
    return needed(of: paths, shards: shards)
  }

  /// The indexes by which a model is read: where there is a `model.safetensors`, that is read instead.
  static func indexes(of paths: [String]) -> [String] {
    let all = Set(paths)
    return paths.filter { path in
      let folder = parent(of: path)
      return path.dropFirst(folder.count) == "model.safetensors.index.json" && !isHidden(path)
        && !all.contains("\(folder)model.safetensors")
    }
  }

  /// Safetensors, or an index of them.
  static func isSafetensors(_ path: String) -> Bool {
    path.hasSuffix(".safetensors") || path.hasSuffix(".safetensors.index.json")
  }

  private static func isHidden(_ path: String) -> Bool {
    path.split(separator: "/").contains { $0.hasPrefix(".") }
  }

  /// The path of a file's folder, with the slash at its end; empty for the model's own.
  static func parent(of path: String) -> Substring {
    path[..<(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)]
  }

  /// The paths of a folder's files, links followed, without hidden ones; in order of their bytes.
  ///
  /// - Throws: `FileError` for a folder that can't be read, and for one so deep that a link must lead back up.
  static func list(_ folder: URL) throws -> [String] {
    var found: [String] = []
    func walk(_ place: URL, _ prefix: String, _ depth: Int) throws {
      guard depth < 16 else { throw FileError(.unreadable, place, "expected folders at most 16 deep") }
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: place.path) else {
        throw FileError(.unreadable, place, code: errno, doing: "read the folder")
      }
      for name in names where !name.hasPrefix(".") {
        let url = place.appendingPathComponent(name)
        if isFolder(url) { try walk(url, prefix + name + "/", depth + 1) } else { found.append(prefix + name) }
      }
    }
    try walk(folder, "", 0)
    return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Copies a file, piece by piece.
  ///
  /// - Throws: `FileError` with the operating system's reason, such as a full disk.
  static func copy(_ source: URL, to target: URL) throws {
    try AtomicFolder.make(target.deletingLastPathComponent(), for: target)
    try MappedFile(source).withBytes { bytes in
      try AtomicFile.write(to: target) { try $0.write(bytes) }
    }
  }

  /// - Throws: `FileError` if the disk of a folder has less than `needed` bytes left.
  static func requireSpace(_ needed: Int, for target: URL, in folder: URL) throws {
    var status = statvfs()
    guard statvfs(folder.path, &status) == 0 else { return }
    let free = Int(
      clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    guard needed <= free else {
      throw FileError(
        .unwritable, target, "No space left on device: expected \(size(needed)) free, found \(size(free))")
    }
  }

  /// A count of bytes as people read it.
  static func size(_ bytes: Int) -> String {
    for (unit, name) in [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")] where bytes >= unit {
      return String(format: "%.1f %@", Double(bytes) / Double(unit), name)
    }
    return "\(bytes) bytes"
  }
}
