import Checkpoints
import Foundation

extension ModuleEntry {
  /// Whether it stands for others, of which some are for queries and some for documents.
  var isRouter: Bool { type == "Router" || type == "Asym" }

  /// The modules of a router's route: that of queries or documents, else its default route, else its first.
  ///
  /// - Throws: `FileError` if its file is missing or malformed, or names a folder outside its own.
  func route(isQuery: Bool) throws -> [ModuleEntry] {
    let own = file("router_config.json")
    let file = try ConfigFile.ifPresent(own) ?? config()
    guard let types = file["types"]?.members, let routes = file["structure"]?.members, let first = routes.first else {
      throw FileError(.malformed, file.url, item: "structure", "expected lists of modules by route, and their types")
    }
    if let mapped = file["parameters"]?["route_mappings"]?.members, !mapped.isEmpty {
      throw FileError(.mismatched, file.url, item: "route_mappings", "expected none, found \(mapped.count)")
    }
    let usual = file["parameters"]?["default_route"]?.string ?? first.name
    let names = isQuery ? ["query"] : ["document", "doc", "corpus"]
    let route = names.lazy.compactMap { name in routes.first { $0.name == name } }.first
    guard let found = route ?? routes.first(where: { $0.name == usual }), let modules = found.value.elements else {
      throw FileError(
        .malformed, file.url, item: "default_route", "expected the name of a route, found \(FileError.quoted(usual))")
    }
    return try modules.map { module in
      guard let id = module.string, !id.contains("/"), id != "..",
        let type = types.first(where: { $0.name == id })?.value.string?.split(separator: ".").last
      else {
        throw FileError(
          .malformed, file.url, item: found.name, "expected modules that have a type, found \(module.text().prefix(60))"
        )
      }
      let path = self.path.isEmpty ? id : "\(self.path)/\(id)"
      return ModuleEntry(
        type: String(type), folder: folder.appendingPathComponent(id), path: path, name: "\(name).\(id)",
        feature: feature)
    }
  }
}
