import Foundation
import Layers
import Tensors

/// A learned bias of attention by the distance between two tokens, near ones one by one and far ones in buckets that widen by powers.
/// One table for all layers. Source: Raffel et al. 2020 (T5), Song et al. 2020 (MPNet).
struct RelativePositions: Layer {
  private let bias: Embedding
  /// How many buckets are used, whatever the table's size: MPNet's code always asks for so many.
  static let buckets = 32
  /// From this distance on all are in one bucket.
  private static let farthest = 128

  /// Nil for models without.
  init?(_ configuration: TransformerConfiguration, at scope: Scope) throws {
    guard case .bucketed(_, _, let buckets) = configuration.positions else { return nil }
    bias = try Embedding(
      buckets, configuration.heads, initial: .normal(configuration.initializerRange),
      at: scope["encoder"]["relative_attention_bias"])
  }

  /// The bias by distance from −reach to reach `[2 · reach + 1, heads]`.
  func callAsFunction() -> Tensor {
    // Always of one size, so that a text's bits and gradients don't depend on its neighbours.
    bias(IDs((-RelativePositions.farthest...RelativePositions.farthest).map { Int32(bucket($0)) }))
  }

  /// The bucket of a key that stands `distance` after the query, computed in 32 bits as PyTorch does.
  private func bucket(_ distance: Int) -> Int {
    let (half, far) = (RelativePositions.buckets / 2, abs(distance))
    let (offset, exact) = (distance > 0 ? half : 0, half / 2)
    guard far >= exact else { return offset + far }
    let scale = Float(log(Double(RelativePositions.farthest) / Double(exact)))
    let place = log(Float(far) / Float(exact)) / scale * Float(half - exact)
    return offset + min(exact + Int(place), half - 1)
  }
}
