import Checkpoints
import Foundation

/// All columns of a TSV, CSV or JSON-lines file, or the one of a file of plain texts.
///
/// A name may come several times: tables may repeat it in their header, and a list of JSON is a column an element.
public struct TextColumns: Sendable {
  /// The file.
  public let url: URL
  /// The columns' names in the file's order.
  public private(set) var names: [String]
  /// The texts of each column.
  public private(set) var columns: [[String]]
  /// The line of the file where each row starts, from 1.
  public private(set) var lines: [Int]

  /// The number of rows.
  public var count: Int { lines.count }

  /// Reads a file. `format` nil goes by the file's extension (else TSV).
  ///
  /// - Throws: `FileError` with the line: missing file, a row with more or fewer columns than the first, bytes that are no UTF-8, a
  ///   line that is no JSON object, a value that is neither text, number, boolean nor a list of them, no row at all.
  public init(_ url: URL, format: TextFormat? = nil) throws {
    self.url = url
    (names, columns, lines) = ([], [], [])
    guard !isFolder(url) else { throw FileError(.unreadable, url, "expected a file of texts, found a folder") }
    let format = format ?? TextFormat(rawValue: url.pathExtension.lowercased()) ?? .tsv
    let file = try MappedFile(url)
    try file.withBytes { bytes in
      var bytes = bytes
      if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(3)) }
      switch format {
      case .tsv: try readTable(TabScanner(bytes, url))
      case .csv: try readTable(CommaScanner(bytes, url))
      case .lines: try readTable(LineScanner(bytes, url))
      case .jsonl: try JSONLines.forEachObject(bytes, url) { try add($0, line: $1) }
      }
    }
    guard count > 0 else { throw FileError(.malformed, url, "expected at least one row of data, found none") }
  }

  private mutating func readTable(_ scanner: some RowScanner) throws {
    var scanner = scanner
    guard let header = try scanner.next() else {
      throw FileError(.malformed, url, "expected a header row, found an empty file")
    }
    names = try header.map { try scanner.text($0) }
    columns = names.map { _ in [] }
    while let row = try scanner.next() {
      guard row.count == names.count else {
        throw FileError(.malformed, url, line: scanner.rowLine, "expected \(names.count) columns, found \(row.count)")
      }
      for (place, field) in row.enumerated() { columns[place].append(try scanner.text(field)) }
      lines.append(scanner.rowLine)
    }
  }

  private mutating func add(_ object: JSON, line: Int) throws {
    var cells: [(name: String, text: String)] = []
    for member in object.members ?? [] {
      for value in member.value.elements ?? [member.value] {
        guard let text = JSONLines.text(value) else {
          throw FileError(
            .mismatched, url, line: line,
            "'\(member.name)': expected a text, a number, a boolean or a list of them, found \(value.kind)")
        }
        cells.append((member.name, text))
      }
    }
    if lines.isEmpty {
      names = cells.map(\.name)
      columns = cells.map { _ in [] }
    }
    // Keys may come in any order; elements of a list keep theirs.
    if cells.map(\.name) != names {
      let groups = Dictionary(grouping: cells, by: \.name)
      let counts = Dictionary(grouping: names, by: \.self).mapValues(\.count)
      for name in names where groups[name]?.count != counts[name] {
        let found = groups[name]?.count ?? 0
        throw FileError(
          .mismatched, url, line: line,
          "'\(name)': expected \(counts[name] ?? 0) values as in the first line, found \(found == 0 ? "none" : "\(found)")"
        )
      }
      if let other = cells.first(where: { counts[$0.name] == nil }) {
        throw FileError(.mismatched, url, line: line, "'\(other.name)' is no key of the first line")
      }
      var queues = groups.mapValues { $0.map(\.text)[...] }
      cells = names.map { ($0, queues[$0]?.popFirst() ?? "") }
    }
    for (place, cell) in cells.enumerated() { columns[place].append(cell.text) }
    lines.append(line)
  }
}
