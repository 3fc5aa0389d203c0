import Checkpoints
import Datasets
import Encoders
import Evaluation
import Foundation
import Layers
import Tensors
import Tokenizers

/// A recipe of pretraining carried out: texts read, a Transformer made or opened, trained to guess masked tokens, and written as a Hugging
/// Face folder, which every other recipe and verb takes.
public final class PretrainingRun: RecipeRun {
  /// The recipe.
  public let recipe: PretrainingRecipe
  /// The model in training; after `run` the best epoch's.
  public let model: MaskedLanguageModel
  /// Lines about what was read and built.
  public private(set) var notes: [String] = []
  /// Asked after each step whether to stop; then a checkpoint is written and `run` returns.
  public var shouldStop: () -> Bool = { false }
  private let masking: TokenMasking
  private let train: [[Int32]]
  private let held: [[Int32]]
  /// The folder that the recipe names.
  private let source: URL
  /// Where the tokenizer's files are.
  private let tokenizerFolder: URL

  /// Reads the texts and makes or opens the model; trains nothing yet.
  ///
  /// - Throws: one-line errors of the recipe, the texts and the model.
  public init(_ recipe: PretrainingRecipe) throws {
    self.recipe = recipe
    let random = Scope.random(seed: recipe.training.options.seed)
    switch recipe.start {
    case .bert(_, let folder), .configured(let folder), .pretrained(let folder):
      (source, tokenizerFolder) = (folder, try Tokenizer.folder(of: folder))
    }
    var tokenizer = try Tokenizer(folder: tokenizerFolder)
    switch recipe.start {
    case .bert(let sizes, _):
      let json: [JSON.Member] = [
        .init("model_type", "bert"), .init("architectures", .array(["BertForMaskedLM"])), .init("hidden_act", "gelu"),
        .init("vocab_size", .integer(tokenizer.vocabularySize)), .init("type_vocab_size", .integer(2)),
        .init("initializer_range", .number(0.02)), .init("layer_norm_eps", .number(1e-12)),
        .init("pad_token_id", .integer(Int(tokenizer.id(of: "[PAD]") ?? 0))),
      ]
      let configuration = try TransformerConfiguration(.object(json + (sizes.members ?? [])), url: recipe.url)
      model = try MaskedLanguageModel(configuration, at: random)
    case .configured(let folder):
      model = try MaskedLanguageModel(TransformerConfiguration(contentsOf: folder), at: random)
    case .pretrained(let folder): model = try MaskedLanguageModel.open(folder, newHead: random)
    }
    let configuration = model.transformer.configuration
    guard tokenizer.vocabularySize <= configuration.vocabularySize else {
      throw FileError(
        .mismatched, tokenizerFolder, item: "vocab_size",
        "the tokenizer has \(tokenizer.vocabularySize) tokens, the model \(configuration.vocabularySize)")
    }
    guard let masking = TokenMasking(tokenizer, probability: recipe.probability) else {
      throw FileError(.mismatched, tokenizerFolder, "expected a tokenizer with [MASK] or <mask>, found neither")
    }
    self.masking = masking
    tokenizer.padding = nil
    tokenizer.truncation = Truncation(maximumLength: configuration.maximumLength)
    let texts = try PretrainingRun.texts(recipe)
    let ids = tokenizer.encode(batch: texts, specialTokens: true) { Workers.run(chunks: $0, $1) }
    let limit = Int((recipe.validation * 1000).rounded())
    let split = HashSplit(modulus: 1000, train: limit..<1000, validation: 0..<limit, test: 0..<0)
    var (train, held): ([[Int32]], [[Int32]]) = ([], [])
    for (text, ids) in zip(texts, ids) where ids.contains(where: { !masking.special.contains($0) }) {
      if split.split(of: text) == "validation" { held.append(ids) } else { train.append(ids) }
    }
    (self.train, self.held) = (train, held)
    if held.isEmpty { try recipe.requireNoBestEpoch(recipe.training.options.earlyStopping, usual: "loss") }
    let tokens = train.reduce(0) { $0 + $1.count }
    notes.append("\(train.count) texts of \(tokens) tokens for training, \(held.count) texts for validation")
    if model.hasNewHead {
      notes.append("the model has no head that predicts tokens: a new one is made")
    }
    notes.append("\(tokenizer.vocabularySize) tokens, \(model.parameters.reduce(0) { $0 + $1.count }) parameters")
  }

  /// One text a line, or a column of a table.
  private static func texts(_ recipe: PretrainingRecipe) throws -> [String] {
    let table = try TextColumns(recipe.data, format: recipe.data.pathExtension == "txt" ? .lines : nil)
    guard let place = table.names.firstIndex(of: recipe.column) else {
      throw FileError(
        .mismatched, recipe.data, line: 1, "no column '\(recipe.column)' in \(table.names.joined(separator: ", "))")
    }
    return table.columns[place]
  }

  /// The metric that picks the best epoch.
  public var metric: String? { held.isEmpty ? nil : recipe.training.options.earlyStopping?.metric }

  /// Trains and writes the model folder.
  ///
  /// - Throws: `TrainingError` if the loss stops being a number, and one-line errors of files.
  public func run(output: URL, resume: Bool = false, observers: [any TrainerObserver] = []) throws -> TrainingSummary? {
    try requireOther(output, than: tokenizerFolder, of: "tokenizer")
    if case .pretrained = recipe.start { try requireOther(output, than: source) }
    try AtomicFolder.make(output)
    let settings = recipe.training
    var options = settings.options
    if held.isEmpty { options.earlyStopping = nil }
    let trainer = Trainer(
      parameters: model.parameters, optimizer: Optimizer(settings.rule, groups: settings.groups(of: model.parameters)),
      schedule: settings.schedule, options: options, sampleCount: train.count, digest: digest, output: output,
      recipe: recipe,
      loss: { [self] indices, _ in
        guard case .training(let streams) = Mode.current else { preconditionFailure("PretrainingRun: not in training") }
        return guesses(indices.map { train[$0] }, streams.next()).loss
      },
      validate: held.isEmpty ? nil : { [self] in validationMetrics() })
    trainer.observers = observers
    trainer.shouldStop = shouldStop
    let result = try trainer.run(resume: resume)
    guard result.outcome != .interrupted else { return nil }
    return try finish(result, output)
  }

