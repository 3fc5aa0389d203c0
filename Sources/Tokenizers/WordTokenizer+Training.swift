extension WordTokenizer {
  /// Builds a vocabulary: `[PAD]`, `[UNK]`, then the words of the texts, most frequent first, equally frequent ones in
  /// the order of their bytes. The same texts in any order give the same vocabulary.
  ///
  /// - Parameters:
  ///   - minimumCount: words seen less often are left out.
  ///   - maximumSize: how many words the vocabulary has at most, with `[PAD]` and `[UNK]`.
  ///   - lowercase: whether text is lower-cased.
  ///   - characters: whether every scalar but white space is a token.
  ///   - maximumLength: how many ids a text will have at most; all of a text is counted nevertheless.
  public static func train(
    texts: some Sequence<String>, minimumCount: Int = 1, maximumSize: Int? = nil, lowercase: Bool = true,
    characters: Bool = false, maximumLength: Int? = nil
  ) -> WordTokenizer {
    let scanner = WordScanner(lowercase: lowercase, characters: characters)
    var words = WordTable()
    var counts: [Int] = []
    for var text in texts {
      text.withUTF8 {
        scanner.forEachWord(in: $0) { word in
          let (index, isNew) = words.insert(word)
          if isNew { counts.append(1) } else { counts[index] += 1 }
          return true
        }
      }
    }
    let ordered = counts.indices.filter { counts[$0] >= minimumCount }
      .sorted { counts[$0] != counts[$1] ? counts[$0] > counts[$1] : words.precedes($0, $1) }
    let kept = ordered.prefix(max(0, (maximumSize ?? .max) - 2))
    var table = WordTable(capacity: kept.count + 2)
    _ = table.insert(padding)
    let unknown = table.insert(unknown).index
    // Splitting never yields a word with brackets and letters, so no word can be one of the two above.
    for index in kept { _ = words.withBytes(of: index) { table.insert($0) } }
    return WordTokenizer(table: table, unknownID: Int32(unknown), scanner: scanner, maximumLength: maximumLength)
  }
}
