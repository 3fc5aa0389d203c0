import Checkpoints
import Foundation

/// Writes to standard error. Where that is full or its terminal is gone there's nobody to tell, which must not end what is going on.
public func writeToStandardError(_ text: String) {
  var text = text
  text.withUTF8 { _ = writeAll(UnsafeRawBufferPointer($0), to: STDERR_FILENO) }
}

/// A line on standard error that says how far something is: a bar that is redrawn at most ten times a second, or plain
/// lines once in a while where that isn't a terminal.
public final class ProgressLine {
  /// Whether there is a terminal to draw a bar on.
  public let isTerminal: Bool
  private let width: Int
  private let interval: Double
  private let output: (String) -> Void
  private let now: () -> Double
  private var drawn = -Double.infinity
  private var isBarVisible = false

  /// A line on standard error, with `seconds` between plain ones.
  public convenience init(every seconds: Double) {
    var size = winsize()
    let isTerminal = isatty(STDERR_FILENO) == 1
    let known = isTerminal && ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    let start = ContinuousClock.now
    self.init(
      isTerminal: isTerminal, width: known ? Int(size.ws_col) : 80, every: seconds,
      now: { start.duration(to: .now) / .seconds(1) },
      write: { writeToStandardError($0) })
  }

  /// A line with everything given: the seconds of `now` decide when to draw, `write` gets the text.
  init(
    isTerminal: Bool, width: Int, every seconds: Double, now: @escaping () -> Double, write: @escaping (String) -> Void
  ) {
    (self.isTerminal, self.width, self.now, output) = (isTerminal, width, now, write)
    interval = isTerminal ? 0.1 : seconds
    if !isTerminal { drawn = now() }
  }

  /// Draws the bar, no wider than it's told, or writes a plain line, if it is time.
  public func update(bar: (_ width: Int) -> String, line: () -> String) {
    let time = now()
    guard time - drawn >= interval else { return }
    drawn = time
    output(isTerminal ? "\r\u{1B}[K" + bar(width) : line() + "\n")
    isBarVisible = isTerminal
  }

  /// Writes a line that stays, in the bar's place.
  public func write(_ line: String) {
    output((isBarVisible ? "\r\u{1B}[K" : "") + line + "\n")
    isBarVisible = false
    drawn = isTerminal ? -Double.infinity : now()
  }

  /// Takes the bar away.
  public func clear() {
    if isBarVisible { output("\r\u{1B}[K") }
    isBarVisible = false
  }

  /// `start ━━━━──── 45% · numbers`, narrower than the terminal; `part` is from 0 to 1.
  public static func bar(_ start: String, _ part: Double, _ numbers: String, width: Int) -> String {
    let (start, part) = (start + " ", max(0, min(1, part)))
    let end = " \(Int(part * 100))% · " + numbers
    let room = min(30, width - 1 - start.unicodeScalars.count - end.unicodeScalars.count)
    guard room >= 5 else { return cut(start + end, width: width) }
    let full = Int((part * Double(room)).rounded(.down))
    return start + String(repeating: "━", count: full) + String(repeating: "─", count: room - full) + end
  }

  /// As much of a text as is narrower than the terminal.
  public static func cut(_ text: String, width: Int) -> String {
    String(text.unicodeScalars.prefix(max(0, width - 1)).map(Character.init))
  }

  /// Samples per second: `1,240/s`, or `3.2/s` below 10.
  public static func rate(_ value: Double) -> String {
    guard value >= 10 else { return String(format: "%.1f/s", value) }
    return count(Int(min(value, 1e12).rounded())) + "/s"
  }

  /// A count with commas: `1,234,567`.
  public static func count(_ value: Int) -> String {
    let digits = String(value)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// Seconds as `0:07`, `12:30` or `3:05:00`.
  public static func time(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 1e9).rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    return hours > 0
      ? String(format: "%d:%02d:%02d", hours, minutes, rest) : String(format: "%d:%02d", minutes, rest)
  }
}
