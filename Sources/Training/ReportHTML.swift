import Foundation

/// Pieces of the report's HTML.
enum ReportHTML {
  /// Text for element content and quoted attributes.
  static func escape(_ text: String) -> String {
    var escaped: [UInt8] = []
    escaped.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "&"): escaped += "&amp;".utf8
      case UInt8(ascii: "<"): escaped += "&lt;".utf8
      case UInt8(ascii: ">"): escaped += "&gt;".utf8
      case UInt8(ascii: "\""): escaped += "&quot;".utf8
      case UInt8(ascii: "'"): escaped += "&#39;".utf8
      // HTML has no place for control characters, not even escaped.
      case 0..<9, 11, 12, 14..<32, 127: escaped += "\u{FFFD}".utf8
      default: escaped.append(byte)
      }
    }
    return String(decoding: escaped, as: UTF8.self)
  }

  /// A value as JSON inside a script element: no `<` can end the element.
  static func json(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(value) else { return "null" }
    return String(decoding: data, as: UTF8.self).replacingOccurrences(of: "<", with: "\\u003c")
  }

  /// The start of a text, `…` after it if there is more.
  static func start(of text: String, _ limit: Int) -> String {
    let scalars = text.unicodeScalars
    guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
      end < scalars.endIndex
    else { return text }
    return String(scalars[..<end]) + "…"
  }

  /// A text without its middle, `…` instead, if it is longer than the limit: names often differ at their ends.
  static func ends(of text: String, _ limit: Int) -> String {
    let scalars = text.unicodeScalars
    guard scalars.count > limit else { return text }
    return String(scalars.prefix(limit / 2)) + "…" + String(scalars.suffix(limit - limit / 2 - 1))
  }

  /// A table's heading for a name, which is its `title` if it's too long to be shown.
  static func heading(_ scope: String, _ name: String, _ limit: Int = 20) -> String {
    let shown = ends(of: name, limit)
    let title = shown == name ? "" : " title=\"\(escape(name))\""
    return "<th scope=\"\(scope)\"\(title)><span>\(escape(shown))</span></th>"
  }

  /// A number with the given decimals.
  static func number(_ value: Double, _ decimals: Int) -> String {
    value.isFinite ? String(format: "%.\(decimals)f", value) : "–"
  }

  /// A number with as many digits as one reads: 0.0123, 1.234, 12.34, 1.2e-05.
  static func short(_ value: Double) -> String {
    value.isFinite ? String(format: "%.4g", value) : "–"
  }

  /// A part of one as per cent.
  static func percent(_ value: Double) -> String {
    value.isFinite ? String(format: "%.1f %%", value * 100) : "–"
  }

  /// A whole number with commas between thousands.
  static func grouped(_ number: some BinaryInteger) -> String {
    let digits = Array("\(number)".utf8)
    var grouped: [UInt8] = []
    for (place, digit) in digits.enumerated() {
      if place > 0, digits[place - 1] != UInt8(ascii: "-"), (digits.count - place) % 3 == 0 {
        grouped.append(UInt8(ascii: ","))
      }
      grouped.append(digit)
    }
    return String(decoding: grouped, as: UTF8.self)
  }

  /// A section with its heading and an explaining line.
  static func section(_ id: String, _ heading: String, _ note: String = "", _ body: String) -> String {
    let note = note.isEmpty ? "" : "<p class=\"note\">\(note)</p>"
    return """
      <section id="\(id)" aria-labelledby="\(id)-heading">
      <h2 id="\(id)-heading">\(heading)</h2>\(note)
      \(body)
      </section>
      """
  }
}

/// The ticks of an axis: multiples of 1, 2 or 5 times a power of ten.
struct ReportTicks {
  let values: [Double]
  private let decimals: Int

  /// About `count` ticks from `low` to `high`.
  init(_ low: Double, _ high: Double, about count: Int, whole: Bool = false) {
    let range = max(high - low, 1e-12)
    let power = pow(10, (log10(range / Double(count))).rounded(.down))
    var step = ([1, 2, 5, 10].first { $0 * power * Double(count) >= range * 0.999 } ?? 10) * power
    if whole { step = max(1, step.rounded()) }
    let first = (low / step - 1e-9).rounded(.up)
    let last = (high / step + 1e-9).rounded(.down)
    values = first > last ? [] : (0...Int(min(last - first, 100))).map { (first + Double($0)) * step }
    decimals = max(0, -Int((log10(step) + 1e-9).rounded(.down)))
  }

  /// The text of a tick.
  func text(_ value: Double) -> String {
    decimals > 6 ? ReportHTML.short(value) : ReportHTML.number(value, decimals)
  }
}
