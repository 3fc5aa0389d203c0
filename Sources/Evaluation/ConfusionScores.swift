/// Precision, recall and F1 out of a confusion matrix, as scikit-learn defines them with `zero_division=0`.
///
/// Averages are over the classes that occur as label or prediction; one label a sample, so that the micro averages all
/// equal the accuracy.
struct ConfusionScores {
  /// accuracy, then macro and weighted averages of precision, recall and F1.
  static let averages = 7

  let classes: Int
  /// Samples by label × classes + prediction.
  private(set) var counts: [Int]
  private var hits: [Int]
  private var gold: [Int]
  private var predicted: [Int]

  init(classes: Int) {
    self.classes = classes
    counts = Array(repeating: 0, count: classes * classes)
    hits = Array(repeating: 0, count: classes)
    gold = hits
    predicted = hits
  }

  init(classes: Int, labels: [Int], predictions: [Int]) {
    self.init(classes: classes)
    for (label, prediction) in zip(labels, predictions) { counts[label * classes + prediction] += 1 }
    tally()
  }

  /// Takes other counts; `cells` are the places of those that can be above zero.
  mutating func take(_ counts: [Int], cells: [Int]) {
    for cell in cells { self.counts[cell] = counts[cell] }
    tally(cells)
  }

  private mutating func tally(_ cells: [Int]? = nil) {
    for label in 0..<classes { (hits[label], gold[label], predicted[label]) = (0, 0, 0) }
    for cell in cells ?? Array(counts.indices) where counts[cell] > 0 {
      let (label, prediction) = cell.quotientAndRemainder(dividingBy: classes)
      gold[label] += counts[cell]
      predicted[prediction] += counts[cell]
      if label == prediction { hits[label] += counts[cell] }
    }
  }

  /// How many samples have a label.
  func support(_ label: Int) -> Int { gold[label] }

  /// How many samples got a prediction.
  func predictions(_ label: Int) -> Int { predicted[label] }

  /// The places of the cells with samples.
  var cells: [Int] { counts.indices.filter { counts[$0] > 0 } }

  /// Writes all scores: the `averages`, then precision, recall and F1 of each class.
  func write(to scores: inout [Double]) {
    let total = Double(gold.reduce(0, +))
    var present = 0.0
    for place in 0..<Self.averages { scores[place] = 0 }
    for label in 0..<classes {
      let precision = ratio(hits[label], predicted[label])
      let recall = ratio(hits[label], gold[label])
      let f1 = ratio(2 * hits[label], predicted[label] + gold[label])
      let place = Self.averages + 3 * label
      (scores[place], scores[place + 1], scores[place + 2]) = (precision, recall, f1)
      if predicted[label] + gold[label] == 0 { continue }
      present += 1
      let weight = Double(gold[label]) / total
      scores[0] += Double(hits[label])
      scores[1] += precision
      scores[2] += precision * weight
      scores[3] += recall
      scores[4] += recall * weight
      scores[5] += f1
      scores[6] += f1 * weight
    }
    scores[0] /= total
    for place in [1, 3, 5] { scores[place] /= present }
  }

  private func ratio(_ part: Int, _ whole: Int) -> Double {
    whole == 0 ? 0 : Double(part) / Double(whole)
  }
}
