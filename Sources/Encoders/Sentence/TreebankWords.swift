import Foundation

/// English words as the Penn Treebank separates them: punctuation and quotes stand alone, `don't` is `do n't`, and a period is a word of
/// its own only at the end of the text.
///
/// Source: Robert MacIntyre's tokenizer, as NLTK's `word_tokenize(text, preserve_line=True)` extends it.
struct TreebankWords {
  private typealias Scalar = Unicode.Scalar
  private var text: [Scalar]

  /// The words of a text.
  static func split(_ text: String) -> [String] {
    var words = TreebankWords(text: Array(text.unicodeScalars))
    words.openQuotes()
    words.separatePunctuation()
    words.text = [" "] + words.text + [" "]
    words.closeQuotes()
    words.divideContractions()
    return words.text.split(whereSeparator: WhitespaceTokenizer.isSpace).map { String(String.UnicodeScalarView($0)) }
  }

  /// Replaces what a rule finds: at each place it says how many scalars it takes and what stands instead, from left to right.
  private mutating func replace(_ rule: ([Scalar], Int) -> (taken: Int, [Scalar])?) {
    var (out, place): ([Scalar], Int) = ([], 0)
    while place < text.count {
      if let (taken, instead) = rule(text, place) {
        out += instead
        place += taken
      } else {
        out.append(text[place])
        place += 1
      }
    }
    text = out
  }

  /// Puts spaces round each of some scalars.
  private mutating func separate(_ isOne: (Scalar) -> Bool) {
    replace { text, place in isOne(text[place]) ? (1, [" ", text[place], " "]) : nil }
  }

  /// Puts spaces round each of some scalars.
  private mutating func separate(_ scalars: String) {
    let all = Set(scalars.unicodeScalars)
    separate { all.contains($0) }
  }

  private mutating func replace(_ found: String, with instead: String) {
    let (found, instead) = (Array(found.unicodeScalars), Array(instead.unicodeScalars))
    replace { Self.has(found, $0, $1) ? (found.count, instead) : nil }
  }

  private static func has(_ part: some Collection<Scalar>, _ text: [Scalar], _ place: Int) -> Bool {
    text.count - place >= part.count && text[place..<place + part.count].elementsEqual(part)
  }

  private static func has(_ part: String, _ text: [Scalar], _ place: Int) -> Bool {
    has(Array(part.unicodeScalars), text, place)
  }

  /// The same in any case.
  private static func hasAnyCase(_ part: String, _ text: [Scalar], _ place: Int) -> Bool {
    let part = Array(part.unicodeScalars)
    return text.count - place >= part.count
      && zip(part, text[place...]).allSatisfy { $0 == $1 || String($0) == $1.properties.lowercaseMapping }
  }

