import Tensors

/// Normalises each row over its last axis. Source: Ba et al. 2016; PyTorch's `LayerNorm`.
public struct LayerNorm: Layer {
  /// `[width]`
  public let weight: Parameter
  /// `[width]`
  public let bias: Parameter?
  private let epsilon: Float

  /// A norm of rows of `width`. Checkpoints converted from TensorFlow call the two `gamma` and `beta`.
  public init(_ width: Int, epsilon: Float = 1e-5, bias: Bool = true, at scope: Scope) throws {
    let isOld = !scope.contains("weight") && scope.contains("gamma")
    weight = try scope.parameter(isOld ? "gamma" : "weight", [width], .ones)
    self.bias = bias ? try scope.parameter(isOld ? "beta" : "bias", [width], .zeros) : nil
    self.epsilon = epsilon
  }

  /// The same shape.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNorm(weight.tensor, bias?.tensor ?? .zeros(weight.shape), epsilon: epsilon)
  }
}

/// Divides each row by the root of its mean square. Source: Zhang and Sennrich 2019; PyTorch's `RMSNorm`.
public struct RMSNorm: Layer {
  /// `[width]`
  public let weight: Parameter
  private let epsilon: Float

  /// A norm of rows of `width`.
  public init(_ width: Int, epsilon: Float = 1e-6, at scope: Scope) throws {
    weight = try scope.parameter("weight", [width], .ones)
    self.epsilon = epsilon
  }

  /// The same shape.
  public func callAsFunction(_ x: Tensor) -> Tensor { x.rmsNorm(weight.tensor, epsilon: epsilon) }

  /// Rows of several heads `[rows, heads · width]`, each head by itself; the same shape.
  public func callAsFunction(heads x: Tensor) -> Tensor {
    let width = weight.shape[0]
    return self(x.reshaped([x.count / width, width])).reshaped(x.shape)
  }
}

/// Normalises each column over all rows: over the batch (and updating the running statistics) in training, by the running
/// statistics otherwise. Images and rows of sequences alike, channels last. Source: Ioffe and Szegedy 2015; PyTorch's `BatchNorm`.
public struct BatchNorm: Layer {
  /// `[channels]`
  public let weight: Parameter
  /// `[channels]`
  public let bias: Parameter
  /// `[channels]`, not trained but updated in training.
  public let runningMean: Parameter
  /// `[channels]`, unbiased.
  public let runningVariance: Parameter
  private let momentum: Float, epsilon: Float

  /// A norm of `channels`; `momentum` is the share of the new batch in the running statistics.
  public init(_ channels: Int, momentum: Float = 0.1, epsilon: Float = 1e-5, at scope: Scope) throws {
    weight = try scope.parameter("weight", [channels], .ones)
    bias = try scope.parameter("bias", [channels], .zeros)
    runningMean = try scope.parameter("running_mean", [channels], .zeros, trainable: false)
    runningVariance = try scope.parameter("running_var", [channels], .ones, trainable: false)
    self.momentum = momentum
    self.epsilon = epsilon
  }

  /// The same shape.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard case .training = Mode.current else {
      let statistics = (mean: runningMean.tensor, variance: runningVariance.tensor)
      return x.batchNorm(weight.tensor, bias.tensor, statistics: statistics, epsilon: epsilon).output
    }
    let (output, mean, variance) = x.batchNorm(weight.tensor, bias.tensor, epsilon: epsilon)
    let unbiased = Float(x.rows) / Float(max(1, x.rows - 1))
    update(runningMean, mean, 1)
    update(runningVariance, variance, unbiased)
    return output
  }

  private func update(_ running: Parameter, _ batch: Tensor, _ factor: Float) {
    let batch = batch.scalars
    running.write { values in
      for index in values.indices { values[index] = (1 - momentum) * values[index] + momentum * factor * batch[index] }
    }
  }
}
