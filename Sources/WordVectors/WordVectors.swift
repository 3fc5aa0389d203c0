import Tokenizers

/// Words and their vectors.
///
/// Words are told apart by their UTF-8 bytes: `é` and `e` + accent are two.
public struct WordVectors: Sendable {
  /// How many numbers a vector has.
  public let width: Int
  /// All vectors one after the other, `[count, width]`.
  public private(set) var vectors: [Float] = []
  private(set) var table: WordTable

  /// No words yet.
  init(width: Int, capacity: Int = 0) {
    self.width = width
    table = WordTable(capacity: capacity)
    vectors.reserveCapacity(capacity * width)
  }

  /// Words with their vectors, `[words.count, width]`; a word that appears again keeps its first vector.
  public init(words: [String], vectors: [Float], width: Int) {
    precondition(
      width > 0 && vectors.count == words.count * width,
      "WordVectors: \(vectors.count) numbers are not \(words.count) vectors of \(width)")
    self.init(width: width, capacity: words.count)
    for (index, word) in words.enumerated() where table.insert(word).isNew {
      self.vectors += vectors[index * width..<(index + 1) * width]
    }
  }

  /// How many words there are.
  public var count: Int { table.count }

  /// The words, in the order of the vectors.
  public var words: [String] { table.words }

  /// The row of a word's vector, or nil.
  public func index(of word: String) -> Int? { table.find(word) }

  /// A word's vector, or nil.
  public subscript(word: String) -> ArraySlice<Float>? {
    index(of: word).map { vectors[$0 * width..<($0 + 1) * width] }
  }

  /// Adds a word and lets `fill` append its vector, unless the word is there already.
  mutating func add(_ word: UnsafeBufferPointer<UInt8>, _ fill: (inout [Float]) throws -> Void) rethrows {
    guard table.insert(word).isNew else { return }
    try fill(&vectors)
  }
}
