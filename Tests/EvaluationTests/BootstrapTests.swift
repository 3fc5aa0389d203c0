import Foundation
import Tensors
import Testing

@testable import Evaluation

struct BootstrapTests {
  /// Predictions right 8 times in 10, with scores to go with them.
  private func sample(_ count: Int, classes: Int) -> (labels: [Int], predictions: [Int], probabilities: [[Float]]) {
    var numbers = RandomSequence(Random(seed: 3))
    var (labels, predictions, probabilities): ([Int], [Int], [[Float]]) = ([], [], [])
    for _ in 0..<count {
      let label = Int.random(in: 0..<classes, using: &numbers)
      let prediction = numbers.uniform() < 0.8 ? label : Int.random(in: 0..<classes, using: &numbers)
      let peak = 0.4 + 0.6 * numbers.uniform()
      labels.append(label)
      predictions.append(prediction)
      probabilities.append((0..<classes).map { $0 == prediction ? peak : (1 - peak) / Float(classes - 1) })
    }
    return (labels, predictions, probabilities)
  }

  @Test func sameSeedSameBits() throws {
    let data = sample(400, classes: 4)
    func report(_ seed: UInt64) throws -> ClassificationReport {
      try ClassificationReport(
        labels: data.labels, predictions: data.predictions, probabilities: data.probabilities,
        classes: ["a", "b", "c", "d"], seed: seed)
    }
    #expect(try report(1) == report(1))
    #expect(try report(1).accuracy.lower != report(2).accuracy.lower || report(1).f1 != report(2).f1)
    let read = try JSONDecoder().decode(ClassificationReport.self, from: JSONEncoder().encode(report(1)))
    #expect(try read == report(1))
  }

  @Test func intervalsHoldTheValues() throws {
    for (count, classes) in [(1, 2), (2, 2), (30, 3), (1000, 10)] {
      let data = sample(count, classes: classes)
      let report = try ClassificationReport(
        labels: data.labels, predictions: data.predictions, probabilities: data.probabilities,
        classes: (0..<classes).map(String.init))
      let estimates =
        [report.accuracy, report.precision.macro, report.recall.weighted, report.f1.macro]
        + report.perClass.flatMap { [$0.precision, $0.recall, $0.f1] }
        + [report.meanAveragePrecision, report.rocAUC, report.logLoss].compactMap(\.self)
      for estimate in estimates {
        #expect(estimate.lower <= estimate.value && estimate.value <= estimate.upper)
        #expect(estimate.lower.isFinite && estimate.upper.isFinite)
      }
    }
  }

  /// Nearly every resample lacks one of many rare classes.
  @Test func rareClassesHaveIntervalsToo() throws {
    let data = sample(60, classes: 40)
    let report = try ClassificationReport(
      labels: data.labels, predictions: data.predictions, probabilities: data.probabilities,
      classes: (0..<40).map(String.init))
    for estimate in [report.meanAveragePrecision, report.rocAUC].compactMap(\.self) {
      #expect(estimate.upper - estimate.lower > 0.02)
    }
  }

  @Test func accuracysIntervalIsTheBinomials() throws {
    let data = sample(2000, classes: 3)
    let accuracy = try ClassificationReport(
      labels: data.labels, predictions: data.predictions, probabilities: nil, classes: ["a", "b", "c"], resamples: 4000
    ).accuracy
    let half = 1.96 * (accuracy.value * (1 - accuracy.value) / 2000).squareRoot()
    expect(accuracy.lower, accuracy.value - half, within: half * 0.08)
    expect(accuracy.upper, accuracy.value + half, within: half * 0.08)
  }

  @Test func meansIntervalIsTheNormals() throws {
    var numbers = RandomSequence(Random(seed: 5))
    let errors = (0..<3000).map { _ in Double(numbers.uniform()) }
    let report = try ReconstructionReport(errors: errors, absolute: errors, resamples: 2000)
    let half = 1.96 * (1.0 / 12 / 3000).squareRoot()
    #expect(report.mse == report.mae)
    expect(report.mse.value, errors.reduce(0, +) / 3000)
    expect(report.mse.upper - report.mse.lower, 2 * half, within: half * 0.16)
  }

  @Test(arguments: [(7, 0.3), (40, 0.2), (60, 0.5), (1000, 0.011), (5000, 0.31), (300, 0.97)])
  func binomialFollowsItsLaw(_ count: Int, _ probability: Double) {
    var numbers = RandomSequence(Random(seed: 11))
    let draws = 200_000
    var seen = Array(repeating: 0, count: count + 1)
    for _ in 0..<draws { seen[numbers.binomial(count, probability)] += 1 }
    // χ² over the counts that should come up at least ten times.
    var (statistic, cells) = (0.0, 0.0)
    var logMass = Double(count) * log1p(-probability)
    for k in 0...count {
      if k > 0 { logMass += log(Double(count - k + 1) / Double(k)) + log(probability / (1 - probability)) }
      let expected = Double(draws) * exp(logMass)
      guard expected >= 10 else { continue }
      statistic += (Double(seen[k]) - expected) * (Double(seen[k]) - expected) / expected
      cells += 1
    }
    #expect(statistic < cells + 4 * (2 * cells).squareRoot(), "χ² \(statistic) over \(cells) cells")
  }

  @Test func binomialsEnds() {
    var numbers = RandomSequence(Random(seed: 1))
    #expect(numbers.binomial(10, 0) == 0 && numbers.binomial(10, 1) == 10 && numbers.binomial(0, 0.5) == 0)
    #expect((0..<1000).allSatisfy { _ in (0...1_000_000).contains(numbers.binomial(1_000_000, 1e-7)) })
  }

  @Test func resamplesKeepTheTotal() {
    let bootstrap = Bootstrap(Random(seed: 2), resamples: 50, cost: 1)
    bootstrap.forEachResample(of: [5, 0, 100, 1]) { _, counts in
      #expect(counts.reduce(0, +) == 106 && counts[1] == 0)
    }
    bootstrap.forEachResample(17) { _, weights in #expect(weights.reduce(0, +) == 17) }
  }

  @Test func isFast() throws {
    let data = sample(10_000, classes: 10)
    let start = ContinuousClock.now
    _ = try ClassificationReport(
      labels: data.labels, predictions: data.predictions, probabilities: nil, classes: (0..<10).map(String.init))
    let counts = ContinuousClock.now - start
    _ = try ClassificationReport(
      labels: data.labels, predictions: data.predictions, probabilities: data.probabilities,
      classes: (0..<10).map(String.init))
    print("10,000 samples, 10 classes: counts \(counts), with probabilities \(ContinuousClock.now - start - counts)")
    // Ample: other tests run at the same time.
    #expect(counts < .seconds(5))
  }

  @Test func tableLinesUp() throws {
    let report = try ClassificationReport(
      labels: [0, 1, 1, 0], predictions: [0, 1, 0, 0], probabilities: nil, classes: ["好评", "neg"], resamples: 100)
    let lines = report.table.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[1].hasPrefix("accuracy           0.7500  ["))
    #expect(lines.contains { $0.hasPrefix("好评      0.6667  1.0000  0.8000  [") })
    #expect(lines.contains { $0 == "neg                     1    1" })
  }
}
