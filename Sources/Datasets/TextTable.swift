import Checkpoints
import Foundation

/// The formats of tables of texts.
public enum TextFormat: String, Sendable, CaseIterable {
  /// Columns between tabs, a row a line; no quoting.
  case tsv
  /// Columns between commas with quotes as RFC 4180 has them.
  case csv
  /// A JSON object a line.
  case jsonl
  /// A text a line; the one column is called `text`.
  case lines
}

/// Reads texts and labels from TSV, CSV and JSON-lines files with named columns.
public enum TextTable {
  /// The columns `text`, `label`, `split` and `probabilities` of a file. `format` nil goes by the file's extension (else TSV).
  ///
  /// - Throws: `FileError` with the line: missing file or column, a row with more or fewer columns than the header, bytes that are
  ///   no UTF-8, a line that is no JSON object, no row at all.
  public static func read(
    _ url: URL, format: TextFormat? = nil, text: String = "text", label: String? = "label", split: String? = nil,
    probabilities: String? = nil
  ) throws -> TextExamples {
    let format = format ?? TextFormat(rawValue: url.pathExtension.lowercased()) ?? .tsv
    let columns = [text] + [label, split, probabilities].compactMap { $0 }
    var examples = TextExamples(
      texts: [], labels: [], splits: split == nil ? nil : [], probabilities: probabilities == nil ? nil : [])
    try MappedFile(url).withBytes { bytes in
      var bytes = bytes
      if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(3)) }
      func add(_ values: [String], _ line: Int) {
        examples.texts.append(values[0])
        examples.lines.append(line)
        examples.labels.append(label == nil ? "" : values[1])
        if split != nil { examples.splits?.append(values[label == nil ? 1 : 2]) }
        if probabilities != nil { examples.probabilities?.append(values[values.count - 1]) }
      }
      switch format {
      case .jsonl: try JSONLines.read(bytes, url, columns, objects: probabilities, add)
      case .tsv: try table(bytes, url, columns, TabScanner.init, add)
      case .csv: try table(bytes, url, columns, CommaScanner.init, add)
      case .lines: try table(bytes, url, columns, LineScanner.init, add)
      }
    }
    guard !examples.texts.isEmpty else {
      throw FileError(.malformed, url, "expected at least one row of data, found none")
    }
    return examples
  }

  private static func table<Scanner: RowScanner>(
    _ bytes: UnsafeRawBufferPointer, _ url: URL, _ columns: [String],
    _ makeScanner: (UnsafeRawBufferPointer, URL) -> Scanner,
    _ add: ([String], Int) -> Void
  ) throws {
    var scanner = makeScanner(bytes, url)
    guard let header = try scanner.next() else {
      throw FileError(.malformed, url, "expected a header row, found an empty file")
    }
    let names = try header.map { try scanner.text($0) }
    let places = try columns.map { column in
      guard let place = names.firstIndex(of: column) else {
        let header = FileError.quoted(names.joined(separator: ", "))
        throw FileError(.mismatched, url, line: 1, "no column '\(column)' in the header \(header)")
      }
      return place
    }
    while let row = try scanner.next() {
      guard row.count == names.count else {
        throw FileError(.malformed, url, line: scanner.rowLine, "expected \(names.count) columns, found \(row.count)")
      }
      add(try places.map { try scanner.text(row[$0]) }, scanner.rowLine)
    }
  }
}

/// Walks through the rows of a table.
protocol RowScanner {
  /// The line on which the last row started, from 1.
  var rowLine: Int { get }
  var url: URL { get }
  /// The fields of the next row that isn't blank; nil at the end.
  mutating func next() throws -> [ArraySlice<UInt8>]?
}

extension RowScanner {
  /// A field as text.
  func text(_ field: ArraySlice<UInt8>) throws -> String { try utf8Text(field, url, line: rowLine) }
}

/// Bytes as text.
///
/// - Throws: `FileError` with the line and the first byte that is no UTF-8.
func utf8Text(_ bytes: some Collection<UInt8>, _ url: URL, line: Int) throws -> String {
  if let text = String(validating: bytes, as: UTF8.self) { return text }
  var decoder = UTF8()
  var (iterator, valid) = (bytes.makeIterator(), 0)
  scan: while true {
    switch decoder.decode(&iterator) {
    case .scalarValue(let scalar): valid += UTF8.width(scalar)
    default: break scan
    }
  }
  let byte = bytes.dropFirst(valid).first.map { String($0, radix: 16, uppercase: true) } ?? "?"
  throw FileError(
    .malformed, url, line: line, "expected UTF-8 text, found the byte 0x\(byte) at offset \(valid) of the field")
}

