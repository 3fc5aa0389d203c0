import Foundation
import Tensors

/// What a sample carries besides its texts.
public enum LossLabels: Sendable {
  /// Nothing.
  case none
  /// A number: how similar a pair is, or 1 and 0 for a pair that belongs together and one that doesn't.
  case scores([Float])
  /// Several numbers, `[samples, numbers]`: a teacher's score of each candidate, or its margins between the positive
  /// and each negative.
  case scoreLists(Tensor)
  /// The number of a class.
  case classes([Int])
  /// Another model's embedding of each column, `[samples, width]` each.
  case embeddings([Tensor])
  /// The tokens of the text itself.
  case tokens(Ragged<IDs>)

  /// What they are.
  public var kind: LossForm.Labels {
    switch self {
    case .none: .none
    case .scores: .score
    case .scoreLists: .scoreList
    case .classes: .class
    case .embeddings: .embeddings
    case .tokens: .tokens
    }
  }

  /// How many samples they are for; nil if that is not theirs to say.
  var count: Int? {
    switch self {
    case .none: nil
    case .scores(let values): values.count
    case .scoreLists(let values): values.shape.first ?? 0
    case .classes(let values): values.count
    case .embeddings(let values): values.first?.rows
    case .tokens(let ids): ids.count
    }
  }
}

/// What a loss expects of a data set: how many columns of texts, and what with them.
public struct LossForm: Sendable, Equatable {
  /// What a sample carries besides its texts.
  public enum Labels: String, Sendable, CaseIterable {
    /// Nothing.
    case none
    /// A number.
    case score
    /// A list of numbers.
    case scoreList = "score_list"
    /// A class.
    case `class`
    /// Another model's embeddings of the texts.
    case embeddings
    /// The text's own tokens: the data need no label.
    case tokens

    var description: String {
      switch self {
      case .none, .tokens: "no label"
      case .score: "a score"
      case .scoreList: "a list of scores"
      case .class: "a class"
      case .embeddings: "another model's embeddings"
      }
    }
  }

  /// The names of the columns; the last one stands for any number of columns if `repeatsLast`.
  public let columns: [String]
  /// Whether more columns like the last may follow.
  public let repeatsLast: Bool
  /// How many of the columns there must be at least.
  public let required: Int
  /// The labels it takes; the first is the usual one.
  public let labels: [Labels]
  /// Whether the data have labels.
  var hasLabels: Bool { labels != [.none] && labels != [.tokens] }

  init(_ columns: String..., repeatsLast: Bool = false, required: Int? = nil, labels: Labels...) {
    self.columns = columns
    self.repeatsLast = repeatsLast
    self.required = required ?? columns.count
    self.labels = labels
  }

  /// As `query, positive, negative… and no label`.
  public var description: String {
    var names = columns
    for place in required..<max(required, names.count) { names[place] = "[\(names[place])]" }
    if repeatsLast, let last = names.last { names[names.count - 1] = last + "…" }
    return names.joined(separator: ", ") + " and " + labels.map(\.description).joined(separator: " or ")
  }

  /// Checks the form of a data set.
  ///
  /// - Parameters:
  ///   - scores: How many numbers a sample has, where that is known.
  ///   - isTaught: Whether the labels are those that a teacher will give.
  /// - Throws: `LossError` if the loss can't take it.
  public func check(
    _ loss: String, columns count: Int, labels kind: Labels, scores: Int? = nil, isTaught: Bool = false
  ) throws(LossError) {
    guard count >= required, repeatsLast || count <= columns.count, labels.contains(kind) else {
      throw .form(
        loss: loss, expected: description,
        found: "\(count) \(count == 1 ? "column" : "columns") and \(isTaught ? "a teacher" : kind.description)")
    }
    // Where a score may be missing, negatives stand for it.
    if kind == .none, labels != [.none], count == required {
      throw .invalid(loss: loss, what: "labels of pairs", expected: "a score", found: "none")
    }
    // All columns but the query are candidates, the first of them the positive.
    if labels.contains(.scoreList), let scores, scores != count - 2, scores != count - 1 {
      throw .invalid(
        loss: loss, what: "labels", expected: "\(count - 2) margins or \(count - 1) scores a sample",
        found: "\(scores)")
    }
  }
}

/// Why a loss can't be computed, in one line.
public enum LossError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// The data aren't of the form that the loss needs.
  case form(loss: String, expected: String, found: String)
  /// A batch, a label or a setting is not what it must be.
  case invalid(loss: String, what: String, expected: String, found: String)

  /// The one line.
  public var description: String {
    switch self {
    case .form(let loss, let expected, let found):
      "objective \(loss): expected samples of \(expected), found \(found)"
    case .invalid(let loss, let what, let expected, let found):
      "objective \(loss): \(what): expected \(expected), found \(found)"
    }
  }

  /// The same line, for Foundation's `localizedDescription`.
  public var errorDescription: String? { description }
}
