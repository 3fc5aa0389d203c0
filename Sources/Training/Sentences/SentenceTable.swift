import Checkpoints
import Datasets
import Foundation

/// Rows of texts with what they carry: pairs, triplets, scored pairs, labelled texts.
struct SentenceTable: Sendable {
  let url: URL
  /// A list a column: `texts[column][row]`.
  let texts: [[String]]
  /// The columns of labels; none if the rows carry nothing.
  let labels: [[String]]
  /// Which part each row belongs to, if a column says so.
  let splits: [String]?
  /// Where each row starts in the file.
  let lines: [Int]

  /// The number of rows.
  var count: Int { lines.count }

  /// Booleans as JSON and as Python's tables have them.
  private static let flags: [String: Float] = ["true": 1, "false": 0, "True": 1, "False": 0]

  /// What a column of labels is called where nobody says.
  private static let labelNames = ["score", "scores", "label", "labels", "similarity", "class"]

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - columns: The columns of the texts in order. Nil: all but ids, scores, labels and split; if those that `form`
  ///     names are all there, there may be no others. A name that occurs several times stands for all of its columns.
  ///   - label: The column (or columns of that name) of the labels; nil: one that is called so, if `hasLabels`.
  /// - Throws: `FileError` with the line.
  init(
    _ url: URL, format: TextFormat? = nil, columns: [String]? = nil, label: String? = nil, split: String? = nil,
    form: LossForm? = nil, hasLabels: Bool = true
  ) throws {
    // A file of plain texts is no table.
    let isPlain = form?.labels == [.tokens] && url.pathExtension == "txt"
    let table = try TextColumns(url, format: format ?? (isPlain ? .lines : nil))
    func places(_ name: String) throws -> [Int] {
      let places = table.names.indices.filter { table.names[$0] == name }
      guard places.isEmpty else { return places }
      throw FileError(.mismatched, url, line: 1, "no column '\(name)' in \(table.names.joined(separator: ", "))")
    }
    let usual =
      hasLabels ? SentenceTable.labelNames.first { table.names.contains($0) && columns?.contains($0) != true } : nil
    let labelPlaces = try (label ?? usual).map(places) ?? []
    var chosen: [Int] = []
    if let columns {
      var taken: [String: Int] = [:]
      for name in columns {
        let found = try places(name)
        let mentions = columns.count { $0 == name }
        if mentions == 1 {
          chosen += found
        } else if taken[name, default: 0] < found.count {
          chosen.append(found[taken[name, default: 0]])
          taken[name, default: 0] += 1
        } else {
          throw FileError(.mismatched, url, line: 1, "expected \(mentions) columns '\(name)', found \(found.count)")
        }
      }
    } else {
      let others = Set(SentenceTable.labelNames + [label, split, "split"].compactMap { $0 })
      chosen = table.names.indices.filter {
        !others.contains(table.names[$0]) && !SentenceTable.isAboutRow(table.names[$0])
      }
      if let form, let named = SentenceTable.places(of: form, in: table.names, among: chosen) {
        if let rest = chosen.first(where: { !named.contains($0) }) {
          throw FileError(
            .mismatched, url, line: 1,
            "column '\(table.names[rest])': expected samples of \(form.description); 'columns' can name those to use")
        }
        chosen = named
      }
    }
    guard !chosen.isEmpty else {
      throw FileError(.mismatched, url, line: 1, "no column of texts in \(table.names.joined(separator: ", "))")
    }
    self.init(
      url: url, texts: chosen.map { table.columns[$0] }, labels: labelPlaces.map { table.columns[$0] },
      splits: try split.map { table.columns[try places($0)[0]] }, lines: table.lines)
  }

  /// Whether a column has no texts by its name: an id, or what a text or the row is worth.
  private static func isAboutRow(_ name: String) -> Bool {
    ["id", "qid", "pid", "docid", "idx", "index", "probabilities"].contains(name)
      || ["_id", "-id", "_ids", "_score", "_scores"].contains(where: name.hasSuffix)
  }

  /// Whether a column is called as negatives usually are: `negatives`, `hard_negative`, `neg_1`.
  private static func isNegative(_ name: String) -> Bool {
    let bare = name.hasPrefix("hard_") ? String(name.dropFirst(5)) : name
    let stem = bare.trimmingCharacters(in: CharacterSet(charactersIn: "_0123456789"))
    return ["neg", "negs", "negative", "negatives"].contains(stem)
  }

  /// The columns that a form names, in its order; `negative_1`, `negative_2` are negatives too. Nil if one is missing.
  private static func places(of form: LossForm, in names: [String], among places: [Int]) -> [Int]? {
    var chosen: [Int] = []
    for (index, column) in form.columns.enumerated() {
      let repeats = form.repeatsLast && index == form.columns.count - 1
      let found = places.filter { place in
        names[place] == column || repeats && names[place].hasPrefix(column + "_")
          || column == "negative" && isNegative(names[place])
      }
      if found.isEmpty, index < form.required { return nil }
      chosen += found
    }
    return chosen
  }

  private init(url: URL, texts: [[String]], labels: [[String]], splits: [String]?, lines: [Int]) {
    (self.url, self.texts, self.labels, self.splits, self.lines) = (url, texts, labels, splits, lines)
  }

  /// Some of the rows.
  func subset(_ rows: [Int]) -> SentenceTable {
    func some<T>(_ values: [T]) -> [T] { rows.map { values[$0] } }
    return SentenceTable(
      url: url, texts: texts.map(some), labels: labels.map(some), splits: splits.map(some), lines: some(lines))
  }

  /// Some of the columns of texts, without labels.
  func columns(_ range: Range<Int>) -> SentenceTable {
    SentenceTable(url: url, texts: Array(texts[range]), labels: [], splits: splits, lines: lines)
  }

  /// The labels as numbers, a list a column; true and false are 1 and 0.
  ///
  /// - Throws: `FileError` with the line of one that is no number.
  func numbers() throws -> [[Float]] {
    try labels.map { column in
      try column.enumerated().map { row, text in
        guard let number = SentenceTable.flags[text] ?? Float(text), number.isFinite else {
          throw FileError(.malformed, url, line: lines[row], "expected a number as score, found '\(text)'")
        }
        return number
      }
    }
  }
}
