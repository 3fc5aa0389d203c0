import Foundation

/// Why training can't start or go on, in one line.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// There is nothing to train on.
  case noSamples
  /// A number that must be finite isn't: `what` is the loss, the gradients' norm or a parameter. Epoch, step and batch
  /// count from 1, the batch within its epoch; `checkpoint` is the last good one.
  case notFinite(what: String, value: String, epoch: Int, step: Int, batch: Int, checkpoint: String?)
  /// The metric that picks the best epoch isn't among those that the validation gave.
  case unknownMetric(String, known: [String])
  /// The checkpoint is of another run than the one to be resumed.
  case otherRun(path: String, setting: String, expected: String, found: String)

  /// The one line.
  public var description: String {
    switch self {
    case .noSamples:
      "training: expected at least one sample, found none"
    case .notFinite(let what, let value, let epoch, let step, let batch, let checkpoint):
      "training: \(what) is \(value) in epoch \(epoch), step \(step) (batch \(batch) of the epoch); "
        + (checkpoint.map { "\($0) keeps the last good checkpoint; " } ?? "")
        + "a lower learning rate or clipping the gradients may help"
    case .unknownMetric(let name, let known):
      "training: the best epoch is to be found by the metric \"\(name)\", but the validation gives only "
        + known.joined(separator: ", ")
    case .otherRun(let path, let setting, let expected, let found):
      "\(path): the checkpoint is of another run: expected \(setting) \(expected), found \(found)"
    }
  }

  /// The same line, for Foundation's `localizedDescription`.
  public var errorDescription: String? { description }
}
