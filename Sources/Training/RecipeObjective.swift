import Checkpoints
import Encoders

/// What is learnt.
public struct Objective: Sendable, Equatable {
  /// How much each label counts.
  public enum ClassWeights: Sendable, Equatable {
    /// All the same.
    case equal
    /// Rare labels more: samples / (labels · samples of the label), as scikit-learn's.
    case balanced
    /// In the order of the labels.
    case given([Float])
  }
  /// The task of the model.
  public let task: Task
  /// The part of the target that goes to all labels alike, in classification.
  public let labelSmoothing: Float
  /// How much each label counts, in classification.
  public let classWeights: ClassWeights
  /// How much samples of the second label count, in binary classification.
  public let positiveWeight: Float

  init(_ value: Value, readsText: Bool) throws {
    let (name, options) = try value.variant()
    guard let task = Task(rawValue: name), task != .embedding else {
      throw value.error(
        unknown("objective", name, Task.allCases.filter { $0 != .embedding }.map(\.rawValue)))
    }
    self.task = task
    var (smoothing, weights, positive): (Float, ClassWeights, Float) = (0, .equal, 1)
    switch task {
    case .classification:
      smoothing = try options["label_smoothing"]?.rate() ?? 0
      weights = try options["class_weights"].map { try ClassWeights($0) } ?? .equal
    case .binaryClassification:
      positive = Float(try options["positive_weight"]?.double("a number above 0") { $0 > 0 } ?? 1)
    case .reconstruction:
      if readsText {
        throw value.error("reconstruction needs images or sequences; preprocess gives text")
      }
    case .embedding: break
    }
    (labelSmoothing, classWeights, positiveWeight) = (smoothing, weights, positive)
    try options.finish()
  }

  /// The metrics of a validation; the first one picks the best epoch unless the recipe says otherwise.
  var metrics: [String] { task == .reconstruction ? ["mse", "loss"] : ["accuracy", "loss", "f1"] }

  var json: JSON {
    switch task {
    case .classification:
      ["classification": ["label_smoothing": .float(labelSmoothing), "class_weights": classWeights.json]]
    case .binaryClassification: ["binary_classification": ["positive_weight": .float(positiveWeight)]]
    case .reconstruction, .embedding: .string(task.rawValue)
    }
  }
}

extension Objective.ClassWeights {
  fileprivate init(_ value: Value) throws {
    if value.node.sequence != nil {
      let numbers = try value.list(of: "a number for each label").map {
        Float(try $0.double("a number from 0") { $0 >= 0 })
      }
      guard numbers.contains(where: { $0 > 0 }) else {
        throw value.error("expected at least one number above 0, found only 0")
      }
      self = .given(numbers)
    } else if value.node.string == "balanced" {
      self = .balanced
    } else {
      throw value.error("expected 'balanced' or a list of numbers, found \(value.shown)")
    }
  }

  fileprivate var json: JSON {
    switch self {
    case .equal: .null
    case .balanced: "balanced"
    case .given(let values): .array(values.map { .float($0) })
    }
  }
}
