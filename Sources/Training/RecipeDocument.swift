import Checkpoints
import Encoders
import Foundation

/// A recipe of some kind, as a YAML file.
public protocol RecipeDocument: Sendable {
  /// A recipe from its text; relative paths in it start from the file's folder.
  ///
  /// - Throws: `ConfigurationError` with line and column.
  init(_ text: String, _ url: URL) throws
  /// The recipe's file.
  var url: URL { get }
  /// The recipe as it was read.
  var text: String { get }
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

extension RecipeDocument {
  /// A section as the recipe has it; nil if it has none there.
  private func section(at path: [String]) -> Section? {
    var section = try? Section(Value(parsing: text, file: url.path))
    for key in path { section = section?[key].flatMap { try? Section($0) } }
    return section
  }

  /// An error about a key of a section, where the recipe has it.
  func error(at path: [String], _ problem: String) -> ConfigurationError {
    section(at: path.dropLast())?.error(at: path[path.count - 1], problem)
      ?? ConfigurationError(url.path, line: nil, problem)
  }

  /// An error about the metric that is to find the best epoch, which the validation doesn't give.
  func error(ofMetric name: String, known: [String]) -> ConfigurationError {
    let path = ["training"] + (section(at: ["training"])?["best"] == nil ? ["early_stopping", "metric"] : ["best"])
    return error(
      at: path,
      "\(path.joined(separator: ".")): expected one of \(known.joined(separator: ", ")), which the validation gives, "
        + "found '\(name)'")
  }

  /// Throws if the training is to find the best epoch, where nothing is held out to find it with; `usual` is the metric where the recipe
  /// names none.
  func requireNoBestEpoch(_ asked: EarlyStopping?, usual: String) throws {
    guard let asked else { return }
    for (key, isAsked) in [("early_stopping", asked.patience != nil), ("best", asked.metric != usual)] where isAsked {
      throw error(
        at: ["training", key],
        "training.\(key): expected data.validation or data.split to find the best epoch, found none")
    }
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
