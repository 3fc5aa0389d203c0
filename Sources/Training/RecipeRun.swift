import Checkpoints
import Encoders
import Foundation

/// A recipe being carried out.
public protocol RecipeRun: AnyObject {
  /// Lines about what was read and built.
  var notes: [String] { get }
  /// The metric that picks the best epoch.
  var metric: String? { get }
  /// Asked after each step whether to stop; then a checkpoint is written and `run` returns.
  var shouldStop: () -> Bool { get set }
  /// Trains, scores and writes the model folder; nil if it was asked to stop.
  func run(output: URL, resume: Bool, observers: [any TrainerObserver]) throws -> TrainingSummary?
}

/// A recipe of any kind: of single samples with labels (or images to come back), of pairs and triplets of texts, or of plain texts.
public enum RecipeFile: Sendable {
  /// Of single samples.
  case samples(Recipe)
  /// Of pairs, triplets or plain texts, for an encoder of sentences.
  case sentences(SentenceRecipe)
  /// Of plain texts, for a masked language model.
  case pretraining(PretrainingRecipe)

  /// Reads a recipe.
  ///
  /// - Throws: `ConfigurationError` with line and column; `FileError` if the file can't be read.
  public init(contentsOf url: URL) throws { try self.init(try recipeText(url), url) }

  /// A recipe from its text; relative paths in it start from the file's folder.
  public init(_ text: String, _ url: URL) throws {
    let root = try Section(Value(parsing: text, file: url.path))
    let name = try root["objective"]?.variant().name
    if name == PretrainingRecipe.objective {
      self = .pretraining(try PretrainingRecipe(text, url))
      return
    }
    let isLabelled = Task.allCases.contains { $0.hasLabels && $0.rawValue == name }
    self =
      PretrainedOptions.isMeant(root) && !isLabelled
      ? .sentences(try SentenceRecipe(text, url)) : .samples(try Recipe(text, url))
  }

  /// The same recipe with another seed.
  public func with(seed: UInt64) -> RecipeFile {
    switch self {
    case .samples(let recipe): .samples(recipe.with(seed: seed))
    case .sentences(let recipe): .sentences(recipe.with(seed: seed))
    case .pretraining(let recipe): .pretraining(recipe.with(seed: seed))
    }
  }

  /// Reads the data and builds or opens the model; trains nothing yet.
  ///
  /// - Throws: one-line errors of the recipe, the data and the model.
  public func start() throws -> any RecipeRun {
    switch self {
    case .samples(let recipe): try TrainingRun(recipe)
    case .sentences(let recipe): try SentenceRun(recipe)
    case .pretraining(let recipe): try PretrainingRun(recipe)
    }
  }
}

/// Throws if a model would be written over what it is made from, as an adapter's base model is; nor may it be in a pretrained model's
/// folder, which is copied.
func requireOther(_ output: URL, than folder: URL, of what: String? = nil) throws {
  let base = try? AdapterFolder(folder).base()
  guard
    what == nil && isWithin(output, folder) || isSameFolder(output, folder)
      || base.map({ isSameFolder(output, $0) }) ?? false
  else { return }
  throw FileError(
    .unwritable, output,
    "expected another folder than the one of the \(what ?? "pretrained model, and none in it")")
}
