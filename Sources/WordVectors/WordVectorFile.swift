import Checkpoints
import Foundation
import Tokenizers

/// Reads files of pretrained word vectors.
public enum WordVectorFile {
  /// The formats in use.
  public enum Format: Sendable {
    /// A line a word: the word and its numbers, between spaces (GloVe).
    case text
    /// The same after a line with the count of words and of numbers (word2vec, fastText's .vec).
    case textWithHeader
    /// That line, then a word, a space and 32-bit little-endian floats at a time (word2vec's .bin).
    case binary
  }

  /// Reads a file.
  ///
  /// A word that appears twice keeps its first vector, as in gensim.
  ///
  /// - Parameters:
  ///   - format: the format; nil to see from the file's beginning.
  ///   - words: the words to keep, in the file's order; nil for all. The others cost little time and no memory.
  /// - Throws: `FileError` with the line (in binary files the word's number), what was expected and what was found.
  public static func read(_ url: URL, format: Format? = nil, only words: [String]? = nil) throws -> WordVectors {
    let wanted = words.map { words in
      var table = WordTable(capacity: words.count)
      for word in words { _ = table.insert(word) }
      return table
    }
    return try MappedFile(url).withBytes { bytes in
      let bytes = bytes.bindMemory(to: UInt8.self)
      guard !bytes.isEmpty else { throw FileError(.malformed, url, "expected word vectors, found an empty file") }
      if bytes.starts(with: [0x1F, 0x8B]) {
        throw FileError(.mismatched, url, "expected word vectors, found a gzip archive (unpack it first)")
      }
      switch format ?? detectFormat(bytes) {
      case .binary: return try BinaryReader(url: url, bytes: bytes, wanted: wanted).read()
      case .text: return try TextReader(url: url, bytes: bytes, wanted: wanted).read(hasHeader: false)
      case .textWithHeader: return try TextReader(url: url, bytes: bytes, wanted: wanted).read(hasHeader: true)
      }
    }
  }

  /// A header is a first line of two whole numbers; behind it, text without control characters is text, be it well
  /// formed or not (the reader names what is wrong with it), and anything else is binary.
  private static func detectFormat(_ bytes: UnsafeBufferPointer<UInt8>) -> Format {
    guard let header = WordVectorHeader(bytes) else { return .text }
    let line = bytes[header.end...].prefix(1 << 20).prefix { $0 != UInt8(ascii: "\n") }
    let isText = String(validating: line, as: UTF8.self)?.utf8.allSatisfy { $0 >= 0x20 || isSeparator($0) } ?? false
    return isText ? .textWithHeader : .binary
  }
}

/// The first line of word2vec files: `count width`.
struct WordVectorHeader {
  let count: Int
  let width: Int
  /// Where the next line starts.
  let end: Int

  /// Nil if the first line isn't two whole numbers of 32 bits, the width above 0.
  init?(_ bytes: UnsafeBufferPointer<UInt8>) {
    let line = bytes.prefix(64).prefix { $0 != UInt8(ascii: "\n") }
    let fields = line.split { isSeparator($0) }.map { String(decoding: $0, as: UTF8.self) }
    guard line.count < 64, fields.count == 2, let count = UInt32(fields[0]), let width = UInt32(fields[1]), width > 0
    else { return nil }
    self.count = Int(count)
    self.width = Int(width)
    end = min(line.count + 1, bytes.count)
  }
}

/// Whether a byte stands between the fields of a line.
@inline(__always)
func isSeparator(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
