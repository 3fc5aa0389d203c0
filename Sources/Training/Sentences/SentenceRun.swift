import Checkpoints
import Datasets
import Encoders
import Evaluation
import Foundation
import Layers
import Tensors

/// A recipe of fine-tuning carried out: data read, encoder opened, trained, scored and written to a folder.
public final class SentenceRun: RecipeRun {
  /// The recipe.
  public let recipe: SentenceRecipe
  /// The encoder in training; after `run` the best epoch's.
  public let encoder: SentenceEncoder
  /// Lines about what was read and opened.
  public private(set) var notes: [String] = []
  /// Asked after each step whether to stop; then a checkpoint is written and `run` returns.
  public var shouldStop: () -> Bool = { false }
  let sets: [SentenceSet]
  /// Rows like those of training that are held out, to compute the loss on, and the number of the set they are from.
  let held: [(set: SentenceSet, index: Int)]
  let validation: ScoringData?
  let test: ScoringData?
  let losses: [LossParameters]
  /// Where the samples of each set begin among all.
  let starts: [Int]
  private let numbers: [[[Int32]]]
  private let teachers: [URL: SentenceEncoder]
  private let guides: [URL: Guide]

  /// Reads the data and opens the encoder; trains nothing yet.
  ///
  /// - Throws: one-line errors of the recipe, the data and the model.
  public init(_ recipe: SentenceRecipe) throws {
    self.recipe = recipe
    encoder = try recipe.encoder.open(for: recipe, seed: recipe.training.options.seed)
    notes += encoder.notes
    try encoder.requireOneVector()
    let read = try recipe.data.sets.map { try SentenceParts($0, seed: recipe.training.options.seed) }
    sets = read.map(\.train)
    held = read.enumerated().compactMap { index, part in part.validation.map { (set: $0, index: index) } }
    // What the recipe names for scoring comes first, then what the first set with a held-out part has.
    validation =
      try recipe.data.validation.map { try ScoringData($0) } ?? read.lazy.compactMap(\.validationScoring).first
    test = try recipe.data.test.map { try ScoringData($0) } ?? read.lazy.compactMap(\.testScoring).first
    starts = sets.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
    let seed = recipe.training.options.seed
    let scope = Scope.random(seed: seed)
    losses = try sets.enumerated().map { [encoder] index, set in
      let place = scope[index == 0 ? "loss" : "loss.\(index)"]
      do {
        return try set.objective.loss.parameters(width: encoder.width, at: place, encoder: encoder)
      } catch let error as LossError {
        throw recipe.located(error, ofSet: index)
      }
    }
    // What can't be cut into batches is said before anything is written.
    for (index, set) in sets.enumerated() where set.objective.loss.comparesClasses && recipe.tuning.shuffle {
      do {
        _ = try Batches.byLabel(
          set.classes, size: recipe.training.options.batchSize, random: Random(seed: seed), for: set.objective.name)
      } catch {
        throw recipe.located(error, ofSet: index)
      }
    }
    guard encoder.parameters.contains(where: \.isTrainable) else {
      throw ConfigurationError(recipe.url.path, line: nil, "encode.freeze: nothing of the encoder is left to learn")
    }
    var (teachers, guides): ([URL: SentenceEncoder], [URL: Guide]) = ([:], [:])
    for (index, objective) in sets.map(\.objective).enumerated() {
      guard let url = objective.teacher else { continue }
      let teacher = try teachers[url] ?? SentenceEncoder.open(url)
      try teacher.requireOneVector()
      guard objective.loss.takes(teacherOfWidth: teacher.width, width: encoder.width) else {
        let error = LossError.invalid(
          loss: objective.name, what: "width of the teacher \(url.path)", expected: "\(encoder.width), the encoder's",
          found: "\(teacher.width)")
        throw recipe.located(error, ofSet: index)
      }
      teachers[url] = teacher
      if objective.loss.isGuided, guides[url] == nil { guides[url] = Guide(teacher, of: encoder) }
    }
    (self.teachers, self.guides) = (teachers, guides)
    numbers = recipe.tuning.noDuplicates ? sets.map { Batches.numbered($0.texts) } : []
    for (set, name) in zip(sets, recipe.data.sets.map(\.url.lastPathComponent)) {
      notes.append("\(set.count) samples of \(set.texts.count) texts in \(name)")
    }
    if let validation { notes.append("validation: \(validation.title)") }
    if let test { notes.append("test: \(test.title)") }
  }

  /// The metric that picks the best epoch.
  public var metric: String? {
    guard let name = recipe.training.options.earlyStopping?.metric else { return nil }
    guard name == "auto" else { return name }
    return validation?.usualMetric(encoder.similarity) ?? (held.isEmpty ? nil : "loss")
  }

