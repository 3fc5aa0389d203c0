import Testing

@testable import Evaluation

struct MetricsTests {
  @Test func classificationEqualsScikitLearn() throws {
    for golden in try Golden.read().classification {
      let report = try ClassificationReport(
        labels: golden.labels, predictions: golden.predictions, probabilities: golden.probabilities,
        classes: golden.classes, resamples: 20)
      expect(report.accuracy.value, golden.accuracy)
      for (place, averages) in [report.precision, report.recall, report.f1].enumerated() {
        expect(averages.micro.value, golden.averages["micro"]?[place] ?? .nan)
        expect(averages.macro.value, golden.averages["macro"]?[place] ?? .nan)
        expect(averages.weighted.value, golden.averages["weighted"]?[place] ?? .nan)
      }
      for (scores, row) in zip(report.perClass, golden.perClass) {
        expect(scores.precision.value, row[0])
        expect(scores.recall.value, row[1])
        expect(scores.f1.value, row[2])
        #expect(Double(scores.support) == row[3])
      }
      #expect(report.perClass.map(\.name) == golden.classes)
      #expect(report.confusion == golden.confusion)
      #expect(
        report.perClass.map(\.predicted)
          == golden.classes.indices.map { c in golden.confusion.reduce(0) { $0 + $1[c] } })
      expect(try #require(report.meanAveragePrecision).value, golden.meanAveragePrecision)
      expect(try #require(report.rocAUC).value, golden.rocAUC)
      expect(try #require(report.logLoss).value, golden.logLoss)
      expect(try Metrics.logLoss(labels: golden.labels, probabilities: golden.probabilities), golden.logLoss)
    }
  }

  @Test func rankingEqualsScikitLearn() throws {
    for golden in try Golden.read().ranking {
      expect(try Metrics.averagePrecision(labels: golden.labels, scores: golden.scores), golden.averagePrecision)
      let area = try Metrics.rocAUC(labels: golden.labels, scores: golden.scores)
      if let expected = golden.rocAUC { expect(try #require(area), expected) } else { #expect(area == nil) }
    }
  }

  @Test func retrievalEqualsScikitLearn() throws {
    let golden = try Golden.read().retrieval
    expect(try Metrics.meanAveragePrecision(relevance: golden.relevance), golden.meanAveragePrecision)
  }

  @Test func regressionEqualsScikitLearn() throws {
    let golden = try Golden.read().regression
    expect(try Metrics.meanSquaredError(targets: golden.targets, outputs: golden.outputs), golden.meanSquaredError)
    expect(try Metrics.meanAbsoluteError(targets: golden.targets, outputs: golden.outputs), golden.meanAbsoluteError)
  }

  @Test func weightsAreRepeatedSamples() throws {
    let golden = try Golden.read().ranking[5]
    let weights = golden.labels.indices.map { Int32($0 * 7 % 4) }
    let repeated = weights.indices.flatMap { Array(repeating: $0, count: Int(weights[$0])) }
    let weighted = Ranking(labels: golden.labels, scores: golden.scores).scores(weights)
    let labels = repeated.map { golden.labels[$0] }
    let scores = repeated.map { golden.scores[$0] }
    expect(weighted.averagePrecision, try Metrics.averagePrecision(labels: labels, scores: scores))
    expect(weighted.rocAUC, try #require(try Metrics.rocAUC(labels: labels, scores: scores)))
  }

  @Test func badInputIsOneLine() {
    func report(_ labels: [Int], _ predictions: [Int], _ probabilities: [[Float]]? = nil) throws {
      _ = try ClassificationReport(
        labels: labels, predictions: predictions, probabilities: probabilities, classes: ["a", "b"])
    }
    #expect(throws: EvaluationError.noSamples) { try report([], []) }
    #expect(throws: EvaluationError.countMismatch(what: "predictions", expected: 2, found: 1)) {
      try report([0, 1], [0])
    }
    #expect(throws: EvaluationError.outOfRange(what: "label", sample: 2, value: 2, classes: 2)) {
      try report([0, 2], [0, 1])
    }
    #expect(throws: EvaluationError.outOfRange(what: "prediction", sample: 1, value: -1, classes: 2)) {
      try report([0], [-1])
    }
    #expect(throws: EvaluationError.countMismatch(what: "rows of probabilities", expected: 1, found: 0)) {
      try report([0], [0], [])
    }
    #expect(throws: EvaluationError.countMismatch(what: "probabilities for sample 1", expected: 2, found: 1)) {
      try report([0], [0], [[1]])
    }
    #expect(throws: EvaluationError.notFinite(what: "probability", sample: 1, value: "nan")) {
      try report([0], [0], [[.nan, 1]])
    }
    #expect(throws: EvaluationError.noSamples) { try ReconstructionReport(errors: [], absolute: []) }
    #expect(throws: EvaluationError.notFinite(what: "squared error", sample: 2, value: "inf")) {
      try ReconstructionReport(errors: [1, .infinity], absolute: [1, 1])
    }
    let error: any Error = EvaluationError.outOfRange(what: "label", sample: 2, value: 2, classes: 2)
    #expect(error.localizedDescription == "evaluation: label of sample 2: expected a class from 0 to 1, found 2")
  }
}
