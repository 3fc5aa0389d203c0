import Foundation

/// The learning rate of each step.
public struct Schedule: Sendable, Equatable {
  /// How the rate goes on after the warm-up.
  public enum Shape: String, Sendable, Codable, CaseIterable {
    /// It stays.
    case constant
    /// It falls to 0 in a straight line.
    case linear
    /// It falls to 0 along half a cosine.
    case cosine
    /// It rises from peak / 25 to the peak along half a cosine and falls to peak / 250,000 along another one, as
    /// PyTorch's `OneCycleLR`; the warm-up is its rise (0.3 of all steps unless said otherwise).
    /// Source: Smith and Topin 2017.
    case oneCycle
  }

  /// How long the rate rises at the start.
  public enum WarmUp: Sendable, Equatable {
    /// Not at all; the one-cycle schedule's own length for that one.
    case none
    /// A number of steps.
    case steps(Int)
    /// A part of all steps, in [0, 1]; rounded up.
    case fraction(Double)
  }

  /// How the rate goes on after the warm-up.
  public let shape: Shape
  /// The highest rate.
  public let peak: Double
  /// How long the rate rises at the start.
  public let warmUp: WarmUp

  /// A schedule with its highest rate.
  public init(_ shape: Shape, peak: Double, warmUp: WarmUp = .none) {
    self.shape = shape
    self.peak = peak
    self.warmUp = warmUp
  }

  /// The learning rate of a step, counted from 0, of `total` steps.
  ///
  /// With a warm-up of w steps, step s < w has peak · s / w, as `get_linear_schedule_with_warmup` and its siblings of
  /// transformers: the very first step has the rate 0.
  public func learningRate(step: Int, of total: Int) -> Double {
    if shape == .oneCycle { return oneCycle(Double(step), of: total) }
    let rising = warmUpSteps(of: total)
    if step < rising { return peak * Double(step) / Double(rising) }
    let left = Double(max(1, total - rising))
    switch shape {
    case .constant, .oneCycle: return peak
    case .linear: return peak * max(0, Double(total - step) / left)
    case .cosine: return peak * max(0, 0.5 * (1 + cos(.pi * Double(step - rising) / left)))
    }
  }

  private func warmUpSteps(of total: Int) -> Int {
    switch warmUp {
    case .none: 0
    case .steps(let count): max(0, count)
    case .fraction(let part): Int((Double(total) * part).rounded(.up))
    }
  }

  private func oneCycle(_ step: Double, of total: Int) -> Double {
    let rise =
      switch warmUp {
      case .none: 0.3 * Double(total) - 1
      case .steps(let count): Double(count) - 1
      case .fraction(let part): part * Double(total) - 1
      }
    let (first, last) = (peak / 25, peak / 25 / 1e4)
    if step <= rise { return annealed(from: first, to: peak, rise > 0 ? step / rise : 1) }
    let fall = Double(total - 1) - rise
    return annealed(from: peak, to: last, fall > 0 ? min(1, (step - rise) / fall) : 1)
  }

  private func annealed(from start: Double, to end: Double, _ part: Double) -> Double {
    end + (start - end) / 2 * (1 + cos(.pi * part))
  }
}
