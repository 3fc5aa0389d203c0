import Checkpoints
import Foundation
import Tokenizers

/// Reads word vectors from text, a line at a time.
struct TextReader {
  let url: URL
  let bytes: UnsafeBufferPointer<UInt8>
  let wanted: WordTable?

  func read(hasHeader: Bool) throws -> WordVectors {
    var position = 0
    var line = 1
    var promised: Int?
    let width: Int
    if hasHeader {
      guard let header = WordVectorHeader(bytes) else {
        throw failure(1, "expected a header of two whole numbers: words and width")
      }
      (position, line, promised, width) = (header.end, 2, header.count, header.width)
    } else {
      width = TextReader.fieldCount(UnsafeBufferPointer(rebasing: bytes.prefix { $0 != UInt8(ascii: "\n") })) - 1
      guard width > 0 else { throw failure(1, "expected a word and its numbers") }
    }
    // A line has at least two bytes a number, whatever the header says.
    let most = min(promised ?? bytes.count, (bytes.count - position) / 2 / width)
    var result = WordVectors(width: width, capacity: min(wanted?.count ?? most, most))
    let firstLine = line
    while position < bytes.count {
      let end = endOfLine(from: position)
      try add(UnsafeBufferPointer(rebasing: bytes[position..<end]), line, to: &result)
      position = end + 1
      line += 1
    }
    if let promised, promised != line - firstLine {
      throw failure(1, "the header promises \(promised) words, found \(line - firstLine)")
    }
    return result
  }

  func failure(_ line: Int, item: String? = nil, _ problem: String) -> FileError {
    FileError(.malformed, url, line: line, item: item, problem)
  }

  private func endOfLine(from position: Int) -> Int {
    guard let base = bytes.baseAddress, let found = memchr(base + position, 0x0A, bytes.count - position) else {
      return bytes.count
    }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base)
  }

  private func add(_ line: UnsafeBufferPointer<UInt8>, _ number: Int, to result: inout WordVectors) throws {
    let fields = TextReader.fieldCount(line)
    let width = result.width
    guard let wordEnd = fields == width + 1 ? line.firstIndex(where: isSeparator) : endOfLongWord(line, fields, width),
      wordEnd > 0
    else {
      throw failure(number, "expected a word and \(width) numbers, found \(fields) field\(fields == 1 ? "" : "s")")
    }
    let word = UnsafeBufferPointer(rebasing: line[..<wordEnd])
    if let wanted {
      guard wanted.find(word) != nil else { return }
    } else if String(validating: word, as: UTF8.self) == nil {
      throw failure(number, item: String(decoding: word, as: UTF8.self), "the word is not valid UTF-8")
    }
    try result.add(word) { vectors in
      var position = wordEnd
      for _ in 0..<width {
        while isSeparator(line[position]) { position += 1 }
        let start = position
        while position < line.count, !isSeparator(line[position]) { position += 1 }
        let field = UnsafeBufferPointer(rebasing: line[start..<position])
        guard let value = parseDecimal(field) else {
          throw failure(
            number, item: String(decoding: word, as: UTF8.self),
            "expected a number, found \(FileError.quoted(String(decoding: field, as: UTF8.self)))")
        }
        vectors.append(value)
      }
    }
  }

  /// Where the word ends in a line with too many fields; nil if one of those is a number, so that the line is too long.
  /// GloVe's 840B has words with spaces, such as `. . .` and `at name@domain.com`.
  private func endOfLongWord(_ line: UnsafeBufferPointer<UInt8>, _ fields: Int, _ width: Int) -> Int? {
    guard fields > width + 1 else { return nil }
    let head = line.split(whereSeparator: isSeparator).prefix(fields - width)
    let isWord = head.dropFirst().allSatisfy { parseDecimal(UnsafeBufferPointer(rebasing: $0)) == nil }
    return isWord ? head.last?.endIndex : nil
  }

  /// How many runs of bytes stand between separators.
  private static func fieldCount(_ line: UnsafeBufferPointer<UInt8>) -> Int {
    guard let first = line.first else { return 0 }
    var count = isSeparator(first) ? 0 : 1
    for index in 1..<max(line.count, 1) {
      count &+= isSeparator(line[index - 1]) && !isSeparator(line[index]) ? 1 : 0
    }
    return count
  }
}
