import Tensors

/// y = x·Wᵀ + b, with PyTorch's names, layout and initialisation; and a low-rank addition, if the scope's adaptation has this layer as a target.
public struct Linear: Layer {
  /// `[outputs, inputs]`
  public let weight: Parameter
  /// `[outputs]`
  public let bias: Parameter?
  /// What fine-tuning adds.
  public let adapter: LowRankAdapter?

  /// A layer of `outputs` sums of `inputs`. With `initial` for the weight, the bias starts at 0.
  public init(_ inputs: Int, _ outputs: Int, bias: Bool = true, initial: Initializer? = nil, at scope: Scope) throws {
    weight = try scope.parameter("weight", [outputs, inputs], initial ?? .kaimingUniform)
    let bound = 1 / Float(max(1, inputs)).squareRoot()
    self.bias = bias ? try scope.parameter("bias", [outputs], initial == nil ? .uniform(bound) : .zeros) : nil
    adapter = try scope.adapter(inputs: inputs, outputs: outputs)
  }

  /// `[…, inputs]` to `[…, outputs]`, then an activation and the addition of a residual, if there are any.
  public func callAsFunction(
    _ x: Tensor, activated activation: Activation? = nil, adding residual: Tensor? = nil
  ) -> Tensor {
    guard let adapter else { return x.linear(weight, bias, activated: activation, adding: residual) }
    let sums = x.linear(weight, bias) + adapter(x)
    let y = activation.map { sums.activated($0) } ?? sums
    return residual.map { y + $0 } ?? y
  }

  /// `[…, inputs]` to `[…, outputs]`, with a dropout before the addition of a residual.
  public func callAsFunction(_ x: Tensor, dropout: Dropout, adding residual: Tensor) -> Tensor {
    guard case .training = Mode.current, dropout.rate > 0 else { return self(x, adding: residual) }
    return dropout(self(x)) + residual
  }

  /// The outputs of layers that have the same input, side by side `[…, sum of the outputs]`.
  public static func sideBySide(_ layers: [Linear], _ x: Tensor) -> Tensor {
    guard layers.allSatisfy({ $0.adapter == nil }) else { return .concatenated(layers.map { $0(x) }) }
    return x.linear(each: layers.map { ($0.weight.tensor, $0.bias?.tensor) })
  }
}

/// A table of vectors, one an id.
public struct Embedding: Layer {
  /// `[entries, width]`
  public let weight: Parameter
  /// The id whose vector isn't learnt: PyTorch's `padding_idx`.
  public let padding: Int?

  /// A table; `initial` is normal with deviation 1, as PyTorch's, unless said otherwise.
  public init(
    _ entries: Int, _ width: Int, initial: Initializer = .normal(1), padding: Int? = nil, trainable: Bool = true,
    at scope: Scope
  ) throws {
    self.padding = padding
    weight = try scope.parameter("weight", [entries, width], initial, trainable: trainable)
  }

  /// A table of its vectors.
  public init(weight: Parameter) { (self.weight, padding) = (weight, nil) }

  /// The number of ids.
  public var entries: Int { weight.shape[0] }

  /// `[ids]` to `[ids, width]`.
  public func callAsFunction(_ ids: IDs) -> Tensor { weight.tensor.rows(at: ids, padding: padding) }
  /// The vectors of a batch of id sequences.
  public func callAsFunction(_ ids: Ragged<IDs>) -> Ragged<Tensor> { ids.map { self($0) } }
}

/// Zeros elements at random in training. Source: Srivastava et al. 2014.
public struct Dropout: Layer {
  /// The probability of zeroing an element, in [0, 1).
  public let rate: Float

  /// Dropout with a probability.
  public init(_ rate: Float) { self.rate = rate }

  /// The same shape.
  public func callAsFunction(_ x: Tensor) -> Tensor { x.dropout(rate) }
  /// The same sequences.
  public func callAsFunction(_ x: Ragged<Tensor>) -> Ragged<Tensor> { x.map { $0.dropout(rate) } }
}
