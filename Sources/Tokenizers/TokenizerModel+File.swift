import Checkpoints
import Foundation

/// What the "model" of a `tokenizer.json` says, before it is known which model it is.
struct TokenizerModelFile {
  private var url: URL
  private var nearestScores: Bool
  private var options: [JSON.Member] = []
  private var vocabulary: Vocabulary?
  /// A list of tokens with scores, as unigram models have.
  private var scores: [Double]?
  /// The two tokens of each merge, one after the other, and where each ends.
  private var mergeBytes: [UInt8] = []
  private var mergeEnds: [Int] = []
  private var hasMerges = false

  /// - Parameter nearestScores: scores are read as Python reads them, not as Rust.
  init(_ cursor: inout JSONCursor, url: URL, nearestScores: Bool) throws {
    (self.url, self.nearestScores) = (url, nearestScores)
    // A token takes about 20 bytes of a file.
    let capacity = min(cursor.bytes.count / 24, 300_000)
    var file = self
    try cursor.forEachMember { cursor, name in
      switch String(decoding: name, as: UTF8.self) {
      case "vocab":
        let isList = cursor.next() == UInt8(ascii: "[")
        try JSONCursor.naming(".vocab") {
          try isList ? file.readPieces(&cursor, capacity: capacity) : file.readVocabulary(&cursor, capacity: capacity)
        }
      case "merges":
        file.hasMerges = cursor.next() != UInt8(ascii: "n")
        guard file.hasMerges else {
          _ = try cursor.value()
          return
        }
        try JSONCursor.naming(".merges") { try file.readMerges(&cursor) }
      case let name: file.options.append(JSON.Member(name, try cursor.value()))
      }
    }
    self = file
  }

  private mutating func readVocabulary(_ cursor: inout JSONCursor, capacity: Int) throws {
    var (bytes, ends, ids): ([UInt8], [Int], [Int32]) = ([], [], [])
    bytes.reserveCapacity(capacity * 8)
    ends.reserveCapacity(capacity)
    ids.reserveCapacity(capacity)
    try cursor.forEachMember { cursor, token in
      bytes.append(contentsOf: token)
      ends.append(bytes.count)
      try JSONCursor.naming("." + String(decoding: token, as: UTF8.self)) {
        ids.append(Int32(try cursor.count(most: Vocabulary.largestID)))
      }
    }
    vocabulary = Vocabulary(bytes: bytes, ends: ends, ids: ids)
  }

  private mutating func readPieces(_ cursor: inout JSONCursor, capacity: Int) throws {
    var (bytes, ends, scores): ([UInt8], [Int], [Double]) = ([], [], [])
    bytes.reserveCapacity(capacity * 8)
    ends.reserveCapacity(capacity)
    scores.reserveCapacity(capacity)
    try cursor.forEachElement { cursor in
      let place = scores.count
      try JSONCursor.naming("[\(place)]") {
        var count = 0
        try cursor.forEachElement { cursor in
          switch count {
          case 0:
            try cursor.string { bytes.append(contentsOf: $1) }
            ends.append(bytes.count)
          case 1: scores.append(try cursor.number(nearest: nearestScores))
          default: _ = try cursor.skippedValue()
          }
          count += 1
        }
        guard count == 2 else { throw cursor.failure("expected [token, score], found a list of \(count)") }
      }
    }
    vocabulary = Vocabulary(bytes: bytes, ends: ends)
    self.scores = scores
  }

  private mutating func readMerges(_ cursor: inout JSONCursor) throws {
    var (bytes, ends): ([UInt8], [Int]) = ([], [])
    var place = 0
    var areLists = false
    try cursor.forEachElement { cursor in
      let isList = cursor.next() == UInt8(ascii: "[")
      if place == 0 { areLists = isList }
      try JSONCursor.naming("[\(place)]") {
        guard isList == areLists else {
          throw cursor.failure("expected a merge in the form of the first, \(areLists ? "an array" : "a string")")
        }
        guard !isList else {
          var count = 0
          try cursor.forEachElement { cursor in
            try cursor.string { bytes.append(contentsOf: $1) }
            ends.append(bytes.count)
            count += 1
          }
          guard count == 2 else { throw cursor.failure("expected a merge of two tokens, found \(count)") }
          return
        }
        try cursor.string { cursor, merge in
          if merge.starts(with: "#version".utf8) { return }
          guard let space = merge.firstIndex(of: 0x20), !merge[(space + 1)...].contains(0x20) else {
            let found = FileError.quoted(String(decoding: merge, as: UTF8.self))
            throw cursor.failure("expected a merge of two tokens, a space between, found \(found)")
          }
          bytes.append(contentsOf: merge[..<space])
          ends.append(bytes.count)
          bytes.append(contentsOf: merge[(space + 1)...])
          ends.append(bytes.count)
        }
      }
      place += 1
    }
    (mergeBytes, mergeEnds) = (bytes, ends)
  }

