import Encoders

/// The recipe's section `training`.
public struct TrainingSettings: Sendable {
  public let rule: any UpdateRule
  public let groups: [ParameterGroup]
  public let schedule: Schedule
  /// The loop's own settings.
  public var options: TrainerOptions

  init(_ section: Section, _ objective: Objective) throws {
    let rate = try section["learning_rate"]?.double("a number above 0") { $0 > 0 } ?? 0.001
    (rule, groups) = try TrainingSettings.optimizer(section["optimizer"])
    schedule = try TrainingSettings.schedule(section["schedule"], rate)
    options = TrainerOptions(
      epochs: try section["epochs"]?.int() ?? 10, batchSize: try section["batch_size"]?.int() ?? 32,
      accumulate: try section["accumulate"]?.int() ?? 1,
      clipNorm: try section["clip_norm"]?.double("a number above 0") { $0 > 0 },
      emaDecay: try section["ema"]?.double("a decay from 0 to below 1") { $0 >= 0 && $0 < 1 },
      seed: UInt64(try section["seed"]?.int(0...Int.max) ?? 0), checkpointEvery: try section["checkpoint_every"]?.int())
    let standard = objective.task == .reconstruction ? "mse" : "accuracy"
    var metric = try section["best"].map { try TrainingSettings.metric($0, objective) } ?? standard
    var patience: Int?
    if let value = section["early_stopping"] {
      let inner = try Section(value)
      if let named = inner["metric"] { metric = try TrainingSettings.metric(named, objective) }
      patience = try inner["patience"]?.int() ?? 3
      try inner.finish()
    }
    let isLow = ["loss", "mse", "mae"].contains(metric)
    options.earlyStopping = EarlyStopping(metric, isLow ? .minimize : .maximize, patience: patience)
    try section.finish()
  }

  private static func metric(_ value: Value, _ objective: Objective) throws -> String {
    let valid = objective.task == .reconstruction ? ["loss", "mse"] : ["loss", "accuracy", "f1"]
    let name = try value.string()
    guard valid.contains(name) else { throw value.error("unknown metric '\(name)' (expected one of \(valid.joined(separator: ", ")))") }
    return name
  }

  private static func optimizer(_ value: Value?) throws -> (any UpdateRule, [ParameterGroup]) {
    guard let value else { return (Adam(), []) }
    let (name, options) = try value.variant()
    func number(_ key: String, _ standard: Double) throws -> Double {
      try options[key]?.double("a number of at least 0") { $0 >= 0 } ?? standard
    }
    func betas() throws -> (Double, Double) {
      guard let given = options["betas"] else { return (0.9, 0.999) }
      let numbers = try given.list().map { try $0.double("a number from 0 to below 1") { $0 >= 0 && $0 < 1 } }
      guard numbers.count == 2 else { throw given.error("expected two numbers, found \(numbers.count)") }
      return (numbers[0], numbers[1])
    }
    let rule: any UpdateRule
    switch name {
    case "sgd":
      let (momentum, nesterov) = (try number("momentum", 0), try options["nesterov"]?.bool() ?? false)
      if nesterov, momentum == 0 { throw value.error("nesterov needs a momentum above 0") }
      rule = SGD(momentum: momentum, nesterov: nesterov, weightDecay: try number("weight_decay", 0))
    case "adam":
      let (first, second) = try betas()
      rule = Adam(beta1: first, beta2: second, epsilon: try number("epsilon", 1e-8), weightDecay: try number("weight_decay", 0))
    case "adamw":
      let (first, second) = try betas()
      rule = AdamW(beta1: first, beta2: second, epsilon: try number("epsilon", 1e-8), weightDecay: try number("weight_decay", 0.01))
    case "adagrad": rule = Adagrad(epsilon: try number("epsilon", 1e-10), weightDecay: try number("weight_decay", 0))
    case "rmsprop":
      rule = RMSprop(
        alpha: try number("alpha", 0.99), epsilon: try number("epsilon", 1e-8), momentum: try number("momentum", 0),
        weightDecay: try number("weight_decay", 0))
    default: throw value.error(value.unknown("optimizer", name, ["sgd", "adam", "adamw", "adagrad", "rmsprop"]))
    }
    // Biases and norms are excluded from weight decay unless the recipe says otherwise.
    let excludes = try options["decay_biases_and_norms"]?.bool() ?? false
    try options.finish()
    return (rule, excludes ? [] : [.biasesAndNorms])
  }

  private static func schedule(_ value: Value?, _ rate: Double) throws -> Schedule {
    guard let value else { return Schedule(.constant, peak: rate) }
    let (name, options) = try value.variant()
    let shapes: [String: Schedule.Shape] = ["constant": .constant, "linear": .linear, "cosine": .cosine, "one_cycle": .oneCycle]
    guard let shape = shapes[name] else { throw value.error(value.unknown("schedule", name, Array(shapes.keys))) }
    var warmUp = Schedule.WarmUp.none
    if let given = options["warmup"] {
      if let steps = given.node.int, steps >= 1 {
        warmUp = .steps(steps)
      } else {
        warmUp = .fraction(try given.double("a number of steps, or a share of them from 0 to 1") { $0 >= 0 && $0 <= 1 })
      }
    }
    try options.finish()
    return Schedule(shape, peak: rate, warmUp: warmUp)
  }
}