  private var digest: String {
    var digest = SampleDigest()
    for ids in train { digest.add(ids) }
    return digest.text
  }

  /// The logits of hidden tokens, what they were, and the mean cross-entropy.
  private func guesses(_ texts: [[Int32]], _ random: Random) -> (logits: Tensor, hidden: [Int32], loss: Tensor) {
    let (masked, places, hidden) = masking(texts, random)
    // Only hidden tokens get the head's product with the vocabulary.
    let logits = model.logits(model.transformer(Ragged(masked)).rows.rows(at: IDs(places)))
    return (logits, hidden, logits.crossEntropy(IDs(hidden)))
  }

  /// The loss on the texts held out, with the same tokens hidden each time, and how many of them are guessed.
  private func validationMetrics() -> [String: Double] {
    let random = Random(seed: recipe.training.options.seed).split("validation")
    var (loss, correct, count) = (0.0, 0, 0)
    for start in stride(from: 0, to: held.count, by: 64) {
      let texts = Array(held[start..<min(held.count, start + 64)])
      let (logits, hidden, mean) = guesses(texts, random.split(UInt64(start)))
      let (scores, width) = (logits.scalars, logits.width)
      for (row, id) in hidden.enumerated() {
        let own = scores[row * width + Int(id)]
        if !scores[row * width..<(row + 1) * width].contains(where: { $0 > own }) { correct += 1 }
      }
      loss += Double(mean.scalar) * Double(hidden.count)
      count += hidden.count
    }
    return [
      "loss": loss / Double(count), "accuracy": Double(correct) / Double(count),
      "perplexity": exp(loss / Double(count)),
    ]
  }

  /// Writes into `tokenizer_config.json` how many tokens a text may have, unless that says fewer: by the number of positions alone
  /// sentence-transformers would give a RoBERTa, whose first ones stand for padding, more than it has.
  private func limitTexts(in output: URL) throws {
    let (url, key) = (output.appendingPathComponent("tokenizer_config.json"), "model_max_length")
    let limit = model.transformer.configuration.maximumLength
    let settings: JSON = try isMissing(url) ? [:] : JSON(contentsOf: url)
    if let given = settings[key]?.double, given >= 1, given <= Double(limit) { return }
    let others = (settings.members ?? []).filter { $0.name != key }
    try AtomicFile.write(.object(others + [.init(key, .integer(limit))]), to: url)
  }

  private func finish(_ result: TrainingResult, _ output: URL) throws -> TrainingSummary {
    try ModelParts.remove(from: output, but: [source, tokenizerFolder])
    for name in try FileManager.default.contentsOfDirectory(atPath: tokenizerFolder.path).sorted()
    where Tokenizer.fileNames.contains(name) {
      try MappedFile(tokenizerFolder.appendingPathComponent(name)).withBytes {
        try AtomicFile.write(Data($0), to: output.appendingPathComponent(name))
      }
    }
    try limitTexts(in: output)
    var writer = SafetensorsWriter()
    for parameter in model.parameters { writer.add(parameter.name, shape: parameter.shape, parameter.scalars) }
    try writer.write(to: output.appendingPathComponent("model.safetensors"))
    // It comes last, as in `Model.save`.
    try model.transformer.configuration.write(to: output)
    let seconds = result.history.reduce(0) { $0 + $1.seconds }
    let summary = TrainingSummary(
      task: .embedding, epochs: result.history.count, bestEpoch: result.bestEpoch, seconds: seconds,
      samplesPerSecond: seconds > 0 ? Double(train.count * result.history.count) / seconds : 0,
      trainSamples: train.count, validationSamples: held.count, testSamples: 0,
      parameters: model.parameters.reduce(0) { $0 + $1.count }, seed: recipe.training.options.seed)
    try summary.write(to: output)
    let best = held.isEmpty ? nil : result.history.first { $0.epoch == summary.bestEpoch ?? summary.epochs }
    try ModelCard(model, summary, best: best, recipe: recipe).write(to: output)
    let facts: [(String, String)] = [
      ("Objective", "masked language model"), ("Parameters", String(summary.parameters)),
      ("Training texts", String(summary.trainSamples)), ("Validation texts", String(summary.validationSamples)),
      ("Epochs", String(summary.epochs)), ("Best epoch", summary.bestEpoch.map(String.init) ?? "last"),
      ("Seconds of training", String(format: "%.1f", seconds)), ("Seed", String(summary.seed)),
    ]
    let page = Report(
      title: recipe.url.deletingPathExtension().lastPathComponent,
      subtitle: "\(model.transformer.configuration.family.rawValue), \(masking.vocabulary) tokens", recipe: recipe.text,
      facts: facts, history: result.history, bestEpoch: summary.bestEpoch, metricName: metric ?? "loss",
      classification: nil, reconstruction: nil, mistakes: [], map: [], classes: [], reconstructions: [], scores: [],
      scoredOn: nil, misses: []
    ).html()
    try AtomicFile.write(page, to: output.appendingPathComponent("report.html"))
    return summary
  }
}
