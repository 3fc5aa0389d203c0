import Checkpoints
import Encoders

extension Recipe {
  /// What an encoder learns to do.
  public enum Objective: Sendable, Equatable {
    /// One of several labels, by softmax and cross-entropy.
    case classification(labelSmoothing: Float, classWeights: ClassWeights?)
    /// One of two labels, by a single logit and binary cross-entropy.
    case binaryClassification
    /// Its own input again, by the mean squared error.
    case reconstruction

    /// How much a sample of each label counts in the loss.
    public enum ClassWeights: Sendable, Equatable {
      /// samples / (labels · samples of the label), as scikit-learn.
      case balanced
      /// In the order of the labels.
      case values([Float])
    }

    init(_ value: Value) throws {
      let (name, options) = try value.variant()
      switch name {
      case "classification":
        let smoothing = try options["label_smoothing"]?.rate() ?? 0
        self = .classification(
          labelSmoothing: smoothing, classWeights: try options["class_weights"].map { try ClassWeights($0) })
      case "binary_classification": self = .binaryClassification
      case "reconstruction": self = .reconstruction
      default: throw value.error(value.unknown("objective", name, Task.allCases.map(\.rawValue)))
      }
      try options.finish()
    }

    /// The task of the model that is trained for it.
    public var task: Task {
      switch self {
      case .classification: .classification
      case .binaryClassification: .binaryClassification
      case .reconstruction: .reconstruction
      }
    }

    /// The metrics that an evaluation gives, the one that picks the best epoch unless said otherwise first.
    public var metrics: [Metric] {
      switch self {
      case .classification: [.accuracy, .loss, .precision, .recall, .f1]
      case .binaryClassification: [.accuracy, .loss, .precision, .recall, .f1, .rocAUC, .averagePrecision]
      case .reconstruction: [.mse, .loss]
      }
    }

    var json: JSON {
      switch self {
      case .classification(let smoothing, let weights):
        ["classification": ["label_smoothing": .float(smoothing), "class_weights": weights?.json ?? .null]]
      case .binaryClassification, .reconstruction: .string(task.rawValue)
      }
    }
  }

  /// What can pick the best epoch; the raw values are the names in the history.
  public enum Metric: String, Sendable, Codable, CaseIterable {
    case loss, accuracy
    /// Means over the labels (macro).
    case precision, recall, f1
    case rocAUC = "roc_auc"
    case averagePrecision = "average_precision"
    /// The mean squared error of reconstructions.
    case mse

    /// Whether low or high values are good.
    public var direction: EarlyStopping.Direction { self == .loss || self == .mse ? .minimize : .maximize }
  }
}

extension Recipe.Objective.ClassWeights {
  fileprivate init(_ value: Value) throws {
    if value.node.sequence == nil {
      guard try value.string() == "balanced" else {
        throw value.error("expected 'balanced' or a list of numbers above 0, found '\(try value.string())'")
      }
      self = .balanced
    } else {
      let numbers = try value.list(of: "a number above 0 for each label")
      self = .values(try numbers.map { Float(try $0.double("a number above 0") { $0 > 0 }) })
    }
  }

  fileprivate var json: JSON {
    switch self {
    case .balanced: "balanced"
    case .values(let values): .array(values.map { .float($0) })
    }
  }
}
