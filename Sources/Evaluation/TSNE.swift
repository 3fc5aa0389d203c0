import Foundation
import Tensors

/// Exact t-SNE: a layout in the plane that keeps neighbours together.
///
/// Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9 (2008); the settings of scikit-learn:
/// start from the principal components (Kobak and Berens 2019), early exaggeration 12, learning rate max(count / 48,
/// 50), momentum 0.5 then 0.8, gains.
public enum TSNE {
  /// The layout of vectors given row after row, `[count, width]`; 1,000 of them take a few seconds, quadratic in their
  /// count.
  ///
  /// The perplexity is at most a third of the count. The same seed gives the same layout.
  public static func layout(
    _ vectors: [Float], width: Int, seed: UInt64, perplexity: Float = 30, iterations: Int = 750
  ) -> [(x: Float, y: Float)] {
    precondition(width > 0 && vectors.count % width == 0, "TSNE.layout: \(vectors.count) numbers in rows of \(width)")
    let count = vectors.count / width
    guard count > 1 else { return Array(repeating: (0, 0), count: count) }
    let start = Projection.pca2D(vectors, count: count, width: width, seed: seed)
    guard count > 3 else { return start }
    let similarities = Similarities(vectors, width: width, perplexity: min(perplexity, Float(count - 1) / 3))
    var layout = Layout(start, similarities, seed: seed)
    let exaggerated = min(250, iterations / 3)
    layout.descend(exaggerated, exaggeration: 12, momentum: 0.5)
    layout.descend(iterations - exaggerated, exaggeration: 1, momentum: 0.8)
    return layout.points
  }

  /// The Kullback–Leibler divergence that t-SNE makes small, of a layout: for comparing layouts of the same vectors.
  static func divergence(_ vectors: [Float], width: Int, points: [(x: Float, y: Float)], perplexity: Float) -> Double {
    let p = Similarities(vectors, width: width, perplexity: perplexity)
    func weight(_ i: Int, _ j: Int) -> Double {
      let (dx, dy) = (Double(points[i].x - points[j].x), Double(points[i].y - points[j].y))
      return 1 / (1 + dx * dx + dy * dy)
    }
    let pairs = points.indices.flatMap { i in points.indices.lazy.filter { $0 != i }.map { (i, $0) } }
    let total = pairs.reduce(0) { $0 + weight($1.0, $1.1) }
    return pairs.reduce(0) { sum, pair in
      let expected = Double(p.values[pair.0 * p.stride + pair.1])
      return expected <= 0 ? sum : sum + expected * log(expected * total / weight(pair.0, pair.1))
    }
  }
}

/// How probable each pair of points is as neighbours: p_ij = (p_j|i + p_i|j) / 2n.
struct Similarities {
  let count: Int
  /// The length of a row, a multiple of 8; what lies past `count` is 0.
  let stride: Int
  /// `[count, stride]`
  private(set) var values: [Float]

  init(_ vectors: [Float], width: Int, perplexity: Float) {
    count = vectors.count / width
    stride = (count + 7) & ~7
    values = Array(repeating: 0, count: count * stride)
    var conditional = values
    let (count, stride) = (count, stride)
    vectors.withUnsafeBufferPointer { vectors in
      guard let base = vectors.baseAddress else { return }
      for i in 0..<count {
        for j in 0..<i {
          let distance = FlatVectors.squaredDistance(base + i * width, base + j * width, width)
          conditional[i * stride + j] = distance
          conditional[j * stride + i] = distance
        }
      }
    }
    for row in 0..<count {
      Self.normalize(&conditional, row * stride, count, itself: row, entropy: log(perplexity))
    }
    for i in 0..<count {
      for j in 0..<count {
        values[i * stride + j] = (conditional[i * stride + j] + conditional[j * stride + i]) / Float(2 * count)
      }
    }
  }

  /// Turns squared distances into probabilities with the wanted entropy: bisection for the bell's precision.
  private static func normalize(_ row: inout [Float], _ start: Int, _ count: Int, itself: Int, entropy: Float) {
    let distances = Array(row[start..<start + count])
    // Distances count from the nearest neighbour on, so that exp never loses all of them.
    let nearest = distances.indices.reduce(Float.infinity) { $1 == itself ? $0 : min($0, distances[$1]) }
    var (precision, low, high) = (Float(1), Float(0), Float.infinity)
    for _ in 0..<100 {
      var (sum, weighted) = (Float(0), Float(0))
      for place in 0..<count where place != itself {
        let distance = distances[place] - nearest
        let mass = exp(-distance * precision)
        row[start + place] = mass
        sum += mass
        weighted += mass * distance
      }
      let difference = log(sum) + precision * weighted / sum - entropy
      let scale = 1 / sum
      for place in 0..<count { row[start + place] *= scale }
      if abs(difference) < 1e-5 { break }
      if difference > 0 {
        low = precision
        precision = high == .infinity ? precision * 2 : (precision + high) / 2
      } else {
        high = precision
        precision = (precision + low) / 2
      }
      // All at the same distance: no precision gives another entropy.
      if !precision.isFinite || precision < 1e-30 { break }
    }
    row[start + itself] = 0
  }
}

