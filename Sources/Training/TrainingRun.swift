import Checkpoints
import Encoders
import Evaluation
import Foundation
import Inputs
import Layers
import Tensors
import Tokenizers
import WordVectors

/// A recipe carried out: data read, vocabulary and model built, trained, evaluated and written to a folder.
public final class TrainingRun: RecipeRun {
  /// The recipe.
  public let recipe: Recipe
  /// The samples.
  public let data: TrainingData
  /// The model in training; after `run` the best epoch's.
  public let model: Model
  /// Lines about what was read and built.
  public private(set) var notes: [String] = []
  /// Asked after each step whether to stop; then a checkpoint is written and `run` returns.
  public var shouldStop: () -> Bool = { false }

  private let classWeights: [Float]?
  /// The embeddings of each part, where the encoder doesn't learn.
  private var frozen: [String: Tensor] = [:]

  /// Reads the data and builds the model; trains nothing yet.
  ///
  /// - Throws: one-line errors of the recipe and the data.
  public init(_ recipe: Recipe) throws {
    self.recipe = recipe
    data = try TrainingData(recipe)
    if data.validation.count == 0 {
      try recipe.requireNoBestEpoch(recipe.training.options.earlyStopping, usual: recipe.objective.metrics[0])
    }
    let drawn = data.drawnShare.map { String(format: " (%g %% of the training part, drawn at random)", $0 * 100) }
    notes.append(
      "\(data.train.count) samples for training, \(data.validation.count) for validation\(drawn ?? ""), "
        + "\(data.test.count) for test")
    var tokenizer: WordTokenizer?
    var vectors: [Float]?
    if case .text(let text) = recipe.configuration?.preprocess, case .texts(let texts, _) = data.train,
      case .text(let embedding, _) = recipe.configuration?.encode
    {
      let words = WordTokenizer.train(
        texts: texts, minimumCount: text.minimumCount, maximumSize: text.maximumSize, lowercase: text.lowercase,
        characters: text.tokens == .characters, maximumLength: text.maxLength)
      tokenizer = words
      notes.append("\(words.count) words in the vocabulary")
      if let file = recipe.vectors {
        let (found, values) = try TrainingRun.initialVectors(
          recipe, file, words, embedding, Random(seed: recipe.training.options.seed))
        vectors = values
        notes.append("\(found) of them have a vector in \(file.lastPathComponent)")
      }
    }
    let labels = recipe.objective.task == .reconstruction ? [] : data.labels
    let scope = Scope.random(seed: recipe.training.options.seed)
    if let configuration = recipe.configuration {
      model = try Model(
        configuration, task: recipe.objective.task, labels: labels, tokenizer: tokenizer,
        vectors: vectors, at: scope)
    } else if let pretrained = recipe.pretrained {
      let encoder = try pretrained.open(for: recipe, seed: recipe.training.options.seed)
      notes += encoder.notes
      model = try Model(encoder, task: recipe.objective.task, labels: labels, at: scope)
    } else {
      preconditionFailure("TrainingRun: a recipe without an encoder")
    }
    classWeights = try TrainingRun.classWeights(recipe, data)
  }

  /// The metric that picks the best epoch.
  public var metric: String? { recipe.training.options.earlyStopping?.metric }

  /// Trains, evaluates on the test samples and writes the model folder.
  ///
  /// - Throws: `TrainingError` if the loss stops being a number, and one-line errors of files.
  public func run(output: URL, resume: Bool = false, observers: [any TrainerObserver] = []) throws -> TrainingSummary? {
    if let encoder = model.sentenceEncoder { try requireOther(output, than: encoder.folder) }
    try AtomicFolder.make(output)
    let (settings, objective) = (recipe.training, recipe.objective)
    let augmentation = recipe.configuration?.augmentation
    let augmentationRandom = Random(seed: settings.options.seed).split("augment")
    var options = settings.options
    if data.validation.count == 0 { options.earlyStopping = nil }
    let trainer = Trainer(
      parameters: model.parameters, optimizer: Optimizer(settings.rule, groups: settings.groups(of: model.parameters)),
      schedule: settings.schedule,
      options: options, sampleCount: data.train.count, digest: data.digest, output: output, recipe: recipe,
      loss: { [self] indices, epoch in
        let targets = data.train.targets.subset(indices)
        try requireWeight(targets, epoch)
        if let frozen = try frozenEmbeddings(of: "train", data.train) {
          return model.loss(
            embeddings: frozen.rows(at: IDs(indices.map { Int32($0) })), targets, objective, classWeights: classWeights)
        }
        let input = try model.input(
          data.train, indices, augmentation: augmentation, random: augmentationRandom.split(UInt64(epoch)))
        return model.loss(input, targets, objective, classWeights: classWeights)
      },
      validate: data.validation.count == 0
        ? nil
        : { [self] in
          try model.validation(
            data.validation, objective, classWeights: classWeights,
            embeddings: try frozenEmbeddings(of: "validation", data.validation))
        })
    trainer.observers = observers
    trainer.shouldStop = shouldStop
    let result = try trainer.run(resume: resume)
    guard result.outcome != .interrupted else { return nil }
    return try finish(result, output)
  }

