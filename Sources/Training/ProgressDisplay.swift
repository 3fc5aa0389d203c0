import Foundation

/// Shows how training goes on standard error: a bar that is redrawn at most ten times a second, or plain lines where
/// that isn't a terminal (one an epoch, and one every ten seconds in between).
public final class ProgressDisplay: TrainerObserver {
  private let screen: ProgressLine
  private let metric: String?
  private var lastValue: Double?

  /// A display on standard error; `metric` is shown beside the loss.
  public init(metric: String? = nil, on screen: ProgressLine = ProgressLine(every: 10)) {
    self.metric = metric
    self.screen = screen
  }

  /// Draws the bar or writes a line, if it is time.
  public func stepDone(_ progress: TrainingProgress) {
    screen.update { width in
      bar(progress, width: width)
    } line: {
      line(progress)
    }
  }

  /// Writes an epoch's line.
  public func epochDone(_ record: EpochRecord, isBest: Bool) {
    lastValue = metric.flatMap { record.value(of: $0) } ?? lastValue
    screen.write(line(record, isBest: isBest))
  }

  /// `epoch 3/8 ━━━━────  45 % · 1,240/s · 0:12 left · loss 0.4312 · accuracy 0.7612`, no wider than the terminal.
  func bar(_ progress: TrainingProgress, width: Int) -> String {
    let part = Double(progress.samples) / Double(max(1, progress.sampleCount))
    return ProgressLine.bar("epoch \(progress.epoch)/\(progress.epochs)", part, numbers(progress), width: width)
  }

  private func line(_ progress: TrainingProgress) -> String {
    "epoch \(progress.epoch)/\(progress.epochs) step \(progress.step)/\(progress.steps) · " + numbers(progress)
  }

  private func numbers(_ progress: TrainingProgress) -> String {
    var parts = [
      ProgressLine.rate(progress.samplesPerSecond), ProgressLine.time(progress.secondsLeft) + " left",
      "loss " + ProgressDisplay.decimals(progress.meanLoss),
    ]
    if let metric, let lastValue { parts.append("\(metric) " + ProgressDisplay.decimals(lastValue)) }
    return parts.joined(separator: " · ")
  }

  private func line(_ record: EpochRecord, isBest: Bool) -> String {
    var parts = ["epoch \(record.epoch): loss " + ProgressDisplay.decimals(record.trainLoss)]
    if let loss = record.validationLoss { parts.append("validation loss " + ProgressDisplay.decimals(loss)) }
    for (name, value) in record.metrics.sorted(by: { $0.key < $1.key }) {
      parts.append("\(name) " + ProgressDisplay.decimals(value))
    }
    parts.append(ProgressLine.rate(record.samplesPerSecond))
    parts.append(ProgressLine.time(record.seconds))
    return parts.joined(separator: " · ") + (isBest ? " · best" : "")
  }

  private static func decimals(_ value: Double) -> String {
    abs(value) >= 0.001 || value == 0 ? String(format: "%.4f", value) : String(format: "%.2e", value)
  }
}
