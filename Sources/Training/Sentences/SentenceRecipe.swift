import Checkpoints
import Encoders
import Foundation

/// The fine-tuning of a pretrained encoder of texts as one YAML file describes it.
///
///     encode: {pretrained: models/all-MiniLM-L6-v2}
///     data: {path: pairs.tsv, columns: [anchor, positive]}
///     objective: multiple_negatives_ranking
///     training: {epochs: 1, batch_size: 64, learning_rate: 2e-5, no_duplicates: true}
///
/// Whatever is unknown, misspelt, of the wrong type or out of range is a `ConfigurationError` with file, line and
/// column. Paths are relative to the file.
public struct SentenceRecipe: RecipeDocument {
  /// The file.
  public let url: URL
  /// Its text.
  public let text: String
  /// The encoder.
  public let encoder: PretrainedOptions
  /// What is learnt, unless each data set says so itself.
  public let objective: SentenceObjective?
  /// Where the texts come from.
  public let data: SentenceDataOptions
  /// How it is learnt.
  public private(set) var training: TrainingSettings
  /// What only fine-tuning has.
  public let tuning: TuningOptions

  /// A recipe from its text; relative paths in it start from the file's folder.
  public init(_ text: String, _ url: URL) throws {
    self.url = url
    self.text = text
    let root = try Section(Value(parsing: text, file: url.path))
    for key in ["encode", "data", "objective", "training"] { _ = root[key] }
    try PretrainedOptions.requireNoSteps(root)
    try root.finish()
    let folder = url.deletingLastPathComponent()
    objective = try root["objective"].map { try SentenceObjective($0, folder) }
    encoder = try PretrainedOptions(Section(root.required("encode")), folder)
    data = try SentenceDataOptions(Section(root.required("data")), objective, folder)
    let section = try Section(root.required("training"))
    tuning = try TuningOptions(section)
    if tuning.cached != nil, let value = section["cached"], data.sets.contains(where: { $0.objective.layers != nil }) {
      throw value.error("not with adaptive_layers, which takes the embeddings of all layers at once")
    }
    if tuning.cached != nil, let value = section["cached"],
      data.sets.contains(where: { $0.objective.form.labels == [.tokens] })
    {
      throw value.error(
        "not with denoising_auto_encoder, whose loss is of each text by itself; expected 'accumulate'")
    }
    training = try TrainingSettings(
      section, metrics: ["auto"] + SentenceScores.names, of: "fine-tuning", isPretrained: true)
  }

  /// The same recipe with another seed.
  public func with(seed: UInt64) -> SentenceRecipe {
    var recipe = self
    recipe.training.options.seed = seed
    return recipe
  }

  /// The recipe with all defaults, paths relative to `folder`, where it is going to stand.
  public func json(relativeTo folder: URL) -> JSON {
    .object([
      .init("encode", encoder.json(folder)), .init("data", data.json(objective, folder)),
      .init("objective", objective?.json(folder) ?? .null),
      .init("training", .object((training.json.members ?? []) + tuning.members)),
    ])
  }
}

/// The keys of `training` that only fine-tuning has.
public struct TuningOptions: Sendable, Equatable {
  /// Whether no text comes twice in a batch.
  public let noDuplicates: Bool
  /// Samples that are embedded at once where the loss is of more of them. Source: Gao et al. 2021 (GradCache).
  public let cached: Int?
  /// Whether samples come in another order each epoch; else in the file's.
  public let shuffle: Bool

  init(_ section: Section) throws {
    noDuplicates = try section["no_duplicates"]?.bool() ?? false
    cached = try section["cached"]?.size()
    shuffle = try section["shuffle"]?.bool() ?? true
    if noDuplicates, !shuffle {
      throw section.error(at: "shuffle", "training.shuffle: batches without duplicates have no order of the file's")
    }
  }

  var members: [JSON.Member] {
    [
      .init("no_duplicates", .bool(noDuplicates)), .init("cached", cached.map { .integer($0) } ?? .null),
      .init("shuffle", .bool(shuffle)),
    ]
  }
}

extension PretrainedOptions {
  /// Throws if a recipe has sections for steps that a pretrained encoder brings along.
  static func requireNoSteps(_ root: Section) throws {
    for key in ["preprocess", "pool", "project", "decode"] where root.has(key) {
      throw root.error(at: key, "\(key): a pretrained encoder has its own modules; expected no such section")
    }
  }
}
