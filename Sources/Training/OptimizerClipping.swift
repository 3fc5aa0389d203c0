import Tensors

extension Gradients {
  /// The sum of the squares of all elements, added up in the order of `pairs`.
  public func squareSum() -> Double {
    pairs.reduce(0) { $0 + $1.gradient.squareSum() }
  }

  /// The Euclidean norm of all gradients together.
  public func norm() -> Double { squareSum().squareRoot() }

  /// These gradients, times maximum / (norm + 10⁻⁶) where that is below 1, as PyTorch's `clip_grad_norm_`.
  /// `norm` is theirs, if it is known already.
  public func clipped(to maximum: Double, norm: Double? = nil) -> Gradients {
    let factor = maximum / ((norm ?? self.norm()) + 1e-6)
    return factor < 1 ? scaled(by: Float(factor)) : self
  }
}
