import Tensors

/// Turns each sequence into one vector: one or several poolings side by side.
public struct Pooling: Layer {
  /// The ways to pool, among them attention with a learned query.
  public enum Mode: String, Sendable, Codable, CaseIterable {
    /// The mean of the rows.
    case mean
    /// The largest value of each column.
    case max
    /// The first row.
    case cls
    /// The last row.
    case last
    /// The sum of the rows over √length.
    case meanSqrtLength = "mean_sqrt_length"
    /// The mean of the rows, row i counting i + 1 times (Muennighoff 2022).
    case weightedMean = "weighted_mean"
    /// The rows weighted by a softmax of their products with a learned query.
    case attention
  }

  /// The ways, in the order of their columns.
  public let modes: [Mode]
  private let query: Parameter?

  /// Pools rows of `width`.
  public init(_ modes: [Mode], width: Int, at scope: Scope) throws {
    self.modes = modes
    query = modes.contains(.attention) ? try scope.parameter("query", [width], .normal(0.02)) : nil
  }

  /// `[sequences, width · modes]`. No sequence may be empty.
  public func callAsFunction(_ x: Ragged<Tensor>) -> Tensor {
    Tensor.concatenated(
      modes.map { mode in
        switch mode {
        case .mean: x.pooled(.mean)
        case .max: x.pooled(.max)
        case .cls: x.pooled(.cls)
        case .last: x.pooled(.last)
        case .meanSqrtLength: x.pooled(.meanSqrtLength)
        case .weightedMean: x.pooled(.weightedMean)
        case .attention: query.map { x.attentionPooled($0.tensor) } ?? x.pooled(.mean)
        }
      })
  }
}
