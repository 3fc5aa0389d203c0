import Foundation
import Tensors

/// How well outputs match their targets (an auto-encoder's inputs, a regression's values), with 95 % bootstrap
/// intervals.
public struct ReconstructionReport: Sendable, Codable, Equatable {
  /// The samples.
  public let count: Int
  /// The mean squared error.
  public let mse: Estimate
  /// The mean absolute error.
  public let mae: Estimate

  /// Scores outputs by each sample's mean squared and mean absolute error.
  ///
  /// - Throws: `EvaluationError` for no samples, lists of different lengths, or NaN.
  public init(errors: [Double], absolute: [Double], seed: UInt64 = 0, resamples: Int = 1000) throws {
    guard !errors.isEmpty else { throw EvaluationError.noSamples }
    guard absolute.count == errors.count else {
      throw EvaluationError.countMismatch(what: "absolute errors", expected: errors.count, found: absolute.count)
    }
    for (what, values) in [("squared error", errors), ("absolute error", absolute)] {
      if let place = values.firstIndex(where: { !$0.isFinite }) {
        throw EvaluationError.notFinite(what: what, sample: place + 1, value: "\(values[place])")
      }
    }
    let samples = Double(errors.count)
    var (squares, absolutes): ([Double], [Double]) = ([], [])
    let bootstrap = Bootstrap(Random(seed: seed).split("reconstruction"), resamples: resamples, cost: errors.count * 6)
    bootstrap.forEachResample(errors.count) { _, weights in
      var (square, distance) = (0.0, 0.0)
      for sample in errors.indices {
        square += errors[sample] * Double(weights[sample])
        distance += absolute[sample] * Double(weights[sample])
      }
      squares.append(square / samples)
      absolutes.append(distance / samples)
    }
    count = errors.count
    mse = Estimate(value: errors.reduce(0, +) / samples, resampled: squares)
    mae = Estimate(value: absolute.reduce(0, +) / samples, resampled: absolutes)
  }

  /// The scores as text in columns: value and [lower, upper].
  public var table: String {
    let rows = [("mean squared error", mse), ("mean absolute error", mae)].map {
      [$0, String(format: "%.6g", $1.value), String(format: "[%.6g, %.6g]", $1.lower, $1.upper)]
    }
    return (TextTable(header: ["", "score", "95 % interval"], rows: rows).lines + ["\(count) samples"])
      .joined(separator: "\n")
  }
}
