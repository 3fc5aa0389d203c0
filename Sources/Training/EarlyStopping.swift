/// Watches a metric over the epochs: which epoch is the best, and whether it is time to stop.
public struct EarlyStopping: Sendable, Codable, Equatable {
  /// Whether low or high values are good.
  public enum Direction: String, Sendable, Codable, CaseIterable {
    /// Low values are good, as of a loss.
    case minimize
    /// High values are good, as of an accuracy.
    case maximize
  }

  /// The metric's name: `loss` (of the validation), `trainLoss` or one of the validation's metrics.
  public let metric: String
  /// Whether low or high values are good.
  public let direction: Direction
  /// Training stops after this many epochs in a row without improvement; nil: never.
  public var patience: Int?
  /// By how much a value must be better than the best one to count as an improvement.
  public let minimumChange: Double
  /// The best value so far.
  public private(set) var best: Double?
  /// The epoch of the best value.
  public private(set) var bestEpoch: Int?
  /// How many epochs there were since the best one.
  public private(set) var epochsWithoutImprovement = 0

  /// A watch over a metric, before the first epoch.
  public init(_ metric: String, _ direction: Direction, patience: Int? = nil, minimumChange: Double = 0) {
    self.metric = metric
    self.direction = direction
    self.patience = patience
    self.minimumChange = minimumChange
  }

  /// Takes in an epoch's value and returns whether it is the best so far; NaN never is.
  public mutating func isImproved(by value: Double, epoch: Int) -> Bool {
    let isBetter =
      switch (best, direction) {
      case (nil, _): !value.isNaN
      case (let best?, .minimize): value < best - minimumChange
      case (let best?, .maximize): value > best + minimumChange
      }
    if isBetter {
      best = value
      bestEpoch = epoch
    }
    epochsWithoutImprovement = isBetter ? 0 : epochsWithoutImprovement + 1
    return isBetter
  }

  /// Whether patience is at its end.
  public var shouldStop: Bool { patience.map { epochsWithoutImprovement >= $0 } ?? false }
}
