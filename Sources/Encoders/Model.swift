import Checkpoints
import Foundation
import Inputs
import Layers
import Tensors
import Tokenizers

/// What a model learns to do with its embeddings.
public enum Task: String, Sendable, Codable, CaseIterable {
  /// One of several labels.
  case classification
  /// One of two labels, from a single logit.
  case binaryClassification = "binary_classification"
  /// Its own input again.
  case reconstruction
}

/// An encoder with what was trained round it: the head that classifies, or the decoder that reconstructs. One folder on disk.
public struct Model: Sendable {
  /// The four steps.
  public let encoder: Encoder
  /// What it was trained for.
  public let task: Task
  /// The labels, in the order of the logits.
  public let labels: [String]
  /// The words, if it reads text.
  public let tokenizer: WordTokenizer?
  /// All parameters, among them running statistics.
  public let parameters: [Parameter]
  private let head: Linear?
  private let decoder: Projection?
  private let decoderOutput: Linear?
  private let sections: ModelSections

  /// A new model, or a stored one, depending on the scope.
  ///
  /// - Throws: `ConfigurationError` where shapes don't fit, `FileError` from a stored model.
  public init(
    _ configuration: EncoderConfiguration, sections: ModelSections, task: Task, labels: [String],
    tokenizer: WordTokenizer?,
    vectors: [Float]? = nil, at scope: Scope
  ) throws {
    encoder = try Encoder(configuration, vocabularySize: tokenizer?.count ?? 2, vectors: vectors, at: scope)
    self.task = task
    self.labels = labels
    self.tokenizer = tokenizer
    self.sections = sections
    switch task {
    case .classification, .binaryClassification:
      head = try Linear(encoder.width, task == .classification ? labels.count : 1, at: scope["head"])
      (decoder, decoderOutput) = (nil, nil)
    case .reconstruction:
      guard let shape = configuration.imageShape else {
        throw ConfigurationError("recipe", line: nil, "objective: reconstruction needs images or sequences, found text")
      }
      var form = Form.vector(encoder.width)
      var steps: [StepDescription] = []
      decoder = try Projection(configuration.decode ?? [], &form, "decode", &steps, at: scope["decode"])
      decoderOutput = try Linear(form.width, shape.height * shape.width * shape.channels, at: scope["decode_output"])
      head = nil
    }
    parameters = scope.parameters
  }

  /// Its layers with the shapes that come out of them, the head or decoder last.
  public var steps: [StepDescription] {
    if let head {
      return encoder.steps + [
        .init(step: "head", layer: "linear \(head.weight.shape[0])", output: "[\(head.weight.shape[0])]")
      ]
    }
    let size = decoderOutput?.weight.shape[0] ?? 0
    return encoder.steps + [.init(step: "decode", layer: "linear \(size)", output: "[\(size)]")]
  }

  /// The embeddings of a batch `[N, width]`.
  public func embed(_ input: EncoderInput) -> Tensor { encoder(input) }

  /// Embeddings and logits `[N, labels]` (one column for binary classification).
  public func logits(_ embeddings: Tensor) -> Tensor {
    guard let head else { preconditionFailure("Model.logits: a model trained for \(task.rawValue) has no labels") }
    return head(embeddings)
  }

  /// The inputs again, from their embeddings: `[N, height · width · channels]`.
  public func reconstruct(_ embeddings: Tensor) -> Tensor {
    guard let decoder, let decoderOutput else { preconditionFailure("Model.reconstruct: the model has no decoder") }
    return decoderOutput(decoder(embeddings))
  }

  /// The probability of each label for each sample.
  public func probabilities(_ input: EncoderInput) -> [[Float]] {
    let logits = logits(encoder(input))
    if task == .binaryClassification {
      return logits.activated(.sigmoid).scalars.map { [1 - $0, $0] }
    }
    let (scalars, count) = (logits.softmax().scalars, labels.count)
    return (0..<input.count).map { Array(scalars[$0 * count..<($0 + 1) * count]) }
  }

