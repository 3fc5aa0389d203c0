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
  /// else PyTorch's; also the card and the licence.
  static func needed(of paths: [String]) -> [String] {
    let all = Set(paths)
    return paths.filter { path in
      let parts = path.split(separator: "/").map(String.init)
      guard let name = parts.last, !parts.contains(where: { $0.hasPrefix(".") }) else { return false }
      let folder = parent(of: path)
      let isPyTorch = name.hasPrefix("pytorch_model") && (name.hasSuffix(".bin") || name.hasSuffix(".bin.index.json"))
      if isPyTorch {
        return !paths.contains { $0.hasSuffix(".safetensors") && parent(of: $0) == folder }
      }
      if isOtherWeights(path) { return false }
      if name.hasSuffix(".safetensors") || name.hasSuffix(".safetensors.index.json") {
        // Beside a model there may be variants of it, as model.fp16.safetensors.
        let isSharded = all.contains("\(folder)model.safetensors.index.json")
        guard isSharded || all.contains("\(folder)model.safetensors") else { return true }
        return isSharded
          ? name == "model.safetensors.index.json" || name.hasPrefix("model-") : name == "model.safetensors"
      }
      return [".json", ".txt", ".model"].contains { name.hasSuffix($0) }
        || folder.isEmpty && (name == "README.md" || name.hasPrefix("LICENSE") || name.hasPrefix("NOTICE"))
    }
  }

  /// The path of a file's folder, with the slash at its end; empty for the model's own.
  static func parent(of path: String) -> Substring {
    path[..<(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)]
  }

  /// Whether a path, from elsewhere, stays within the folder it's to be put into.
  static func isSafe(_ path: String) -> Bool {
    !path.isEmpty && path.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
        !$0.isEmpty && $0 != "." && $0 != ".."
      }
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
