/// Is told how training goes. Whatever it throws ends the run at once, without a checkpoint.
public protocol TrainerObserver: AnyObject {
  /// After each step of the optimiser.
  func stepDone(_ progress: TrainingProgress) throws
  /// After each epoch and its validation.
  func epochDone(_ record: EpochRecord, isBest: Bool) throws
}

extension TrainerObserver {
  /// Does nothing.
  public func stepDone(_ progress: TrainingProgress) throws {}
  /// Does nothing.
  public func epochDone(_ record: EpochRecord, isBest: Bool) throws {}
}

/// Where a run stands after a step.
public struct TrainingProgress: Sendable {
  /// The epoch, from 1.
  public let epoch: Int
  /// The number of epochs.
  public let epochs: Int
  /// Steps done, in all epochs.
  public let step: Int
  /// The number of steps of all epochs.
  public let steps: Int
  /// Samples seen in this epoch.
  public let samples: Int
  /// The number of samples of an epoch.
  public let sampleCount: Int
  /// The loss of the step.
  public let loss: Double
  /// The mean loss of the epoch so far.
  public let meanLoss: Double
  /// The learning rate of the step.
  public let learningRate: Double
  /// The norm of the gradients before clipping, if they are clipped.
  public let gradientNorm: Double?
  /// The speed in this epoch.
  public let samplesPerSecond: Double
  /// The time to the end of all epochs, at the speed of the whole run so far, validations included.
  public let secondsLeft: Double
}

/// How a run ended.
public struct TrainingResult: Sendable {
  /// The ways to end.
  public enum Outcome: String, Sendable {
    /// All epochs are done.
    case finished
    /// The metric didn't improve for as many epochs as were allowed.
    case stoppedEarly
    /// It was asked to stop; a checkpoint is written, the parameters are those of the last step.
    case interrupted
  }

  /// How it ended.
  public let outcome: Outcome
  /// All epochs, those before a resumption included.
  public let history: [EpochRecord]
  /// The epoch (from 1) whose parameters were kept, if one was chosen by a metric.
  public let bestEpoch: Int?
  /// The metric's value in that epoch.
  public let bestValue: Double?
  /// Steps done in all.
  public let steps: Int
}
