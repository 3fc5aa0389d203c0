/// A score and its 95 % interval.
public struct Estimate: Sendable, Codable, Equatable {
  /// The score on the data as they are.
  public let value: Double
  /// The lower end of the interval.
  public let lower: Double
  /// The upper end of the interval.
  public let upper: Double

  /// A score with its interval.
  public init(value: Double, lower: Double, upper: Double) {
    self.value = value
    self.lower = lower
    self.upper = upper
  }

  /// The percentile interval of bootstrap scores (Efron 1979): their quantiles 0.025 and 0.975, linear between
  /// neighbours.
  ///
  /// A biased score, macro F1 with rare classes say, may lie outside its own percentiles; then the interval is widened
  /// to hold it. Without bootstrap scores it is the score alone. Scores that aren't numbers are left out.
  init(value: Double, resampled: some Sequence<Double>) {
    let sorted = resampled.filter { !$0.isNaN }.sorted()
    self.init(
      value: value, lower: min(value, quantile(0.025, of: sorted) ?? value),
      upper: max(value, quantile(0.975, of: sorted) ?? value))
  }
}

/// The quantile of sorted numbers, linear between neighbours; nil if there are none.
func quantile(_ fraction: Double, of sorted: [Double]) -> Double? {
  guard let last = sorted.indices.last else { return nil }
  let place = fraction * Double(last)
  let below = Int(place)
  return sorted[below] + (sorted[min(below + 1, last)] - sorted[below]) * (place - Double(below))
}
