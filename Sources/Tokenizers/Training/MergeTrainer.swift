/// Learns a vocabulary by merging, again and again, the pair of neighbours seen most often: byte-pair encoding (Sennrich
/// et al. 2016), and WordPiece as Hugging Face `tokenizers` trains it (the same with a continuation prefix).
///
/// Gives the tokens and merges of that library's `BpeTrainer` and `WordPieceTrainer`: of pairs seen equally often, the one
/// whose parts have the lower ids is merged. (Where a prefix or suffix makes new symbols, their ids follow the order of a
/// randomly seeded table there; here that of the words, most frequent first.)
public struct MergeTrainer: Sendable {
  /// How many tokens the vocabulary has at most.
  public var size = 30_000
  /// Pairs seen less often aren't merged.
  public var minimumFrequency = 0
  /// Tokens that get the first ids.
  public var specialTokens: [String] = []
  /// Scalars that are tokens even if the words haven't them.
  public var initialAlphabet: [Unicode.Scalar] = []
  /// How many scalars are tokens at most, the most frequent ones; the others are left out of the words.
  public var alphabetLimit: Int?
  /// What symbols inside a word begin with: `##` for WordPiece.
  public var continuationPrefix: String?
  /// What a word's last symbol ends with.
  public var endOfWordSuffix: String?

  /// A trainer of 30,000 tokens.
  public init() {}

  /// What was learnt.
  public struct Result: Sendable {
    /// The tokens in the order of their ids.
    public var tokens: [String]
    /// The ids of the merged pairs, earliest first.
    public var merges: [(left: Int32, right: Int32)]
  }

  /// The vocabulary of these words. Takes time in proportion to the symbols that merges touch.
  public func train(_ words: WordCounts) -> Result {
    let corpus = words.scalars()
    var tokens = WordTable(capacity: min(max(size, 0), 1 << 16))
    for token in specialTokens { _ = tokens.insert(token) }
    for scalar in alphabet(corpus) { _ = tokens.insert(String(scalars: CollectionOfOne(scalar))) }
    var merger = PairMerger(symbols(of: corpus, &tokens), counts: corpus.counts)
    let prefix = Array((continuationPrefix ?? "").utf8)
    var merges: [(left: Int32, right: Int32)] = []
    while tokens.count < size, let (pair, count, list) = merger.next(), count >= minimumFrequency {
      var merged = tokens.withBytes(of: Int(pair.left)) { Array($0) }
      tokens.withBytes(of: Int(pair.right)) { right in
        merged += right.starts(with: prefix) ? right.dropFirst(prefix.count) : right[...]
      }
      let id = merged.withUnsafeBufferPointer { tokens.insert($0).index }
      merges.append(pair)
      merger.merge(pair, into: Int32(id), list: list)
    }
    return Result(tokens: tokens.words, merges: MergeTrainer.lastOfEach(merges))
  }

  /// The scalars that are tokens, ascending.
  private func alphabet(_ corpus: CountedScalars) -> [UInt32] {
    var frequencies = corpus.frequencies
    for scalar in initialAlphabet { frequencies[scalar.value] = .max }
    guard let alphabetLimit, frequencies.count > alphabetLimit else { return frequencies.keys.sorted() }
    let falling = frequencies.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
    return falling.prefix(max(alphabetLimit, 0)).map(\.key).sorted()
  }

  /// The words as ids; symbols that the prefix or suffix makes are added to the tokens.
  private func symbols(of corpus: CountedScalars, _ tokens: inout WordTable) -> [[Int32]] {
    // Scalar, whether it is the first and the last of its word → id, or -1.
    var known: [UInt64: Int32] = [:]
    return corpus.ends.indices.map { word in
      let range = corpus.range(of: word)
      return range.compactMap { position in
        let (isFirst, isLast) = (position == range.lowerBound, position == range.upperBound - 1)
        let scalar = corpus.scalars[position]
        let key = UInt64(scalar) << 2 | (isFirst ? 2 : 0) | (isLast ? 1 : 0)
        if let id = known[key] { return id < 0 ? nil : id }
        var symbol = String(scalars: CollectionOfOne(scalar))
        guard tokens.find(symbol) != nil else {
          known[key] = -1
          return nil
        }
        if !isFirst, let continuationPrefix { symbol = continuationPrefix + symbol }
        if isLast, let endOfWordSuffix { symbol += endOfWordSuffix }
        let id = Int32(tokens.insert(symbol).index)
        known[key] = id
        return id
      }
    }
  }

  /// A pair can be merged twice, when a token that came out of other parts before comes up again; its later rank counts.
  private static func lastOfEach(_ merges: [(left: Int32, right: Int32)]) -> [(left: Int32, right: Int32)] {
    var seen = PairTable(capacity: merges.count)
    return merges.reversed().filter {
      let count = seen.count
      return seen.insert(PairTable.key($0.left, UInt32($0.right))) == count
    }.reversed()
  }
}
