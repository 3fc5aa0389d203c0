import Foundation

/// Shows how training goes on standard error: a bar that is redrawn at most ten times a second, or plain lines where
/// that isn't a terminal (one an epoch, and one every ten seconds in between).
public final class ProgressDisplay: TrainerObserver {
  private let isTerminal: Bool
  private let width: Int
  private let metric: String?
  private let write: (String) -> Void
  private let now: () -> Double
  private var drawn = -Double.infinity
  private var lastValue: Double?
  private var isBarVisible = false

  /// A display on standard error; `metric` is shown beside the loss.
  public convenience init(metric: String? = nil) {
    var size = winsize()
    let isTerminal = isatty(STDERR_FILENO) == 1
    let known = isTerminal && ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    let start = ContinuousClock.now
    self.init(
      metric: metric, isTerminal: isTerminal, width: known ? Int(size.ws_col) : 80,
      now: { start.duration(to: .now) / .seconds(1) },
      write: { FileHandle.standardError.write(Data($0.utf8)) })
  }

  /// A display with everything given: the seconds of `now` decide when to draw, `write` gets the text.
  init(
    metric: String?, isTerminal: Bool, width: Int, now: @escaping () -> Double, write: @escaping (String) -> Void
  ) {
    self.metric = metric
    self.isTerminal = isTerminal
    self.width = width
    self.now = now
    self.write = write
    if !isTerminal { drawn = now() }
  }

  /// Draws the bar or writes a line, if it is time.
  public func stepDone(_ progress: TrainingProgress) {
    let time = now()
    guard time - drawn >= (isTerminal ? 0.1 : 10) else { return }
    drawn = time
    if isTerminal {
      write("\r\u{1B}[K" + bar(progress))
      isBarVisible = true
    } else {
      write(line(progress) + "\n")
    }
  }

  /// Writes an epoch's line.
  public func epochDone(_ record: EpochRecord, isBest: Bool) {
    lastValue = metric.flatMap { record.value(of: $0) } ?? lastValue
    write((isBarVisible ? "\r\u{1B}[K" : "") + line(record, isBest: isBest) + "\n")
    isBarVisible = false
    drawn = isTerminal ? -Double.infinity : now()
  }

  /// `epoch 3/8 ━━━━────  45 % · 1,240/s · 0:12 left · loss 0.4312 · accuracy 0.7612`, no wider than the terminal.
  func bar(_ progress: TrainingProgress) -> String {
    let part = Double(progress.samples) / Double(max(1, progress.sampleCount))
    let start = "epoch \(progress.epoch)/\(progress.epochs) "
    let end = " \(Int(part * 100))% · " + numbers(progress)
    let room = min(30, width - 1 - start.unicodeScalars.count - end.unicodeScalars.count)
    guard room >= 5 else { return String((start + end).unicodeScalars.prefix(max(0, width - 1)).map(Character.init)) }
    let full = Int((part * Double(room)).rounded(.down))
    return start + String(repeating: "━", count: full) + String(repeating: "─", count: room - full) + end
  }

  private func line(_ progress: TrainingProgress) -> String {
    "epoch \(progress.epoch)/\(progress.epochs) step \(progress.step)/\(progress.steps) · " + numbers(progress)
  }

  private func numbers(_ progress: TrainingProgress) -> String {
    var parts = [
      ProgressDisplay.rate(progress.samplesPerSecond), ProgressDisplay.time(progress.secondsLeft) + " left",
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
    parts.append(ProgressDisplay.rate(record.samplesPerSecond))
    parts.append(ProgressDisplay.time(record.seconds))
    return parts.joined(separator: " · ") + (isBest ? " · best" : "")
  }

  /// Samples per second: `1,240/s`, or `3.2/s` below 10.
  static func rate(_ value: Double) -> String {
    guard value >= 10 else { return String(format: "%.1f/s", value) }
    let digits = String(Int(min(value, 1e12).rounded()))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text + "/s"
  }

  /// Seconds as `0:07`, `12:30` or `3:05:00`.
  static func time(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 1e9).rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    return hours > 0
      ? String(format: "%d:%02d:%02d", hours, minutes, rest) : String(format: "%d:%02d", minutes, rest)
  }

  private static func decimals(_ value: Double) -> String {
    abs(value) >= 0.001 || value == 0 ? String(format: "%.4f", value) : String(format: "%.2e", value)
  }
}
