import Tensors

/// Changes parameters by their gradients, by an update rule, and keeps the rule's state of each parameter.
///
///     let optimizer = Optimizer(AdamW(weightDecay: 0.01), groups: [.biasesAndNorms])
///     optimizer.step(loss.gradients(), learningRate: 0.001)
///
/// The work is cut into chunks of a fixed size, so the result is the same bits on any number of threads.
public final class Optimizer {
  /// How a parameter changes.
  public let rule: any UpdateRule
  /// Exceptions for some parameters; the first group that contains a parameter counts.
  public let groups: [ParameterGroup]
  /// How often each parameter was changed, by its name.
  public private(set) var steps: [String: Int] = [:]
  private var moments: [String: [Parameter]] = [:]

  private static let chunk = 1 << 14

  /// An optimiser with no state yet.
  public init(_ rule: any UpdateRule, groups: [ParameterGroup] = []) {
    self.rule = rule
    self.groups = groups
  }

  /// Changes every parameter that has a gradient; one that has none keeps its value and its state, as in PyTorch.
  public func step(_ gradients: Gradients, learningRate: Double) {
    for (parameter, gradient) in gradients.pairs {
      let count = steps[parameter.name, default: 0] + 1
      steps[parameter.name] = count
      update(parameter, gradient, step: count, learningRate: learningRate)
    }
  }

  /// The rule's state: a tensor named `PARAMETER.STATE` (as `layer.weight.exp_avg`) for each, in order of name.
  public var state: [Parameter] {
    moments.values.joined().sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// Puts back a state: of each parameter that has been changed before, `read` is asked for the elements of its state
  /// tensors, by name and shape.
  public func restore(
    _ parameters: [Parameter], steps: [String: Int], reading read: (_ name: String, _ shape: [Int]) throws -> [Float]
  ) rethrows {
    moments = [:]
    self.steps = [:]
    for parameter in parameters {
      guard let count = steps[parameter.name], count > 0 else { continue }
      self.steps[parameter.name] = count
      moments[parameter.name] = try rule.stateNames.map { name in
        let name = "\(parameter.name).\(name)"
        let values = try read(name, parameter.shape)
        return Parameter(name, Tensor(values, shape: parameter.shape), trainable: false)
      }
    }
  }

  private func moments(of parameter: Parameter) -> [Parameter] {
    if let found = moments[parameter.name] { return found }
    let made = rule.stateNames.map {
      Parameter("\(parameter.name).\($0)", .zeros(parameter.shape), trainable: false)
    }
    moments[parameter.name] = made
    return made
  }

  private func update(_ parameter: Parameter, _ gradient: Tensor, step: Int, learningRate: Double) {
    precondition(
      gradient.shape == parameter.shape,
      "Optimizer: \(parameter.name) has shape \(parameter.shape), its gradient \(gradient.shape)")
    let group = groups.first { $0.contains(parameter.name, parameter.shape) }
    let rate = learningRate * (group?.learningRateFactor ?? 1)
    let decay = group?.weightDecay ?? rule.weightDecay
    parameter.write { values in
      gradient.withUnsafeBuffer { gradient in
        withPointers(moments(of: parameter)[...], []) { states in
          guard let values = values.baseAddress, let gradient = gradient.baseAddress else { return }
          Workers.run(parameter.count, by: Optimizer.chunk) { range in
            rule.update(
              UpdateChunk(
                range: range, wholeValues: values, wholeGradient: gradient, wholeStates: states, step: step,
                learningRate: rate, weightDecay: decay))
          }
        }
      }
    }
  }

  private func withPointers(
    _ rest: ArraySlice<Parameter>, _ pointers: [UnsafeMutablePointer<Float>],
    _ body: ([UnsafeMutablePointer<Float>]) -> Void
  ) {
    guard let first = rest.first else { return body(pointers) }
    first.write { buffer in
      guard let base = buffer.baseAddress else { return }
      withPointers(rest.dropFirst(), pointers + [base], body)
    }
  }
}

/// Parameters that are trained differently from the rest.
public struct ParameterGroup: Sendable {
  /// Whether a parameter of that name and shape is in the group.
  public let contains: @Sendable (_ name: String, _ shape: [Int]) -> Bool
  /// The weight decay in place of the rule's; nil keeps the rule's.
  public let weightDecay: Double?
  /// What the learning rate is multiplied by.
  public let learningRateFactor: Double

  /// A group of the parameters that `contains` picks.
  public init(
    weightDecay: Double? = nil, learningRateFactor: Double = 1,
    where contains: @escaping @Sendable (_ name: String, _ shape: [Int]) -> Bool
  ) {
    self.contains = contains
    self.weightDecay = weightDecay
    self.learningRateFactor = learningRateFactor
  }

  /// Vectors and scalars, which are biases and the parameters of norms: no weight decay.
  public static let biasesAndNorms = ParameterGroup(weightDecay: 0) { $1.count <= 1 }
}
