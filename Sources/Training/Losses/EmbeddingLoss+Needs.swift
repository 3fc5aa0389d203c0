/// What a loss needs of data, batches and teachers.
extension EmbeddingLoss {
  /// The loss itself, without what wraps it.
  var innermost: EmbeddingLoss {
    switch self {
    case .splade(let loss, _, _, _), .matryoshka(let loss, _, _, _): loss.innermost
    default: self
    }
  }

  /// Whether its scores are 1 and 0, for pairs that belong together and pairs that don't.
  var isContrastive: Bool {
    switch self {
    case .contrastive, .onlineContrastive: true
    default: false
    }
  }

  /// Whether it compares the texts of a batch by their classes, of which each must come several times.
  var comparesClasses: Bool {
    switch innermost {
    case .batchAllTriplet, .batchHardTriplet, .batchHardSoftMarginTriplet, .batchSemiHardTriplet: true
    default: false
    }
  }

  /// Whether another model guides it.
  var isGuided: Bool { if case .gistEmbed = innermost { true } else { false } }

  /// Whether a teacher's embeddings may have another width than the encoder's.
  func takes(teacherOfWidth teacher: Int, width: Int) -> Bool {
    switch self {
    case .embeddingMSE: teacher == width
    case .splade(let loss, _, _, _): loss.takes(teacherOfWidth: teacher, width: width)
    case .matryoshka(let loss, let dimensions, _, _):
      teacher == width || dimensions.allSatisfy { loss.takes(teacherOfWidth: teacher, width: $0) }
    default: true
    }
  }
}
