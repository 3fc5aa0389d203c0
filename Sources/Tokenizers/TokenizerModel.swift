/// How the pieces of a text become tokens of a vocabulary.
public enum TokenizerModel: Sendable {
  /// Longest match first (BERT).
  case wordPiece(WordPiece)
  /// Merges of neighbours in the order they were learnt (GPT-2, RoBERTa, ModernBERT, Qwen3).
  case bpe(BPE)
  /// The most probable segmentation (XLM-R, T5).
  case unigram(Unigram)
  /// A token a piece.
  case wordLevel(WordLevel)

  /// The model's tokens.
  public var vocabulary: Vocabulary {
    switch self {
    case .wordPiece(let model): model.vocabulary
    case .bpe(let model): model.vocabulary
    case .unigram(let model): model.vocabulary
    case .wordLevel(let model): model.vocabulary
    }
  }
}

/// A vocabulary of whole pieces.
public struct WordLevel: Sendable {
  /// The tokens.
  public let vocabulary: Vocabulary
  /// The token for pieces that the vocabulary hasn't; where it isn't a token, as in some files, they are dropped.
  public let unknown: String
  let unknownID: Int32?

  /// A model of these tokens.
  ///
  /// - Throws: `VocabularyError` if `unknown` isn't among them.
  public init(vocabulary: Vocabulary, unknown: String = "[UNK]") throws(VocabularyError) {
    self.init(file: vocabulary, unknown: unknown)
    guard unknownID != nil else { throw VocabularyError.missing(unknown) }
  }

  init(file vocabulary: Vocabulary, unknown: String) {
    self.vocabulary = vocabulary
    self.unknown = unknown
    unknownID = vocabulary.id(of: unknown)
  }
}

/// A vocabulary of word beginnings and, with a prefix, continuations; words are cut greedily, longest match first.
public struct WordPiece: Sendable {
  /// The tokens.
  public let vocabulary: Vocabulary
  /// The token for words that can't be put together from tokens; where it isn't a token, as in some files, they
  /// are dropped.
  public let unknown: String
  /// What tokens inside a word begin with.
  public let continuationPrefix: String
  /// Words of more scalars than this are unknown.
  public let maximumWordLength: Int
  let unknownID: Int32?
  let prefix: [UInt8]
  /// The length in bytes of the longest token: no longer match need be tried.
  let longestToken: Int

  /// A model of these tokens.
  ///
  /// - Throws: `VocabularyError` if `unknown` isn't among them.
  public init(
    vocabulary: Vocabulary, unknown: String = "[UNK]", continuationPrefix: String = "##", maximumWordLength: Int = 100
  ) throws(VocabularyError) {
    self.init(
      file: vocabulary, unknown: unknown, continuationPrefix: continuationPrefix, maximumWordLength: maximumWordLength)
    guard unknownID != nil else { throw VocabularyError.missing(unknown) }
  }

  init(file vocabulary: Vocabulary, unknown: String, continuationPrefix: String, maximumWordLength: Int) {
    self.vocabulary = vocabulary
    self.unknown = unknown
    self.continuationPrefix = continuationPrefix
    self.maximumWordLength = maximumWordLength
    unknownID = vocabulary.id(of: unknown)
    prefix = Array(continuationPrefix.utf8)
    longestToken = vocabulary.table.longest
  }
}

/// Byte-pair encoding (Sennrich et al. 2016): symbols merged two by two, the earliest learnt merge first.
public struct BPE: Sendable {
  /// The tokens.
  public let vocabulary: Vocabulary
  /// The pairs that merge, the earliest learnt first.
  public let merges: MergeTable
  /// What else the model does.
  public let options: Options

  /// What a BPE model does beside merging.
  public struct Options: Sendable, Equatable {
    /// The token for symbols that the vocabulary hasn't; without one they are dropped.
    public var unknown: String?
    /// What symbols inside a word begin with.
    public var continuationPrefix: String?
    /// What a word's last symbol ends with.
    public var endOfWordSuffix: String?
    /// Whether unknown symbols next to each other are one token.
    public var fusesUnknown = false
    /// Whether unknown symbols become the tokens `<0x00>` … `<0xFF>` of their bytes.
    public var fallsBackToBytes = false
    /// Whether a piece that is a token is left whole, whatever the merges say.
    public var ignoresMerges = false
    /// How often a merge was left out in training; encoding leaves none out.
    public var dropout: Double?

