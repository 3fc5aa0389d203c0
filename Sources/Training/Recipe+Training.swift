import Checkpoints
import Encoders

extension Recipe {
  /// How an encoder is trained.
  public struct TrainingOptions: Sendable, Equatable {
    /// How often all samples are seen.
    public var epochs: Int
    /// Samples of a pass.
    public var batchSize: Int
    /// The update rule.
    public var optimizer: OptimizerOptions
    /// The learning rate of each step.
    public var schedule: Schedule
    /// The largest norm of all gradients together.
    public var clipNorm: Double?
    /// Passes whose gradients make one step.
    public var accumulate: Int
    /// The decay of a moving average of the weights.
    public var ema: Double?
    /// The metric that picks the best epoch.
    public var best: Metric
    /// Training stops after so many epochs in a row without a better one.
    public var patience: Int?
    /// By how much an epoch must be better than the best one to count as better.
    public var minimumChange: Double
    /// Steps from one checkpoint to the next, besides the one after each epoch.
    public var checkpointEvery: Int?
    /// The seed of the weights, the order of samples and whatever else is random.
    public var seed: UInt64

    init(_ section: Section, _ objective: Objective) throws {
      epochs = try section["epochs"]?.int(1...1_000_000) ?? 10
      batchSize = try section["batch_size"]?.size() ?? 32
      optimizer = try section["optimizer"].map { try OptimizerOptions($0) } ?? OptimizerOptions(.adam())
      let rate = try section["learning_rate"]?.double("a number above 0") { $0 > 0 }
      schedule = try section["schedule"].map { try Schedule($0, peak: rate ?? optimizer.usualRate) }
        ?? Schedule(.constant, peak: rate ?? optimizer.usualRate)
      clipNorm = try section["clip_norm"]?.double("a number above 0") { $0 > 0 }
      accumulate = try section["accumulate"]?.size() ?? 1
      ema = try section["ema"]?.double("a decay above 0 and below 1") { $0 > 0 && $0 < 1 }
      let early = try section["early_stopping"].map { try Section($0) }
      let watched = try early?["metric"].map { ($0, try Metric($0, of: objective)) }
      patience = try early.map { try $0["patience"]?.int(1...1_000_000) ?? 3 }
      minimumChange = try early?["minimum_change"]?.double("a number from 0") { $0 >= 0 } ?? 0
      try early?.finish()
      let picked = try section["best"].map { try Metric($0, of: objective) }
      if let picked, let (value, metric) = watched, picked != metric {
        throw value.error("expected '\(picked.rawValue)', the metric that picks the best epoch, found '\(metric.rawValue)'")
      }
      best = picked ?? watched?.1 ?? objective.metrics[0]
      let every = section["checkpoint_every"]
      checkpointEvery = try every?.node.string == "epoch" ? nil : every?.steps()
      seed = UInt64(try section["seed"]?.int(0...Int.max) ?? 0)
      try section.finish()
    }

    /// The trainer's settings.
    public var trainerOptions: TrainerOptions {
      TrainerOptions(
        epochs: epochs, batchSize: batchSize, accumulate: accumulate, clipNorm: clipNorm, emaDecay: ema,
        earlyStopping: EarlyStopping(best.rawValue, best.direction, patience: patience, minimumChange: minimumChange),
        seed: seed, checkpointEvery: checkpointEvery)
    }

    var json: JSON {
      [
        "epochs": .integer(epochs), "batch_size": .integer(batchSize), "optimizer": optimizer.json,
        "learning_rate": .number(schedule.peak), "schedule": schedule.json,
        "clip_norm": clipNorm.map { .number($0) } ?? .null, "accumulate": .integer(accumulate),
        "ema": ema.map { .number($0) } ?? .null, "early_stopping": earlyStoppingJSON, "best": .string(best.rawValue),
        "checkpoint_every": checkpointEvery.map { .integer($0) } ?? "epoch", "seed": .integer(Int(seed)),
      ]
    }

    private var earlyStoppingJSON: JSON {
      guard let patience else { return .null }
      return [
        "metric": .string(best.rawValue), "patience": .integer(patience), "minimum_change": .number(minimumChange),
      ]
    }
  }
}

extension Recipe.Metric {
  init(_ value: Value, of objective: Recipe.Objective) throws {
    let valid = objective.metrics
    let name = try value.string()
    if let metric = Recipe.Metric(rawValue: name) {
      guard valid.contains(metric) else {
        let names = valid.map(\.rawValue).joined(separator: ", ")
        throw value.error("'\(name)' is no metric of \(objective.task.rawValue), expected one of \(names)")
      }
      self = metric
    } else {
      throw value.error(value.unknown("metric", name, valid.map(\.rawValue)))
    }
  }
}

extension Value {
  /// A number of steps, or the word `epoch`.
  fileprivate func steps() throws -> Int {
    guard node.int != nil else { throw error("expected a number of steps or 'epoch', found \(shown)") }
    return try int()
  }
}

extension Schedule {
  private static let names: [(name: String, shape: Shape)] = [
    ("constant", .constant), ("linear", .linear), ("cosine", .cosine), ("one_cycle", .oneCycle),
  ]

  /// `linear`, or `linear: {warmup: 0.1}` with a part of all steps or a number of them.
  init(_ value: Value, peak: Double) throws {
    let (name, options) = try value.variant()
    guard let shape = Schedule.names.first(where: { $0.name == name })?.shape else {
      throw value.error(value.unknown("schedule", name, Schedule.names.map(\.name)))
    }
    var warmUp = WarmUp.none
    if let given = options["warmup"] {
      let expected = "a part of all steps from 0 to below 1, or a number of steps"
      if given.node.int == nil {
        warmUp = .fraction(try given.double(expected) { $0 >= 0 && $0 < 1 })
      } else {
        warmUp = .steps(try given.int(0...Int(Int32.max)))
      }
    }
    try options.finish()
    self.init(shape, peak: peak, warmUp: warmUp)
  }

  fileprivate var json: JSON {
    let name = Schedule.names.first { $0.shape == shape }?.name ?? shape.rawValue
    return switch warmUp {
    case .none: .string(name)
    case .steps(let steps): .object([.init(name, ["warmup": .integer(steps)])])
    case .fraction(let part): .object([.init(name, ["warmup": .number(part)])])
    }
  }
}