  /// Trains, scores and writes the model folder.
  ///
  /// - Throws: `TrainingError` if the loss stops being a number, and one-line errors of files.
  public func run(output: URL, resume: Bool = false, observers: [any TrainerObserver] = []) throws -> TrainingSummary? {
    try requireOther(output, than: encoder.folder)
    try checkMetric()
    try AtomicFolder.make(output)
    let settings = recipe.training
    var options = settings.options
    options.earlyStopping = metric.map {
      EarlyStopping(
        $0, .usual(of: $0), patience: options.earlyStopping?.patience,
        minimumChange: options.earlyStopping?.minimumChange ?? 0)
    }
    // The gain is seen only beside what the encoder could before.
    let scored = test ?? validation
    let before = try scored.map { try $0.report(encoder) }
    let parameters = encoder.parameters + losses.flatMap(\.all)
    let trainer = Trainer(
      parameters: parameters,
      optimizer: Optimizer(settings.rule, groups: settings.groups(of: parameters)), schedule: settings.schedule,
      options: options,
      sampleCount: starts.last ?? 0, digest: digest, output: output, recipe: recipe,
      batches: { [self] in try batches(epoch: $0) },
      loss: { [self] indices, epoch in try loss(indices, epoch: epoch) },
      validate: validation == nil && held.isEmpty ? nil : { [self] in try validationMetrics() })
    trainer.observers = observers
    trainer.shouldStop = shouldStop
    let result = try trainer.run(resume: resume)
    guard result.outcome != .interrupted else { return nil }
    return try finish(result, before, output)
  }

  private var digest: String {
    var digest = SampleDigest()
    for set in sets { set.add(to: &digest) }
    return digest.text
  }

  /// Throws if the best epoch is to be found by a score that the validation doesn't give.
  private func checkMetric() throws {
    let known = (held.isEmpty ? [] : ["loss"]) + (validation.map { $0.scoreNames(encoder.similarity) } ?? [])
    if known.isEmpty { try recipe.requireNoBestEpoch(recipe.training.options.earlyStopping, usual: "auto") }
    if let name = metric, !known.contains(name) { throw recipe.error(ofMetric: name, known: known) }
  }

  /// The batches of an epoch: numbers of samples, those of all sets counted through.
  func batches(epoch: Int) throws -> [[Int]] {
    let options = recipe.training.options
    let random = Random(seed: options.seed).split("order").split(UInt64(epoch))
    let lists = try sets.indices.map { index in
      let (set, start) = (sets[index], starts[index])
      let own = index == 0 ? random : random.split(UInt64(index))
      let batches: [[Int]]
      if !recipe.tuning.shuffle {
        batches = stride(from: 0, to: set.count, by: options.batchSize).map {
          Array($0..<min(set.count, $0 + options.batchSize))
        }
      } else if set.objective.loss.comparesClasses {
        batches = try Batches.byLabel(
          set.classes, size: options.batchSize, random: own, for: set.objective.name)
      } else if recipe.tuning.noDuplicates {
        batches = Batches.withoutDuplicates(numbers[index], size: options.batchSize, random: own)
      } else {
        batches = Batches.shuffled(set.count, size: options.batchSize, random: own)
      }
      return batches.map { $0.map { $0 + start } }
    }
    guard lists.count > 1 else { return lists[0] }
    return recipe.data.mixing.order(lists.map(\.count), random: random.split("mixing")).map { lists[$0.set][$0.batch] }
  }

  /// The loss of a batch, which is of one set.
  private func loss(_ indices: [Int], epoch: Int) throws -> Tensor {
    let index = (starts.firstIndex { $0 > indices[0] } ?? 1) - 1
    let noise = self.noise.split(UInt64(epoch)).split(UInt64(index))
    return try loss(of: sets[index], indices.map { $0 - starts[index] }, losses[index], noise: noise)
  }

  /// What texts are damaged by: the same in a run that is resumed.
  private var noise: Random { Random(seed: recipe.training.options.seed).split("noise") }