  /// Texts as the encoder takes them. A text without any word counts as one unknown word.
  public func input(texts: [String]) -> EncoderInput {
    guard let tokenizer else { preconditionFailure("Model.input(texts:): the model does not read text") }
    return .text(Ragged(texts.map { tokens(of: $0, tokenizer) }))
  }

  private func tokens(of text: String, _ tokenizer: WordTokenizer) -> [Int32] {
    let ids = tokenizer.encode(text)
    return ids.isEmpty ? [tokenizer.unknownID] : ids
  }

  // MARK: Folders

  /// Opens a model folder.
  ///
  /// - Throws: `FileError` or `ConfigurationError` naming the file that is missing or damaged.
  public static func open(_ folder: URL) throws -> Model {
    guard isFolder(folder) else {
      let found = FileManager.default.fileExists(atPath: folder.path) ? "a file" : "nothing"
      throw FileError(.missing, folder, "expected a model folder, found \(found)")
    }
    let file = folder.appendingPathComponent("config.json")
    let text = String(decoding: try MappedFile(file).withBytes { Array($0) }, as: UTF8.self)
    let root = try Section(Value(parsing: text, file: file.path))
    let sections = ModelSections(root)
    let task = try root.required("task").choice(Task.self)
    let labels = try root["labels"]?.list().map { try $0.string() } ?? []
    let configuration = try EncoderConfiguration(root)
    let tokenizer =
      configuration.preprocess.isText
      ? try WordTokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json")) : nil
    let scope = try Scope.open(folder.appendingPathComponent("model.safetensors"))
    let model = try Model(
      configuration, sections: sections, task: task, labels: labels, tokenizer: tokenizer, at: scope)
    try scope.requireAllRead()
    return model
  }

  /// Writes everything that is needed to use the model: config.json, modules.json, model.safetensors, tokenizer.json.
  ///
  /// config.json goes first and comes last: a folder that has one holds a whole model, wherever the process dies.
  public func save(to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let configFile = folder.appendingPathComponent("config.json")
    try? FileManager.default.removeItem(at: configFile)
    try tokenizer?.write(to: folder.appendingPathComponent("tokenizer.json"))
    var config = sections.sections
    config["model_type"] = "encoders"
    config["task"] = task.rawValue
    config["labels"] = labels
    config["embedding_dimension"] = encoder.width
    let modules = ["preprocess", "encode", "pool", "project"].enumerated().map { index, name in
      ["idx": index, "name": name, "path": "", "type": "encoders.\(name)"] as [String: Any]
    }
    try AtomicFile.write(jsonData(modules), to: folder.appendingPathComponent("modules.json"))
    var writer = SafetensorsWriter()
    for parameter in parameters { writer.add(parameter.name, shape: parameter.shape, parameter.scalars) }
    try writer.write(to: folder.appendingPathComponent("model.safetensors"))
    try AtomicFile.write(jsonData(config), to: configFile)
  }
}

/// The recipe's sections as they are kept in config.json.
public struct ModelSections: @unchecked Sendable {  // values of JSON, never changed
  fileprivate let sections: [String: Any]

  /// The four steps and the decoder out of a recipe or a config.json.
  public init(_ root: Section) {
    var sections: [String: Any] = [:]
    for key in ["preprocess", "encode", "pool", "project", "decode"] { sections[key] = root[key]?.json }
    self.sections = sections
    _ = ["model_type", "embedding_dimension"].map { root[$0] }
  }
}

private func jsonData(_ object: Any) throws -> Data {
  try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
}

extension EncoderConfiguration {
  /// The size of the images (or sequences) it reads; nil for text.
  public var imageShape: ImageShape? {
    switch preprocess {
    case .text: nil
    case .image(let shape, _), .sequence(let shape): shape
    }
  }
}
