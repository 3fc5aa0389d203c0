/// Columns of text, the first flush left, all others flush right.
struct TextTable {
  let header: [String]
  let rows: [[String]]

  /// The header and the rows, padded to the columns' widths, without spaces at the ends.
  var lines: [String] {
    let all = [header] + rows
    let widths = header.indices.map { column in all.map { columns(of: $0[column]) }.max() ?? 0 }
    return all.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - columns(of: cell))
        line += column == 0 ? cell + padding : "  " + padding + cell
      }
      while line.utf8.last == 0x20 { line.removeLast() }
      return line
    }
  }

  /// How many columns of a terminal a text takes: two for East Asian wide characters and emoji, none for combining
  /// marks.
  private func columns(of text: String) -> Int {
    text.unicodeScalars.reduce(0) { sum, scalar in
      switch scalar.value {
      case 0x300...0x36F, 0x200B...0x200D, 0xFE00...0xFE0F: sum
      case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
        sum + 2
      default: sum + 1
      }
    }
  }
}