  /// A letter, a number or an underscore.
  private static func isWord(_ scalar: Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
      .letterNumber, .otherNumber:
      true
    default: scalar == "_"
    }
  }

  /// Whether a word begins or ends before a place.
  private static func isBoundary(_ text: [Scalar], _ place: Int) -> Bool {
    let before = place > 0 && isWord(text[place - 1])
    return before != (place < text.count && isWord(text[place]))
  }

  private mutating func openQuotes() {
    replace { text, place in
      if "«“‘„".unicodeScalars.contains(text[place]) { return (1, [" ", text[place], " "]) }
      let run = text[place...].prefix { $0 == "`" }
      return run.isEmpty ? nil : (run.count, [" "] + run + [" "])
    }
    if text.first == "\"" { text.replaceSubrange(0..<1, with: ["`", "`"]) }
    replace("``", with: " `` ")
    replace { text, place in
      guard " ([{<".unicodeScalars.contains(text[place]) else { return nil }
      let quote = ["\"", "''"].first { Self.has($0, text, place + 1) }
      return quote.map { (1 + $0.unicodeScalars.count, [text[place], " ", "`", "`", " "]) }
    }
    replace { text, place in
      guard text[place] == "'", place == 0 || !Self.isWord(text[place - 1]), place + 1 < text.count,
        Self.isWord(text[place + 1])
      else { return nil }
      let ending = ["re", "ve", "ll", "m", "t", "s", "d", "n"].contains {
        Self.hasAnyCase($0, text, place + 1) && Self.isBoundary(text, place + 1 + $0.utf8.count)
      }
      return ending ? nil : (1, ["'", " "])
    }
  }

  private mutating func separatePunctuation() {
    separateLastPeriod(before: "])}>\"'»”’ ", spaced: true)
    replace { text, place in
      guard text[place] == ":" || text[place] == "," else { return nil }
      if place + 1 < text.count, text[place + 1].properties.generalCategory != .decimalNumber {
        return (2, [" ", text[place], " ", text[place + 1]])
      }
      return nil
    }
    // The end, and the line break before which it is the end too.
    replace { text, place in
      let isLast = place + 1 == text.count || place + 2 == text.count && text[place + 1] == "\n"
      return isLast && (text[place] == ":" || text[place] == ",") ? (1, [" ", text[place], " "]) : nil
    }
    replace { text, place in
      let run = text[place...].prefix { $0 == "." }
      return run.isEmpty ? nil : (run.count, run.count > 1 ? [" "] + run + [" "] : ["."])
    }
    separate(";@#$%&\u{2012}\u{2013}\u{2014}\u{2015}")
    separateLastPeriod(before: "])}>\"'", spaced: false)
    separate("?!")
    replace { text, place in
      text[place] != "'" && Self.has("' ", text, place + 1) ? (3, [text[place], " ", "'", " "]) : nil
    }
    separate("*")
    separate("][(){}<>")
    replace("--", with: " -- ")
  }

  /// The last period of the text, after which there are only closing signs.
  private mutating func separateLastPeriod(before closing: String, spaced: Bool) {
    let closing = Set(closing.unicodeScalars)
    replace { text, place in
      guard text[place] != ".", place + 1 < text.count, text[place + 1] == "." else { return nil }
      let rest = text[(place + 2)...], signs = rest.prefix { closing.contains($0) }
      guard rest[signs.endIndex...].allSatisfy(WhitespaceTokenizer.isSpace) else { return nil }
      return (text.count - place, [text[place], " ", "."] + (spaced ? [" "] : []) + signs + [" "])
    }
  }

  private mutating func closeQuotes() {
    separate("»”’")
    replace("''", with: " '' ")
    replace("\"", with: " '' ")
    replace { text, place in
      let run = text[place...].prefix(while: WhitespaceTokenizer.isSpace)
      return run.isEmpty ? nil : (run.count, [" "])
    }
    for endings in [
      ["'s", "'S", "'m", "'M", "'d", "'D", "'"], ["'ll", "'LL", "'re", "'RE", "'ve", "'VE", "n't", "N'T"],
    ] {
      replace { text, place in
        guard text[place] != "'", text[place] != " " else { return nil }
        let ending = endings.first { Self.has($0 + " ", text, place + 1) }
        return ending.map { (2 + $0.utf8.count, [text[place], " "] + $0.unicodeScalars + [" "]) }
      }
    }
  }

  private mutating func divideContractions() {
    let pairs = [
      ("can", "not"), ("d", "'ye"), ("gim", "me"), ("gon", "na"), ("got", "ta"), ("lem", "me"), ("more", "'n"),
      ("wan", "na"),
    ]
    for (first, second) in pairs {
      let (middle, count) = (first.utf8.count, first.utf8.count + second.utf8.count)
      replace { text, place in
        guard Self.hasAnyCase(first + second, text, place), Self.isBoundary(text, place),
          first == "wan"
            ? place + count < text.count && WhitespaceTokenizer.isSpace(text[place + count])
            : Self.isBoundary(text, place + count)
        else { return nil }
        let found = text[place..<place + count]
        return (count, [" "] + found.prefix(middle) + [" "] + found.dropFirst(middle) + [" "])
      }
    }
    for verb in ["is", "was"] {
      replace { text, place in
        let count = 3 + verb.utf8.count
        guard Self.hasAnyCase(" 't" + verb, text, place), Self.isBoundary(text, place + count) else { return nil }
        return (count, text[place..<place + 3] + [" "] + text[place + 3..<place + count] + [" "])
      }
    }
  }
}
