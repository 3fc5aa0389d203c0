import Checkpoints
import Foundation

/// English words, and phrases of several where the vocabulary has them as `New_York`, the longest first; looked up as they are, then in
/// lower case, then without the punctuation round them; other words are left out. Equal to sentence-transformers' `PhraseTokenizer`.
struct PhraseTokenizer: WordLookup {
  private let ids: [ExactText: Int32]
  private let stopWords: Set<ExactText>
  private let separator: String
  /// The phrases, and of how many words they are, the most first.
  private let phrases: Set<ExactText>, lengths: [Int]

  init(vocabulary: [String], stopWords: [String] = [], separator: String? = "_", longest: Int = 5) {
    ids = Dictionary(vocabulary.enumerated().map { (ExactText($1), Int32($0)) }) { $1 }
    self.stopWords = Set(stopWords.map(ExactText.init))
    self.separator = separator ?? ""
    var (phrases, lengths): (Set<ExactText>, Set<Int>) = ([], [])
    if let separator, !separator.isEmpty {
      for word in vocabulary where word.utf8.count > separator.utf8.count {
        let count = word.components(separatedBy: separator).count
        guard count > 1, count <= longest, !word.contains(separator + separator) else { continue }
        phrases.insert(ExactText(word))
        lengths.insert(count)
      }
    }
    (self.phrases, self.lengths) = (phrases, lengths.sorted(by: >))
  }

  /// - Throws: `FileError` naming the key that is missing or of another type.
  init(_ file: ConfigFile) throws {
    // Null: no phrases.
    let separator = file.json["ngram_separator"] == nil ? "_" : try file.string("ngram_separator")
    self.init(
      vocabulary: try file.vocabulary(), stopWords: try file.stopWords(), separator: separator,
      longest: try file.integer("max_ngram_length") ?? 5)
  }

  func encode(_ text: String) -> [Int32] {
    var words = TreebankWords.split(text)
    for length in lengths {
      var place = 0
      while place + length <= words.count {
        let phrase = words[place..<place + length].joined(separator: separator)
        if let known = [phrase, phrase.pythonLowercased()].first(where: { phrases.contains(ExactText($0)) }) {
          words.replaceSubrange(place..<place + length, with: [known])
        }
        place += 1
      }
    }
    return words.compactMap { word -> Int32? in
      let lower = word.pythonLowercased()
      for form in [word, lower, WhitespaceTokenizer.strip(lower)] {
        if stopWords.contains(ExactText(form)) { return nil }
        if !form.isEmpty, let id = ids[ExactText(form)] { return id }
      }
      return nil
    }
  }
}
