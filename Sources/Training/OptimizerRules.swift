import CKernels
import Foundation

/// How an optimiser changes a parameter, element by element.
public protocol UpdateRule: Sendable {
  /// The names of the arrays kept for each parameter, as PyTorch names them; they start as zeros.
  var stateNames: [String] { get }
  /// The weight decay of parameters in no group that says otherwise.
  var weightDecay: Double { get }
  /// Changes a chunk of a parameter and of its state.
  func update(_ chunk: UpdateChunk)
}

/// A run of elements of one parameter, its gradient and its state, in one step.
public struct UpdateChunk {
  let range: Range<Int>
  let wholeValues: UnsafeMutablePointer<Float>
  let wholeGradient: UnsafePointer<Float>
  let wholeStates: [UnsafeMutablePointer<Float>]
  /// How often the parameter is changed with this step, from 1.
  public let step: Int
  /// The learning rate of the parameter in this step.
  public let learningRate: Double
  /// The weight decay of the parameter.
  public let weightDecay: Double

  /// The number of elements.
  public var count: Int { range.count }
  /// The parameter's elements.
  public var values: UnsafeMutablePointer<Float> { wholeValues + range.lowerBound }
  /// The gradient's elements.
  public var gradient: UnsafePointer<Float> { wholeGradient + range.lowerBound }
  /// The elements of one of the state's arrays.
  public func state(_ index: Int) -> UnsafeMutablePointer<Float> { wholeStates[index] + range.lowerBound }
}

/// Stochastic gradient descent with momentum (Nesterov's or the classical one), as `torch.optim.SGD`.
public struct SGD: UpdateRule {
  /// How much of the velocity stays in a step; 0 keeps none.
  public let momentum: Double
  /// Whether the momentum is Nesterov's.
  public let nesterov: Bool
  /// Added to the gradient, times the value.
  public let weightDecay: Double

  /// The rule with its settings. Nesterov's form needs a momentum.
  public init(momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0) {
    precondition(momentum >= 0 && momentum < 1, "SGD: expected a momentum in [0, 1), found \(momentum)")
    precondition(!nesterov || momentum > 0, "SGD: Nesterov's form needs a momentum above 0")
    self.momentum = momentum
    self.nesterov = nesterov
    self.weightDecay = weightDecay
  }

  /// The velocity, if there is a momentum.
  public var stateNames: [String] { momentum > 0 ? ["momentum_buffer"] : [] }

  /// Changes a chunk.
  public func update(_ chunk: UpdateChunk) {
    // Without momentum the kernel touches no velocity.
    enc_sgd(
      chunk.count, chunk.values, chunk.gradient, momentum > 0 ? chunk.state(0) : chunk.values,
      Float(chunk.learningRate), Float(momentum), Float(chunk.weightDecay), nesterov, chunk.step == 1)
  }
}

/// Adam, as `torch.optim.Adam`. Source: Kingma and Ba 2015.
public struct Adam: UpdateRule {
  /// How much of the mean gradient stays in a step.
  public let beta1: Double
  /// How much of the mean squared gradient stays in a step.
  public let beta2: Double
  /// Added to the divisor.
  public let epsilon: Double
  /// Added to the gradient, times the value.
  public let weightDecay: Double

  /// The rule with its settings.
  public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// The mean gradient and the mean squared gradient.
  public var stateNames: [String] { ["exp_avg", "exp_avg_sq"] }

  /// Changes a chunk.
  public func update(_ chunk: UpdateChunk) { update(chunk, decay: Float(chunk.weightDecay), shrink: 1) }

  fileprivate func update(_ chunk: UpdateChunk, decay: Float, shrink: Float) {
    let rate = chunk.learningRate / (1 - pow(beta1, Double(chunk.step)))
    let root = 1 / (1 - pow(beta2, Double(chunk.step))).squareRoot()
    enc_adam(
      chunk.count, chunk.values, chunk.gradient, chunk.state(0), chunk.state(1), beta1, beta2, Float(epsilon),
      Float(rate), Float(root), decay, shrink)
  }
}

/// Adam with decoupled weight decay, as `torch.optim.AdamW`: p ← p · (1 − rate · decay) before the step.
/// Source: Loshchilov and Hutter 2019.
public struct AdamW: UpdateRule {
  private let adam: Adam

  /// The rule with its settings.
  public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01) {
    adam = Adam(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
  }

  /// What part of a value goes in a step, before the learning rate.
  public var weightDecay: Double { adam.weightDecay }
  /// The mean gradient and the mean squared gradient.
  public var stateNames: [String] { adam.stateNames }

  /// Changes a chunk.
  public func update(_ chunk: UpdateChunk) {
    adam.update(chunk, decay: 0, shrink: Float(1 - chunk.learningRate * chunk.weightDecay))
  }
}

/// Adagrad, as `torch.optim.Adagrad`. Source: Duchi et al. 2011.
public struct Adagrad: UpdateRule {
  /// Added to the divisor.
  public let epsilon: Double
  /// Added to the gradient, times the value.
  public let weightDecay: Double

  /// The rule with its settings.
  public init(epsilon: Double = 1e-10, weightDecay: Double = 0) {
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// The sum of the squared gradients.
  public var stateNames: [String] { ["sum"] }

  /// Changes a chunk.
  public func update(_ chunk: UpdateChunk) {
    enc_adagrad(
      chunk.count, chunk.values, chunk.gradient, chunk.state(0), Float(chunk.learningRate), Float(epsilon),
      Float(chunk.weightDecay))
  }
}

/// RMSprop, as `torch.optim.RMSprop` (not centred). Source: Hinton, lecture 6e of the course of 2012.
public struct RMSprop: UpdateRule {
  /// How much of the mean squared gradient stays in a step.
  public let alpha: Double
  /// Added to the divisor.
  public let epsilon: Double
  /// How much of the velocity stays in a step; 0 keeps none.
  public let momentum: Double
  /// Added to the gradient, times the value.
  public let weightDecay: Double

  /// The rule with its settings.
  public init(alpha: Double = 0.99, epsilon: Double = 1e-8, momentum: Double = 0, weightDecay: Double = 0) {
    precondition(momentum >= 0 && momentum < 1, "RMSprop: expected a momentum in [0, 1), found \(momentum)")
    self.alpha = alpha
    self.epsilon = epsilon
    self.momentum = momentum
    self.weightDecay = weightDecay
  }

  /// The mean squared gradient and, if there is a momentum, the velocity.
  public var stateNames: [String] { momentum > 0 ? ["square_avg", "momentum_buffer"] : ["square_avg"] }

  /// Changes a chunk.
  public func update(_ chunk: UpdateChunk) {
    // Without momentum the kernel touches no velocity.
    enc_rmsprop(
      chunk.count, chunk.values, chunk.gradient, chunk.state(0), chunk.state(momentum > 0 ? 1 : 0),
      Float(chunk.learningRate), alpha, Float(epsilon), Float(momentum), Float(chunk.weightDecay))
  }
}
