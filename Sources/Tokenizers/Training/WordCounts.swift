/// The words of a corpus and how often each was seen: what vocabularies are trained on.
public struct WordCounts: Sendable {
  private(set) var table = WordTable()
  private(set) var counts: [Int] = []

  /// No words.
  public init() {}

  /// How many different words there are.
  public var count: Int { table.count }

  /// Counts a word, given as valid UTF-8, once or `times` times.
  @inline(__always)
  public mutating func add(_ word: UnsafeBufferPointer<UInt8>, times: Int = 1) {
    guard !word.isEmpty, times > 0 else { return }
    let (index, isNew) = table.insert(word)
    if isNew { counts.append(times) } else { counts[index] += times }
  }

  /// Counts a word once or `times` times.
  public mutating func add(_ word: String, times: Int = 1) {
    var word = word
    word.withUTF8 { add($0, times: times) }
  }

  /// The words' numbers, most frequent first, equally frequent ones by their bytes: the same for a corpus in any order.
  var order: [Int] {
    (0..<count).sorted { counts[$0] != counts[$1] ? counts[$0] > counts[$1] : table.precedes($0, $1) }
  }

  /// All words as scalars in that order.
  func scalars() -> CountedScalars {
    var result = CountedScalars()
    for index in order {
      table.withBytes(of: index) { word in
        for scalar in String(decoding: word, as: UTF8.self).unicodeScalars { result.scalars.append(scalar.value) }
      }
      result.ends.append(result.scalars.count)
      result.counts.append(counts[index])
    }
    return result
  }
}

/// Words as scalars, one after another, and how often each was seen.
struct CountedScalars {
  var scalars: [UInt32] = []
  /// Where each word ends.
  var ends: [Int] = []
  var counts: [Int] = []

  /// Where in `scalars` a word is.
  @inline(__always)
  func range(of word: Int) -> Range<Int> { (word == 0 ? 0 : ends[word - 1])..<ends[word] }

  /// How often each scalar was seen.
  var frequencies: [UInt32: Int] {
    var result: [UInt32: Int] = [:]
    for word in ends.indices { for scalar in scalars[range(of: word)] { result[scalar, default: 0] += counts[word] } }
    return result
  }
}

extension String {
  /// The text of scalars; ones that don't exist become U+FFFD.
  init(scalars: some Sequence<UInt32>) {
    var view = String.UnicodeScalarView()
    for scalar in scalars { view.append(Unicode.Scalar(scalar) ?? "\u{FFFD}") }
    self.init(view)
  }
}
