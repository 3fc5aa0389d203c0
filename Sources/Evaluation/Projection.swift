import Tensors

/// Vectors laid out in the plane.
public enum Projection {
  /// The first two principal components of vectors given row after row, `[count, width]`.
  ///
  /// Orthogonal iteration of a block of 8 directions, then Rayleigh–Ritz in the space they span: exact to single
  /// precision but for spectra without any gap. The largest weight of a component is positive, as in scikit-learn's
  /// `PCA`.
  /// Source: Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53 (2011).
  public static func pca2D(_ vectors: [Float], count: Int, width: Int, seed: UInt64 = 0) -> [(x: Float, y: Float)] {
    precondition(vectors.count == count * width, "pca2D: \(vectors.count) numbers for [\(count), \(width)]")
    guard count > 0, width > 0 else { return Array(repeating: (0, 0), count: count) }
    let centered = centered(vectors, count, width)
    let random = Random(seed: seed).split("pca")
    var block = (0..<min(8, width)).map { direction in
      (0..<width).map { random.uniform(at: UInt64(direction * width + $0)) * 2 - 1 }
    }
    orthonormalize(&block)
    for _ in 0..<40 {
      block = block.map { gathered(centered, projected(centered, $0, width), width) }
      orthonormalize(&block)
    }
    // In the space of the block, the covariance is small enough for a direct solution.
    let columns = block.map { projected(centered, $0, width) }
    let rotation = Jacobi.eigenvectors(columns.map { left in columns.map { Double(dot(left, $0)) } })
    let axes = rotation.prefix(2).map { weights in
      let axis = (0..<width).map { place in
        block.indices.reduce(Float(0)) { $0 + Float(weights[$1]) * block[$1][place] }
      }
      let largest = axis.max { abs($0) < abs($1) } ?? 0
      return projected(centered, largest < 0 ? axis.map { -$0 } : axis, width)
    }
    return (0..<count).map { (axes[0][$0], axes.count > 1 ? axes[1][$0] : 0) }
  }

  private static func centered(_ vectors: [Float], _ count: Int, _ width: Int) -> [Float] {
    var sums = Array(repeating: 0.0, count: width)
    for row in 0..<count {
      for column in 0..<width { sums[column] += Double(vectors[row * width + column]) }
    }
    let means = sums.map { Float($0 / Double(count)) }
    return vectors.indices.map { vectors[$0] - means[$0 % width] }
  }

  /// X v: `[count]`.
  private static func projected(_ rows: [Float], _ direction: [Float], _ width: Int) -> [Float] {
    rows.withUnsafeBufferPointer { rows in
      direction.withUnsafeBufferPointer { direction in
        guard let base = rows.baseAddress, let axis = direction.baseAddress else { return [] }
        return (0..<rows.count / width).map { FlatVectors.dot(base + $0 * width, axis, width) }
      }
    }
  }

  /// Xᵀ c: `[width]`.
  private static func gathered(_ rows: [Float], _ coefficients: [Float], _ width: Int) -> [Float] {
    var sums = Array(repeating: Float(0), count: width)
    for (row, coefficient) in coefficients.enumerated() {
      for column in 0..<width { sums[column] += coefficient * rows[row * width + column] }
    }
    return sums
  }

  /// Gram–Schmidt, twice over: once leaves rounding's remainders.
  private static func orthonormalize(_ block: inout [[Float]]) {
    for place in block.indices {
      for _ in 0..<2 {
        for other in 0..<place {
          let overlap = dot(block[place], block[other])
          for column in block[place].indices { block[place][column] -= overlap * block[other][column] }
        }
      }
      let norm = dot(block[place], block[place]).squareRoot()
      // A direction that the data doesn't have stays out.
      let scale = norm > 1e-20 ? 1 / norm : 0
      for column in block[place].indices { block[place][column] *= scale }
    }
  }

  private static func dot(_ left: [Float], _ right: [Float]) -> Float {
    left.withUnsafeBufferPointer { left in
      right.withUnsafeBufferPointer { right in
        guard let a = left.baseAddress, let b = right.baseAddress else { return 0 }
        return FlatVectors.dot(a, b, left.count)
      }
    }
  }
}

/// Loops over contiguous numbers, eight at a time, in a fixed order.
enum FlatVectors {
  /// Σ a b.
  static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    var sum = SIMD8<Float>()
    for place in stride(from: 0, to: count & ~7, by: 8) {
      sum += load(a, place) * load(b, place)
    }
    var total = sum.sum()
    for place in count & ~7..<count { total += a[place] * b[place] }
    return total
  }

  /// Σ (a − b)².
  static func squaredDistance(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    var sum = SIMD8<Float>()
    for place in stride(from: 0, to: count & ~7, by: 8) {
      let difference = load(a, place) - load(b, place)
      sum += difference * difference
    }
    var total = sum.sum()
    for place in count & ~7..<count { total += (a[place] - b[place]) * (a[place] - b[place]) }
    return total
  }

  /// Eight numbers from a place on.
  @inline(__always)
  static func load(_ numbers: UnsafePointer<Float>, _ place: Int) -> SIMD8<Float> {
    UnsafeRawPointer(numbers + place).loadUnaligned(as: SIMD8<Float>.self)
  }
}

/// Eigenvectors of small symmetric matrices by Jacobi's rotations.
enum Jacobi {
  /// The eigenvectors by falling eigenvalue.
  static func eigenvectors(_ symmetric: [[Double]]) -> [[Double]] {
    let size = symmetric.count
    var matrix = symmetric
    var vectors = (0..<size).map { row in (0..<size).map { $0 == row ? 1.0 : 0.0 } }
    for _ in 0..<60 {
      for p in 0..<size {
        for q in p + 1..<max(size, p + 1) where abs(matrix[p][q]) > 1e-300 {
          let theta = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q])
          let tangent = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
          let cosine = 1 / (tangent * tangent + 1).squareRoot()
          let sine = tangent * cosine
          for k in 0..<size {
            (matrix[k][p], matrix[k][q]) = (
              cosine * matrix[k][p] - sine * matrix[k][q], sine * matrix[k][p] + cosine * matrix[k][q]
            )
          }
          for k in 0..<size {
            (matrix[p][k], matrix[q][k]) = (
              cosine * matrix[p][k] - sine * matrix[q][k], sine * matrix[p][k] + cosine * matrix[q][k]
            )
            (vectors[p][k], vectors[q][k]) = (
              cosine * vectors[p][k] - sine * vectors[q][k], sine * vectors[p][k] + cosine * vectors[q][k]
            )
          }
        }
      }
    }
    return (0..<size).sorted { matrix[$0][$0] > matrix[$1][$1] }.map { vectors[$0] }
  }
}
