import Encoders
import Foundation

/// A whole run of training as one YAML file describes it: the four steps, the data, the objective and the training.
public struct Recipe: Sendable {
  /// The file.
  public let url: URL
  /// Its text.
  public let text: String
  /// The four steps.
  public let configuration: EncoderConfiguration
  /// The four steps as the model folder keeps them.
  public let sections: ModelSections
  /// Where the samples come from.
  public let data: DataOptions
  /// What is learnt.
  public let objective: Objective
  /// How it is learnt.
  public private(set) var training: TrainingSettings

  /// Reads a recipe and checks that its steps fit each other.
  ///
  /// - Throws: `ConfigurationError` with the line; `FileError` if the file can't be read.
  public init(contentsOf url: URL) throws {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw ConfigurationError(url.path, line: nil, "no such file; expected a recipe")
    }
    guard let text = String(data: try Data(contentsOf: url), encoding: .utf8) else {
      throw ConfigurationError(url.path, line: nil, "expected UTF-8 text")
    }
    try self.init(text, url)
  }

  /// A recipe from its text; relative paths in it start from the file's folder.
  public init(_ text: String, _ url: URL) throws {
    self.url = url
    self.text = text
    let root = try Section(Value(parsing: text, file: url.path))
    configuration = try EncoderConfiguration(root)
    sections = ModelSections(root)
    data = try DataOptions(Section(root.required("data")), url.deletingLastPathComponent(), isText: configuration.preprocess.isText)
    objective = try Objective(root["objective"], configuration)
    training = try TrainingSettings(Section(root.required("training")), objective)
    try root.finish()
    // Building the layers once, small, finds every step whose output doesn't fit the next one's input.
    _ = try Model(
      configuration, sections: sections, task: objective.task, labels: ["a", "b"], tokenizer: nil, at: .random(seed: 0))
  }

  /// The same recipe with another seed.
  public func with(seed: UInt64) -> Recipe {
    var recipe = self
    recipe.training.options.seed = seed
    return recipe
  }

  /// The file of pretrained word vectors, if the recipe names one.
  public var vectors: URL? {
    guard case .text(let embedding, _) = configuration.encode, let path = embedding.vectors else { return nil }
    return resolve(path, url.deletingLastPathComponent())
  }
}

/// A path as a recipe gives it: relative ones start from the recipe's folder, `~` is the home folder.
func resolve(_ path: String, _ folder: URL) -> URL {
  let expanded = NSString(string: path).expandingTildeInPath
  return URL(fileURLWithPath: expanded, relativeTo: folder).standardizedFileURL.absoluteURL
}

/// Where samples come from, and which are for training, validation and test.
public struct DataOptions: Sendable {
  /// The formats that are read.
  public enum Format: String, Sendable, CaseIterable {
    case auto, tsv, csv, jsonl, imdb, idx, cifar10
  }
  /// How samples are divided.
  public enum Split: Sendable {
    /// As a column of the file says: train, validation, test.
    case column(String)
    /// By SHA-256 of the text modulo a number: the remainders of each part.
    case sha256(modulus: Int, train: ClosedRange<Int>, validation: ClosedRange<Int>?, test: ClosedRange<Int>?)
    /// At random: the shares of validation and test.
    case random(validation: Double, test: Double)
    /// By file.
    case files(validation: URL?, test: URL?)
  }
  public let url: URL
  public let format: Format
  public let text: String
  public let label: String
  public let split: Split

  init(_ section: Section, _ folder: URL, isText: Bool) throws {
    url = resolve(try section.required("path").string(), folder)
    format = try section["format"]?.choice(Format.self) ?? .auto
    text = try section["text"]?.string() ?? "text"
    label = try section["label"]?.string() ?? "label"
    if let value = section["split"] {
      split = try DataOptions.split(Section(value), folder)
    } else {
      split = .random(validation: 0.1, test: isText ? 0.1 : 0)
    }
    try section.finish()
  }

  private static func split(_ section: Section, _ folder: URL) throws -> Split {
    func share(_ inner: Section, _ key: String, _ standard: Double) throws -> Double {
      try inner[key]?.double("a share from 0 to below 1") { $0 >= 0 && $0 < 1 } ?? standard
    }
    let split: Split
    if let column = section["column"] {
      split = .column(try column.string())
    } else if let value = section["sha256"] {
      let inner = try Section(value)
      let modulus = try inner["modulus"]?.int(2...1_000_000) ?? 10
      split = .sha256(
        modulus: modulus, train: try remainders(inner.required("train"), modulus),
        validation: try inner["validation"].map { try remainders($0, modulus) }, test: try inner["test"].map { try remainders($0, modulus) })
      try inner.finish()
    } else if let value = section["random"] {
      let inner = try Section(value)
      split = .random(validation: try share(inner, "validation", 0.1), test: try share(inner, "test", 0.1))
      try inner.finish()
    } else if let value = section["files"] {
      let inner = try Section(value)
      split = .files(
        validation: try inner["validation"].map { resolve(try $0.string(), folder) },
        test: try inner["test"].map { resolve(try $0.string(), folder) })
      try inner.finish()
    } else {
      // Asked for, so that a misspelt key is told the valid ones.
      try section.finish()
      throw section.value.error("expected one of column, sha256, random, files")
    }
    try section.finish()
    return split
  }

  /// `8` or `0-7`
  private static func remainders(_ value: Value, _ modulus: Int) throws -> ClosedRange<Int> {
    let parts = try value.string().split(separator: "-").map { Int($0) }
    guard let first = parts.first ?? nil, let last = parts.last ?? nil, parts.count <= 2, first <= last, last < modulus else {
      throw value.error("expected remainders below \(modulus), as 8 or 0-7")
    }
    return first...last
  }
}

/// What is learnt.
public struct Objective: Sendable {
  /// How much each label counts.
  public enum ClassWeights: Sendable {
    /// All the same.
    case equal
    /// Rare labels more: samples / (labels · samples of the label), as scikit-learn's.
    case balanced
    case given([Float])
  }
  public let task: Task
  public let labelSmoothing: Float
  public let classWeights: ClassWeights
  public let positiveWeight: Float

  init(_ value: Value?, _ configuration: EncoderConfiguration) throws {
    guard let value else {
      (task, labelSmoothing, classWeights, positiveWeight) = (configuration.decode == nil ? .classification : .reconstruction, 0, .equal, 1)
      return
    }
    let (name, options) = try value.variant()
    guard let task = Task(rawValue: name) else {
      throw value.error("unknown objective '\(name)' (expected one of \(Task.allCases.map(\.rawValue).joined(separator: ", ")))")
    }
    self.task = task
    labelSmoothing = task == .classification ? try options["label_smoothing"]?.rate() ?? 0 : 0
    positiveWeight = task == .binaryClassification ? Float(try options["positive_weight"]?.double("a number above 0") { $0 > 0 } ?? 1) : 1
    if task == .classification, let weights = options["class_weights"] {
      if weights.node.string == "balanced" {
        classWeights = .balanced
      } else {
        classWeights = .given(try weights.list().map { Float(try $0.double("a weight of at least 0") { $0 >= 0 }) })
      }
    } else {
      classWeights = .equal
    }
    if task == .reconstruction, configuration.preprocess.isText {
      throw value.error("reconstruction needs images or sequences, found text")
    }
    try options.finish()
  }
}
