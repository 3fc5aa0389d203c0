import Foundation
import Tensors

/// Scores with their 95 % bootstrap intervals, by name.
public protocol ScoreReport: Sendable, Codable, Equatable {
  /// The scores in order.
  var scores: [(name: String, estimate: Estimate)] { get }
  /// What was scored, as `1000 queries`.
  var size: String { get }
}

extension ScoreReport {
  /// The scores as text in columns: value and [lower, upper].
  public var table: String {
    let rows = scores.map { name, estimate in
      [name, String(format: "%.4f", estimate.value), String(format: "[%.4f, %.4f]", estimate.lower, estimate.upper)]
    }
    return (TextTable(header: ["", "score", "95 % interval"], rows: rows).lines + [size]).joined(separator: "\n")
  }

  /// The score of a name; nil if there is none.
  public func score(_ name: String) -> Double? { scores.first { $0.name == name }?.estimate.value }
}

extension Bootstrap {
  /// A bootstrap of `count` samples for scores that take `cost` steps a sample.
  init(_ seed: UInt64, _ name: String, resamples: Int, count: Int, cost: Int) {
    self.init(Random(seed: seed).split(name), resamples: resamples, cost: count * (3 + cost))
  }

  /// The mean of each list of numbers, the lists being of the same samples, with its interval.
  func means(_ lists: [[Double]]) -> [Estimate] {
    guard let count = lists.first?.count, count > 0 else { return [] }
    var resampled = Array(repeating: [Double](), count: lists.count)
    forEachResample(count) { _, weights in
      for (place, values) in lists.enumerated() {
        var sum = 0.0
        for sample in values.indices { sum += values[sample] * Double(weights[sample]) }
        resampled[place].append(sum / Double(count))
      }
    }
    return lists.indices.map {
      Estimate(value: lists[$0].reduce(0, +) / Double(count), resampled: resampled[$0])
    }
  }

  /// Scores that are functions of how often each of `count` samples counts, with their intervals.
  ///
  /// A score that isn't a number counts as 0; resamples without one are left out.
  func estimates(_ count: Int, _ scores: ([Int32]) -> [Double]) -> [Estimate] {
    let values = scores(Array(repeating: 1, count: count))
    var resampled = Array(repeating: [Double](), count: values.count)
    forEachResample(count) { _, weights in
      for (place, score) in scores(weights).enumerated() { resampled[place].append(score) }
    }
    return values.indices.map { Estimate(value: values[$0].isNaN ? 0 : values[$0], resampled: resampled[$0]) }
  }
}
