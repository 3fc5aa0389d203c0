/// Finds added tokens in text: leftmost first, and of those that start there the longest.
struct AddedTokenMatcher: Sendable {
  /// A token that was found and the text it takes, white space that it strips included.
  struct Match {
    let id: Int32
    let range: Range<Int>
  }

  private struct Entry: Sendable {
    let id: Int32
    let singleWord: Bool
    let stripsLeft: Bool
    let stripsRight: Bool
  }

  private var table = WordTable()
  private var entries: [Entry] = []
  /// How long the tokens are that start with each byte, longest first.
  private var lengths: [[Int]] = []

  /// Tokens with the text by which each is found.
  init(_ tokens: [(token: AddedToken, text: [UInt8])]) {
    let tokens = tokens.filter { !$0.text.isEmpty }
    guard !tokens.isEmpty else { return }
    lengths = [[Int]](repeating: [], count: 256)
    for (token, text) in tokens {
      let entry = Entry(
        id: token.id, singleWord: token.singleWord, stripsLeft: token.stripsLeft, stripsRight: token.stripsRight)
      let (place, isNew) = text.withUnsafeBufferPointer { table.insert($0) }
      if isNew { entries.append(entry) } else { entries[place] = entry }
      let first = Int(text[0])
      if !lengths[first].contains(text.count) { lengths[first].append(text.count) }
    }
    for byte in lengths.indices { lengths[byte].sort(by: >) }
  }

  var isEmpty: Bool { entries.isEmpty }

  /// The matches in a text, in order.
  func matches(in text: UnsafeBufferPointer<UInt8>) -> [Match] {
    var matches: [Match] = []
    guard !isEmpty, !text.isEmpty else { return matches }
    var taken = 0
    var position = 0
    while let (found, entry) = next(in: text, from: position) {
      let start = found.lowerBound
      position = found.upperBound
      var (lower, upper) = (start, position)
      if entry.singleWord {
        let isWord = ScalarProperties.word
        if start > 0, ScalarProperties(of: UTF8Scalars.last(text, before: start)).contains(isWord) { continue }
        var next = position
        if position < text.count, ScalarProperties(of: UTF8Scalars.decode(text, &next)).contains(isWord) { continue }
      }
      if entry.stripsLeft {
        lower = max(taken, Normalizer.trailingSpace(UnsafeBufferPointer(rebasing: text[..<start])))
      }
      if entry.stripsRight { upper += Normalizer.leadingSpace(UnsafeBufferPointer(rebasing: text[position...])) }
      // A token of white space may be stripped by the one before it.
      guard lower < upper else { continue }
      matches.append(Match(id: entry.id, range: lower..<upper))
      taken = upper
    }
    return matches
  }

  private func next(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> (Range<Int>, Entry)? {
    for position in start..<max(start, text.count) where !lengths[Int(text[position])].isEmpty {
      for length in lengths[Int(text[position])] where position + length <= text.count {
        let range = position..<position + length
        if let place = table.find(UnsafeBufferPointer(rebasing: text[range])) { return (range, entries[place]) }
      }
    }
    return nil
  }
}