  /// Throws if all labels of a batch have the weight 0, as the mean of their losses is none.
  private func requireWeight(_ targets: Targets, _ epoch: Int) throws {
    guard let classWeights, targets.probabilities == nil, targets.labels.allSatisfy({ classWeights[$0] == 0 }) else {
      return
    }
    throw ConfigurationError(
      recipe.url.path, line: nil,
      "objective.class_weights: expected a label of weight above 0 in each batch, "
        + "found only labels of weight 0 in one of epoch \(epoch + 1)")
  }

  /// The embeddings of a part where the encoder doesn't learn, computed once; nil where it does.
  private func frozenEmbeddings(of part: String, _ samples: Samples) throws -> Tensor? {
    guard recipe.pretrained?.freezing == .all else { return nil }
    if let known = frozen[part] { return known }
    let embeddings = try Mode.$current.withValue(.inference) { try model.embeddings(of: samples) }
    let tensor = Tensor(embeddings, shape: [samples.count, model.width])
    frozen[part] = tensor
    return tensor
  }

  private func finish(_ result: TrainingResult, _ output: URL) throws -> TrainingSummary {
    let held = data.test.count > 0 ? data.test : data.validation
    let seconds = result.history.reduce(0) { $0 + $1.seconds }
    var summary = TrainingSummary(
      task: model.task, epochs: result.history.count, bestEpoch: result.bestEpoch, seconds: seconds,
      samplesPerSecond: seconds > 0 ? Double(data.train.count * result.history.count) / seconds : 0,
      trainSamples: data.train.count, validationSamples: data.validation.count, testSamples: data.test.count,
      parameters: model.parameters.reduce(0) { $0 + $1.count }, seed: recipe.training.options.seed)
    var probabilities: [[Float]] = []
    if held.count > 0, model.task == .reconstruction {
      summary.reconstruction = try model.reconstructionReport(held)
    } else if held.count > 0 {
      (summary.classification, probabilities) = try model.classificationReport(held)
    }
    try model.save(to: output)
    try recipe.pretrained?.saveAdapter(of: model.sentenceEncoder, beside: output)
    if let pretrained = recipe.pretrained, let encoder = model.sentenceEncoder {
      summary.fineTuning = FineTuningSummary(
        base: pretrained.model.lastPathComponent, objectives: [model.task.rawValue])
      let texts = [(file: recipe.data.url.lastPathComponent, samples: data.train.count, columns: 1)]
      try ModelCard(encoder, summary, data: texts, recipe: recipe).write(to: output)
    }
    try summary.write(to: output)
    let report = TrainingReport(
      recipe: recipe, model: model, samples: held, summary: summary, history: result.history,
      probabilities: probabilities)
    try AtomicFile.write(try report.html(), to: output.appendingPathComponent("report.html"))
    return summary
  }

  private static func classWeights(_ recipe: Recipe, _ data: TrainingData) throws -> [Float]? {
    switch recipe.objective.classWeights {
    case .equal: return nil
    case .given(let weights):
      guard weights.count == data.labels.count else {
        throw ConfigurationError(
          recipe.url.path, line: nil,
          "objective.class_weights: expected \(data.labels.count) numbers (one a label), found \(weights.count)")
      }
      return weights
    case .balanced:
      var counts = Array(repeating: 0, count: data.labels.count)
      for label in data.train.labels { counts[label] += 1 }
      return counts.map { Float(data.train.count) / Float(max(1, $0) * data.labels.count) }
    }
  }

  /// A vector for each word of the vocabulary: the file's, or uniform at random.
  private static func initialVectors(
    _ recipe: Recipe, _ file: URL, _ words: WordTokenizer, _ embedding: EmbeddingOptions, _ random: Random
  ) throws -> (found: Int, values: [Float]) {
    let vocabulary = words.vocabulary
    let read = try WordVectorFile.read(file, only: vocabulary)
    guard read.width == embedding.dimension else {
      throw ConfigurationError(
        recipe.url.path, line: nil,
        "encode.embedding.dimension: expected \(read.width), as \(file.path) has, found \(embedding.dimension)")
    }
    let numbers = random.split("vectors")
    var values = (0..<vocabulary.count * read.width).map { (numbers.uniform(at: UInt64($0)) * 2 - 1) * embedding.bound }
    var found = 0
    for (place, word) in vocabulary.enumerated() {
      guard let vector = read[word] else { continue }
      found += 1
      values.replaceSubrange(place * read.width..<(place + 1) * read.width, with: vector)
    }
    return (found, values)
  }
}

extension EncoderConfiguration {
  /// The random changes of training images; nil if there are none.
  var augmentation: ImageAugmentation? {
    guard case .image(_, let augment) = preprocess, augment != Augment() else { return nil }
    return ImageAugmentation(shift: augment.shift, flip: augment.flip, crop: augment.crop, cutout: augment.cutout)
  }
}
