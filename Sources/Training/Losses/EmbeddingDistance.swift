import Tensors

/// How alike two embeddings are, in losses.
public enum EmbeddingSimilarity: String, Sendable, Codable, CaseIterable {
  /// The cosine of the angle between them.
  case cosine
  /// Their dot product.
  case dot

  /// The similarity of each row of `a` with each row of `b`: `[rows of a, rows of b]`.
  func matrix(_ a: Tensor, _ b: Tensor) -> Tensor {
    switch self {
    case .cosine: a.normalized().linear(b.normalized())
    case .dot: a.linear(b)
    }
  }

  /// The similarity of each row of `a` with the same row of `b`: `[rows]`.
  func pairs(_ a: Tensor, _ b: Tensor) -> Tensor {
    switch self {
    case .cosine: a.normalized().dotted(b.normalized())
    case .dot: a.dotted(b)
    }
  }
}

/// How far two embeddings are apart, in losses.
public enum EmbeddingDistance: String, Sendable, Codable, CaseIterable {
  /// 1 − cosine.
  case cosine
  /// The length of the difference.
  case euclidean
  /// The sum of the absolute differences.
  case manhattan

  /// The distance of each row of `a` from the same row of `b`: `[rows]`. `epsilon` is added to each difference, as
  /// PyTorch's `pairwise_distance` does.
  func pairs(_ a: Tensor, _ b: Tensor, epsilon: Float = 0) -> Tensor {
    if self == .cosine { return EmbeddingSimilarity.cosine.pairs(a, b) * -1 + 1 }
    let difference = epsilon == 0 ? a - b : a - b + epsilon
    if self == .euclidean { return difference.dotted(difference).squareRoot() }
    return difference.absolute().dotted(Tensor(repeating: 1, shape: difference.shape))
  }
}

/// How far the embeddings of a batch are apart, in losses that compare all with all.
public enum BatchDistance: String, Sendable, Codable, CaseIterable {
  /// 1 − cosine.
  case cosine
  /// The length of the difference.
  case euclidean

  /// The distance of each row from each row: `[rows, rows]`.
  ///
  /// The Euclidean one is √(|a|² − 2 a·b + |b|²), the lengths taken from the matrix of products itself, so that a row
  /// is exactly 0 from itself.
  func matrix(_ x: Tensor) -> Tensor {
    if self == .cosine { return EmbeddingSimilarity.cosine.matrix(x, x) * -1 + 1 }
    let products = x.linear(x)
    let count = x.rows
    let squares = products.elements(at: (0..<count).map { $0 * count + $0 })
    let sums = (products * -2).addingRow(squares) + squares.repeated(count)
    return sums.activated(.relu).squareRoot()
  }
}

extension Tensor {
  /// A vector `[n]` as each of `count` columns: `[n, count]`.
  func repeated(_ count: Int) -> Tensor {
    reshaped([self.count, 1]).matmul(Tensor(repeating: 1, shape: [1, count]))
  }
}

/// What an element of a sum of exponentials is that isn't there: a number whose exponential vanishes beside any other.
let absent: Float = -1e30
