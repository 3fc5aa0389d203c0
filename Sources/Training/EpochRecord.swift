/// What is kept of an epoch: a line of `history.jsonl`.
public struct EpochRecord: Codable, Sendable, Equatable {
  /// The epoch, from 1.
  public var epoch: Int
  /// The mean loss over the epoch's samples while training.
  public var trainLoss: Double
  /// The loss on the validation samples.
  public var validationLoss: Double?
  /// The validation's other metrics by name.
  public var metrics: [String: Double]
  /// The learning rate of the last step.
  public var learningRate: Double
  /// Seconds of training, without validation.
  public var seconds: Double
  /// Samples trained per second.
  public var samplesPerSecond: Double

  /// A record of an epoch.
  public init(
    epoch: Int, trainLoss: Double, validationLoss: Double? = nil, metrics: [String: Double] = [:],
    learningRate: Double, seconds: Double, samplesPerSecond: Double
  ) {
    self.epoch = epoch
    self.trainLoss = trainLoss
    self.validationLoss = validationLoss
    self.metrics = metrics
    self.learningRate = learningRate
    self.seconds = seconds
    self.samplesPerSecond = samplesPerSecond
  }
}
