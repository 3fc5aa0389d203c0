import Checkpoints
import Evaluation
import Foundation
import Testing

@testable import Training

struct ReportTests {
  private let hostile = "</script><script>alert(1)</script> & \"quotes\" 'single' <img src=x onerror=alert(2)>"

  private func image(_ value: UInt8, channels: Int = 1) -> Report.Image {
    Report.Image(width: 4, height: 3, channels: channels, pixels: Array(repeating: value, count: 12 * channels))
  }

  private func report(classes: [String], samples: Int = 60) throws -> Report {
    let labels = (0..<samples).map { $0 % classes.count }
    let predictions = labels.enumerated().map { $0.offset % 7 == 0 ? ($0.element + 1) % classes.count : $0.element }
    let probabilities = predictions.map { prediction in
      classes.indices.map { $0 == prediction ? Float(0.9) : 0.1 / Float(max(1, classes.count - 1)) }
    }
    let history = (1...12).map { epoch in
      EpochRecord(
        epoch: epoch, trainLoss: 1 / Double(epoch), validationLoss: 1.1 / Double(epoch),
        metrics: ["accuracy": 1 - 0.5 / Double(epoch), "f1": 1 - 0.6 / Double(epoch)], learningRate: 0.001,
        seconds: 2.5,
        samplesPerSecond: 1200)
    }
    return Report(
      title: hostile, subtitle: "\(hostile) · [2, 3]", recipe: "encode:\n  cnn: \(hostile)\n# \(hostile)",
      facts: [("Parameters", "1234567"), ("Seed", "12345"), (hostile, hostile)], history: history, bestEpoch: 9,
      metricName: "accuracy",
      classification: try ClassificationReport(
        labels: labels, predictions: predictions, probabilities: probabilities, classes: classes, resamples: 50),
      reconstruction: try ReconstructionReport(errors: [0.1, 0.2], absolute: [0.3, 0.4], resamples: 50),
      mistakes: [
        .init(sample: .text(hostile), gold: hostile, predicted: hostile, probability: 0.99),
        .init(sample: .image(image(7, channels: 3)), gold: "a", predicted: "b", probability: 0.5),
      ],
      map: (0..<30).map {
        .init(
          x: Float($0), y: Float($0 * $0 % 17), label: $0 % 3, sample: $0 % 2 == 0 ? .text(hostile) : .image(image(9)))
      },
      classes: classes, reconstructions: [(input: image(1), output: image(2, channels: 4))])
  }

  private func encoderReport(_ scores: [Report.Score], _ metrics: [String: Double] = [:]) -> Report {
    let history = (1...3).map { epoch in
      EpochRecord(
        epoch: epoch, trainLoss: 1, validationLoss: 2, metrics: metrics, learningRate: 0.1, seconds: 1,
        samplesPerSecond: 1)
    }
    return Report(
      title: "a", subtitle: "", recipe: "", facts: [], history: history, bestEpoch: 2, metricName: "mrr@10",
      classification: nil, reconstruction: nil, mistakes: [], map: [], classes: [], reconstructions: [], scores: scores)
  }

  @Test(arguments: [1, 2, 12, 30, 120])
  func isWellFormed(_ count: Int) throws {
    let classes = (0..<count).map { $0 == 0 ? hostile : "class \($0)" }
    let html = try report(classes: classes).html()
    try expectWellFormed(html)
    // The page's own two scripts and nothing from outside.
    #expect(html.components(separatedBy: "<script").count == 3)
    #expect(html.components(separatedBy: "</script>").count == 3)
    #expect(!html.contains("http:") && !html.contains("https:") && !html.contains("<img src=x"))
    #expect(html.contains("&lt;/script&gt;&lt;script&gt;alert(1)"))
  }

  @Test func showsEverything() throws {
    let html = try report(classes: ["good", "bad", "ugly"]).html()
    for id in ["results", "curves", "confusion", "classes", "mistakes", "map", "reconstructions", "recipe"] {
      #expect(html.contains("<section id=\"\(id)\""), "\(id)")
    }
    #expect(html.contains("1,234,567") && html.contains(">12345<"))
    #expect(html.contains("The best epoch by validation is 9."))
    #expect(html.contains("<b>encode</b>:"))
  }

