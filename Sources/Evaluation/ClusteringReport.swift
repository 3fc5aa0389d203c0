import Foundation
import Tensors

/// How well clusters agree with labels: V-measure and its two parts.
///
/// Equal to scikit-learn's `homogeneity_completeness_v_measure`. Source: Rosenberg and Hirschberg 2007.
public struct ClusteringReport: ScoreReport {
  /// The samples.
  public let count: Int
  /// The different labels.
  public let labels: Int
  /// The clusters.
  public let clusters: Int
  /// Whether a cluster has one label only: 1 − H(label | cluster) / H(label).
  public let homogeneity: Estimate
  /// Whether a label is in one cluster only: 1 − H(cluster | label) / H(cluster).
  public let completeness: Estimate
  /// The harmonic mean of the two.
  public let vMeasure: Estimate

  /// Clusters embeddings into as many clusters as there are labels, by k-means.
  ///
  /// - Throws: `EvaluationError` for lists of different lengths, no samples, or NaN.
  public init(
    embeddings: Tensor, labels: [Int], seed: UInt64 = 0, restarts: Int = 1, resamples: Int = 1000
  ) throws(EvaluationError) {
    let clustering = try KMeans(
      embeddings, clusters: Set(labels).count, random: Random(seed: seed).split("k-means"), restarts: restarts)
    try self.init(labels: labels, clusters: clustering.labels, seed: seed, resamples: resamples)
  }

  /// Compares clusters, by whatever method, with labels.
  ///
  /// - Throws: `EvaluationError` for lists of different lengths or no samples.
  public init(labels: [Int], clusters: [Int], seed: UInt64 = 0, resamples: Int = 1000) throws(EvaluationError) {
    guard !labels.isEmpty else { throw .noSamples }
    guard labels.count == clusters.count else {
      throw .countMismatch(what: "clusters", expected: labels.count, found: clusters.count)
    }
    func numbers(_ values: [Int]) -> [Int: Int] {
      Dictionary(uniqueKeysWithValues: Set(values).sorted().enumerated().map { ($0.element, $0.offset) })
    }
    let (rows, columns) = (numbers(labels), numbers(clusters))
    var counts = Array(repeating: 0, count: rows.count * columns.count)
    for (label, cluster) in zip(labels, clusters) {
      counts[rows[label, default: 0] * columns.count + columns[cluster, default: 0]] += 1
    }
    let value = ClusteringReport.measures(counts, columns.count)
    let cells = counts.count { $0 > 0 }
    let bootstrap = Bootstrap(
      Random(seed: seed).split("clustering"), resamples: resamples, cost: 100 * cells + 20 * counts.count)
    var resampled: [[Double]] = [[], [], []]
    bootstrap.forEachResample(of: counts) { _, counts in
      for (place, value) in ClusteringReport.measures(counts, columns.count).enumerated() {
        resampled[place].append(value)
      }
    }
    (count, self.labels, self.clusters) = (labels.count, rows.count, columns.count)
    homogeneity = Estimate(value: value[0], resampled: resampled[0])
    completeness = Estimate(value: value[1], resampled: resampled[1])
    vMeasure = Estimate(value: value[2], resampled: resampled[2])
  }

  /// Homogeneity, completeness and V-measure of a table of labels (rows) and clusters (columns).
  private static func measures(_ counts: [Int], _ columns: Int) -> [Double] {
    let rows = counts.count / columns
    var (labels, clusters) = (Array(repeating: 0, count: rows), Array(repeating: 0, count: columns))
    for (place, count) in counts.enumerated() {
      labels[place / columns] += count
      clusters[place % columns] += count
    }
    let total = Double(labels.reduce(0, +))
    func entropy(_ counts: [Int]) -> Double {
      counts.reduce(0.0) { $1 > 0 ? $0 - Double($1) / total * log(Double($1) / total) : $0 }
    }
    var information = 0.0
    for (place, count) in counts.enumerated() where count > 0 {
      let expected = Double(labels[place / columns]) * Double(clusters[place % columns]) / total
      information += Double(count) / total * log(Double(count) / expected)
    }
    let (labelEntropy, clusterEntropy) = (entropy(labels), entropy(clusters))
    let homogeneity = labelEntropy > 0 ? information / labelEntropy : 1
    let completeness = clusterEntropy > 0 ? information / clusterEntropy : 1
    let sum = homogeneity + completeness
    return [homogeneity, completeness, sum > 0 ? 2 * homogeneity * completeness / sum : 0]
  }

  /// The three measures.
  public var scores: [(name: String, estimate: Estimate)] {
    [("v_measure", vMeasure), ("homogeneity", homogeneity), ("completeness", completeness)]
  }

  /// The samples, labels and clusters.
  public var size: String { "\(count) samples, \(labels) labels, \(clusters) clusters" }
}