  /// The loss of some rows of a set.
  func loss(of set: SentenceSet, _ rows: [Int], _ parameters: LossParameters, noise: Random) throws -> Tensor {
    let labels = try set.labels(of: rows, tokens: { try encoder.batch($0).ids }) { texts in
      guard let url = set.objective.teacher, let teacher = teachers[url] else {
        preconditionFailure("SentenceRun.loss: no teacher")
      }
      // A guide gets the texts as the encoder does; a teacher's embeddings have its prompt, as those made beforehand.
      let guide = set.objective.loss.isGuided ? guides[url] : nil
      return try Mode.$current.withValue(.inference) { try guide?.callAsFunction(texts) ?? teacher.encode(texts) }
    }
    var random = Random(seed: recipe.training.options.seed)
    if case .training(let streams) = Mode.current { random = streams.next() }
    func batch(_ column: Int, _ range: Range<Int>) throws -> SentenceBatch {
      try encoder.batch(rows[range].map { set.input(column, $0, noise: noise) })
    }
    let objective = set.objective
    if let layers = objective.layers {
      let outputs = try set.texts.indices.map { encoder.layers(try batch($0, rows.indices)) }
      let adapted = AdaptiveLayers(
        objective.loss, perStep: layers.perStep, lastWeight: layers.lastWeight, priorWeight: layers.priorWeight,
        divergenceWeight: layers.divergenceWeight, temperature: layers.temperature, weighting: layers.weighting)
      return try adapted(
        outputs.map { $0[$0.count - 1] }, layers: (outputs.first?.count ?? 1) - 1,
        prior: { layer in outputs.map { $0[layer] } }, labels, parameters, random: random)
    }
    if let size = recipe.tuning.cached, Mode.current.records {
      return try GradientCache(size: size)(
        columns: set.texts.count, count: rows.count, random: random.split("cache"),
        embed: { encoder(try batch($0, $1)) },
        loss: { try objective.loss($0, labels, parameters, random: random) })
    }
    let columns = try set.texts.indices.map { encoder(try batch($0, rows.indices)) }
    return try objective.loss(columns, labels, parameters, random: random)
  }

  /// The scores on the validation data, and the loss on rows like those of training.
  func validationMetrics() throws -> [String: Double] {
    var metrics: [String: Double] = [:]
    if let validation {
      let kept = validation.epochScores(encoder.similarity).union([metric].compactMap { $0 })
      for (name, estimate) in try validation.report(encoder, resamples: 0).scores where kept.contains(name) {
        metrics[name] = estimate.value
      }
    }
    guard !held.isEmpty else { return metrics }
    var (sum, count) = (0.0, 0)
    for (set, index) in held {
      for start in stride(from: 0, to: set.count, by: recipe.training.options.batchSize) {
        let rows = Array(start..<min(set.count, start + recipe.training.options.batchSize))
        let value = try loss(of: set, rows, losses[index], noise: noise.split("validation"))
        sum += Double(value.scalar) * Double(rows.count)
        count += rows.count
      }
    }
    metrics["loss"] = sum / Double(count)
    return metrics
  }

  private func finish(
    _ result: TrainingResult, _ before: (any ScoreReport)?, _ output: URL
  ) throws -> TrainingSummary {
    let scored = test ?? validation
    let after = try scored.map { try $0.report(encoder) }
    let seconds = result.history.reduce(0) { $0 + $1.seconds }
    let samples = result.history.reduce(0.0) { $0 + $1.samplesPerSecond * $1.seconds }
    var summary = TrainingSummary(
      task: .embedding, epochs: result.history.count, bestEpoch: result.bestEpoch, seconds: seconds,
      samplesPerSecond: seconds > 0 ? samples / seconds : 0, trainSamples: starts.last ?? 0,
      validationSamples: validation?.count ?? held.reduce(0) { $0 + $1.set.count }, testSamples: test?.count ?? 0,
      parameters: encoder.parameters.reduce(0) { $0 + $1.count }, seed: recipe.training.options.seed)
    summary.fineTuning = FineTuningSummary(
      base: recipe.encoder.model.lastPathComponent, objectives: sets.map(\.objective.name),
      scoredOn: after.map { $0.size }, before: before.map(FineTuningSummary.scores),
      scores: after.map(FineTuningSummary.scores), names: after?.scores.map(\.name) ?? [],
      scale: losses.lazy.compactMap(\.logScale).first.map { exp(Double($0.tensor.scalar)) })
    try Model(encoder, at: .random(seed: 0)).save(to: output)
    try recipe.encoder.saveAdapter(of: encoder, beside: output)
    try summary.write(to: output)
    let data = zip(recipe.data.sets, sets).map {
      (file: $0.url.lastPathComponent, samples: $1.count, columns: $1.texts.count)
    }
    try ModelCard(encoder, summary, data: data, recipe: recipe).write(to: output)
    let report = SentenceReport(
      recipe: recipe, encoder: encoder, summary: summary, history: result.history, metric: metric, scored: scored)
    try AtomicFile.write(try report.html(), to: output.appendingPathComponent("report.html"))
    return summary
  }
}

extension SentenceRecipe {
  /// A loss's error at the objective of a data set.
  fileprivate func located(_ error: any Error, ofSet set: Int) -> ConfigurationError {
    self.error(at: data.sets[set].objective == objective ? ["objective"] : ["data", "sets"], "\(error)")
  }
}
