import Foundation

extension Report {
  /// Loss and metrics by epoch, and all numbers as a table.
  var curves: String? {
    guard !history.isEmpty else { return nil }
    var charts = [
      Chart(
        name: "Loss", epochs: history.map(\.epoch), best: bestEpoch, fromZero: true,
        lines: [
          .init(name: "training", className: "train", values: history.map(\.trainLoss)),
          .init(name: "validation", className: "validation", values: history.map { $0.validationLoss ?? .nan }),
        ])
    ]
    // What goes beyond 1, perplexity say, would press the others flat: it gets a chart of its own.
    let isShare = { (name: String) in history.allSatisfy { $0.metrics[name] ?? 0 <= 1 } }
    let names = metricNames
    for group in [names.filter(isShare)] + names.filter({ !isShare($0) }).map({ [$0] }) where !group.isEmpty {
      charts.append(
        Chart(
          name: group.count == 1 ? metricTitle(group[0]) : "Validation metrics", epochs: history.map(\.epoch),
          best: bestEpoch, fromZero: false,
          lines: group.prefix(6).enumerated().map { place, name in
            .init(name: metricTitle(name), className: "m\(place)", values: history.map { $0.metrics[name] ?? .nan })
          }))
    }
    let drawn = charts.compactMap(\.svg).map { "<figure>\($0)</figure>" }.joined(separator: "\n")
    return ReportHTML.section(
      "curves", "Curves", bestEpoch.map { "The best epoch by validation is \($0)." } ?? "",
      "<div class=\"charts\">\(drawn)</div>\(epochTable)")
  }

  /// The validation's metrics, the one that counts first; without those that repeat the loss.
  private var metricNames: [String] {
    let repeatsLoss = { (name: String) in
      history.allSatisfy { $0.metrics[name] == nil || $0.metrics[name] == $0.validationLoss }
    }
    let names = Set(history.flatMap(\.metrics.keys)).subtracting(["loss"]).filter { !repeatsLoss($0) }
    return names.sorted { ($0 != metricName ? 1 : 0, $0) < ($1 != metricName ? 1 : 0, $1) }
  }

  private func metricTitle(_ name: String) -> String {
    switch name {
    case "f1": "F1, macro"
    case "mse": "mean squared error"
    default: name
    }
  }

  private var epochTable: String {
    let metrics = Set(history.flatMap(\.metrics.keys)).subtracting(["loss"]).sorted()
    let header =
      ["Epoch", "Training loss", "Validation loss"] + metrics.map(metricTitle) + [
        "Learning rate", "Seconds", "Samples/s",
      ]
    let rows = history.map { record in
      let cells =
        [ReportHTML.short(record.trainLoss), record.validationLoss.map(ReportHTML.short) ?? "–"]
        + metrics.map { name in record.metrics[name].map { ReportHTML.number($0, 4) } ?? "–" }
        + [
          ReportHTML.short(record.learningRate), ReportHTML.number(record.seconds, 1),
          ReportHTML.number(record.samplesPerSecond, 0),
        ]
      let best = record.epoch == bestEpoch
      return "<tr\(best ? " class=\"best\"" : "")><th scope=\"row\">\(record.epoch)\(best ? " ★" : "")</th>"
        + cells.map { "<td>\($0)</td>" }.joined() + "</tr>"
    }
    let heads = header.map { "<th scope=\"col\">\(ReportHTML.escape($0))</th>" }.joined()
    return """
      <details><summary>All epochs</summary><div class="scroll" tabindex="0"><table class="numbers">
      <thead><tr>\(heads)</tr></thead>
      <tbody>\(rows.joined(separator: "\n"))</tbody></table></div></details>
      """
  }
}