/// Points on their way down the divergence's slope.
private struct Layout {
  private let similarities: Similarities
  private var x: [Float]
  private var y: [Float]
  private var velocityX: [Float]
  private var velocityY: [Float]
  private var gainX: [Float]
  private var gainY: [Float]
  private let rate: Float

  init(_ start: [(x: Float, y: Float)], _ similarities: Similarities, seed: UInt64) {
    self.similarities = similarities
    // What fills the rows up is so far away that it weighs nothing.
    x = Array(repeating: 1e9, count: similarities.stride)
    y = x
    velocityX = Array(repeating: 0, count: start.count)
    velocityY = velocityX
    gainX = Array(repeating: 1, count: start.count)
    gainY = gainX
    rate = max(Float(start.count) / 48, 50)
    let variance = start.reduce(Float(0)) { $0 + $1.x * $1.x } / Float(start.count)
    let scale = variance > 0 ? 1e-4 / variance.squareRoot() : 0
    // A little noise parts points that the components don't.
    let noise = Random(seed: seed).split("t-sne")
    for place in start.indices {
      x[place] = start[place].x * scale + (noise.uniform(at: UInt64(2 * place)) - 0.5) * 1e-6
      y[place] = start[place].y * scale + (noise.uniform(at: UInt64(2 * place + 1)) - 0.5) * 1e-6
    }
  }

  var points: [(x: Float, y: Float)] {
    velocityX.indices.map { (x[$0], y[$0]) }
  }

  /// Some steps, from a standstill.
  mutating func descend(_ iterations: Int, exaggeration: Float, momentum: Float) {
    for place in velocityX.indices {
      (velocityX[place], velocityY[place], gainX[place], gainY[place]) = (0, 0, 1, 1)
    }
    for _ in 0..<iterations {
      let (gradientX, gradientY) = gradient(exaggeration)
      Self.step(&x, &velocityX, &gainX, gradientX, rate, momentum)
      Self.step(&y, &velocityY, &gainY, gradientY, rate, momentum)
    }
  }

  private static func step(
    _ points: inout [Float], _ velocity: inout [Float], _ gains: inout [Float], _ gradient: [Float], _ rate: Float,
    _ momentum: Float
  ) {
    for place in velocity.indices {
      gains[place] = max(0.01, velocity[place] * gradient[place] < 0 ? gains[place] + 0.2 : gains[place] * 0.8)
      velocity[place] = momentum * velocity[place] - rate * gains[place] * gradient[place]
      points[place] += velocity[place]
    }
  }

  /// 4 Σ_j (e p_ij − w_ij / Z) w_ij (y_i − y_j) with w = 1 / (1 + d²), in one pass: what attracts and what repels add
  /// up apart, since Z is known only at the end.
  private func gradient(_ exaggeration: Float) -> (x: [Float], y: [Float]) {
    let count = velocityX.count
    var pull = (x: velocityX, y: velocityX)
    var push = pull
    var total = 0.0
    x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in
        similarities.values.withUnsafeBufferPointer { p in
          guard let xs = x.baseAddress, let ys = y.baseAddress, let ps = p.baseAddress else { return }
          for i in 0..<count {
            let (xi, yi) = (SIMD8(repeating: xs[i]), SIMD8(repeating: ys[i]))
            let row = ps + i * similarities.stride
            var (sum, pullX, pullY) = (SIMD8<Float>(), SIMD8<Float>(), SIMD8<Float>())
            var (pushX, pushY) = (SIMD8<Float>(), SIMD8<Float>())
            for j in stride(from: 0, to: similarities.stride, by: 8) {
              let dx = xi - FlatVectors.load(xs, j)
              let dy = yi - FlatVectors.load(ys, j)
              let weight = 1 / (1 + dx * dx + dy * dy)
              let attraction = FlatVectors.load(row, j) * weight
              let repulsion = weight * weight
              sum += weight
              pullX += attraction * dx
              pullY += attraction * dy
              pushX += repulsion * dx
              pushY += repulsion * dy
            }
            total += Double(sum.sum())
            (pull.x[i], pull.y[i]) = (pullX.sum(), pullY.sum())
            (push.x[i], push.y[i]) = (pushX.sum(), pushY.sum())
          }
        }
      }
    }
    // A point is no neighbour of itself, but weighed 1 above.
    let scale = Float(1 / (total - Double(count)))
    for i in 0..<count {
      pull.x[i] = 4 * (exaggeration * pull.x[i] - push.x[i] * scale)
      pull.y[i] = 4 * (exaggeration * pull.y[i] - push.y[i] * scale)
    }
    return pull
  }
}