  @Test func embeddedJSONReadsBack() throws {
    let html = try report(classes: ["good", "bad", "ugly"]).html()
    let start = try #require(html.range(of: "id=\"map-data\">"))
    let end = try #require(html.range(of: "</script>", range: start.upperBound..<html.endIndex))
    let object = try JSONSerialization.jsonObject(with: Data(html[start.upperBound..<end.lowerBound].utf8))
    let data = try #require(object as? [String: Any])
    let points = try #require(data["points"] as? [[String: Any]])
    #expect(points.count == 30)
    #expect(points[0]["text"] as? String == hostile)
    #expect((points[1]["image"] as? String)?.hasPrefix("data:image/png;base64,iVBORw0KGgo") == true)
  }

  @Test func leavesOutWhatIsMissing() throws {
    let html = Report(
      title: "a", subtitle: "", recipe: "", facts: [], history: [], bestEpoch: nil, metricName: "accuracy",
      classification: nil, reconstruction: nil, mistakes: [], map: [], classes: [], reconstructions: []
    ).html()
    try expectWellFormed(html)
    #expect(!html.contains("id=\"curves\"") && !html.contains("id=\"map\"") && !html.contains("id=\"confusion\""))
  }

  @Test func unusualHistoriesAreDrawn() throws {
    func svg(_ values: [Double]) -> String? {
      Chart(
        name: "Loss", epochs: Array(1...max(1, values.count)), best: 1, fromZero: true,
        lines: [.init(name: "training", className: "train", values: values)]
      ).svg
    }
    for values in [[0.5], [0, 0, 0], [1e-9, 2e-9], [1e12, 3], [.nan, 1, .infinity, 2], [-3, -1]] {
      let drawn = try #require(svg(values))
      #expect(!drawn.contains("nan") && !drawn.contains("inf"), "\(values)")
    }
    #expect(svg([.nan]) == nil)
  }

  @Test func allScoresOfAnEncoderAreShown() throws {
    let names = SentenceScores.retrieval + ["pearson_cosine", "cosine_mcc"]
    let html = encoderReport(
      names.map { .init(name: $0, estimate: .init(value: -0.5, lower: -1.5, upper: 2), before: nil) }
    ).html()
    try expectWellFormed(html)
    let cards = html.matches(of: /<p class="name">([^<]*)</).map { String($0.output.1) }
    // The metric that picks the best epoch, then the others as they come.
    #expect(cards == ["mrr@10"] + names.filter { $0 != "mrr@10" })
    // Nothing beyond its card; a correlation goes from -1 to 1.
    #expect(html.components(separatedBy: "<i style=\"left:0.00%;width:100.00%\"></i>").count == names.count + 1)
    #expect(html.components(separatedBy: "<b style=\"left:0.00%\"></b>").count == names.count - 1)
    #expect(html.components(separatedBy: "<div class=\"range signed\"").count == 3)
    #expect(html.components(separatedBy: "<b style=\"left:25.00%\"></b>").count == 3)
  }

  @Test func metricsAreDrawnBesideTheirLike() throws {
    let epoch = ["accuracy@1": 0.2, "accuracy@10": 0.6, "map@100": 0.4, "mrr@10": 0.3, "ndcg@10": 0.5]
    let retrieval = encoderReport([], epoch).html()
    try expectWellFormed(retrieval)
    for place in 0..<5 { #expect(retrieval.contains("<path class=\"line m\(place)\"")) }
    #expect(retrieval.contains("data-tip=\"Epoch 1\nmrr@10 0.3\n"))
    let masked = encoderReport([], ["accuracy": 0.2, "perplexity": 540]).html()
    try expectWellFormed(masked)
    for name in ["accuracy", "perplexity"] {
      #expect(masked.contains("<text class=\"heading\" x=\"0\" y=\"16\">\(name)</text>"))
    }
    #expect(!masked.contains("Validation metrics"))
  }

  @Test func aLegendStandsBelowItsHeading() throws {
    func svg(_ names: [String]) throws -> String {
      try #require(
        Chart(
          name: "Validation metrics", epochs: [1, 2], best: 1, fromZero: true,
          lines: names.map { .init(name: $0, className: "m0", values: [1, 2]) }
        ).svg)
    }
    let places = { (svg: String) in
      svg.matches(of: /class="legend" x="(\d+)" y="(\d+)"/).map { "\($0.output.1) \($0.output.2)" }
    }
    let three = try svg(["cosine_accuracy", "cosine_ap", "cosine_f1"])
    #expect(places(three) == ["0 36", "168 36", "0 54"])
    #expect(three.contains("viewBox=\"0 0 480 326\"") && three.contains("<g transform=\"translate(0 36)\">"))
    #expect(places(try svg(["Validation metrics"])).isEmpty)
  }

