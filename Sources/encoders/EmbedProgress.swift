import Foundation
import Training

/// Shows how far `embed` is: `12,800 rows ━━━━──── 45% · 1,240/s · 14,300 tokens/s · 0:12 left`.
final class EmbedProgress {
  private let screen: ProgressLine?
  private let byteCount: Int?
  private var start = InputPosition()
  private var position = InputPosition()
  private var tokens = 0
  private var begun = ContinuousClock.now

  /// The input has so many bytes; nil: nobody knows how many.
  init(of byteCount: Int?, isShown: Bool) {
    self.byteCount = byteCount
    screen = isShown ? ProgressLine(every: 60) : nil
  }

  func start(at position: InputPosition) {
    (start, self.position, begun) = (position, position, .now)
    if screen?.isTerminal == true { update() }
  }

  func wrote(upTo position: InputPosition, tokens: Int) {
    self.position = position
    self.tokens += tokens
    update()
  }

  func clear() { screen?.clear() }

  /// Leaves a line of what was done on a terminal.
  func end() {
    if let screen, screen.isTerminal {
      screen.write(([rows] + rates + [ProgressLine.time(seconds)]).joined(separator: " · "))
    }
  }

  private func update() {
    let numbers = (rates + [left].compactMap(\.self)).joined(separator: " · ")
    screen?.update { width in
      guard let byteCount, byteCount > 0 else { return ProgressLine.cut("\(rows) · \(numbers)", width: width) }
      return ProgressLine.bar(rows, Double(position.bytes) / Double(byteCount), numbers, width: width)
    } line: {
      "\(rows) · \(numbers)"
    }
  }

  private var seconds: Double { begun.duration(to: .now) / .seconds(1) }
  private var rows: String { ProgressLine.count(position.lines) + " rows" }

  private var rates: [String] {
    let rows = ProgressLine.rate(Double(position.lines - start.lines) / max(seconds, 1e-3))
    guard tokens > 0 else { return [rows] }
    return [rows, ProgressLine.rate(Double(tokens) / max(seconds, 1e-3)).replacing("/s", with: " tokens/s")]
  }

  /// As long as the bytes before took, in proportion.
  private var left: String? {
    guard let byteCount, position.bytes > start.bytes else { return nil }
    let rest = Double(byteCount - position.bytes) / Double(position.bytes - start.bytes)
    return ProgressLine.time(seconds * rest) + " left"
  }
}
