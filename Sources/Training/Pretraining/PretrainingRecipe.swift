import Checkpoints
import Encoders
import Foundation

/// The pretraining of a Transformer on plain texts, by guessing masked tokens, as one YAML file describes it.
///
///     encode: {new: {tokenizer: models/tokenizer, hidden_size: 256, num_hidden_layers: 4, num_attention_heads: 4}}
///     data: {path: texts.txt}
///     objective: {masked_language_model: {probability: 0.15}}
///     training: {epochs: 10, batch_size: 64, learning_rate: 5e-4}
///
/// `new` is a BERT with `config.json`'s own names for its sizes, or a folder with a `config.json` of any family and a tokenizer; in
/// its place `pretrained` goes on with a folder that has weights. Paths are relative to the file.
public struct PretrainingRecipe: RecipeDocument {
  /// What the model begins as.
  public enum Start: Sendable, Equatable {
    /// A BERT with these members of `config.json`, and the folder of its tokenizer.
    case bert(JSON, tokenizer: URL)
    /// A folder with `config.json` and a tokenizer: new weights.
    case configured(URL)
    /// A folder with weights too.
    case pretrained(URL)
  }

  /// The file.
  public let url: URL
  /// Its text.
  public let text: String
  /// What the model begins as.
  public let start: Start
  /// A file of texts: one a line, or a table.
  public let data: URL
  /// The column of the texts, in a table.
  public let column: String
  /// The part of the texts that is held out, by their hashes.
  public let validation: Double
  /// How probable it is that a token is hidden.
  public let probability: Float
  /// How it is learnt.
  public private(set) var training: TrainingSettings

  /// The name of the objective.
  public static let objective = "masked_language_model"

  /// A recipe from its text; relative paths in it start from the file's folder.
  ///
  /// - Throws: `ConfigurationError` with line and column.
  public init(_ text: String, _ url: URL) throws {
    (self.url, self.text) = (url, text)
    let root = try Section(Value(parsing: text, file: url.path))
    for key in ["encode", "data", "objective", "training"] { _ = root[key] }
    try PretrainedOptions.requireNoSteps(root)
    try root.finish()
    let folder = url.deletingLastPathComponent()
    let encoder = try root.required("encode")
    let encode = try Section(encoder)
    switch (encode["new"], encode["pretrained"]) {
    case (let new?, nil): start = try PretrainingRecipe.new(new, folder)
    case (nil, let path?): start = .pretrained(resolve(try path.string(), folder))
    default:
      try encode.finish()
      throw encoder.error("expected either 'new' or 'pretrained' for \(Self.objective)")
    }
    try encode.finish()
    let data = try Section(root.required("data"))
    self.data = resolve(try data.required("path").string(), folder)
    column = try data["text"]?.string() ?? "text"
    validation = try data["validation"]?.double("a part from 0 to below 1") { $0 >= 0 && $0 < 1 } ?? 0.05
    try data.finish()
    let options = try root.required("objective").variant().options
    probability = Float(
      try options["probability"]?.double("a number between 0 and 1") { $0 > 0 && $0 < 1 } ?? 0.15)
    try options.finish()
    var isPretrained = false
    if case .pretrained = start { isPretrained = true }
    training = try TrainingSettings(
      Section(root.required("training")), metrics: ["loss", "accuracy"], of: Self.objective, isPretrained: isPretrained)
  }

  private static func new(_ value: Value, _ folder: URL) throws -> Start {
    if let path = value.node.string { return .configured(resolve(path, folder)) }
    let section = try Section(value)
    let tokenizer = resolve(try section.required("tokenizer").string(), folder)
    func size(_ key: String, _ usual: Int) throws -> JSON.Member {
      .init(key, .integer(try section[key]?.size() ?? usual))
    }
    func rate(_ key: String) throws -> JSON.Member { .init(key, .float(try section[key]?.rate() ?? 0.1)) }
    let width = try section["hidden_size"]?.size() ?? 256
    let heads = try section["num_attention_heads"]?.size() ?? max(1, width / 64)
    guard width % heads == 0 else {
      throw value.error("expected a hidden_size that num_attention_heads divides, found \(width) and \(heads)")
    }
    let members: [JSON.Member] = try [
      .init("hidden_size", .integer(width)), size("num_hidden_layers", 4),
      .init("num_attention_heads", .integer(heads)), size("intermediate_size", 4 * width),
      size("max_position_embeddings", 128), rate("hidden_dropout_prob"), rate("attention_probs_dropout_prob"),
    ]
    try section.finish()
    return .bert(.object(members), tokenizer: tokenizer)
  }

  /// The same recipe with another seed.
  public func with(seed: UInt64) -> PretrainingRecipe {
    var recipe = self
    recipe.training.options.seed = seed
    return recipe
  }

  /// The recipe with all defaults, paths relative to `folder`, where it is going to stand.
  public func json(relativeTo folder: URL) -> JSON {
    let encode: JSON =
      switch start {
      case .bert(let sizes, let tokenizer):
        ["new": .object([.init("tokenizer", .string(relative(tokenizer, to: folder)))] + (sizes.members ?? []))]
      case .configured(let model): ["new": .string(relative(model, to: folder))]
      case .pretrained(let model): ["pretrained": .string(relative(model, to: folder))]
      }
    return [
      "encode": encode,
      "data": [
        "path": .string(relative(data, to: folder)), "text": .string(column), "validation": .number(validation),
      ],
      "objective": .object([.init(Self.objective, ["probability": .float(probability)])]),
      "training": training.json,
    ]
  }
}
