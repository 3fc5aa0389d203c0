import Checkpoints
import Foundation
import Tokenizers

/// Reads word2vec's binary word vectors.
struct BinaryReader {
  let url: URL
  let bytes: UnsafeBufferPointer<UInt8>
  let wanted: WordTable?

  func read() throws -> WordVectors {
    guard let header = WordVectorHeader(bytes) else {
      throw failure("expected a header of two whole numbers: words and width")
    }
    let width = header.width
    // Each takes a space and its floats at least; checked before any memory is asked for.
    let (size, overflow) = width.multipliedReportingOverflow(by: 4)
    guard !overflow, header.count <= (bytes.count - header.end) / (size &+ 1) else {
      throw failure(
        "the header promises \(header.count) vectors of \(width) numbers, found only \(bytes.count - header.end) bytes")
    }
    var result = WordVectors(width: width, capacity: min(wanted?.count ?? header.count, header.count))
    var position = header.end
    for number in 1..<header.count + 1 {
      // The original tool ends each vector with a line feed, others don't.
      while position < bytes.count, bytes[position] == UInt8(ascii: "\n") { position += 1 }
      guard let end = bytes[position...].firstIndex(of: UInt8(ascii: " ")), bytes.count - end - 1 >= size else {
        throw failure("word \(number) of \(header.count): the file ends within its word or its \(width) numbers")
      }
      let word = UnsafeBufferPointer(rebasing: bytes[position..<end])
      let numbers = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[end + 1..<end + 1 + size]))
      try add(word, numbers, number, to: &result)
      position = end + 1 + size
    }
    while position < bytes.count, bytes[position] == UInt8(ascii: "\n") { position += 1 }
    guard position == bytes.count else {
      throw failure("expected \(header.count) words, found \(bytes.count - position) bytes after the last")
    }
    return result
  }

  private func failure(item: String? = nil, _ problem: String) -> FileError {
    FileError(.malformed, url, item: item, problem)
  }

  private func add(
    _ word: UnsafeBufferPointer<UInt8>, _ numbers: UnsafeRawBufferPointer, _ number: Int, to result: inout WordVectors
  ) throws {
    if let wanted {
      guard wanted.find(word) != nil else { return }
    } else if String(validating: word, as: UTF8.self) == nil {
      throw failure("word \(number) is not valid UTF-8")
    }
    try result.add(word) { vectors in
      for offset in stride(from: 0, to: numbers.count, by: 4) {
        let bits = UInt32(littleEndian: numbers.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        let value = Float(bitPattern: bits)
        guard value.isFinite else {
          throw failure(
            item: String(decoding: word, as: UTF8.self), "word \(number): expected finite numbers, found \(value)")
        }
        vectors.append(value)
      }
    }
  }
}
