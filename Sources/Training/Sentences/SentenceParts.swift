import Checkpoints
import Foundation

/// A data set of a recipe, read and divided.
struct SentenceParts {
  let train: SentenceSet
  /// Held-out rows, to compute the loss on.
  let validation: SentenceSet?
  /// The same rows as data to score on, if their form allows it.
  let validationScoring: ScoringData?
  let testScoring: ScoringData?

  init(_ options: SentenceDataOptions.Set, seed: UInt64) throws {
    let objective = options.objective
    func table(_ url: URL, split: String? = nil) throws -> SentenceTable {
      try SentenceTable(
        url, format: options.format, columns: options.columns, label: options.label, split: split,
        form: objective.form, hasLabels: objective.teacher == nil && objective.form.hasLabels)
    }
    var parts: [String: SentenceTable] = [:]
    switch options.split {
    case nil: parts["train"] = try table(options.url)
    case .files(let validation, let test):
      parts["train"] = try table(options.url)
      parts["validation"] = try validation.map { try table($0) }
      parts["test"] = try test.map { try table($0) }
    case let split?:
      var column: String?
      if case .column(let name) = split { column = name }
      let all = try table(options.url, split: column)
      parts = try split.places(all.texts[0], splits: all.splits, lines: all.lines, all.url, seed: seed)
        .filter { !$0.value.isEmpty }.mapValues { all.subset($0) }
    }
    guard let rows = parts["train"] else {
      throw FileError(.mismatched, options.url, "no samples for training; expected at least one")
    }
    let classes = objective.form.labels.contains(.class) ? SentenceSet.classes(of: rows) : []
    if !classes.isEmpty, classes.count < 2 {
      throw FileError(.mismatched, options.url, "expected at least two classes to learn, found one: '\(classes[0])'")
    }
    let counted = classes.isEmpty ? objective : objective.with(classes: classes.count)
    train = try SentenceSet(rows, counted, classes: classes)
    validation = try parts["validation"].map { try SentenceSet($0, counted, classes: classes) }
    // Classes are no scores of how alike two texts are.
    func scoring(_ part: SentenceTable?) throws -> ScoringData? {
      classes.isEmpty ? try part.flatMap { try ScoringData($0) } : nil
    }
    validationScoring = try scoring(parts["validation"])
    testScoring = try scoring(parts["test"])
  }
}
