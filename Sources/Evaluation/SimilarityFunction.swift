import Tensors

/// How alike two embeddings are: the more, the higher, also for distances, which count negatively.
public enum SimilarityFunction: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
  /// The cosine of the angle between them.
  case cosine
  /// Their dot product.
  case dot
  /// The negative length of their difference.
  case euclidean
  /// The negative sum of the absolute differences.
  case manhattan

  /// Whether it is a distance, taken negatively.
  public var isDistance: Bool { self == .euclidean || self == .manhattan }

  /// The similarity of each row of `a` with the same row of `b`, computed in double precision.
  public func pairs(_ a: Tensor, _ b: Tensor) -> [Float] {
    precondition(
      a.shape == b.shape && a.shape.count == 2, "SimilarityFunction: shapes \(a.shape) and \(b.shape) differ")
    let width = a.width
    return a.withUnsafeBuffer { a in
      b.withUnsafeBuffer { b in
        (0..<(width == 0 ? 0 : a.count / width)).map { row in
          pair(UnsafeBufferPointer(rebasing: a[row * width..<(row + 1) * width]), b, row * width)
        }
      }
    }
  }

  private func pair(_ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>, _ start: Int) -> Float {
    var (sum, squareA, squareB) = (0.0, 0.0, 0.0)
    for column in a.indices {
      let (x, y) = (Double(a[column]), Double(b[start + column]))
      switch self {
      case .dot: sum += x * y
      case .euclidean: sum += (x - y) * (x - y)
      case .manhattan: sum += abs(x - y)
      case .cosine:
        sum += x * y
        squareA += x * x
        squareB += y * y
      }
    }
    switch self {
    case .dot: return Float(sum)
    case .euclidean: return Float(-sum.squareRoot())
    case .manhattan: return Float(-sum)
    case .cosine: return Float(sum / (max(squareA.squareRoot(), 1e-12) * max(squareB.squareRoot(), 1e-12)))
    }
  }

  /// The similarity of each row of `a` with each row of `b`: `[rows of a, rows of b]`.
  public func all(_ a: Tensor, _ b: Tensor) -> Tensor { matrix(prepared(a), prepared(b)) }

  /// Embeddings as `matrix` takes them.
  func prepared(_ x: Tensor) -> Tensor { self == .cosine ? x.detached.normalized() : x.detached }

  /// The similarity of each row of `a` with each of `b`, both prepared: `[rows of a, rows of b]`.
  func matrix(_ a: Tensor, _ b: Tensor) -> Tensor {
    switch self {
    case .cosine, .dot: return a.linear(b)
    case .euclidean:
      let products = a.linear(b)
      let (squaresA, squaresB) = (squares(a), squares(b))
      return filled([a.rows, b.rows]) { row, out in
        products.withUnsafeBuffer { products in
          for column in squaresB.indices {
            let square = squaresA[row] - 2 * Double(products[row * squaresB.count + column]) + squaresB[column]
            out[column] = -Float(max(0, square).squareRoot())
          }
        }
      }
    case .manhattan:
      let (width, count) = (a.width, b.rows)
      return filled([a.rows, count]) { row, out in
        a.withUnsafeBuffer { a in
          b.withUnsafeBuffer { b in
            for column in 0..<count { out[column] = -manhattanDistance(a, row * width, b, column * width, width) }
          }
        }
      }
    }
  }

  private func squares(_ x: Tensor) -> [Double] {
    x.withUnsafeBuffer { values in
      (0..<x.rows).map { row in
        values[row * x.width..<(row + 1) * x.width].reduce(0.0) { $0 + Double($1) * Double($1) }
      }
    }
  }

  /// A matrix whose rows are written by `body`, on the workers.
  private func filled(_ shape: [Int], _ body: (Int, UnsafeMutableBufferPointer<Float>) -> Void) -> Tensor {
    Tensor(shape: shape) { out in
      Workers.run(shape[0], by: 8) { rows in
        for row in rows { body(row, UnsafeMutableBufferPointer(rebasing: out[row * shape[1]..<(row + 1) * shape[1]])) }
      }
    }
  }
}

private func manhattanDistance(
  _ a: UnsafeBufferPointer<Float>, _ startA: Int, _ b: UnsafeBufferPointer<Float>, _ startB: Int, _ width: Int
) -> Float {
  // Sixteen sums side by side: one alone would wait for each addition.
  let (x, y) = (UnsafeRawBufferPointer(a), UnsafeRawBufferPointer(b))
  var sums = SIMD16<Float>.zero
  var column = 0
  while column + 16 <= width {
    let left = x.loadUnaligned(fromByteOffset: 4 * (startA + column), as: SIMD16<Float>.self)
    let right = y.loadUnaligned(fromByteOffset: 4 * (startB + column), as: SIMD16<Float>.self)
    let difference = left - right
    sums += difference.replacing(with: -difference, where: difference .< 0)
    column += 16
  }
  var sum = sums.sum()
  while column < width {
    sum += abs(a[startA + column] - b[startB + column])
    column += 1
  }
  return sum
}

/// Checks that embeddings are rows of finite numbers of one width.
///
/// - Throws: `EvaluationError`.
func checkEmbeddings(_ parts: [(what: String, embeddings: Tensor)]) throws(EvaluationError) {
  guard let width = parts.first?.embeddings.width else { return }
  for (what, embeddings) in parts {
    guard embeddings.shape.count == 2, embeddings.width == width, width > 0 else {
      throw .invalid(what: "\(what)", expected: "embeddings [count, \(width)]", found: "\(embeddings.shape)")
    }
    guard embeddings.shape[0] > 0 else { throw .noSamples }
    guard !embeddings.isFinite else { continue }
    let values = embeddings.scalars
    let place = values.firstIndex { !$0.isFinite } ?? 0
    throw .notFinite(what: "an element of \(what)", sample: place / width + 1, value: "\(values[place])")
  }
}

/// Checks that embeddings belong together row by row.
///
/// - Throws: `EvaluationError`.
func checkRows(_ parts: [(what: String, embeddings: Tensor)]) throws(EvaluationError) {
  try checkEmbeddings(parts)
  guard let count = parts.first?.embeddings.rows else { return }
  for (what, embeddings) in parts where embeddings.rows != count {
    throw .countMismatch(what: what, expected: count, found: embeddings.rows)
  }
}
