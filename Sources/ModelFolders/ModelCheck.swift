import Checkpoints
import Foundation

/// Whether a model folder is whole.
enum ModelCheck {
  /// Opens the JSON files and safetensors headers among a folder's files, and looks for the shards and modules that they name, and a
  /// transformer's type.
  ///
  /// - Throws: `FileError` for the first file that is missing or damaged.
  static func check(_ folder: URL, _ paths: [String]) throws {
    try requireModel(paths, folder)
    var transformers = paths.contains("modules.json") ? [] : ["config.json"]
    for path in paths {
      let url = folder.appendingPathComponent(path)
      if path.hasSuffix(".safetensors") { _ = try SafetensorsFile(url) }
      guard path.hasSuffix(".json") else { continue }
      let json = try JSON(contentsOf: url)
      if path.hasSuffix(".safetensors.index.json") { _ = try Checkpoint(url) }
      if path == "modules.json" {
        let modules = try ModuleList(json, url).modules
        transformers = modules.filter { $0.type == "Transformer" }.map {
          $0.path.isEmpty ? "config.json" : $0.path + "/config.json"
        }
        for module in modules
        where module.type != "Normalize" && !module.path.isEmpty
          && !paths.contains(where: { $0.hasPrefix(module.path + "/") })
        {
          throw FileError(
            .missing, folder.appendingPathComponent(module.path), "no such folder, though modules.json names it")
        }
      }
    }
    for path in transformers where paths.contains(path) {
      let url = folder.appendingPathComponent(path)
      guard try JSON(contentsOf: url)["model_type"] != nil else {
        throw FileError(.missing, url, item: "model_type", "no such key")
      }
    }
  }

  /// - Throws: `FileError` if the paths aren't those of a model: settings and weights.
  static func requireModel(_ paths: [String], _ folder: URL) throws {
    guard paths.contains("config.json") || paths.contains("modules.json") else {
      throw FileError(.missing, folder, "expected a model folder, with a config.json or modules.json")
    }
    guard paths.contains(where: { $0.hasSuffix(".safetensors") || $0.hasSuffix(".bin") }) else {
      throw FileError(.missing, folder, "expected weights in the folder (model.safetensors), found none")
    }
  }
}

/// The modules that sentence-transformers' modules.json names, in order.
struct ModuleList {
  struct Module {
    /// The last part of the Python class' name: Transformer, Pooling, …
    let type: String
    /// Its folder in the model's; empty for the model's own.
    let path: String
  }

  let modules: [Module]

  /// - Throws: `FileError` if it's no list of modules, or names a folder outside the model's.
  init(_ json: JSON, _ url: URL) throws {
    guard let entries = json.elements, !entries.isEmpty else {
      throw FileError(.malformed, url, "expected a list of modules, found \(json.kind)")
    }
    modules = try entries.enumerated().map { index, entry in
      guard let type = entry["type"]?.string?.split(separator: ".").last else {
        throw FileError(.malformed, url, item: "\(index)", "expected a module with a type and a path")
      }
      var path = entry["path"]?.string ?? ""
      if path.hasSuffix("/"), path != "/" { path.removeLast() }
      guard path.isEmpty || isSafePath(path) else {
        throw FileError(.malformed, url, item: path, "expected a path within the model's folder")
      }
      return Module(type: String(type), path: path)
    }
  }
}
