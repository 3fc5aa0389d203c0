import Checkpoints
import Foundation
import Tensors

/// Trains parameters: the loop over epochs and batches, whatever the model is.
///
///     let trainer = Trainer(
///       parameters: parameters, optimizer: Optimizer(Adam()), schedule: Schedule(.constant, peak: 0.001),
///       options: TrainerOptions(epochs: 8, batchSize: 50), sampleCount: texts.count, output: folder,
///       loss: { indices, _ in model(texts[indices]).crossEntropy(labels[indices]) },
///       validate: { ["loss": …, "accuracy": …] })
///     let result = try trainer.run(resume: true)
///
/// Everything random is derived from the seed and the step, and all state is in the checkpoints: a run that was killed
/// and resumed gives the same bits as one that never was, on any number of threads. In the output folder it keeps
/// `history.jsonl` (a record a line) and `checkpoint/`. When a run ends, the parameters are the best epoch's, if there is
/// a metric to tell, else the last ones (their moving average, if there is one).
public final class Trainer {
  /// Are told how it goes.
  public var observers: [any TrainerObserver] = []
  /// Asked after each step whether to stop; then a checkpoint is written and `run` returns.
  public var shouldStop: () -> Bool = { false }

  let parameters: [Parameter]
  let optimizer: Optimizer
  let schedule: Schedule
  let options: TrainerOptions
  let sampleCount: Int
  let batches: ((_ epoch: Int) throws -> [[Int]])?
  let loss: (_ indices: [Int], _ epoch: Int) throws -> Tensor
  let validate: (() throws -> [String: Double])?
  let ema: EMA?
  private let output: URL?
  private let recipe: (any RecipeDocument)?
  let checkpoint: TrainingCheckpoint?
  var state: TrainerState
  /// Steps of each epoch.
  private(set) var epochSteps: [Int] = []
  private var bestInMemory: [[Float]]?
  private let clock = ContinuousClock()
  private var samplesOfRun = 0
  private var secondsOfRun = 0.0
  private let settings: TrainerState.Settings

  /// A run of training, not started yet.
  ///
  /// - Parameters:
  ///   - parameters: All there are, running statistics and frozen ones too, with names of their own.
  ///   - sampleCount: Samples have the indices 0 ..< sampleCount.
  ///   - digest: What tells the samples from others, for a run that is resumed.
  ///   - output: The folder for history and checkpoints; nil keeps none.
  ///   - recipe: What the run was made from. It's written into the output folder once the run may begin, and a run that is resumed must have
  ///     the same, but for its data's places, its epochs, its patience and how often it keeps a checkpoint.
  ///   - batches: The passes of an epoch, each the indices of its samples, the same whenever it is asked; nil: all samples
  ///     in a random order, cut by `batchSize`.
  ///   - loss: The mean loss of some samples as a scalar, computed in the mode `training`; epochs count from 0.
  ///   - validate: The loss (as `loss`) and other metrics on held-out samples, after each epoch, in the mode `inference`.
  public init(
    parameters: [Parameter], optimizer: Optimizer, schedule: Schedule, options: TrainerOptions, sampleCount: Int,
    digest: String = "",
    output: URL? = nil, recipe: (any RecipeDocument)? = nil, batches: ((_ epoch: Int) throws -> [[Int]])? = nil,
    loss: @escaping (_ indices: [Int], _ epoch: Int) throws -> Tensor,
    validate: (() throws -> [String: Double])? = nil
  ) {
    precondition(
      Set(parameters.map(\.name)).count == parameters.count, "Trainer: expected parameters with names of their own")
    self.parameters = parameters
    self.optimizer = optimizer
    self.schedule = schedule
    self.options = options
    self.sampleCount = sampleCount
    self.batches = batches
    self.loss = loss
    self.validate = validate
    (self.output, self.recipe) = (output, recipe)
    ema = options.emaDecay.map { EMA(decay: $0, of: parameters) }
    checkpoint = output.map { TrainingCheckpoint($0.appendingPathComponent("checkpoint")) }
    settings = TrainerState.Settings(
      seed: options.seed, sampleCount: sampleCount, batchSize: options.batchSize, accumulate: options.accumulate,
      average: ema != nil, rule: "\(type(of: optimizer.rule))",
      metric: options.earlyStopping.map { "\($0.direction.rawValue) \($0.metric)" } ?? "none",
      precision: options.precision.rawValue, data: digest,
      recipe: output.flatMap { recipe?.json(relativeTo: $0).settings() } ?? [:])
    state = TrainerState(settings: settings, earlyStopping: options.earlyStopping)
  }

  /// Trains to the end, from the start or from the last checkpoint if there is one.
  ///
  /// - Throws: `TrainingError`, `FileError`, and whatever the loss, the validation and the observers throw.
  public func run(resume: Bool = false) throws -> TrainingResult {
    guard sampleCount > 0 else { throw TrainingError.noSamples }
    if let metric = state.earlyStopping?.metric, validate == nil, metric != "trainLoss" {
      throw TrainingError.unknownMetric(metric, known: ["trainLoss"])
    }
    epochSteps = try countedSteps()
    if options.epochs > 0, stepCount == 0 { throw TrainingError.noSamples }
    let lock = try checkpoint?.create()
    defer { withExtendedLifetime(lock) {} }
    try start(resume: resume)
    if let output { try recipe?.write(to: output.appendingPathComponent("recipe.yaml")) }
    while state.epoch < options.epochs, state.earlyStopping?.shouldStop != true {
      guard try trainEpoch() else { return result(.interrupted) }
      try finishEpoch()
    }
    try keepChosenParameters()
    return result(state.epoch < options.epochs ? .stoppedEarly : .finished)
  }

