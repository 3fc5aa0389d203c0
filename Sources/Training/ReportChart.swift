import Foundation

/// Lines over epochs as SVG.
struct Chart {
  /// A line: NaN where there's no value.
  struct Line {
    let name: String
    let className: String
    let values: [Double]
  }

  let name: String
  let epochs: [Int]
  let best: Int?
  /// Whether the axis starts at zero where that leaves the lines readable.
  let fromZero: Bool
  let lines: [Line]

  private static let width = 480.0
  private static let height = 290.0
  private static let left = 50.0
  private static let right = 18.0
  private static let top = 40.0
  private static let bottom = 40.0

  /// The chart; nil without a finite value.
  var svg: String? {
    let shown = lines.filter { $0.values.contains(where: \.isFinite) }
    let values = shown.flatMap(\.values).filter(\.isFinite)
    guard let least = values.min(), let most = values.max(), let first = epochs.first, let last = epochs.last else {
      return nil
    }
    let (low, high) = range(least, most)
    let x = { (epoch: Int) in
      first == last
        ? (Self.left + Self.width - Self.right) / 2
        : Self.left + Double(epoch - first) / Double(last - first) * (Self.width - Self.left - Self.right)
    }
    let y = { (value: Double) in
      Self.top + (high - value) / (high - low) * (Self.height - Self.top - Self.bottom)
    }
    let title = ReportHTML.escape("\(name) by epoch, from \(first) to \(last)")
    let legend = legend(shown)
    return """
      <svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height) + legend.height)" role="img" aria-label="\(title)" \
      class="chart">
      <title>\(title)</title>
      <text class="heading" x="0" y="16">\(ReportHTML.escape(name))</text>
      \(legend.text)
      <g transform="translate(0 \(legend.height))">\(grid(low, high, first, last, x, y))
      \(bestMark(x, y(high), y(low)))
      \(shown.map { path($0, x, y) }.joined(separator: "\n"))
      \(bands(shown, x))</g>
      </svg>
      """
  }

  private func range(_ least: Double, _ most: Double) -> (low: Double, high: Double) {
    let spread = max(most - least, abs(most) * 0.02, 1e-9)
    let low = fromZero && least >= 0 && least < most * 0.6 ? 0 : least - spread * 0.08
    return (low, most + spread * 0.06)
  }

  /// Names with their colours below the heading, in columns, and the height that they take.
  private func legend(_ lines: [Line]) -> (text: String, height: Int) {
    guard lines.count > 1 || lines.first?.name != name else { return ("", 0) }
    // How wide names are isn't known here: 8 units a letter are enough, 48 for the key and the gaps.
    let column = 48 + 8 * (lines.map(\.name.unicodeScalars.count).max() ?? 0)
    let columns = max(1, Int(Self.width) / column)
    let texts = lines.enumerated().map { place, line in
      """
      <text class="legend" x="\(place % columns * column)" y="\(36 + place / columns * 18)">\
      <tspan class="key \(line.className)">━━</tspan><tspan dx="6">\(ReportHTML.escape(line.name))</tspan></text>
      """
    }
    return (texts.joined(), (lines.count + columns - 1) / columns * 18)
  }

  private func grid(
    _ low: Double, _ high: Double, _ first: Int, _ last: Int, _ x: (Int) -> Double, _ y: (Double) -> Double
  ) -> String {
    let vertical = ReportTicks(low, high, about: 5)
    let rows = vertical.values.map { value in
      """
      <path class="grid" d="M\(point(Self.left, y(value)))H\(Int(Self.width - Self.right))"/>\
      <text x="\(Int(Self.left) - 8)" y="\(ReportHTML.number(y(value) + 4, 1))" \
      text-anchor="end">\(vertical.text(value))</text>
      """
    }
    let horizontal = ReportTicks(Double(first), Double(last), about: 8, whole: true)
    let marks = first == last ? [first] : horizontal.values.map { Int($0) }
    let columns = marks.map { epoch in
      """
      <text x="\(ReportHTML.number(x(epoch), 1))" y="\(Int(Self.height - Self.bottom) + 17)" \
      text-anchor="middle">\(epoch)</text>
      """
    }
    let middle = (Self.left + Self.width - Self.right) / 2
    return """
      <g class="axes" aria-hidden="true">\(rows.joined())\(columns.joined())\
      <text x="\(ReportHTML.number(middle, 1))" y="\(Int(Self.height) - 4)" text-anchor="middle">epoch</text></g>
      """
  }

  private func bestMark(_ x: (Int) -> Double, _ top: Double, _ bottom: Double) -> String {
    guard let best, epochs.contains(best) else { return "" }
    let place = x(best)
    let anchor = place > Self.width * 0.8 ? "end" : place < Self.width * 0.2 ? "start" : "middle"
    return """
      <g class="best"><path d="M\(point(place, top))V\(ReportHTML.number(bottom, 1))"/>\
      <text x="\(ReportHTML.number(place, 1))" y="\(ReportHTML.number(top - 5, 1))" text-anchor="\(anchor)">best</text></g>
      """
  }

  private func path(_ line: Line, _ x: (Int) -> Double, _ y: (Double) -> Double) -> String {
    var commands = ""
    var penDown = false
    var dots = ""
    for (epoch, value) in zip(epochs, line.values) {
      guard value.isFinite else {
        penDown = false
        continue
      }
      commands += (penDown ? "L" : "M") + point(x(epoch), y(value))
      penDown = true
      if epochs.count <= 30 || epoch == best {
        dots += """
          <circle cx="\(ReportHTML.number(x(epoch), 1))" cy="\(ReportHTML.number(y(value), 1))" \
          r="\(epoch == best ? "4.5" : "2.5")"/>
          """
      }
    }
    return "<path class=\"line \(line.className)\" d=\"\(commands)\"/><g class=\"dots \(line.className)\">\(dots)</g>"
  }

  /// Invisible columns that tell an epoch's values.
  private func bands(_ lines: [Line], _ x: (Int) -> Double) -> String {
    let step = epochs.count > 1 ? (Self.width - Self.left - Self.right) / Double(epochs.count - 1) : 60
    return epochs.enumerated().map { place, epoch in
      let values = lines.map { "\($0.name) \(ReportHTML.short($0.values[place]))" }.joined(separator: "\n")
      return """
        <rect class="band" x="\(ReportHTML.number(x(epoch) - step / 2, 1))" y="\(Int(Self.top))" \
        width="\(ReportHTML.number(step, 1))" height="\(Int(Self.height - Self.top - Self.bottom))" \
        data-tip="Epoch \(epoch)\n\(ReportHTML.escape(values))"/>
        """
    }.joined()
  }

  private func point(_ x: Double, _ y: Double) -> String {
    "\(ReportHTML.number(x, 1)) \(ReportHTML.number(y, 1))"
  }
}
