import Tensors

/// A 1-D convolution along each sequence of a ragged batch. PyTorch's `Conv1d` names and layout.
public struct Convolution1D: Layer {
  /// `[outputs, inputs / groups, kernel]`
  public let weight: Parameter
  /// `[outputs]`
  public let bias: Parameter?
  /// Its geometry.
  public let window: Window1D
  private let groups: Int

  /// A convolution from `inputs` to `outputs` columns.
  public init(_ inputs: Int, _ outputs: Int, _ window: Window1D, groups: Int = 1, bias: Bool = true, at scope: Scope)
    throws
  {
    weight = try scope.parameter("weight", [outputs, inputs / groups, window.kernel], .kaimingUniform)
    let bound = 1 / Float(inputs / groups * window.kernel).squareRoot()
    self.bias = bias ? try scope.parameter("bias", [outputs], .uniform(bound)) : nil
    self.window = window
    self.groups = groups
  }

  /// Sequences of `inputs` columns to sequences of `outputs` columns.
  public func callAsFunction(_ x: Ragged<Tensor>) -> Ragged<Tensor> {
    x.convolved(weight.tensor, bias?.tensor, window, groups: groups)
  }
}

/// A 2-D convolution of images, channels last. PyTorch's `Conv2d` names and layout of the weights.
public struct Convolution2D: Layer {
  /// `[outputs, inputs / groups, kernel, kernel]`
  public let weight: Parameter
  /// `[outputs]`
  public let bias: Parameter?
  /// Its geometry.
  public let window: Window2D
  private let groups: Int

  /// A convolution from `inputs` to `outputs` channels.
  public init(_ inputs: Int, _ outputs: Int, _ window: Window2D, groups: Int = 1, bias: Bool = true, at scope: Scope)
    throws
  {
    weight = try scope.parameter("weight", [outputs, inputs / groups] + window.kernel, .kaimingUniform)
    let bound = 1 / Float(inputs / groups * window.kernel.reduce(1, *)).squareRoot()
    self.bias = bias ? try scope.parameter("bias", [outputs], .uniform(bound)) : nil
    self.window = window
    self.groups = groups
  }

  /// `[N, H, W, inputs]` to `[N, H', W', outputs]`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.convolved2D(weight.tensor, bias?.tensor, window, groups: groups)
  }
}
