import Tensors

/// A loss over a batch whose encoder passes don't fit into memory at once: minibatches are embedded twice instead.
///
/// First all are embedded and forgotten but for their embeddings; then the loss is differentiated by the embeddings
/// alone; then each minibatch is embedded again and its share of the derivatives carried on into the encoder. Loss
/// and derivatives equal those of the whole batch at once. Source: Gao et al. 2021 (GradCache).
public struct GradientCache: Sendable {
  /// The samples of a minibatch.
  public let size: Int

  /// A cache for minibatches of a size.
  public init(size: Int) {
    precondition(size > 0, "GradientCache: expected a size above 0, found \(size)")
    self.size = size
  }

  /// The loss of `count` samples of `columns` columns as a scalar that knows its derivatives.
  ///
  /// `embed` gives the embeddings of some samples of a column, `[samples, width]`, and is called twice for each;
  /// dropout drops the same both times, from `random`. Call it inside `recording` or `training`.
  public func callAsFunction(
    columns: Int, count: Int, random: Random, embed: (_ column: Int, _ samples: Range<Int>) throws -> Tensor,
    loss: ([Tensor]) throws -> Tensor
  ) throws -> Tensor {
    let ranges = stride(from: 0, to: count, by: size).map { $0..<min(count, $0 + size) }
    func embedded(_ column: Int, _ index: Int) throws -> Tensor {
      guard case .training = Mode.current else { return try embed(column, ranges[index]) }
      return try training(random.split(UInt64(column * ranges.count + index))) { try embed(column, ranges[index]) }
    }
    let embeddings = try (0..<columns).map { column in
      Parameter("column \(column)", .stacked(try ranges.indices.map { try embedded(column, $0).detached }))
    }
    let value = try loss(embeddings.map(\.tensor))
    let derivatives = value.gradients()
    var gradients = Gradients()
    // What the loss learns itself has its derivatives already.
    let own = Set(embeddings.map(ObjectIdentifier.init))
    for (parameter, gradient) in derivatives.pairs where !own.contains(ObjectIdentifier(parameter)) {
      gradients.add(gradient, to: parameter)
    }
    for (column, embedding) in embeddings.enumerated() {
      guard let gradient = derivatives[embedding] else { continue }
      for (index, range) in ranges.enumerated() {
        let rows = gradient.rows(at: IDs(range.map { Int32($0) }))
        gradients.add((try embedded(column, index) * rows).sum().gradients())
      }
    }
    return Tensor(value.scalar, gradients: gradients)
  }
}
