import Foundation

extension ClassificationReport {
  /// The scores as text in columns: value and [lower, upper]; then a line a class, then the confusion matrix if it is
  /// small.
  public var table: String {
    var lines = TextTable(
      header: ["", "score", "95 % interval"],
      rows: ([
        ("accuracy", accuracy), ("precision (macro)", precision.macro), ("recall (macro)", recall.macro),
        ("F1 (macro)", f1.macro), ("F1 (weighted)", f1.weighted), ("mean average precision", meanAveragePrecision),
        ("ROC AUC", rocAUC), ("log loss", logLoss),
      ] as [(String, Estimate?)]).compactMap { name, estimate in
        estimate.map { [name, String(format: "%.4f", $0.value), String(format: "[%.4f, %.4f]", $0.lower, $0.upper)] }
      }
    ).lines
    lines.append("\(count) samples")
    lines.append("")
    lines +=
      TextTable(
        header: ["class", "precision", "recall", "F1", "F1's interval", "samples"],
        rows: perClass.map {
          [
            $0.name, String(format: "%.4f", $0.precision.value), String(format: "%.4f", $0.recall.value),
            String(format: "%.4f", $0.f1.value), String(format: "[%.4f, %.4f]", $0.f1.lower, $0.f1.upper),
            "\($0.support)",
          ]
        }
      ).lines
    guard classes.count <= 12 else { return lines.joined(separator: "\n") }
    lines.append("")
    lines +=
      TextTable(
        header: ["label ↓ predicted →"] + classes,
        rows: classes.indices.map { [classes[$0]] + confusion[$0].map(String.init) }
      ).lines
    return lines.joined(separator: "\n")
  }
}
