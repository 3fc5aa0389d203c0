import Tensors

/// Multi-head self-attention within each sequence. PyTorch's `MultiheadAttention` names and layout. Source: Vaswani et al. 2017.
public struct SelfAttention: Layer {
  private let inputWeight: Parameter, inputBias: Parameter
  private let output: Linear
  private let heads: Int, causal: Bool

  /// Attention of `heads` heads over rows of `width`; `causal` hides later rows.
  public init(_ width: Int, heads: Int, causal: Bool = false, at scope: Scope) throws {
    inputWeight = try scope.parameter("in_proj_weight", [3 * width, width], .xavierUniform)
    inputBias = try scope.parameter("in_proj_bias", [3 * width], .zeros)
    output = try Linear(width, width, at: scope["out_proj"])
    self.heads = heads
    self.causal = causal
  }

  /// The same sequences, of the same width.
  public func callAsFunction(_ x: Ragged<Tensor>) -> Ragged<Tensor> {
    x.map { $0.linear(inputWeight, inputBias) }.selfAttention(heads: heads, causal: causal).map { output($0) }
  }
}

/// A Transformer encoder block: attention and a two-layer perceptron, each with a residual connection and a norm.
/// PyTorch's `TransformerEncoderLayer` names. Source: Vaswani et al. 2017 (post-norm), Xiong et al. 2020 (pre-norm).
public struct TransformerBlock: Layer {
  /// Where the norms stand.
  public enum NormPlacement: String, Sendable, Codable, CaseIterable {
    /// Before each part.
    case pre
    /// After each residual sum.
    case post
  }

  private let attention: SelfAttention
  private let first: Linear, second: Linear
  private let norm1: LayerNorm, norm2: LayerNorm
  private let activation: Activation, placement: NormPlacement, dropout: Dropout

  /// A block over rows of `width`, with `feedForward` units between.
  public init(
    _ width: Int, heads: Int, feedForward: Int, activation: Activation = .gelu, norm: NormPlacement = .post,
    dropout: Float = 0.1, epsilon: Float = 1e-5, at scope: Scope
  ) throws {
    attention = try SelfAttention(width, heads: heads, at: scope["self_attn"])
    first = try Linear(width, feedForward, at: scope["linear1"])
    second = try Linear(feedForward, width, at: scope["linear2"])
    norm1 = try LayerNorm(width, epsilon: epsilon, at: scope["norm1"])
    norm2 = try LayerNorm(width, epsilon: epsilon, at: scope["norm2"])
    self.activation = activation
    placement = norm
    self.dropout = Dropout(dropout)
  }

  /// The same sequences, of the same width.
  public func callAsFunction(_ x: Ragged<Tensor>) -> Ragged<Tensor> {
    switch placement {
    case .pre:
      let y = x.map { $0 + dropout(attention(x.map { norm1($0) }).rows) }
      return y.map { $0 + feedForward(norm2($0)) }
    case .post:
      let y = x.map { norm1($0 + dropout(attention(x).rows)) }
      return y.map { norm2($0 + feedForward($0)) }
    }
  }

  private func feedForward(_ x: Tensor) -> Tensor {
    dropout(second(dropout(first(x).activated(activation))))
  }
}