/// The lines of a file one after another, without their ends.
struct LineIterator: IteratorProtocol {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  /// The number of the last line, from 1.
  private(set) var number = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func next() -> Slice<UnsafeRawBufferPointer>? {
    guard position < bytes.count else { return nil }
    number += 1
    let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    let line = bytes[position..<end]
    position = end + 1
    return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
  }
}

/// A row a line, columns between tabs.
struct TabScanner: RowScanner {
  let url: URL
  private var lines: LineIterator
  var rowLine: Int { lines.number }

  init(_ bytes: UnsafeRawBufferPointer, _ url: URL) {
    lines = LineIterator(bytes)
    self.url = url
  }

  mutating func next() throws -> [ArraySlice<UInt8>]? {
    while let line = lines.next() {
      if line.isEmpty { continue }
      return line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { ArraySlice($0) }
    }
    return nil
  }
}

/// RFC 4180: commas, quotes round fields that have commas, quotes (doubled) or line ends.
struct CommaScanner: RowScanner {
  let url: URL
  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  private var line = 1
  private(set) var rowLine = 1

  init(_ bytes: UnsafeRawBufferPointer, _ url: URL) {
    self.bytes = bytes
    self.url = url
  }

  mutating func next() throws -> [ArraySlice<UInt8>]? {
    while position < bytes.count, isLineEnd(bytes[position]) { skipLineEnd() }
    guard position < bytes.count else { return nil }
    rowLine = line
    var fields: [ArraySlice<UInt8>] = []
    while true {
      fields.append(try field())
      guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else { break }
      position += 1
    }
    if position < bytes.count { skipLineEnd() }
    return fields
  }

  private func isLineEnd(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }

  private mutating func skipLineEnd() {
    if bytes[position] == UInt8(ascii: "\r"), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "\n") {
      position += 1
    }
    position += 1
    line += 1
  }

  private mutating func field() throws -> ArraySlice<UInt8> {
    let quote = UInt8(ascii: "\"")
    guard position < bytes.count, bytes[position] == quote else {
      let start = position
      while position < bytes.count, bytes[position] != UInt8(ascii: ","), !isLineEnd(bytes[position]) { position += 1 }
      return ArraySlice(bytes[start..<position])
    }
    position += 1
    var value: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte != quote {
        if byte == UInt8(ascii: "\n") { line += 1 }
        value.append(byte)
      } else if position < bytes.count, bytes[position] == quote {
        value.append(quote)
        position += 1
      } else {
        guard position == bytes.count || bytes[position] == UInt8(ascii: ",") || isLineEnd(bytes[position]) else {
          throw FileError(.malformed, url, line: line, "expected a comma or the end of the line after a closing quote")
        }
        return value[...]
      }
    }
    throw FileError(.malformed, url, line: rowLine, "a quoted field of this row is never closed")
  }
}

/// A JSON object a line; labels may be texts, numbers or booleans.
package enum JSONLines {
  fileprivate static func read(
    _ bytes: UnsafeRawBufferPointer, _ url: URL, _ columns: [String], objects: String?,
    _ add: ([String], Int) -> Void
  ) throws {
    try forEachObject(bytes, url) { object, number in
      add(
        try columns.map { column in
          guard let value = object[column] else {
            throw FileError(.mismatched, url, line: number, "no key '\(column)'")
          }
          if let text = text(value) { return text }
          if column == objects, value.members != nil { return value.text() }
          throw FileError(
            .mismatched, url, line: number, "'\(column)': expected a text, a number or a boolean, found \(value.kind)")
        }, number)
    }
  }

  /// Calls `body` with each line's object and the line's number, from 1; blank lines are skipped.
  static func forEachObject(
    _ bytes: UnsafeRawBufferPointer, _ url: URL, _ body: (_ object: JSON, _ line: Int) throws -> Void
  ) throws {
    var lines = LineIterator(bytes)
    while let content = lines.next() {
      let (line, number) = (UnsafeRawBufferPointer(rebasing: content), lines.number)
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      _ = try utf8Text(line, url, line: number)
      let object: JSON
      do {
        object = try JSON(parsing: line)
      } catch let error as JSON.SyntaxError {
        throw FileError(.malformed, url, line: number, "not valid JSON: \(error.problem) at byte \(error.offset)")
      }
      guard object.members != nil else {
        throw FileError(.malformed, url, line: number, "expected a JSON object, found \(object.kind)")
      }
      try body(object, number)
    }
  }

  /// A text, a number or a boolean as text.
  package static func text(_ value: JSON) -> String? {
    if let text = value.string { return text }
    if let flag = value.bool { return flag ? "true" : "false" }
    if let integer = value.integer { return String(integer) }
    if case .digits(let digits) = value { return digits }
    return value.double.map { String($0) }
  }
}