  /// The model.
  ///
  /// - Throws: `FileError` naming the key that isn't as it should be.
  func model() throws -> TokenizerModel {
    let part = TokenizerPart(json: .object(options), name: "model", url: url)
    guard let vocabulary else { throw part.failure("vocab", "expected a vocabulary, found none") }
    do {
      switch try part.json["type"] == nil ? guessedType(part) : part.string("type") {
      case "WordPiece":
        try requireTokens(part)
        return .wordPiece(
          WordPiece(
            file: vocabulary, unknown: try part.string("unk_token"),
            continuationPrefix: try part.string("continuing_subword_prefix"),
            maximumWordLength: try part.count("max_input_chars_per_word")))
      case "WordLevel":
        try requireTokens(part)
        return .wordLevel(WordLevel(file: vocabulary, unknown: try part.string("unk_token")))
      case "BPE":
        try requireTokens(part)
        guard hasMerges else { throw part.failure("merges", "expected a list, found none") }
        return .bpe(try bpe(part, vocabulary))
      case "Unigram":
        guard let scores else { throw part.failure("vocab", "expected a list of [token, score]") }
        return .unigram(
          try Unigram(
            vocabulary: vocabulary, scores: scores,
            unknownID: Int32(try part.count("unk_id", default: -1, most: max(scores.count - 1, 0))),
            fallsBackToBytes: try part.bool("byte_fallback", default: false)))
      case let type: throw part.unknownType(type, "model")
      }
    } catch let error as VocabularyError {
      throw part.failure("vocab", error.description)
    }
  }

  private func requireTokens(_ part: TokenizerPart) throws {
    guard scores == nil else { throw part.failure("vocab", "expected an object of tokens and ids, found an array") }
  }

  /// Old files don't say.
  private func guessedType(_ part: TokenizerPart) -> String {
    if hasMerges { return "BPE" }
    if scores != nil { return "Unigram" }
    return part.json["continuing_subword_prefix"] == nil ? "WordLevel" : "WordPiece"
  }

  private func bpe(_ part: TokenizerPart, _ vocabulary: Vocabulary) throws -> BPE {
    var options = BPE.Options()
    options.unknown = try part.optionalString("unk_token")
    options.continuationPrefix = try part.optionalString("continuing_subword_prefix")
    options.endOfWordSuffix = try part.optionalString("end_of_word_suffix")
    options.fusesUnknown = try part.bool("fuse_unk", default: false)
    options.fallsBackToBytes = try part.bool("byte_fallback", default: false)
    options.ignoresMerges = try part.bool("ignore_merges", default: false)
    if let dropout = part.json["dropout"], dropout != .null {
      guard let rate = dropout.double, 0...1 ~= rate else {
        let found = dropout.double.map { String($0) } ?? dropout.kind
        throw part.failure("dropout", "expected a number from 0 to 1, found \(found)")
      }
      options.dropout = rate
    }
    var pairs: [(left: Int32, right: Int32)] = []
    var results: [Int32] = []
    pairs.reserveCapacity(mergeEnds.count / 2)
    results.reserveCapacity(mergeEnds.count / 2)
    let prefix = (options.continuationPrefix ?? "").utf8.count
    try mergeBytes.withUnsafeBufferPointer { bytes in
      let parts = vocabulary.find(bytes: bytes, ends: mergeEnds)
      var start = 0
      var next: Int32 = 0
      for index in stride(from: 0, to: mergeEnds.count - 1, by: 2) {
        let (middle, end) = (mergeEnds[index], mergeEnds[index + 1])
        func missing(_ token: Range<Int>) -> FileError {
          let token = FileError.quoted(String(decoding: bytes[token], as: UTF8.self))
          return part.failure("merges[\(index / 2)]", "the vocabulary has no \(token)")
        }
        guard parts[index] >= 0 else { throw missing(start..<middle) }
        guard parts[index + 1] >= 0 else { throw missing(middle..<end) }
        let merged: Int32
        if prefix == 0 {
          // Mostly a merge makes the token after the one that the merge before made.
          let token = UnsafeBufferPointer(rebasing: bytes[start..<end])
          let isNext = vocabulary.withBytes(of: next) { $0.elementsEqual(token) }
          guard let id = isNext ? next : vocabulary.find(token) else { throw missing(start..<end) }
          merged = id
          next = merged + 1
        } else {
          guard end - middle >= prefix else { throw part.failure("merges[\(index / 2)]", "expected a prefix") }
          let token = Array(bytes[start..<middle]) + bytes[(middle + prefix)..<end]
          guard let id = token.withUnsafeBufferPointer({ vocabulary.find($0) }) else {
            let token = FileError.quoted(String(decoding: token, as: UTF8.self))
            throw part.failure("merges[\(index / 2)]", "the vocabulary has no \(token)")
          }
          merged = id
        }
        pairs.append((parts[index], parts[index + 1]))
        results.append(merged)
        start = end
      }
    }
    return BPE(vocabulary: vocabulary, table: MergeTable(pairs, results: results), options: options)
  }
}
