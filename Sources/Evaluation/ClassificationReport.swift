import Tensors

/// How good predictions of classes are, each score with its 95 % bootstrap interval.
///
/// The scores are scikit-learn's with `zero_division=0`. Averages over classes take in those that occur as label or
/// prediction; for the scores of probabilities (one class against the rest) those that occur as label.
public struct ClassificationReport: Sendable, Codable, Equatable {
  /// A score averaged over the classes in three ways.
  public struct Averages: Sendable, Codable, Equatable {
    /// Over all samples alike; with one label a sample that is the accuracy.
    public let micro: Estimate
    /// Over the classes alike.
    public let macro: Estimate
    /// Over the classes by how many samples they have.
    public let weighted: Estimate
  }

  /// The scores of one class.
  public struct ClassScores: Sendable, Codable, Equatable {
    /// The class.
    public let name: String
    /// How many of its predictions are right.
    public let precision: Estimate
    /// How many of its samples are found.
    public let recall: Estimate
    /// The harmonic mean of the two.
    public let f1: Estimate
    /// Its samples.
    public let support: Int
    /// Its predictions.
    public let predicted: Int
  }

  /// The samples.
  public let count: Int
  /// The classes by number.
  public let classes: [String]
  /// The part of the samples predicted right.
  public let accuracy: Estimate
  /// The part of a class's predictions that is right.
  public let precision: Averages
  /// The part of a class's samples that is found.
  public let recall: Averages
  /// The harmonic mean of precision and recall.
  public let f1: Averages
  /// The mean over the classes of the average precision; nil without probabilities or with one class only.
  public let meanAveragePrecision: Estimate?
  /// The area under the ROC curve: of class 1 if there are two classes, else the mean over the classes.
  public let rocAUC: Estimate?
  /// The mean of −log of the label's probability; nil without probabilities.
  public let logLoss: Estimate?
  /// The scores of each class.
  public let perClass: [ClassScores]
  /// Samples by label (row) and prediction (column).
  public let confusion: [[Int]]

  /// Scores predictions.
  ///
  /// Labels and predictions are numbers of `classes`; `probabilities` have a row a sample and a column a class.
  /// Intervals come from `resamples` draws, from fewer (at least 200) for scores of probabilities where that would
  /// take long.
  /// - Throws: `EvaluationError` for no samples, lists of different lengths, a class that doesn't exist, or NaN.
  public init(
    labels: [Int], predictions: [Int], probabilities: [[Float]]?, classes: [String], seed: UInt64 = 0,
    resamples: Int = 1000
  ) throws {
    try Self.check(labels, predictions, probabilities, classes: classes.count)
    let random = Random(seed: seed)
    count = labels.count
    self.classes = classes
    let scores = ConfusionScores(classes: classes.count, labels: labels, predictions: predictions)
    confusion = classes.indices.map { Array(scores.counts[$0 * classes.count..<($0 + 1) * classes.count]) }
    let estimates = Self.estimates(scores, random.split("confusion"), resamples)
    accuracy = estimates[0]
    precision = Averages(micro: estimates[0], macro: estimates[1], weighted: estimates[2])
    recall = Averages(micro: estimates[0], macro: estimates[3], weighted: estimates[4])
    f1 = Averages(micro: estimates[0], macro: estimates[5], weighted: estimates[6])
    perClass = classes.indices.map { label in
      let place = ConfusionScores.averages + 3 * label
      return ClassScores(
        name: classes[label], precision: estimates[place], recall: estimates[place + 1], f1: estimates[place + 2],
        support: scores.support(label), predicted: scores.predictions(label))
    }
    (meanAveragePrecision, rocAUC, logLoss) =
      try probabilities.map { try Self.estimates(labels, $0, random.split("probabilities"), resamples) } ?? (
        nil, nil, nil
      )
  }

