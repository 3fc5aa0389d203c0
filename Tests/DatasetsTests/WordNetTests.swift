import Foundation
import Testing

@testable import Datasets

@Suite struct WordNetTests {
  func gloss(_ text: String) throws -> WordNet.Synset {
    try #require(WordNet.synset("00001740 03 n 01 entity 0 000 | \(text)  ", letter: "n"))
  }

  @Test func readsLines() throws {
    let noun =
      "02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 002 @ 02083346 n 0000 ~ 01322604 n 0000 | "
      + "a member of the genus Canis; occurs in many breeds; \"the dog barked all night\"  "
    #expect(
      WordNet.synset(noun, letter: "n")
        == WordNet.Synset(
          id: "02084071-n", lemmas: ["dog", "domestic dog", "Canis familiaris"],
          gloss: "a member of the genus Canis; occurs in many breeds", examples: ["the dog barked all night"]))
    let adjective = "00014490 00 s 0a a(p) 0 b 0 c 0 d 0 e 0 f 0 g 0 h(ip) 0 i 0 j(a) 0 000 | many  "
    #expect(WordNet.synset(adjective, letter: "a")?.lemmas == ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])
    for bad in [
      "", "00014490 00 s", "00014490 00 s 02 a 0 | x", "00014490 00 s 01 a 0 000", "1 00 s 00 | x", "1 0 s zz a 0 | x",
    ] {
      #expect(WordNet.synset(bad, letter: "a") == nil, "\(bad)")
    }
  }

  @Test func takesExamplesOutOfGlosses() throws {
    for (text, meaning, examples) in [
      (
        "able; \"able to swim\"; \"she was able\"- Shakespeare; or so", "able; or so", ["able to swim", "she was able"]
      ),
      (
        "spread by scattering (\"straw\" is archaic); \"strew toys\"", "spread by scattering (\"straw\" is archaic)",
        ["strew toys"]
      ),
      ("undergo:\"We felt it\"; \"she felt\"", "undergo", ["We felt it", "she felt"]),
      ("in fear, \"she hurried\"", "in fear", ["she hurried"]),
      ("utter; \"drop a hint\"; drop names\"", "utter", ["drop a hint", "drop names"]),
      ("a demand in the phrase \"the call of duty\"", "a demand in the phrase \"the call of duty\"", []),
      ("a local branch\"", "a local branch", []),
      ("cut off; \"never closed", "cut off", ["never closed"]),
    ] as [(String, String, [String])] {
      let synset = try gloss(text)
      #expect(synset.gloss == meaning)
      #expect(synset.examples == examples)
    }
  }

  @Test func noQueryNorItsGlossIsAmongThePairs() throws {
    // Words of one and of several meanings, some with the same gloss.
    let synsets = (0..<3000).map { index in
      WordNet.Synset(
        id: "\(index)-n", lemmas: ["word \(index / 3)", index % 4 == 0 ? "Common" : "own \(index)"],
        gloss: "gloss \(index % 2900)",
        examples: index % 5 == 0 ? ["an example \(index % 2000)"] : [])
    }
    let tables = WordNetTables(synsets, queryCount: 100)
    #expect(tables.corpus.map(\.0) == synsets.map(\.id))
    #expect(tables.queries.count == 100)
    #expect(Set(tables.queries.map { $0.1.lowercased() }).count == 100)
    #expect(tables.queries.contains { $0.1.hasPrefix("an example") })
    let pairs = tables.pairs + tables.validation
    let (anchors, glosses) = (Set(pairs.map { $0.0.lowercased() }), Set(pairs.map(\.1)))
    let texts = Dictionary(uniqueKeysWithValues: tables.corpus.map { ($0.0, $0.1) })
    for (query, text) in tables.queries {
      #expect(!anchors.contains(text.lowercased()))
      let found = tables.relevant.filter { $0.0 == query }.compactMap { texts[$0.1] }
      #expect(!found.isEmpty)
      #expect(glosses.isDisjoint(with: found))
      let expected = Set(synsets.filter { ($0.lemmas + $0.examples).contains(text) }.map(\.gloss))
      #expect(Set(found) == expected)
      #expect(found.count == synsets.count { expected.contains($0.gloss) })
    }
    #expect(!tables.validation.isEmpty && tables.validation.count * 5 < tables.pairs.count)
    #expect(glosses.isDisjoint(with: synsets.map(\.gloss).filter { HashSplit().split(of: $0) == "test" }))
  }
}