  private func start(resume: Bool) throws {
    guard let checkpoint else { return }
    guard resume, checkpoint.exists else { return checkpoint.remove() }
    let (found, file) = try checkpoint.open()
    try found.requireSameRun(as: settings, path: checkpoint.last.path)
    guard found.epoch <= options.epochs else {
      throw TrainingError.otherRun(
        path: checkpoint.last.path, setting: "at most", expected: "\(options.epochs) epochs", found: "\(found.epoch)")
    }
    if found.earlyStopping?.bestEpoch != nil { try checkpoint.requireBest(parameters) }
    try checkpoint.restore(found, file, parameters, optimizer, ema)
    state = found
    state.earlyStopping?.patience = options.earlyStopping?.patience
  }

  /// Trains what is left of an epoch; false if it was asked to stop.
  private func trainEpoch() throws -> Bool {
    let random = Random(seed: options.seed)
    let passes = try passes(of: state.epoch)
    let (began, before) = (clock.now, secondsOfRun)
    while state.pass < passes.count {
      let start = clock.now
      let step = passes[state.pass..<min(passes.count, state.pass + options.accumulate)]
      let outcome = try trainStep(step, random.split("steps"))
      state.seconds += seconds(since: start)
      samplesOfRun += outcome.samples
      secondsOfRun = before + seconds(since: began)
      try report(outcome)
      let stops = shouldStop()
      if stops || options.checkpointEvery.map({ state.step % $0 == 0 }) ?? false { try saveCheckpoint() }
      if stops { return false }
    }
    return true
  }

  private func finishEpoch() throws {
    try requireFiniteParameters()
    let start = clock.now
    ema?.swap()
    defer { if ema?.isSwapped == true { ema?.swap() } }
    var metrics = try validate?() ?? [:]
    let validationLoss = metrics.removeValue(forKey: "loss")
    if let validationLoss { try requireFinite(validationLoss, "the validation loss", stepsAgo: 1) }
    var record = EpochRecord(
      epoch: state.epoch + 1, trainLoss: state.lossSum / Double(max(1, state.position)), validationLoss: validationLoss,
      metrics: metrics, learningRate: state.learningRate, seconds: state.seconds,
      samplesPerSecond: Double(state.position) / max(state.seconds, 1e-9))
    let isBest = try isImproved(by: record)
    if isBest { try saveBest() }
    ema?.swap()
    // A metric may be undefined, as an area under the curve with one class alone: JSON has no NaN.
    record.metrics = metrics.filter(\.value.isFinite)
    state.history.append(record)
    state.epoch += 1
    (state.position, state.pass) = (0, 0)
    state.lossSum = 0
    state.seconds = 0
    if let output { try EpochRecord.write(state.history, to: output.appendingPathComponent("history.jsonl")) }
    try saveCheckpoint()
    secondsOfRun += seconds(since: start)
    for observer in observers { try observer.epochDone(record, isBest: isBest) }
  }

  private func isImproved(by record: EpochRecord) throws -> Bool {
    guard let metric = state.earlyStopping?.metric else { return false }
    guard let value = record.value(of: metric) else {
      throw TrainingError.unknownMetric(metric, known: record.valueNames)
    }
    return state.earlyStopping?.isImproved(by: value, epoch: record.epoch) ?? false
  }

  private func saveBest() throws {
    if let checkpoint {
      try checkpoint.saveBest(parameters)
    } else {
      bestInMemory = parameters.map(\.scalars)
    }
  }

  /// Leaves the best epoch's values in the parameters or, without a choice, the moving average.
  private func keepChosenParameters() throws {
    guard state.earlyStopping?.bestEpoch != nil else {
      ema?.swap()
      return
    }
    if let checkpoint {
      try checkpoint.restoreBest(parameters)
    } else if let bestInMemory {
      for (parameter, values) in zip(parameters, bestInMemory) { parameter.write { _ = $0.update(from: values) } }
    }
  }

  func saveCheckpoint() throws {
    guard let checkpoint else { return }
    try requireFiniteParameters()
    state.optimizerSteps = optimizer.steps
    try checkpoint.save(state, parameters, optimizer, ema)
  }

  private func report(_ step: StepOutcome) throws {
    guard !observers.isEmpty else { return }
    let (done, steps) = (state.epoch * sampleCount + state.position, stepCount)
    let progress = TrainingProgress(
      epoch: state.epoch + 1, epochs: options.epochs, step: state.step, steps: steps, samples: state.position,
      sampleCount: sampleCount, loss: step.loss, meanLoss: state.lossSum / Double(state.position),
      learningRate: state.learningRate, gradientNorm: step.norm,
      samplesPerSecond: Double(state.position) / max(state.seconds, 1e-9),
      secondsLeft: secondsOfRun / Double(samplesOfRun) * Double(options.epochs * sampleCount - done))
    for observer in observers { try observer.stepDone(progress) }
  }

  private func result(_ outcome: TrainingResult.Outcome) -> TrainingResult {
    TrainingResult(
      outcome: outcome, history: state.history, bestEpoch: state.earlyStopping?.bestEpoch,
      bestValue: state.earlyStopping?.best, steps: state.step)
  }

  private func seconds(since start: ContinuousClock.Instant) -> Double { start.duration(to: clock.now) / .seconds(1) }
}
