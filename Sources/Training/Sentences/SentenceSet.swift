import Checkpoints
import Datasets
import Encoders
import Foundation
import Tensors

/// A data set of fine-tuning: texts, and what the objective takes with them.
struct SentenceSet: Sendable {
  /// What the rows carry.
  enum Labels: Sendable {
    case none
    case scores([Float])
    /// A list a row.
    case lists([[Float]])
    case classes([Int])
    /// A teacher's, computed batch by batch.
    case teacher
    /// The texts' own tokens.
    case tokens
  }

  let objective: SentenceObjective
  let texts: [[String]]
  let labels: Labels

  /// The number of rows.
  var count: Int { texts[0].count }

  func add(to digest: inout SampleDigest) {
    for text in texts.joined() { digest.add(text) }
    switch labels {
    case .none, .teacher, .tokens: break
    case .scores(let scores): digest.add(scores)
    case .lists(let lists): for list in lists { digest.add(list) }
    case .classes(let classes): digest.add(classes)
    }
  }

  /// Rows of a table as an objective takes them; `classes` are the names of the classes, by number.
  ///
  /// - Throws: `FileError` with the objective's form if the columns or labels don't fit it.
  init(_ table: SentenceTable, _ objective: SentenceObjective, classes: [String]) throws {
    let form = objective.form
    self.objective = objective
    texts = table.texts
    var labels = Labels.none
    if objective.teacher != nil, table.labels.isEmpty || form.labels == [.embeddings] {
      labels = .teacher
    } else if form.labels == [.tokens] {
      labels = .tokens
    } else if form.labels.contains(.class), let column = table.labels.first {
      let index = Dictionary(uniqueKeysWithValues: classes.enumerated().map { (ExactText($0.element), $0.offset) })
      labels = .classes(
        try column.enumerated().map { row, name in
          guard let number = index[ExactText(name)] else {
            throw FileError(
              .mismatched, table.url, line: table.lines[row],
              "the class '\(TrainingData.shown(name))' was never seen in training")
          }
          return number
        })
    } else if form.labels.contains(.score) || form.labels.contains(.scoreList), !table.labels.isEmpty {
      let numbers = try table.numbers()
      if numbers.count == 1 {
        if objective.loss.innermost.isContrastive, let row = numbers[0].firstIndex(where: { $0 != 0 && $0 != 1 }) {
          throw FileError(
            .mismatched, table.url, line: table.lines[row],
            "objective \(objective.name): expected 0 or 1 as score, found '\(table.labels[0][row])'")
        }
        labels = .scores(numbers[0])
      } else {
        labels = .lists((0..<table.count).map { row in numbers.map { $0[row] } })
      }
    }
    self.labels = labels
    do {
      // Scores that the file doesn't have are a teacher's.
      try form.check(
        objective.loss.name, columns: texts.count, labels: kind, scores: scores,
        isTaught: kind == .scoreList && scores == nil)
    } catch {
      throw FileError(.mismatched, table.url, "\(error)")
    }
  }

  private var kind: LossForm.Labels {
    switch labels {
    case .none: .none
    case .scores: .score
    case .lists: .scoreList
    case .classes: .class
    case .tokens: .tokens
    case .teacher: objective.form.labels.contains(.embeddings) ? .embeddings : .scoreList
    }
  }

  /// How many numbers a row has; nil if the rows have no scores.
  private var scores: Int? {
    switch labels {
    case .scores: 1
    case .lists(let lists): lists.first?.count
    default: nil
    }
  }

  /// The classes' numbers; none if the rows have no classes.
  var classes: [Int] { if case .classes(let numbers) = labels { numbers } else { [] } }

  /// A text as the encoder gets it: a denoising auto-encoder's without some of its words, other ones for other numbers.
  func input(_ column: Int, _ row: Int, noise random: Random) -> String {
    guard case .denoisingAutoEncoder(let noise) = objective.loss else { return texts[column][row] }
    return noise(texts[column][row], random.split(UInt64(row)))
  }

  /// What some rows carry; `tokenize` gives the tokens of texts, `embed` the teacher's embeddings.
  func labels(
    of rows: [Int], tokens tokenize: ([String]) throws -> Ragged<IDs>, teacher embed: ([String]) throws -> Tensor
  ) throws -> LossLabels {
    switch labels {
    case .none: return .none
    case .tokens: return .tokens(try tokenize(rows.map { texts[0][$0] }))
    case .scores(let values): return .scores(rows.map { values[$0] })
    case .lists(let lists):
      return .scoreLists(Tensor(rows.flatMap { lists[$0] }, shape: [rows.count, lists.first?.count ?? 0]))
    case .classes(let numbers): return .classes(rows.map { numbers[$0] })
    case .teacher:
      let columns = try texts.map { column in try embed(rows.map { column[$0] }) }
      guard case .marginMSE(let similarity) = objective.loss.innermost else { return .embeddings(columns) }
      let positive = similarity.pairs(columns[0], columns[1])
      let margins = columns.dropFirst(2).map {
        (positive - similarity.pairs(columns[0], $0)).reshaped([rows.count, 1])
      }
      return .scoreLists(Tensor.concatenated(margins))
    }
  }

  /// The names of the classes in a table, sorted: numbers by value, else by their bytes.
  static func classes(of table: SentenceTable) -> [String] {
    TrainingData.sorted(table.labels.first ?? [])
  }
}
