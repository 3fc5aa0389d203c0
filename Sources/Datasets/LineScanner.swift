import Foundation

/// A text a line, as rows of one column `text`; lines of nothing but white space are none.
struct LineScanner: RowScanner {
  let url: URL
  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  private var hasHeader = false
  private(set) var rowLine = 0

  init(_ bytes: UnsafeRawBufferPointer, _ url: URL) {
    self.bytes = bytes
    self.url = url
  }

  mutating func next() -> [ArraySlice<UInt8>]? {
    guard hasHeader else {
      hasHeader = true
      return [ArraySlice("text".utf8)]
    }
    while position < bytes.count {
      rowLine += 1
      let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      var line = bytes[position..<end]
      position = end + 1
      if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
      if line.contains(where: { $0 != 0x20 && !(0x09...0x0D).contains($0) }) { return [ArraySlice(line)] }
    }
    return nil
  }
}
