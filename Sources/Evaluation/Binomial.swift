import Foundation
import Tensors

extension RandomSequence {
  /// The next number in [0, 1) with 53 bits.
  mutating func uniformDouble() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// How many of `count` independent trials succeed, each with `probability`, in a time that doesn't grow with `count`.
  ///
  /// Inversion where few are expected, else Hörmann's transformed rejection (BTRS).
  /// Source: W. Hörmann, "The generation of binomial random variates", Journal of Statistical Computation and
  /// Simulation 46 (1993).
  mutating func binomial(_ count: Int, _ probability: Double) -> Int {
    if count == 0 || probability <= 0 { return 0 }
    if probability > 0.5 { return count - binomial(count, 1 - probability) }
    return Double(count) * probability < 10 ? inverted(count, probability) : transformed(count, probability)
  }

  private mutating func inverted(_ count: Int, _ probability: Double) -> Int {
    let odds = probability / (1 - probability)
    let none = exp(Double(count) * log1p(-probability))
    while true {
      var (remaining, mass, successes) = (uniformDouble(), none, 0)
      while remaining > mass, successes < count {
        remaining -= mass
        successes += 1
        mass *= odds * Double(count - successes + 1) / Double(successes)
      }
      // Only rounding leads past the last count with any mass: draw again.
      if remaining <= mass { return successes }
    }
  }

  private mutating func transformed(_ count: Int, _ probability: Double) -> Int {
    let trials = Double(count)
    let odds = probability / (1 - probability)
    let deviation = (trials * probability * (1 - probability)).squareRoot()
    let b = 1.15 + 2.53 * deviation
    let a = -0.0873 + 0.0248 * b + 0.01 * probability
    let center = trials * probability + 0.5
    let squeeze = 0.92 - 4.2 / b
    let alpha = (2.83 + 5.1 / b) * deviation
    let mode = ((trials + 1) * probability).rounded(.down)
    while true {
      let u = uniformDouble() - 0.5
      let v = uniformDouble()
      let distance = 0.5 - abs(u)
      let k = ((2 * a / distance + b) * u + center).rounded(.down)
      if distance >= 0.07, v <= squeeze { return Int(k) }
      if k < 0 || k > trials { continue }
      let bound =
        (mode + 0.5) * log((mode + 1) / (odds * (trials - mode + 1)))
        + (trials + 1) * log((trials - mode + 1) / (trials - k + 1))
        + (k + 0.5) * log(odds * (trials - k + 1) / (k + 1))
        + stirlingTail(mode) + stirlingTail(trials - mode) - stirlingTail(k) - stirlingTail(trials - k)
      if log(v * alpha / (a / (distance * distance) + b)) <= bound { return Int(k) }
    }
  }
}

/// log k! − (log √2π + (k + ½) log(k + 1) − (k + 1)): what Stirling's formula leaves out.
private func stirlingTail(_ k: Double) -> Double {
  if k < 10 {
    // log k! exactly: the product stays below 10!.
    let factorial = stride(from: 2, through: k, by: 1).reduce(1, *)
    return log(factorial) - (0.918_938_533_204_672_7 + (k + 0.5) * log(k + 1) - (k + 1))
  }
  let square = (k + 1) * (k + 1)
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)
}