    /// All off.
    public init() {}
  }

  let unknownID: Int32?
  let prefix: [UInt8]
  let suffix: [UInt8]
  /// The ids that no text becomes by spelling their tokens.
  let hidden: Set<Int32>
  /// Whether no merge reaches over the beginning of a word that `▁` marks: then the words of a longer piece can be taken one by one.
  let isCutAtMarks: Bool

  /// A model of these tokens and merges.
  ///
  /// - Throws: `VocabularyError` if a merge's parts or its result aren't among the tokens.
  public init(vocabulary: Vocabulary, merges: [(String, String)], options: Options = Options()) throws(VocabularyError)
  {
    var table = MergeTable(capacity: merges.count)
    let prefix = Array((options.continuationPrefix ?? "").utf8)
    for (left, right) in merges {
      try table.append(Array(left.utf8), Array(right.utf8), prefix: prefix, vocabulary)
    }
    self.init(vocabulary: vocabulary, table: table, options: options)
  }

  init(vocabulary: Vocabulary, table: MergeTable, options: Options, hidden: Set<Int32> = []) {
    self.vocabulary = vocabulary
    self.merges = table
    self.options = options
    self.hidden = hidden
    unknownID = options.unknown.flatMap { vocabulary.id(of: $0) }
    prefix = Array((options.continuationPrefix ?? "").utf8)
    suffix = Array((options.endOfWordSuffix ?? "").utf8)
    let isPlain = prefix.isEmpty && suffix.isEmpty && !options.ignoresMerges && unknownID != nil
    isCutAtMarks =
      isPlain && (vocabulary.id(of: "▁").map { !hidden.contains($0) } ?? false) && !vocabulary.hasMarksInside
  }
}

/// A unigram language model (Kudo 2018): the segmentation whose pieces' log probabilities sum to the most.
public struct Unigram: Sendable {
  /// The tokens, numbered in the order they were given.
  public let vocabulary: Vocabulary
  /// Each token's log probability, by id.
  public let scores: [Double]
  /// The id of what the vocabulary can't spell; -1: that is dropped.
  public internal(set) var unknownID: Int32
  /// Whether unknown pieces become the tokens `<0x00>` … `<0xFF>` of their bytes.
  public internal(set) var fallsBackToBytes: Bool
  /// The ids that no text becomes by spelling their tokens.
  let hidden: Set<Int32>
  let trie: ScalarTrie
  /// What an unknown scalar costs.
  let unknownScore: Double

  /// A model of these tokens.
  ///
  /// - Throws: `VocabularyError` if `unknownID` is neither one of theirs nor -1.
  public init(
    pieces: [(token: String, score: Double)], unknownID: Int32 = 0, fallsBackToBytes: Bool = false
  ) throws(VocabularyError) {
    var vocabulary = Vocabulary(capacity: pieces.count)
    for (id, piece) in pieces.enumerated() {
      var token = piece.token
      token.withUTF8 { vocabulary.insert($0, id: id) }
    }
    try self.init(
      vocabulary: vocabulary, scores: pieces.map(\.score), unknownID: unknownID, fallsBackToBytes: fallsBackToBytes)
  }

  init(
    vocabulary: Vocabulary, scores: [Double], unknownID: Int32, fallsBackToBytes: Bool, hidden: Set<Int32> = []
  ) throws(VocabularyError) {
    guard unknownID >= -1, unknownID < scores.count else { throw VocabularyError.missing("<unk>") }
    self.vocabulary = vocabulary
    self.scores = scores
    self.unknownID = unknownID
    self.fallsBackToBytes = fallsBackToBytes
    self.hidden = hidden
    let spelt = scores.indices.filter { !hidden.contains(Int32($0)) }
    var found = vocabulary
    if !hidden.isEmpty {
      found = Vocabulary(capacity: spelt.count)
      for id in spelt { vocabulary.withBytes(of: Int32(id)) { found.insert($0, id: id) } }
    }
    trie = ScalarTrie(found)
    unknownScore = (spelt.lazy.map { scores[$0] }.min() ?? 0) - 10
  }
}
