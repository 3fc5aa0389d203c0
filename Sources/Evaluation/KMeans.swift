import Foundation
import Tensors

/// Clusters whose centres are the means of their points.
///
/// scikit-learn's `KMeans`: greedy k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's steps until no point
/// changes its cluster or the centres move by less than `tolerance` times the mean variance. The same numbers give
/// the same clusters.
public struct KMeans: Sendable {
  /// The cluster of each point.
  public let labels: [Int]
  /// The centres, `[clusters, width]`.
  public let centers: Tensor
  /// The sum of the squared distances of the points from their centres.
  public let inertia: Double
  /// The steps taken.
  public let iterations: Int

  /// Clusters points `[count, width]`; the best of `restarts` runs by inertia.
  ///
  /// - Throws: `EvaluationError` for points that aren't finite, or fewer of them than clusters.
  public init(
    _ points: Tensor, clusters: Int, random: Random, restarts: Int = 1, iterations: Int = 300,
    tolerance: Double = 1e-4
  ) throws(EvaluationError) {
    try KMeans.check(points, clusters)
    var best: KMeans?
    for restart in 0..<max(1, restarts) {
      let start = KMeans.start(points, clusters, random.split(UInt64(restart)))
      let run = KMeans(points, from: start, iterations, tolerance)
      if best.map({ run.inertia < $0.inertia }) ?? true { best = run }
    }
    guard let best else { throw .noSamples }
    self = best
  }

  /// Clusters points from given centres `[clusters, width]`.
  ///
  /// - Throws: `EvaluationError` for points that aren't finite, or fewer of them than clusters.
  public init(
    _ points: Tensor, centers: Tensor, iterations: Int = 300, tolerance: Double = 1e-4
  ) throws(EvaluationError) {
    try checkEmbeddings([("the points", points), ("the centres", centers)])
    try KMeans.check(points, centers.rows)
    self.init(points, from: centers, iterations, tolerance)
  }

  private static func check(_ points: Tensor, _ clusters: Int) throws(EvaluationError) {
    try checkEmbeddings([("the points", points)])
    guard clusters > 0, clusters <= points.rows else {
      throw .invalid(what: "clusters", expected: "a number from 1 to the \(points.rows) points", found: "\(clusters)")
    }
  }

  private init(_ points: Tensor, from start: Tensor, _ limit: Int, _ tolerance: Double) {
    let points = points.detached
    let threshold = tolerance * KMeans.variance(points)
    var (centers, steps) = (start.detached, 0)
    var (labels, distances) = KMeans.assigned(points, centers)
    while steps < limit {
      steps += 1
      let moved = KMeans.means(points, labels, distances, centers)
      let shift = (moved - centers).squareSum()
      centers = moved
      let before = labels
      (labels, distances) = KMeans.assigned(points, centers)
      if labels == before || shift <= threshold { break }
    }
    self.labels = labels
    self.centers = centers
    inertia = distances.reduce(0, +)
    iterations = steps
  }

  /// The nearest centre of each point, and the squared distance from it.
  private static func assigned(_ points: Tensor, _ centers: Tensor) -> ([Int], [Double]) {
    let (products, width, clusters) = (points.linear(centers), points.width, centers.rows)
    let halves = (0..<clusters).map { cluster in
      centers.withUnsafeBuffer {
        $0[cluster * width..<(cluster + 1) * width].reduce(0.0) { $0 + Double($1) * Double($1) } / 2
      }
    }
    var (labels, distances) = (Array(repeating: 0, count: points.rows), Array(repeating: 0.0, count: points.rows))
    products.withUnsafeBuffer { products in
      points.withUnsafeBuffer { points in
        centers.withUnsafeBuffer { centers in
          for point in labels.indices {
            var (best, score) = (0, -Double.infinity)
            for cluster in 0..<clusters {
              let value = Double(products[point * clusters + cluster]) - halves[cluster]
              if value > score { (best, score) = (cluster, value) }
            }
            labels[point] = best
            distances[point] = square(points, point * width, centers, best * width, width)
          }
        }
      }
    }
    return (labels, distances)
  }

  private static func square(
    _ a: UnsafeBufferPointer<Float>, _ startA: Int, _ b: UnsafeBufferPointer<Float>, _ startB: Int, _ width: Int
  ) -> Double {
    var sum = 0.0
    for column in 0..<width {
      let difference = Double(a[startA + column]) - Double(b[startB + column])
      sum += difference * difference
    }
    return sum
  }

  /// The mean of each cluster's points; a cluster without any takes over the point farthest from its centre.
  private static func means(_ points: Tensor, _ labels: [Int], _ distances: [Double], _ centers: Tensor) -> Tensor {
    let (width, clusters) = (points.width, centers.rows)
    var counts = Array(repeating: 0, count: clusters)
    for label in labels { counts[label] += 1 }
    var owner = labels
    let empty = counts.indices.filter { counts[$0] == 0 }
    if !empty.isEmpty {
      let farthest = distances.indices.sorted { (distances[$0], $1) > (distances[$1], $0) }
      for (cluster, point) in zip(empty, farthest) {
        counts[owner[point]] -= 1
        owner[point] = cluster
        counts[cluster] = 1
      }
    }
    var sums = Array(repeating: 0.0, count: clusters * width)
    points.withUnsafeBuffer { points in
      for (point, cluster) in owner.enumerated() {
        for column in 0..<width { sums[cluster * width + column] += Double(points[point * width + column]) }
      }
    }
    return Tensor(sums.indices.map { Float(sums[$0] / Double(max(1, counts[$0 / width]))) }, shape: centers.shape)
  }

  /// The mean over the columns of their variance.
  private static func variance(_ points: Tensor) -> Double {
    let (width, count) = (points.width, Double(points.rows))
    return points.withUnsafeBuffer { values in
      (0..<width).reduce(0.0) { total, column in
        let places = stride(from: column, to: values.count, by: width)
        let mean = places.reduce(0.0) { $0 + Double(values[$1]) } / count
        return total + places.reduce(0.0) { $0 + (Double(values[$1]) - mean) * (Double(values[$1]) - mean) } / count
      } / Double(width)
    }
  }

  /// Greedy k-means++: each further centre is the best of 2 + log k points drawn by their squared distance from the
  /// nearest.
  private static func start(_ points: Tensor, _ clusters: Int, _ random: Random) -> Tensor {
    let (count, width) = (points.rows, points.width)
    var numbers = RandomSequence(random)
    var chosen = [Int.random(in: 0..<count, using: &numbers)]
    points.withUnsafeBuffer { values in
      func squares(_ center: Int) -> [Double] {
        (0..<count).map { square(values, $0 * width, values, center * width, width) }
      }
      var nearest = squares(chosen[0])
      while chosen.count < clusters {
        var best: (point: Int, nearest: [Double], total: Double)?
        let total = nearest.reduce(0, +)
        for _ in 0..<2 + Int(log(Double(clusters))) {
          var remaining = numbers.uniformDouble() * total
          let candidate =
            nearest.firstIndex {
              remaining -= $0; return remaining < 0
            } ?? count - 1
          let closer = zip(nearest, squares(candidate)).map { min($0, $1) }
          let sum = closer.reduce(0, +)
          if best.map({ sum < $0.total }) ?? true { best = (candidate, closer, sum) }
        }
        guard let best else { return }
        chosen.append(best.point)
        nearest = best.nearest
      }
    }
    return points.rows(at: IDs(chosen.map { Int32($0) }))
  }
}