  @Test func longNamesOfClassesKeepTheirEnds() throws {
    let names = ["request_refund_not_showing_up_yet", "request_refund_not_showing_up_ever", "short"]
    let html = try report(classes: names).html()
    try expectWellFormed(html)
    for name in names[..<2] { #expect(html.contains("<th scope=\"row\"><span>\(name)</span></th>")) }
    for scope in ["row", "col"] {
      for (name, end) in [(names[0], "ng_up_yet"), (names[1], "g_up_ever")] {
        #expect(html.contains("<th scope=\"\(scope)\" title=\"\(name)\"><span>request_re…\(end)</span></th>"))
      }
      #expect(html.contains("<th scope=\"\(scope)\"><span>short</span></th>"))
    }
  }

  @Test func ticksAreRound() {
    #expect(ReportTicks(0, 1, about: 5).values == [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1])
    #expect(ReportTicks(1, 8, about: 8, whole: true).values == [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(ReportTicks(1, 100, about: 8, whole: true).values == [20, 40, 60, 80, 100])
    #expect(ReportTicks(0.71, 0.79, about: 5).values.map(ReportTicks(0.71, 0.79, about: 5).text).first == "0.72")
    #expect(ReportTicks(0, 2500, about: 5).text(500) == "500")
  }

  @Test func textPieces() {
    #expect(ReportHTML.escape("a<b>&\"'\u{1}ü") == "a&lt;b&gt;&amp;&quot;&#39;\u{FFFD}ü")
    #expect(ReportHTML.start(of: "ab", 2) == "ab" && ReportHTML.start(of: "abc", 2) == "ab…")
    #expect(ReportHTML.ends(of: "abcde", 5) == "abcde" && ReportHTML.ends(of: "abcdef", 5) == "ab…ef")
    #expect(
      [0, 999, 1000, -1000, 1_234_567].map { ReportHTML.grouped($0) } == ["0", "999", "1,000", "-1,000", "1,234,567"])
  }

  /// Every tag closed in order, but for the elements that have no content.
  private func expectWellFormed(_ html: String) throws {
    let void: Set = ["meta", "img", "br", "!doctype"]
    var open: [String] = []
    // What is inside script and style isn't markup.
    let bare = html.replacing(/(?s)(<script[^>]*>|<style>).*?(<\/script>|<\/style>)/) { "\($0.output.1)\($0.output.2)" }
    for match in bare.matches(of: /<(\/?)([A-Za-z!][A-Za-z0-9]*)((?:[^>"]|"[^"]*")*)>/) {
      let name = match.output.2.lowercased()
      if match.output.1 == "/" {
        #expect(open.popLast() == name, "</\(name)> closes nothing")
      } else if !void.contains(name), !match.output.3.hasSuffix("/") {
        open.append(name)
      }
    }
    #expect(open.isEmpty, "never closed: \(open)")
    #expect(!bare.contains("Optional("))
  }
}

struct PNGTests {
  @Test func checksumsAreTheStandards() {
    // The check values of the catalogues of CRCs, and RFC 1950's Adler-32 of "Wikipedia".
    #expect(Array("123456789".utf8).withUnsafeBytes { CRC32.checksum(of: $0) } == 0xCBF4_3926)
    #expect(PNG.adler32(Array("Wikipedia".utf8)) == 0x11E6_0398)
  }

  @Test func smallestFileByteForByte() {
    // Written by hand from the specification, checksums by Python's zlib: one grey pixel of value 128.
    let file = PNG.file(width: 1, height: 1, channels: 1, pixels: [128])
    #expect(
      file.map { String(format: "%02x", $0) }.joined() == """
        89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55\
        0000000d494441547801010200fdff008000820081c36e25e00000000049454e44ae426082
        """)
  }

  @Test func longImagesTakeSeveralBlocks() {
    let file = PNG.file(width: 300, height: 300, channels: 1, pixels: Array(repeating: 1, count: 90_000))
    // 300 rows of 301 bytes, two blocks with heads of 5 bytes, zlib's 6, 12 bytes a chunk, 13 of IHDR, 8 in front.
    #expect(file.count == 90_300 + 10 + 6 + 3 * 12 + 13 + 8)
  }
}
