import Tensors

/// The settings of a run of training.
public struct TrainerOptions: Sendable {
  /// How often all samples are seen.
  public var epochs: Int
  /// Samples of a forward and backward pass; the last one of an epoch has those left over.
  public var batchSize: Int
  /// Passes whose gradients are averaged (by their samples) for one step of the optimiser. Equals a batch `accumulate`
  /// times as large where the loss is a mean over samples and samples don't see each other (as in batch norm).
  public var accumulate: Int
  /// The largest norm of all gradients together; longer ones are shortened to it.
  public var clipNorm: Double?
  /// The decay of a moving average of the weights, which then is what is validated and kept.
  public var emaDecay: Double?
  /// What makes an epoch the best one and when to stop early; nil keeps the last epoch.
  public var earlyStopping: EarlyStopping?
  /// The seed of the order of samples, dropout and whatever else is random.
  public var seed: UInt64
  /// Steps from one checkpoint to the next, besides the one after each epoch.
  public var checkpointEvery: Int?
  /// The numbers that products multiply in training; weights, sums and validation are in float32.
  public var precision: Precision

  /// Settings; those left out have the usual values.
  public init(
    epochs: Int = 1, batchSize: Int = 32, accumulate: Int = 1, clipNorm: Double? = nil, emaDecay: Double? = nil,
    earlyStopping: EarlyStopping? = nil, seed: UInt64 = 0, checkpointEvery: Int? = nil,
    precision: Precision = .float32
  ) {
    precondition(
      epochs >= 0 && batchSize > 0 && accumulate > 0 && (checkpointEvery ?? 1) > 0,
      "TrainerOptions: expected epochs from 0, batchSize, accumulate and checkpointEvery from 1")
    self.epochs = epochs
    self.batchSize = batchSize
    self.accumulate = accumulate
    self.clipNorm = clipNorm
    self.emaDecay = emaDecay
    self.earlyStopping = earlyStopping
    self.seed = seed
    self.checkpointEvery = checkpointEvery
    self.precision = precision
  }
}
