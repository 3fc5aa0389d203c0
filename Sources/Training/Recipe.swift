import Checkpoints
import Encoders
import Foundation

/// A whole run of training as one YAML file describes it: the four steps, the data, the objective and the training.
///
///     let recipe = try Recipe(contentsOf: URL(fileURLWithPath: "Examples/recipes/reviews-cnn.yaml"))
///
/// Keys are in snake_case. Whatever is unknown, misspelt, of the wrong type or out of range is a `ConfigurationError`
/// with file, line and column, and so is a step whose output doesn't fit the next one's input. Paths are relative to
/// the file.
public struct Recipe: RecipeDocument {
  /// The file.
  public let url: URL
  /// Its text.
  public let text: String
  /// The four steps; nil if the encoder is a pretrained one.
  public let configuration: EncoderConfiguration?
  /// The pretrained encoder, if it is one.
  public let pretrained: PretrainedOptions?
  /// Where the samples come from.
  public let data: DataOptions
  /// What is learnt.
  public let objective: Objective
  /// How it is learnt.
  public private(set) var training: TrainingSettings

  private static let keys = ["preprocess", "encode", "pool", "project", "decode", "data", "objective", "training"]
  private static let requiredKeys = ["preprocess", "encode", "pool", "data", "objective", "training"]

  /// A recipe from its text, its steps checked against each other; relative paths in it start from the file's folder.
  public init(_ text: String, _ url: URL) throws {
    self.url = url
    self.text = text
    let value = try Value(parsing: text, file: url.path)
    let root = try Section(value)
    // The names of the sections come before what is in them: a misspelt section is no missing one.
    for key in Recipe.keys { _ = root[key] }
    try root.finish()
    let isPretrained = PretrainedOptions.isMeant(root)
    if isPretrained { try PretrainedOptions.requireNoSteps(root) }
    let required = isPretrained ? ["encode", "data", "objective", "training"] : Recipe.requiredKeys
    if let missing = required.first(where: { root[$0] == nil }) {
      throw value.error("the section '\(missing)' is missing")
    }
    let folder = url.deletingLastPathComponent()
    let configuration = isPretrained ? nil : try EncoderConfiguration(root)
    self.configuration = configuration
    pretrained = isPretrained ? try PretrainedOptions(Section(root.required("encode")), folder) : nil
    let readsText = configuration?.preprocess.isText ?? true
    data = try DataOptions(Section(root.required("data")), folder, isText: readsText)
    objective = try Objective(root.required("objective"), readsText: readsText)
    let section = try Section(root.required("training"))
    training = try TrainingSettings(
      section, metrics: objective.metrics, of: objective.task.rawValue, isPretrained: isPretrained)
    if objective.task != .reconstruction, let decode = root["decode"] {
      throw decode.error("only auto-encoders have a decoder; the objective is \(objective.task.rawValue)")
    }
  }

  /// Whether samples are texts.
  var readsText: Bool { configuration?.preprocess.isText ?? true }

  /// The same recipe with another seed.
  public func with(seed: UInt64) -> Recipe {
    var recipe = self
    recipe.training.options.seed = seed
    return recipe
  }

  /// The file of pretrained word vectors, if the recipe names one.
  public var vectors: URL? {
    guard case .text(let embedding, _) = configuration?.encode, let path = embedding.vectors else { return nil }
    return resolve(path, url.deletingLastPathComponent())
  }

  /// The recipe with all defaults, sections in order, paths relative to `folder`, where it is going to stand.
  public func json(relativeTo folder: URL) -> JSON {
    var configuration = configuration
    if case .text(var embedding, let network) = configuration?.encode, let vectors {
      embedding.vectors = relative(vectors, to: folder)
      configuration?.encode = .text(embedding, network)
    }
    let steps = configuration?.json.members ?? pretrained.map { [.init("encode", $0.json(folder))] } ?? []
    return .object(
      steps + [
        .init("data", data.json(isText: readsText, folder)), .init("objective", objective.json),
        .init("training", training.json),
      ])
  }
}

/// Recipes are equal that say the same, in whatever order, words and file.
extension Recipe: Equatable {
  /// Whether both say the same.
  public static func == (a: Recipe, b: Recipe) -> Bool {
    let root = URL(fileURLWithPath: "/")
    return a.json(relativeTo: root) == b.json(relativeTo: root)
  }
}

/// A path as a recipe gives it: relative ones start from the recipe's folder, `~` is the home folder.
func resolve(_ path: String, _ folder: URL) -> URL {
  let expanded = NSString(string: path).expandingTildeInPath
  return URL(fileURLWithPath: expanded, relativeTo: folder).standardizedFileURL.absoluteURL
}

/// A file's path from a folder; the full path if they have nothing in common.
func relative(_ file: URL, to folder: URL) -> String {
  let (parts, base) = (file.standardizedFileURL.pathComponents, folder.standardizedFileURL.pathComponents)
  let shared = zip(parts, base).prefix { $0 == $1 }.count
  guard shared > 1 else { return file.standardizedFileURL.path }
  return (Array(repeating: "..", count: base.count - shared) + parts[shared...]).joined(separator: "/")
}
