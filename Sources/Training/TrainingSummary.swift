import Checkpoints
import Encoders
import Evaluation
import Foundation

/// How a model was trained and how good it is: `training.json` of a model folder.
public struct TrainingSummary: Sendable, Codable {
  /// What was learnt.
  public let task: Task
  /// Epochs that were trained.
  public let epochs: Int
  /// The epoch (from 1) whose parameters were kept; nil: the last one.
  public let bestEpoch: Int?
  /// Seconds of training, without validation.
  public let seconds: Double
  /// Training samples a second.
  public let samplesPerSecond: Double
  /// Samples for training.
  public let trainSamples: Int
  /// Samples for validation.
  public let validationSamples: Int
  /// Samples for the test.
  public let testSamples: Int
  /// Numbers in all parameters together.
  public let parameters: Int
  /// The seed of all that is random.
  public let seed: UInt64
  /// Scores on the test samples (on the validation samples if there are no test samples).
  public var classification: ClassificationReport?
  /// The same for auto-encoders.
  public var reconstruction: ReconstructionReport?
  /// What only a fine-tuned model has.
  public var fineTuning: FineTuningSummary?
}

extension TrainingSummary {
  /// Writes `training.json` into a model's folder.
  func write(to folder: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(try encoder.encode(self), to: folder.appendingPathComponent("training.json"))
  }
}

/// How a pretrained encoder changed by its training.
public struct FineTuningSummary: Sendable, Codable {
  /// The model it began as.
  public let base: String
  /// What was learnt, by data set.
  public let objectives: [String]
  /// What the scores are of, as `1000 queries, 5000 in the corpus`.
  public var scoredOn: String?
  /// The scores before training, by name.
  public var before: [String: Estimate]?
  /// The scores of the trained model.
  public var scores: [String: Estimate]?
  /// The names in the order of reports.
  public var names: [String] = []
  /// The scale (1 / temperature) that was learnt.
  public var scale: Double?

  /// Scores by name.
  static func scores(_ report: any ScoreReport) -> [String: Estimate] {
    Dictionary(report.scores.map { ($0.name, $0.estimate) }) { first, _ in first }
  }

  /// The scores before and after as text in columns.
  public var table: String {
    let width = (names.map(\.utf8.count).max() ?? 0) + 2
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }
    let rows = names.compactMap { name in
      scores?[name].map { score in
        padded(name, width) + (before?[name].map { String(format: "%.4f  ", $0.value) } ?? padded("–", 8))
          + String(format: "%.4f  [%.4f, %.4f]", score.value, score.lower, score.upper)
      }
    }
    let header = padded("", width) + padded("before", 8) + padded("after", 8) + "95 % interval"
    return ([header] + rows + [scoredOn].compactMap { $0 }).joined(separator: "\n")
  }
}
