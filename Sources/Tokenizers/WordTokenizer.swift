/// Cuts text into words and numbers them by a vocabulary built from data, for encoders trained from scratch.
///
/// Text is cleaned (controls dropped, all white space alike), lower-cased if asked for, and cut at white space; each
/// punctuation mark and each ideograph is a word by itself. With `characters` every scalar but white space is one.
/// Words that aren't in the vocabulary become `[UNK]`. Gives the same ids as Hugging Face `tokenizers` does from the
/// `tokenizer.json` that `write(to:)` makes.
///
///     let tokenizer = WordTokenizer.train(texts: texts, minimumCount: 2)
///     tokenizer.encode("A splendid film!")   // [4, 1073, 19, 38]
public struct WordTokenizer: Sendable {
  /// The token for filling up, number 0 of a trained vocabulary.
  public static let padding = "[PAD]"
  /// The token for words that aren't in the vocabulary, number 1 of a trained one.
  public static let unknown = "[UNK]"

  /// Whether text is lower-cased.
  public var lowercase: Bool { scanner.isLowercasing }
  /// Whether every scalar is a token.
  public var characters: Bool { scanner.isSplittingCharacters }
  /// How many ids a text has at most; the rest is cut off.
  public let maximumLength: Int?
  /// The id of words that aren't in the vocabulary.
  public let unknownID: Int32
  let table: WordTable
  let scanner: WordScanner
  /// Tokens found in the raw text before anything else; only files from elsewhere have them.
  let specialTokens: [SpecialToken]

  struct SpecialToken: Sendable {
    let bytes: [UInt8]
    let id: Int32
  }

  /// A tokenizer of words in the order of their ids.
  ///
  /// - Throws: `VocabularyError` if a word appears twice or `[UNK]` isn't among them.
  public init(
    vocabulary: [String], lowercase: Bool = true, characters: Bool = false, maximumLength: Int? = nil
  ) throws {
    var table = WordTable(capacity: vocabulary.count)
    for word in vocabulary where !table.insert(word).isNew { throw VocabularyError.appearsTwice(word) }
    guard let unknown = table.find(WordTokenizer.unknown) else { throw VocabularyError.missing(WordTokenizer.unknown) }
    self.init(
      table: table, unknownID: Int32(unknown), scanner: WordScanner(lowercase: lowercase, characters: characters),
      maximumLength: maximumLength)
  }

  init(
    table: WordTable, unknownID: Int32, scanner: WordScanner, maximumLength: Int?, specialTokens: [SpecialToken] = []
  ) {
    self.table = table
    self.unknownID = unknownID
    self.scanner = scanner
    self.maximumLength = maximumLength
    self.specialTokens = specialTokens
  }

  /// How many words the vocabulary has, with `[PAD]` and `[UNK]`.
  public var count: Int { table.count }

  /// The words in the order of their ids.
  public var vocabulary: [String] { table.words }

  /// The id of a word of the vocabulary, or nil.
  public func id(of word: String) -> Int32? { table.find(word).map { Int32($0) } }

  /// The ids of a text's words; none for an empty text.
  public func encode(_ text: String) -> [Int32] {
    var text = text
    return text.withUTF8 { encode($0) }
  }

  /// The vocabulary's words for a text, `[UNK]` where it has none.
  public func tokens(_ text: String) -> [String] { encode(text).map { table[Int($0)] } }

  /// A text's words, cleaned, whether or not the vocabulary has them, and without cutting at the maximum length.
  public func words(_ text: String) -> [String] {
    var text = text
    var words: [String] = []
    text.withUTF8 {
      scanner.forEachWord(in: $0) { word in
        words.append(String(decoding: word, as: UTF8.self))
        return true
      }
    }
    return words
  }

  private func encode(_ text: UnsafeBufferPointer<UInt8>) -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(min(text.count / 5 + 4, maximumLength ?? .max))
    var start = 0
    while let (range, id) = nextSpecialToken(in: text, from: start) {
      append(UnsafeBufferPointer(rebasing: text[start..<range.lowerBound]), to: &ids)
      ids.append(id)
      start = range.upperBound
    }
    append(UnsafeBufferPointer(rebasing: text[start...]), to: &ids)
    if let maximumLength, ids.count > maximumLength { ids.removeLast(ids.count - maximumLength) }
    return ids
  }

  private func append(_ text: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    let most = maximumLength ?? .max
    guard ids.count < most else { return }
    scanner.forEachWord(in: text) { word in
      ids.append(table.find(word).map { Int32(truncatingIfNeeded: $0) } ?? unknownID)
      return ids.count < most
    }
  }

  /// The first special token at or after `start`, the longest where several begin.
  private func nextSpecialToken(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> (Range<Int>, Int32)? {
    guard !specialTokens.isEmpty else { return nil }
    for position in start..<text.count {
      var best: SpecialToken?
      for token in specialTokens where token.bytes.count > best?.bytes.count ?? 0 {
        if text[position...].starts(with: token.bytes) { best = token }
      }
      if let best { return (position..<position + best.bytes.count, best.id) }
    }
    return nil
  }
}

/// Why words make no vocabulary.
public enum VocabularyError: Error, Equatable, CustomStringConvertible {
  /// The same word has two ids.
  case appearsTwice(String)
  /// A word that must be there isn't.
  case missing(String)

  /// The reason, in one line.
  public var description: String {
    switch self {
    case .appearsTwice(let word): "the word \(word.debugDescription) appears twice in the vocabulary"
    case .missing(let word): "the vocabulary has no \(word.debugDescription)"
    }
  }
}
