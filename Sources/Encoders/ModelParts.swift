import Checkpoints
import Foundation
import Tokenizers

/// The files and folders that make a folder a model's, of whatever kind: all that is read here as parts of one.
package enum ModelParts {
  private static let files = Tokenizer.fileNames.union([
    "config.json", "modules.json", "config_sentence_transformers.json", "router_config.json", "artifact.metadata",
    "encoders.json", "reference.json", "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin",
  ])

  /// Their names, in order; none if there is no such folder. A model's card is one of them, a README of somebody's own isn't.
  package static func names(in folder: URL) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let parts = names.filter { isOne($0, in: folder) }
    let card = folder.appendingPathComponent("README.md")
    return (parts.isEmpty || !isCard(card) ? parts : parts + [card.lastPathComponent]).sorted()
  }

  /// Whether a file begins with the metadata of a model card.
  private static func isCard(_ file: URL) -> Bool {
    (try? MappedFile(file).withBytes { $0.starts(with: "---".utf8) }) ?? false
  }

  /// Removes them, before another model is written there; but not the folders that it's made from.
  ///
  /// - Throws: `FileError` with the operating system's reason.
  package static func remove(from folder: URL, but sources: [URL] = []) throws {
    for name in names(in: folder) {
      let part = folder.appendingPathComponent(name)
      if sources.contains(where: { isWithin($0, part) }) { continue }
      do {
        try FileManager.default.removeItem(at: part)
      } catch {
        throw FileError(.unwritable, part, "cannot remove: \(FileError.reason(error))")
      }
    }
  }

  private static func isOne(_ name: String, in folder: URL) -> Bool {
    if files.contains(name) || name.hasPrefix("sentence_") && name.hasSuffix("_config.json") { return true }
    if name.wholeMatch(of: /(pytorch_)?model(-\d+-of-\d+)?\.(safetensors|bin)(\.index\.json)?/) != nil { return true }
    let place = folder.appendingPathComponent(name)
    switch name {
    case "adapter": return AdapterFolder.isOne(place)
    case "head": return FileManager.default.fileExists(atPath: place.appendingPathComponent("model.safetensors").path)
    default:
      // A module's folder, as 1_Pooling or query_0_Transformer.
      let parts = name.split(separator: "_").suffix(2).map(String.init)
      return parts.count == 2 && Int(parts[0]) != nil && ModuleEntry.known.contains(parts[1]) && isFolder(place)
    }
  }
}
