import Checkpoints
import Foundation

/// The synsets of WordNet 3.0: sets of words that share a meaning, each with a gloss that says what they mean.
///
/// The files are those of wndb(5): `data.noun`, `data.verb`, `data.adj`, `data.adv`, a synset a line, with its gloss after `| `.
/// Source: Fellbaum (1998), "WordNet: An Electronic Lexical Database".
struct WordNet: Sendable {
  struct Synset: Sendable, Equatable {
    /// Where it stands in its file, and a letter for the file: `02084071-n`.
    let id: String
    /// Its words, with spaces between the parts of one, without the marks of where an adjective may stand.
    let lemmas: [String]
    /// What it means, without examples.
    let gloss: String
    /// Sentences or phrases in which one of its words is used.
    let examples: [String]
  }

  /// The files with the letters of their synsets, in the order in which they are read.
  static let files = [("data.noun", "n"), ("data.verb", "v"), ("data.adj", "a"), ("data.adv", "r")]

  private(set) var synsets: [Synset] = []

  /// Adds the synsets of a file's text.
  ///
  /// - Throws: `FileError` with the line that isn't as wndb(5) says.
  mutating func add(_ text: [UInt8], letter: String, _ url: URL, named name: String) throws {
    var number = 0
    for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      // The licence stands first, each line of it after two spaces.
      if line.isEmpty || line.starts(with: [0x20, 0x20]) { continue }
      guard let synset = WordNet.synset(String(decoding: line, as: UTF8.self), letter: letter) else {
        throw FileError(.malformed, url, item: name, "line \(number): expected a synset, with a gloss after a bar")
      }
      synsets.append(synset)
    }
  }

  /// A line: `offset file type count(hex) word lex_id word lex_id … | gloss`.
  static func synset(_ line: String, letter: String) -> Synset? {
    guard let bar = line.range(of: " | ") else { return nil }
    let fields = line[..<bar.lowerBound].split(separator: " ")
    guard fields.count > 4, let count = Int(fields[3], radix: 16), count > 0, fields.count >= 4 + 2 * count else {
      return nil
    }
    let lemmas = (0..<count).map { index in
      fields[4 + 2 * index].prefix { $0 != "(" }.replacingOccurrences(of: "_", with: " ")
    }
    let (gloss, examples) = parts(of: line[bar.upperBound...].unicodeScalars)
    return gloss.isEmpty ? nil : Synset(id: "\(fields[0])-\(letter)", lemmas: lemmas, gloss: gloss, examples: examples)
  }

  /// The meaning, whose parts stand between semicolons, and the examples, which stand between quotes; what follows a closing quote is
  /// who said so.
  private static func parts(of text: Substring.UnicodeScalarView) -> (gloss: String, examples: [String]) {
    var (meanings, examples): ([String], [String]) = ([], [])
    var rest = text[...]
    func add(_ part: Substring.UnicodeScalarView, to list: inout [String], trimming set: String) {
      let trimmed = String(part).trimmingCharacters(in: CharacterSet(charactersIn: set))
      if !trimmed.isEmpty { list.append(trimmed) }
    }
    while true {
      rest = rest.drop { $0 == " " || $0 == ";" }
      if rest.isEmpty { break }
      if rest.first == "\"" {
        let inner = rest.dropFirst()
        let end = inner.firstIndex(of: "\"") ?? inner.endIndex
        add(inner[..<end], to: &examples, trimming: " ;,")
        rest = inner[end...].dropFirst().drop { $0 != ";" && $0 != "\"" }
        continue
      }
      let part = rest.prefix { $0 != ";" }
      let quote = part.firstIndex(of: "\"") ?? part.endIndex
      rest = rest[part.endIndex...]
      let before = part[..<quote].last { $0 != " " }
      if quote < part.endIndex, before == ":" || before == "," {
        // A comma or colon instead of the semicolon.
        add(part[..<quote], to: &meanings, trimming: " ,:")
        rest = text[quote...]
      } else if quote < part.endIndex, part[quote...].dropFirst().allSatisfy({ $0 == " " }) {
        // A closing quote that was never opened: of an example, unless the meaning is still to come.
        if meanings.isEmpty {
          add(part, to: &meanings, trimming: " \"")
        } else {
          add(part, to: &examples, trimming: " \"")
        }
      } else {
        add(part, to: &meanings, trimming: " ")
      }
    }
    return (meanings.joined(separator: "; "), examples)
  }
}
