import Checkpoints
import Encoders

/// An update rule with its settings.
public struct OptimizerOptions: Sendable, Equatable {
  /// The rules.
  public enum Rule: Sendable, Equatable {
    /// `Adam`; the betas say how much of the means of gradients and of their squares stays in a step.
    case adam(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8)
    /// `AdamW`, with the same settings.
    case adamW(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8)
    /// `SGD`; the momentum is how much of the velocity stays in a step.
    case sgd(momentum: Double = 0, nesterov: Bool = false)
    /// `Adagrad`.
    case adagrad(epsilon: Double = 1e-10)
    /// `RMSprop`; alpha is how much of the mean of the squared gradients stays in a step.
    case rmsprop(alpha: Double = 0.99, epsilon: Double = 1e-8, momentum: Double = 0)
  }

  /// Parameters that weight decay leaves alone.
  public enum Exclusion: String, Sendable, Codable, CaseIterable {
    /// Biases, those of norms too.
    case bias
    /// The scales of norms, and other vectors that aren't biases.
    case norm
  }

  /// The rule.
  public var rule: Rule
  /// The weight decay.
  public var weightDecay: Double
  /// What has none.
  public var exclude: [Exclusion]

  /// Adam as it comes.
  static let adam = OptimizerOptions(rule: .adam(), weightDecay: 0, exclude: Exclusion.allCases)

  /// AdamW as it comes.
  static let adamW = OptimizerOptions(rule: .adamW(), weightDecay: 0.01, exclude: Exclusion.allCases)

  private init(rule: Rule, weightDecay: Double, exclude: [Exclusion]) {
    (self.rule, self.weightDecay, self.exclude) = (rule, weightDecay, exclude)
  }

  init(_ value: Value) throws {
    let (name, options) = try value.variant()
    func above0(_ key: String, _ usual: Double) throws -> Double {
      try options[key]?.double("a number above 0") { $0 > 0 } ?? usual
    }
    switch name {
    case "adam", "adamw":
      let (beta1, beta2) = try OptimizerOptions.betas(options)
      let epsilon = try above0("epsilon", 1e-8)
      rule =
        name == "adam"
        ? .adam(beta1: beta1, beta2: beta2, epsilon: epsilon) : .adamW(beta1: beta1, beta2: beta2, epsilon: epsilon)
    case "sgd":
      let momentum = try options["momentum"]?.part() ?? 0
      let nesterov = try options["nesterov"]?.bool() ?? false
      if nesterov, momentum == 0, let value = options["nesterov"] { throw value.error("needs a momentum above 0") }
      rule = .sgd(momentum: momentum, nesterov: nesterov)
    case "adagrad": rule = .adagrad(epsilon: try above0("epsilon", 1e-10))
    case "rmsprop":
      rule = .rmsprop(
        alpha: try options["alpha"]?.part() ?? 0.99, epsilon: try above0("epsilon", 1e-8),
        momentum: try options["momentum"]?.part() ?? 0)
    default:
      throw value.error(unknown("optimizer", name, ["adam", "adamw", "sgd", "adagrad", "rmsprop"]))
    }
    weightDecay = try options["weight_decay"]?.double("a number from 0") { $0 >= 0 } ?? (name == "adamw" ? 0.01 : 0)
    let excluded = try options["exclude"].map { try $0.list().map { try $0.choice(Exclusion.self) } }
    exclude = Exclusion.allCases.filter { (excluded ?? Exclusion.allCases).contains($0) }
    try options.finish()
  }

  private static func betas(_ options: Section) throws -> (Double, Double) {
    guard let value = options["betas"] else { return (0.9, 0.999) }
    let betas = try value.list()
    guard betas.count == 2 else { throw value.error("expected two numbers, as [0.9, 0.999], found \(betas.count)") }
    return (try betas[0].part(), try betas[1].part())
  }

  /// The learning rate where the recipe names none, as in PyTorch.
  var usualLearningRate: Double {
    switch rule {
    case .adam, .adamW: 0.001
    case .sgd, .adagrad, .rmsprop: 0.01
    }
  }

  /// The rule as the optimiser takes it.
  var updateRule: any UpdateRule {
    switch rule {
    case .adam(let beta1, let beta2, let epsilon):
      Adam(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
    case .adamW(let beta1, let beta2, let epsilon):
      AdamW(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
    case .sgd(let momentum, let nesterov): SGD(momentum: momentum, nesterov: nesterov, weightDecay: weightDecay)
    case .adagrad(let epsilon): Adagrad(epsilon: epsilon, weightDecay: weightDecay)
    case .rmsprop(let alpha, let epsilon, let momentum):
      RMSprop(alpha: alpha, epsilon: epsilon, momentum: momentum, weightDecay: weightDecay)
    }
  }

  /// What weight decay leaves alone.
  var groups: [ParameterGroup] {
    guard weightDecay > 0, !exclude.isEmpty else { return [] }
    let exclude = exclude
    return [
      ParameterGroup(weightDecay: 0) { name, shape in
        let isBias = name.split(separator: ".").last?.contains("bias") ?? false
        return shape.count <= 1 && exclude.contains(isBias ? .bias : .norm)
      }
    ]
  }

  var json: JSON {
    let (name, own): (String, [JSON.Member]) =
      switch rule {
      case .adam(let beta1, let beta2, let epsilon):
        ("adam", [.init("betas", .array([.number(beta1), .number(beta2)])), .init("epsilon", .number(epsilon))])
      case .adamW(let beta1, let beta2, let epsilon):
        ("adamw", [.init("betas", .array([.number(beta1), .number(beta2)])), .init("epsilon", .number(epsilon))])
      case .sgd(let momentum, let nesterov):
        ("sgd", [.init("momentum", .number(momentum)), .init("nesterov", .bool(nesterov))])
      case .adagrad(let epsilon): ("adagrad", [.init("epsilon", .number(epsilon))])
      case .rmsprop(let alpha, let epsilon, let momentum):
        (
          "rmsprop",
          [.init("alpha", .number(alpha)), .init("epsilon", .number(epsilon)), .init("momentum", .number(momentum))]
        )
      }
    let decay: [JSON.Member] = [
      .init("weight_decay", .number(weightDecay)), .init("exclude", .array(exclude.map { .string($0.rawValue) })),
    ]
    return .object([.init(name, .object(own + decay))])
  }
}
