import Foundation

/// Why a score can't be computed, in one line.
public enum EvaluationError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// There is nothing to score.
  case noSamples
  /// Two lists that belong together aren't equally long.
  case countMismatch(what: String, expected: Int, found: Int)
  /// A label or a prediction isn't the number of a class; `sample` counts from 1.
  case outOfRange(what: String, sample: Int, value: Int, classes: Int)
  /// A number that must be finite isn't; `sample` counts from 1.
  case notFinite(what: String, sample: Int, value: String)
  /// A setting, or the data as a whole, isn't what it must be.
  case invalid(what: String, expected: String, found: String)

  /// The one line.
  public var description: String {
    switch self {
    case .noSamples:
      "evaluation: expected at least one sample, found none"
    case .countMismatch(let what, let expected, let found):
      "evaluation: expected \(expected) \(what), found \(found)"
    case .outOfRange(let what, let sample, let value, let classes):
      "evaluation: \(what) of sample \(sample): expected a class from 0 to \(classes - 1), found \(value)"
    case .notFinite(let what, let sample, let value):
      "evaluation: \(what) of sample \(sample): expected a finite number, found \(value)"
    case .invalid(let what, let expected, let found):
      "evaluation: \(what): expected \(expected), found \(found)"
    }
  }

  /// The same line, for Foundation's `localizedDescription`.
  public var errorDescription: String? { description }
}
