import Checkpoints
import Foundation

/// A recipe of some kind, as a YAML file.
public protocol RecipeDocument: Sendable {
  /// A recipe from its text; relative paths in it start from the file's folder.
  ///
  /// - Throws: `ConfigurationError` with line and column.
  init(_ text: String, _ url: URL) throws
  /// The recipe with all defaults, paths relative to `folder`, where it is going to stand.
  func json(relativeTo folder: URL) -> JSON
}

extension RecipeDocument {
  /// Reads a recipe.
  ///
  /// - Throws: `ConfigurationError` with line and column; `FileError` if the file can't be read.
  public init(contentsOf url: URL) throws { try self.init(try recipeText(url), url) }

  /// Writes the recipe with all defaults, as `init(contentsOf:)` reads it again to one that says the same, wherever it stands.
  ///
  /// - Throws: `FileError` if the file can't be written.
  public func write(to file: URL) throws {
    try AtomicFile.write(try json(relativeTo: file.deletingLastPathComponent()).yaml(), to: file)
  }
}

/// The text of a recipe's file.
func recipeText(_ url: URL) throws -> String {
  let bytes = try MappedFile(url).withBytes { Array($0) }
  guard let text = String(validating: bytes, as: UTF8.self) else {
    throw FileError(.malformed, url, "expected UTF-8 text, found other bytes")
  }
  return text
}
