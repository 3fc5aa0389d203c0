import Checkpoints
import Encoders
import Tensors

/// The recipe's section `training`.
public struct TrainingSettings: Sendable {
  /// The update rule with its settings.
  public let optimizer: OptimizerOptions
  /// The learning rate of each step.
  public let schedule: Schedule
  /// The loop's own settings.
  public var options: TrainerOptions

  /// The update rule.
  public var rule: any UpdateRule { optimizer.updateRule }
  /// What the learning rate of a pretrained encoder's layer is of that of the layer above it.
  public let layerDecay: Double?

  /// What weight decay leaves alone, and the rates of layers, of a model's parameters in the order of their making.
  public func groups(of parameters: [Parameter]) -> [ParameterGroup] {
    layerDecay.map { ParameterGroup.layerwise(parameters, decay: $0, groups: optimizer.groups) } ?? optimizer.groups
  }

  /// The section of a recipe for `objective`, whose validation gives `metrics`: the first picks the best epoch unless the recipe
  /// says otherwise. Pretrained encoders have gentler defaults.
  init(_ section: Section, metrics: [String], of objective: String, isPretrained: Bool) throws {
    optimizer = try section["optimizer"].map { try OptimizerOptions($0) } ?? (isPretrained ? .adamW : .adam)
    let rate =
      try section["learning_rate"]?.double("a number above 0") { $0 > 0 }
      ?? (isPretrained ? 2e-5 : optimizer.usualLearningRate)
    schedule = try section["schedule"].map { try Schedule($0, peak: rate) } ?? Schedule(.constant, peak: rate)
    layerDecay =
      isPretrained ? try section["layer_decay"]?.double("a number above 0 to 1") { $0 > 0 && $0 <= 1 } : nil
    let every = section["checkpoint_every"]
    options = TrainerOptions(
      epochs: try section["epochs"]?.int(1...1_000_000) ?? (isPretrained ? 1 : 10),
      batchSize: try section["batch_size"]?.size() ?? 32,
      accumulate: try section["accumulate"]?.size() ?? 1,
      clipNorm: try section["clip_norm"]?.double("a number above 0") { $0 > 0 },
      emaDecay: try section["ema"]?.double("a decay from 0 to below 1") { $0 >= 0 && $0 < 1 },
      seed: UInt64(try section["seed"]?.int(0...Int.max) ?? 0),
      checkpointEvery: every?.node.string == "epoch" ? nil : try every?.steps(),
      precision: try section["precision"]?.precision() ?? .float32)
    options.earlyStopping = try TrainingSettings.earlyStopping(section, metrics, objective)
    try section.finish()
  }

  /// One metric picks the best epoch and stops the training: `best` and `early_stopping.metric` name the same.
  private static func earlyStopping(_ section: Section, _ metrics: [String], _ objective: String) throws
    -> EarlyStopping
  {
    func metric(_ value: Value) throws -> String {
      let name = try value.string()
      if metrics.contains(name) { return name }
      throw value.error("\(unknown("metric", name, metrics)) of \(objective)")
    }
    let best = try section["best"].map(metric)
    var chosen = best ?? metrics[0]
    var patience: Int?
    var minimumChange = 0.0
    if let early = try section.options("early_stopping"), !early.value.isNull {
      if let value = early["metric"] {
        chosen = try metric(value)
        if let best, best != chosen {
          throw value.error("expected '\(best)', which picks the best epoch, found '\(chosen)'")
        }
      }
      patience = try early["patience"]?.int(1...1_000_000) ?? 3
      minimumChange = try early["minimum_change"]?.double("a number from 0") { $0 >= 0 } ?? 0
      try early.finish()
    }
    return EarlyStopping(chosen, .usual(of: chosen), patience: patience, minimumChange: minimumChange)
  }

  var json: JSON {
    let stopping = options.earlyStopping
    let early: JSON? = stopping?.patience.map {
      [
        "metric": .string(stopping?.metric ?? ""), "patience": .integer($0),
        "minimum_change": .number(stopping?.minimumChange ?? 0),
      ]
    }
    let members: JSON = [
      "epochs": .integer(options.epochs), "batch_size": .integer(options.batchSize), "optimizer": optimizer.json,
      "learning_rate": .number(schedule.peak), "schedule": schedule.json,
      "clip_norm": options.clipNorm.map { .number($0) } ?? .null, "accumulate": .integer(options.accumulate),
      "ema": options.emaDecay.map { .number($0) } ?? .null, "early_stopping": early ?? .null,
      "best": stopping.map { .string($0.metric) } ?? .null,
      "checkpoint_every": options.checkpointEvery.map { .integer($0) } ?? "epoch",
      "precision": .string(options.precision.rawValue), "seed": .integer(Int(clamping: options.seed)),
    ]
    guard let layerDecay else { return members }
    return .object((members.members ?? []) + [.init("layer_decay", .number(layerDecay))])
  }
}

extension EarlyStopping.Direction {
  /// Whether low or high values of a metric are good.
  static func usual(of metric: String) -> EarlyStopping.Direction {
    metric == "loss" || metric == "mse" ? .minimize : .maximize
  }
}

extension Value {
  /// The numbers that products multiply.
  fileprivate func precision() throws -> Precision {
    let name = try string()
    // What is trained is multiplied in these alone.
    let known = [Precision.float32, .bfloat16]
    guard let precision = known.first(where: { $0.rawValue == name }) else {
      throw error(unknown("precision", name, known.map(\.rawValue)))
    }
    return precision
  }

  /// A number of steps, where the word `epoch` was possible too.
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
      throw value.error(unknown("schedule", name, Schedule.names.map(\.name)))
    }
    var warmUp = WarmUp.none
    if let given = options["warmup"] {
      if given.node.int == nil {
        let expected = "a part of all steps from 0 to below 1, or a number of steps"
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
