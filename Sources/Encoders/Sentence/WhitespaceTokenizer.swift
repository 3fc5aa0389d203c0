import Checkpoints
import Foundation

/// What turns a text into the ids of its words, those that are known.
protocol WordLookup: Sendable {
  func encode(_ text: String) -> [Int32]
}

/// Words between white space, looked up as they are, then without the punctuation round them, then in lower case; other words are
/// left out. Equal to sentence-transformers' `WhitespaceTokenizer`.
struct WhitespaceTokenizer: WordLookup {
  private let ids: [ExactText: Int32]
  private let stopWords: Set<ExactText>
  private let lowercase: Bool

  init(vocabulary: [String], stopWords: [String] = [], lowercase: Bool = false) {
    ids = Dictionary(vocabulary.enumerated().map { (ExactText($1), Int32($0)) }) { $1 }
    self.stopWords = Set(stopWords.map(ExactText.init))
    self.lowercase = lowercase
  }

  /// - Throws: `FileError` naming the key that is missing or of another type.
  init(_ file: ConfigFile) throws {
    self.init(
      vocabulary: try file.vocabulary(), stopWords: try file.stopWords(),
      lowercase: try file.bool("do_lower_case") ?? false)
  }

  var count: Int { ids.count }

  func encode(_ text: String) -> [Int32] {
    let text = lowercase ? text.pythonLowercased() : text
    return text.unicodeScalars.split(whereSeparator: Self.isSpace).compactMap { word -> Int32? in
      let bare = Self.strip(String(word))
      // As there, only the last form may be the empty word.
      for (form, mayBeEmpty) in [(String(word), false), (bare, false), (bare.pythonLowercased(), true)] {
        if stopWords.contains(ExactText(form)) { return nil }
        if mayBeEmpty || !form.isEmpty, let id = ids[ExactText(form)] { return id }
      }
      return nil
    }
  }

  /// White space as Python has it.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || ("\u{1C}"..."\u{1F}").contains(scalar)
  }

  /// The word without ASCII punctuation at its ends.
  static func strip(_ word: String) -> String {
    let scalars = Array(word.unicodeScalars)
    let isPunctuation = { (scalar: Unicode.Scalar) in
      scalar.isASCII && (33...126).contains(scalar.value) && !scalar.properties.isAlphabetic
        && !("0"..."9").contains(scalar)
    }
    guard let first = scalars.firstIndex(where: { !isPunctuation($0) }),
      let last = scalars.lastIndex(where: { !isPunctuation($0) })
    else { return "" }
    return String(String.UnicodeScalarView(scalars[first...last]))
  }
}

extension String {
  /// Lower case as Python has it: a capital sigma at the end of a word becomes `ς`, which `lowercased()` makes `σ` everywhere.
  func pythonLowercased() -> String {
    let scalars = unicodeScalars
    guard scalars.contains(where: { $0 == "Σ" }) else { return lowercased() }
    var lower = ""
    for place in scalars.indices {
      guard scalars[place] == "Σ" else {
        lower += scalars[place].properties.lowercaseMapping
        continue
      }
      // Unicode's Final_Sigma: a letter that has cases stands before it and none after it, marks and the like aside.
      let before = scalars[..<place].last { !$0.properties.isCaseIgnorable }
      let after = scalars[scalars.index(after: place)...].first { !$0.properties.isCaseIgnorable }
      let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
      lower += isFinal ? "ς" : "σ"
    }
    return lower
  }
}
