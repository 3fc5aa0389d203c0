import Foundation

/// A text a line, as rows of one column `text`; lines of nothing but white space are none.
struct LineScanner: RowScanner {
  let url: URL
  private var lines: LineIterator
  private var hasHeader = false
  var rowLine: Int { lines.number }

  init(_ bytes: UnsafeRawBufferPointer, _ url: URL) {
    lines = LineIterator(bytes)
    self.url = url
  }

  mutating func next() -> [ArraySlice<UInt8>]? {
    guard hasHeader else {
      hasHeader = true
      return [ArraySlice("text".utf8)]
    }
    while let line = lines.next() {
      if line.contains(where: { $0 != 0x20 && !(0x09...0x0D).contains($0) }) { return [ArraySlice(line)] }
    }
    return nil
  }
}
