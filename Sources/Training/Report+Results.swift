import Evaluation
import Foundation

extension Report {
  /// The scores with their intervals, then the facts.
  var results: String? {
    var cards: [String] = []
    if let scores = classification {
      cards += [
        card("Accuracy", scores.accuracy), card("F1, macro", scores.f1.macro),
        scores.meanAveragePrecision.map { card("Mean average precision", $0) },
        scores.rocAUC.map { card("ROC AUC", $0) },
      ].compactMap(\.self)
    }
    if let scores = reconstruction {
      cards += [errorCard("Mean squared error", scores.mse), errorCard("Mean absolute error", scores.mae)]
    }
    let best = scores.filter { $0.name == metricName }
    cards += (best + scores.filter { $0.name != metricName }).map { score in
      let before = score.before.map { "<p class=\"interval\">before: \(ReportHTML.number($0, 4))</p>" } ?? ""
      return card(ReportHTML.escape(score.name), score.estimate, before, signed: score.isCorrelation)
    }
    let list = facts.map { name, value in
      "<div><dt>\(ReportHTML.escape(name))</dt><dd>\(ReportHTML.escape(readable(name, value)))</dd></div>"
    }
    let count = classification?.count ?? reconstruction?.count
    let note =
      scoredOn.map { "On \(ReportHTML.escape($0)); 95 % bootstrap intervals in brackets." }
      ?? count.map { "On \(ReportHTML.grouped($0)) samples held out; 95 % bootstrap intervals in brackets." } ?? ""
    return ReportHTML.section(
      "results", "Results", note,
      """
      \(cards.isEmpty ? "" : "<div class=\"cards\">\(cards.joined(separator: "\n"))</div>")
      <dl class="facts">\(list.joined(separator: "\n"))</dl>
      """)
  }

  /// The recipe as it was written, comments and keys set off.
  var recipeText: String? {
    guard !recipe.isEmpty else { return nil }
    let lines = recipe.split(separator: "\n", omittingEmptySubsequences: false).map { highlighted(String($0)) }
    return ReportHTML.section(
      "recipe", "Recipe", "", "<pre tabindex=\"0\"><code>\(lines.joined(separator: "\n"))</code></pre>")
  }

  /// A score between 0 and 1, or from -1 on, its interval drawn on that range.
  private func card(_ name: String, _ estimate: Estimate, _ note: String = "", signed: Bool = false) -> String {
    """
    <div class="card"><p class="name">\(name)</p><p class="value">\(ReportHTML.number(estimate.value, 4))</p>
    <p class="interval">[\(ReportHTML.number(estimate.lower, 4)), \(ReportHTML.number(estimate.upper, 4))]</p>
    \(range(estimate, signed))\(note)</div>
    """
  }

  /// An error, which has no upper end: four digits that count, and as many places of its interval.
  private func errorCard(_ name: String, _ estimate: Estimate) -> String {
    let places =
      estimate.value > 0 && estimate.value.isFinite ? min(max(3 - Int(log10(estimate.value).rounded(.down)), 0), 9) : 4
    let texts = [estimate.value, estimate.lower, estimate.upper].map { ReportHTML.number($0, places) }
    return """
      <div class="card"><p class="name">\(name)</p><p class="value">\(texts[0])</p>
      <p class="interval">[\(texts[1]), \(texts[2])]</p></div>
      """
  }

  private func range(_ estimate: Estimate, _ signed: Bool) -> String {
    let place = { (score: Double) in min(max(signed ? (score + 1) / 2 : score, 0), 1) * 100 }
    let (lower, upper) = (place(estimate.lower), place(estimate.upper))
    return """
      <div class="range\(signed ? " signed" : "")" aria-hidden="true"><i style="left:\(ReportHTML.number(lower, 2))%;\
      width:\(ReportHTML.number(upper - lower, 2))%"></i>\
      <b style="left:\(ReportHTML.number(place(estimate.value), 2))%"></b></div>
      """
  }

  /// Commas in long whole numbers; a seed is a name, not a number.
  private func readable(_ name: String, _ value: String) -> String {
    guard name != "Seed", value.utf8.count > 3, let number = Int(value) else { return value }
    return ReportHTML.grouped(number)
  }

  private func highlighted(_ line: String) -> String {
    let bytes = Array(line.utf8)
    let content = bytes.firstIndex { $0 != 0x20 && $0 != UInt8(ascii: "-") } ?? bytes.count
    if content < bytes.count, bytes[content] == UInt8(ascii: "#") { return "<i>\(ReportHTML.escape(line))</i>" }
    guard let colon = bytes[content...].firstIndex(of: UInt8(ascii: ":")),
      bytes[content..<colon].allSatisfy({ $0 != 0x20 && $0 != UInt8(ascii: "\"") })
    else { return ReportHTML.escape(line) }
    let part = { (range: Range<Int>) in ReportHTML.escape(String(decoding: bytes[range], as: UTF8.self)) }
    return part(0..<content) + "<b>\(part(content..<colon))</b>" + part(colon..<bytes.count)
  }
}

extension Report.Score {
  /// Whether it goes from -1 to 1.
  fileprivate var isCorrelation: Bool {
    name.hasPrefix("pearson_") || name.hasPrefix("spearman_") || name.hasSuffix("_mcc")
  }
}
