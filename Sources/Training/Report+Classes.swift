import Evaluation
import Foundation

extension Report {
  /// Labels against predictions: numbers up to 20 classes, colours only up to 100, beyond that the pairs alone.
  var confusion: String? {
    guard let scores = classification, scores.classes.count > 1 else { return nil }
    let count = scores.classes.count
    let matrix = count <= 100 ? matrix(scores) : ""
    let pairs = count > 5 ? confusedPairs(scores) : ""
    return ReportHTML.section(
      "confusion", "Confusion",
      matrix.isEmpty
        ? "The labels taken for another most often."
        : "A row is a label, a column what was predicted. Blue is right, red is wrong; the stronger, the larger its part "
          + "of the row.",
      "<div class=\"confusion\">\(matrix)\(pairs)</div>")
  }

  /// Scores of each class.
  var perClass: String? {
    guard let scores = classification else { return nil }
    let rows = scores.perClass.map { scores in
      """
      <tr>\(ReportHTML.heading("row", scores.name, 80))\(cell(scores.precision))\(cell(scores.recall))\
      \(cell(scores.f1, bar: true))<td>\(ReportHTML.grouped(scores.support))</td>\
      <td>\(ReportHTML.grouped(scores.predicted))</td></tr>
      """
    }
    let averages = [
      ("macro average", scores.precision.macro, scores.recall.macro, scores.f1.macro),
      ("weighted average", scores.precision.weighted, scores.recall.weighted, scores.f1.weighted),
    ].map { name, precision, recall, f1 in
      "<tr><th scope=\"row\">\(name)</th>\(cell(precision))\(cell(recall))\(cell(f1, bar: true))<td></td><td></td></tr>"
    }
    return ReportHTML.section(
      "classes", "Classes", "",
      """
      <div class="scroll" tabindex="0"><table class="numbers scores"><thead><tr><th scope="col">Class</th>
      <th scope="col">Precision</th><th scope="col">Recall</th><th scope="col">F1</th><th scope="col">Samples</th>
      <th scope="col">Predicted</th></tr></thead>
      <tbody>\(rows.joined(separator: "\n"))</tbody><tfoot>\(averages.joined(separator: "\n"))</tfoot></table></div>
      """)
  }

  private func cell(_ estimate: Estimate, bar: Bool = false) -> String {
    let width = ReportHTML.number(estimate.value * 100, 1)
    return """
      <td>\(bar ? "<span class=\"bar\" aria-hidden=\"true\"><i style=\"width:\(width)%\"></i></span>" : "")\
      \(ReportHTML.number(estimate.value, 3)) <small>[\(ReportHTML.number(estimate.lower, 3)), \
      \(ReportHTML.number(estimate.upper, 3))]</small></td>
      """
  }

  private func matrix(_ scores: ClassificationReport) -> String {
    let names = scores.classes.map(ReportHTML.escape)
    let showsNumbers = names.count <= 20
    let turned = showsNumbers && names.count > 4 && scores.classes.contains { $0.unicodeScalars.count > 6 }
    let header = scores.classes.map { ReportHTML.heading("col", showsNumbers ? $0 : "") }.joined()
    let rows = names.indices.map { label -> String in
      let total = scores.confusion[label].reduce(0, +)
      let cells = names.indices.map { predicted -> String in
        let count = scores.confusion[label][predicted]
        // The root lets a few mistakes be seen beside many hits.
        let strength = total == 0 ? 0 : (Double(count) / Double(total)).squareRoot()
        let tip =
          "\(names[label]) → \(names[predicted])\n\(count) of \(total)"
          + (total == 0 ? "" : " (\(ReportHTML.percent(Double(count) / Double(total))))")
        return """
          <td class="\(label == predicted ? "hit" : "miss")" style="--v:\(ReportHTML.number(strength, 3))" \
          data-tip="\(tip)">\(showsNumbers ? count == 0 ? "·" : "\(count)" : "")</td>
          """
      }
      return "<tr>\(ReportHTML.heading("row", showsNumbers ? scores.classes[label] : ""))\(cells.joined())</tr>"
    }
    let style = (turned ? " turned" : "") + (names.count <= 4 ? " few" : "") + (showsNumbers ? "" : " dense")
    return """
      <div class="scroll" tabindex="0"><table class="matrix\(style)"><caption>Predicted →</caption>
      <thead><tr><td></td>\(header)</tr></thead>
      <tbody>\(rows.joined(separator: "\n"))</tbody></table></div>
      """
  }

  /// What is taken for what most often.
  private func confusedPairs(_ scores: ClassificationReport) -> String {
    let pairs = scores.classes.indices.flatMap { label in
      scores.classes.indices.lazy.filter { $0 != label && scores.confusion[label][$0] > 0 }.map {
        (label: label, predicted: $0, count: scores.confusion[label][$0])
      }
    }
    guard !pairs.isEmpty else { return "" }
    let items = pairs.sorted { ($1.count, $0.label, $0.predicted) < ($0.count, $1.label, $1.predicted) }.prefix(10).map
    {
      """
      <li><span><b>\(ReportHTML.escape(scores.classes[$0.label]))</b> taken for \
      <b>\(ReportHTML.escape(scores.classes[$0.predicted]))</b></span><span>\($0.count)</span></li>
      """
    }
    return "<div class=\"pairs\"><h3>Confused most often</h3><ol>\(items.joined(separator: "\n"))</ol></div>"
  }
}