  /// All scores of a confusion matrix, in `ConfusionScores`' order.
  private static func estimates(_ scores: ConfusionScores, _ random: Random, _ resamples: Int) -> [Estimate] {
    var values = Array(repeating: 0.0, count: ConfusionScores.averages + 3 * scores.classes)
    scores.write(to: &values)
    let cells = scores.cells
    let bootstrap = Bootstrap(random, resamples: resamples, cost: 100 * cells.count + 10 * values.count)
    var resampled = Array(repeating: 0.0, count: values.count * bootstrap.resamples)
    var (row, drawn) = (values, ConfusionScores(classes: scores.classes))
    bootstrap.forEachResample(of: scores.counts) { resample, counts in
      drawn.take(counts, cells: cells)
      drawn.write(to: &row)
      for place in row.indices { resampled[place * bootstrap.resamples + resample] = row[place] }
    }
    return values.indices.map { place in
      let range = place * bootstrap.resamples..<(place + 1) * bootstrap.resamples
      return Estimate(value: values[place], resampled: resampled[range])
    }
  }

  /// Mean average precision, ROC AUC and log loss; the first two nil if all labels are one class.
  private static func estimates(
    _ labels: [Int], _ probabilities: [[Float]], _ random: Random, _ resamples: Int
  ) throws -> (Estimate?, Estimate?, Estimate?) {
    let present = Set(labels).sorted()
    let classes = probabilities.first?.count ?? 0
    let rankings =
      present.count < 2
      ? []
      : present.map { label in
        Ranking(labels: labels.map { $0 == label }, scores: probabilities.map { $0[label] })
      }
    // The AUC of two classes is that of class 1 alone.
    let positives = classes == 2 ? rankings.suffix(1) : rankings[...]
    let losses = try Metrics.logLosses(labels: labels, probabilities: probabilities)
    func scores(_ weights: [Int32]) -> (precision: Double, area: Double, loss: Double) {
      let ranked = rankings.map { $0.scores(weights) }
      var loss = 0.0
      for sample in losses.indices where weights[sample] > 0 { loss += losses[sample] * Double(weights[sample]) }
      return (
        mean(ranked.map(\.averagePrecision)), mean(ranked.suffix(positives.count).map(\.rocAUC)),
        loss / Double(losses.count)
      )
    }
    let value = scores(Array(repeating: 1, count: labels.count))
    var (precisions, areas, drawnLosses): ([Double], [Double], [Double]) = ([], [], [])
    let bootstrap = Bootstrap(random, resamples: resamples, cost: labels.count * (6 + 3 * rankings.count))
    bootstrap.forEachResample(labels.count) { _, weights in
      let score = scores(weights)
      precisions.append(score.precision)
      areas.append(score.area)
      drawnLosses.append(score.loss)
    }
    let loss = Estimate(value: value.loss, resampled: drawnLosses)
    guard !rankings.isEmpty else { return (nil, nil, loss) }
    return (
      Estimate(value: value.precision, resampled: precisions), Estimate(value: value.area, resampled: areas), loss
    )
  }

  /// The mean over the classes that a resample has, as the averages over classes are; NaN if it has none.
  private static func mean(_ scores: [Double]) -> Double {
    let present = scores.filter { !$0.isNaN }
    return present.reduce(0, +) / Double(present.count)
  }

  private static func check(
    _ labels: [Int], _ predictions: [Int], _ probabilities: [[Float]]?, classes: Int
  ) throws {
    guard !labels.isEmpty else { throw EvaluationError.noSamples }
    guard predictions.count == labels.count else {
      throw EvaluationError.countMismatch(what: "predictions", expected: labels.count, found: predictions.count)
    }
    for (what, values) in [("label", labels), ("prediction", predictions)] {
      if let place = values.firstIndex(where: { !(0..<classes).contains($0) }) {
        throw EvaluationError.outOfRange(what: what, sample: place + 1, value: values[place], classes: classes)
      }
    }
    guard let probabilities else { return }
    guard probabilities.count == labels.count else {
      throw EvaluationError.countMismatch(
        what: "rows of probabilities", expected: labels.count, found: probabilities.count)
    }
    for (place, row) in probabilities.enumerated() {
      guard row.count == classes else {
        throw EvaluationError.countMismatch(
          what: "probabilities for sample \(place + 1)", expected: classes, found: row.count)
      }
      if let value = row.first(where: { !$0.isFinite }) {
        throw EvaluationError.notFinite(what: "probability", sample: place + 1, value: "\(value)")
      }
    }
  }
}
