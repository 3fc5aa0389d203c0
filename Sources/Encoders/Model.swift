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
  /// Embeddings alone, as a pretrained encoder gives them.
  case embedding

  /// Whether there are labels.
  public var hasLabels: Bool { self == .classification || self == .binaryClassification }
}

/// An encoder with what was trained round it: the head that classifies, or the decoder that reconstructs. One folder on disk.
public struct Model: Sendable {
  /// What gives the embeddings.
  public enum Body: Sendable {
    /// The four steps of a recipe, and the words of its texts.
    case steps(Encoder, WordTokenizer?)
    /// The modules of a pretrained encoder of texts.
    case sentence(SentenceEncoder)
  }

  /// What gives the embeddings.
  public private(set) var body: Body
  /// Where it was opened; nil for a new one.
  public private(set) var folder: URL?
  /// What it was trained for.
  public let task: Task
  /// The labels, in the order of the logits.
  public let labels: [String]
  /// All parameters, among them running statistics.
  public let parameters: [Parameter]
  private let head: Linear?
  private let decoder: Projection?
  private let decoderOutput: Linear?

  /// A new model, or a stored one, depending on the scope.
  ///
  /// - Throws: `ConfigurationError` where shapes don't fit, `FileError` from a stored model.
  public init(
    _ configuration: EncoderConfiguration, task: Task, labels: [String], tokenizer: WordTokenizer?,
    vectors: [Float]? = nil, at scope: Scope
  ) throws {
    let encoder = try Encoder(configuration, vocabularySize: tokenizer?.count ?? 2, vectors: vectors, at: scope)
    body = .steps(encoder, tokenizer)
    self.task = task
    self.labels = labels
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
    case .embedding: (head, decoder, decoderOutput) = (nil, nil, nil)
    }
    parameters = scope.parameters
  }

  /// A pretrained encoder, with a head from `scope` if the task has labels.
  ///
  /// - Throws: `FileError` from a stored head.
  public init(_ encoder: SentenceEncoder, task: Task = .embedding, labels: [String] = [], at scope: Scope) throws {
    precondition(task != .reconstruction, "Model: a pretrained encoder of texts has no decoder")
    body = .sentence(encoder)
    (self.task, self.labels) = (task, labels)
    (decoder, decoderOutput) = (nil, nil)
    head =
      task.hasLabels
      ? try Linear(encoder.width, task == .classification ? labels.count : 1, at: scope["head"]) : nil
    parameters = encoder.parameters + scope.parameters
  }

  /// Columns of an embedding.
  public var width: Int {
    switch body {
    case .steps(let encoder, _): encoder.width
    case .sentence(let encoder): encoder.width
    }
  }

  /// Whether it reads texts.
  public var readsText: Bool {
    switch body {
    case .steps(let encoder, _): encoder.configuration.preprocess.isText
    case .sentence: true
    }
  }

  /// The size of the images (or sequences) it reads; nil for text.
  public var imageShape: ImageShape? {
    switch body {
    case .steps(let encoder, _): encoder.configuration.imageShape
    case .sentence: nil
    }
  }

  /// The pretrained encoder, if it is one.
  public var sentenceEncoder: SentenceEncoder? { if case .sentence(let encoder) = body { encoder } else { nil } }

  /// Its layers with the shapes that come out of them, the head or decoder last.
  public var steps: [StepDescription] {
    var steps: [StepDescription] =
      switch body {
      case .steps(let encoder, _): encoder.steps
      case .sentence(let encoder): encoder.steps
      }
    if let head {
      let size = head.weight.shape[0]
      steps.append(.init(step: "head", layer: "linear \(size)", output: "[\(size)]"))
    }
    if let size = decoderOutput?.weight.shape[0] {
      steps.append(.init(step: "decode", layer: "linear \(size)", output: "[\(size)]"))
    }
    return steps
  }

  /// The embeddings of a batch `[N, width]`.
  public func embed(_ input: EncoderInput) -> Tensor {
    switch (body, input) {
    case (.sentence(let encoder), .sentences(let batch)): encoder(batch)
    case (.steps(let encoder, _), _): encoder(input)
    case (.sentence, _): preconditionFailure("Model.embed: a pretrained encoder of texts takes sentences")
    }
  }

  /// The embeddings of a batch of any size `[N, width]`, detached: texts for a pretrained encoder go through it some at a time.
  public func vectors(_ input: EncoderInput) -> Tensor {
    if case (.sentence(let encoder), .sentences(let batch)) = (body, input) { return encoder.vectors(batch) }
    return embed(input).detached
  }

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
  public func probabilities(_ input: EncoderInput) -> [[Float]] { probabilities(embeddings: vectors(input)) }

  /// The probability of each label for each sample, from the samples' embeddings.
  public func probabilities(embeddings: Tensor) -> [[Float]] {
    let logits = logits(embeddings)
    if task == .binaryClassification {
      return logits.activated(.sigmoid).scalars.map { [1 - $0, $0] }
    }
    let (scalars, count) = (logits.softmax().scalars, labels.count)
    return (0..<embeddings.rows).map { Array(scalars[$0 * count..<($0 + 1) * count]) }
  }

  /// Texts as the encoder takes them. A text without any word counts as one unknown word where the words are the model's own.
  ///
  /// - Throws: `TokenError` if a pretrained tokenizer gives ids that the model doesn't have; `FileError` for a model with a vector for
  ///   each token; `ConfigurationError` for one of images, and for a prompt where the encoder isn't a pretrained one.
  public func input(texts: [String], prompt: String? = nil) throws -> EncoderInput {
    switch body {
    case .sentence(let encoder):
      try encoder.requireOneVector()
      return .sentences(try encoder.batch(texts, prompt: prompt ?? encoder.prompt(named: nil)))
    case .steps(_, let tokenizer?):
      try requireNoPrompt(prompt)
      return .text(
        Ragged(
          texts.map { text in
            let ids = tokenizer.encode(text)
            return ids.isEmpty ? [tokenizer.unknownID] : ids
          }))
    case .steps(_, nil):
      throw ConfigurationError(folder?.path ?? "model", line: nil, "expected a model of texts, found one of images")
    }
  }

  /// Throws if a text is to stand before each text, which only pretrained encoders are made for.
  package func requireNoPrompt(_ prompt: String?) throws {
    guard let prompt, !prompt.isEmpty else { return }
    throw ConfigurationError(
      folder?.path ?? "model", line: nil,
      "expected no prompt, as only pretrained encoders of texts have them, found \(FileError.quoted(prompt))")
  }

  /// The same model without a last step of the encoder that makes vectors of length 1.
  public func withoutNormalization() -> Model {
    var model = self
    switch body {
    case .steps(let encoder, let tokenizer): model.body = .steps(encoder.withoutNormalization(), tokenizer)
    case .sentence(let encoder): model.body = .sentence(encoder.withoutNormalization())
    }
    return model
  }

  /// The same model with all columns of the last module, whatever the folder's `truncate_dim` says.
  public func withoutTruncation() -> Model {
    guard case .sentence(let encoder) = body else { return self }
    var model = self
    model.body = .sentence(encoder.withoutTruncation())
    return model
  }

  /// The model of queries, where a pretrained encoder has another way for them.
  public func forQueries() -> Model {
    guard case .sentence(let encoder) = body else { return self }
    var model = self
    model.body = .sentence(encoder.forQueries)
    return model
  }

  /// Opens a model folder.
  ///
  /// - Throws: `FileError` or `ConfigurationError` naming the file that is missing or damaged.
  public static func open(_ folder: URL) throws -> Model {
    var model = try read(folder)
    model.folder = folder
    return model
  }

  private static func read(_ folder: URL) throws -> Model {
    guard isFolder(folder) else {
      let found = FileManager.default.fileExists(atPath: folder.path) ? "a file" : "nothing"
      throw FileError(.missing, folder, "expected a model folder, found \(found)")
    }
    let file = folder.appendingPathComponent("config.json")
    guard try isOwn(folder, file) else {
      let encoder = try SentenceEncoder.open(folder)
      guard let settings = try ConfigFile.ifPresent(folder.appendingPathComponent("encoders.json")) else {
        return try Model(encoder, at: .random(seed: 0))
      }
      guard let task = try settings.string("task").flatMap(Task.init(rawValue:)), task != .reconstruction else {
        throw FileError(.malformed, settings.url, item: "task", "expected a task of texts")
      }
      let labels = try settings.strings("labels") ?? []
      try check(labels, task, settings.url)
      let scope =
        task.hasLabels ? try Scope.open(folder.appendingPathComponent("head/model.safetensors")) : .random(seed: 0)
      let model = try Model(encoder, task: task, labels: labels, at: scope)
      try scope.requireAllRead()
      return model
    }
    let text = String(decoding: try MappedFile(file).withBytes { Array($0) }, as: UTF8.self)
    let root = try Section(Value(parsing: text, file: file.path))
    let task = try root.required("task").choice(Task.self)
    let labels = try root["labels"]?.list().map { try $0.string() } ?? []
    try check(labels, task, file)
    let configuration = try EncoderConfiguration(root)
    let tokenizer =
      configuration.preprocess.isText
      ? try WordTokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json")) : nil
    let scope = try Scope.open(folder.appendingPathComponent("model.safetensors"))
    let model = try Model(configuration, task: task, labels: labels, tokenizer: tokenizer, at: scope)
    try scope.requireAllRead()
    return model
  }

  /// Throws if a file's labels aren't all different, or not as many as the task needs.
  private static func check(_ labels: [String], _ task: Task, _ file: URL) throws {
    var known: Set<ExactText> = []
    if let label = labels.first(where: { !known.insert(ExactText($0)).inserted }) {
      throw FileError(
        .malformed, file, item: "labels", "expected different labels, found \(FileError.quoted(label)) twice")
    }
    if task == .classification, labels.isEmpty {
      throw FileError(.malformed, file, item: "labels", "expected a label for classification, found none")
    }
    if task == .binaryClassification, labels.count != 2 {
      throw FileError(
        .malformed, file, item: "labels", "expected two labels for binary_classification, found \(labels.count)")
    }
  }

  /// Whether a folder is one that `save` wrote for an encoder of four steps; else it's a pretrained encoder's.
  private static func isOwn(_ folder: URL, _ config: URL) throws -> Bool {
    let exists = { FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }
    if AdapterFolder.isOne(folder) { return false }
    if !exists("config.json"), exists("modules.json") || exists("model.safetensors") {
      // Sentence-transformers' own folders may lack one: those of a MiniLM, of word embeddings.
      guard let first = try ModuleEntry.read(folder)?.first else { return false }
      if first.type != "preprocess", first.path.isEmpty || !exists("model.safetensors") { return false }
    }
    if !exists("config.json"), !exists("model.safetensors"), exists("checkpoint/last.safetensors") {
      throw FileError(
        .missing, config, "an unfinished training is in the folder: the command that began it goes on with --resume")
    }
    return try ConfigFile(config).string("model_type") == "encoders"
  }

  /// Writes everything that is needed to use the model: config.json, modules.json, model.safetensors, tokenizer.json.
  ///
  /// What is in the folder of another model goes first, and config.json comes last: a folder that has one holds a whole model, wherever
  /// the process dies.
  public func save(to folder: URL) throws {
    try AtomicFolder.make(folder)
    switch body {
    case .steps(let encoder, let tokenizer): try save(encoder, tokenizer, to: folder)
    case .sentence(let encoder):
      try encoder.save(to: folder)
      if task.hasLabels {
        let place = folder.appendingPathComponent("head")
        try AtomicFolder.make(place)
        try write(
          parameters.filter { $0.name.hasPrefix("head.") }, to: place.appendingPathComponent("model.safetensors"))
      }
      let settings: JSON = ["task": .string(task.rawValue), "labels": .array(labels.map { .string($0) })]
      try AtomicFile.write(settings, to: folder.appendingPathComponent("encoders.json"))
    }
  }

  private func save(_ encoder: Encoder, _ tokenizer: WordTokenizer?, to folder: URL) throws {
    try ModelParts.remove(from: folder)
    try tokenizer?.write(to: folder.appendingPathComponent("tokenizer.json"))
    if try !writeSentenceTransformers(encoder, tokenizer, to: folder) {
      let modules = ["preprocess", "encode", "pool", "project"].enumerated().map { index, name in
        ["idx": .integer(index), "name": .string(name), "path": "", "type": .string("encoders.\(name)")] as JSON
      }
      try AtomicFile.write(.array(modules), to: folder.appendingPathComponent("modules.json"))
    }
    try write(parameters, to: folder.appendingPathComponent("model.safetensors"))
    let members: JSON = [
      "model_type": "encoders", "task": .string(task.rawValue), "labels": .array(labels.map { .string($0) }),
      "embedding_dimension": .integer(width),
    ]
    try AtomicFile.write(
      .object((members.members ?? []) + (encoder.configuration.json.members ?? [])),
      to: folder.appendingPathComponent("config.json"))
  }

  private func write(_ parameters: [Parameter], to url: URL) throws {
    var writer = SafetensorsWriter()
    for parameter in parameters { writer.add(parameter.name, shape: parameter.shape, parameter.scalars) }
    try writer.write(to: url)
  }
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
