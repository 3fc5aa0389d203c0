import Checkpoints
import Crypto
import Foundation

extension DataSource {
  /// WordNet 3.0 as pairs for training and as a retrieval task, from Debian's package.
  ///
  /// - `pairs.tsv`, `validation.tsv`: `anchor`, `positive`: each word and each example of a synset beside its gloss.
  /// - `corpus.tsv`: `id`, `text`: the glosses of all 117,659 synsets, without their examples.
  /// - `queries.tsv`: `id`, `text`: 1,000 examples, or words where there is no example, of the synsets left for test.
  /// - `relevant.tsv`: `query`, `corpus`: the glosses that a query should find: of every synset that has it as a word or an example, and
  ///   of those that read the same.
  ///
  /// A synset's part is that of its gloss by `HashSplit`: 8 of 10 train, 1 validation, 1 test. Queries are of the test synsets whose glosses
  /// have the smallest SHA-256; a text that the training or validation pairs have too, whatever its case, is no query. So neither a query
  /// nor a gloss relevant to it is among the pairs, and the same package gives the same bytes.
  static let wordNet = DataSource(
    name: "wordnet",
    summary: "WordNet 3.0: pairs of words or examples and glosses, and 1,000 queries to all 117,659 glosses (TSV)"
  ) { fetcher in
    let names = ["pairs.tsv", "validation.tsv", "corpus.tsv", "queries.tsv", "relevant.tsv"]
    let targets = names.map { fetcher.folder.appendingPathComponent($0) }
    return try fetcher.unlessThere(targets) {
      let package = try fetcher.debianPackage("wordnet-base")
      let members = WordNet.files.map { "/" + $0.0 }
      let isPackage = package.pathExtension == "deb"
      let inner = isPackage ? try Archive.read("data.tar.xz", from: package) : nil
      let texts = try Archive.read(members, from: package, inner)
      var wordNet = WordNet()
      for (index, text) in texts.enumerated() {
        let (name, letter) = WordNet.files[index]
        try fetcher.check(text, checksums[index], package, item: name)
        try wordNet.add(text, letter: letter, package, named: name)
      }
      let tables = WordNetTables(wordNet.synsets)
      let rows = [tables.pairs, tables.validation, tables.corpus, tables.queries, tables.relevant]
      let headers = ["anchor\tpositive", "anchor\tpositive", "id\ttext", "id\ttext", "query\tcorpus"]
      for (index, target) in targets.enumerated() {
        try AtomicFile.write(to: target) { writer in
          try writer.write(headers[index] + "\n")
          for row in rows[index] { try writer.write("\(row.0)\t\(row.1)\n") }
        }
      }
    }
  }

  private static let checksums = [
    "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2",
    "adcf43e35b581e8036d8b5a52d63d9cd3d3b4870b2720d3c03c799df44777bc2",
    "c89120dfc1f046ddff4a631bf9b7e9fa1a36b5e86565a23bf82dbe14f30b88a7",
    "444a63bf3955080ab7524f5079cfc07ff9bc682cb98bdb1db73b0fb9829f1139",
  ]
}

/// The rows of the tables that are made from WordNet.
struct WordNetTables {
  typealias Row = (String, String)
  private(set) var pairs: [Row] = []
  private(set) var validation: [Row] = []
  private(set) var corpus: [Row] = []
  private(set) var queries: [Row] = []
  private(set) var relevant: [Row] = []

  /// Divides the synsets and chooses up to `queryCount` queries, as `DataSource.wordNet` says.
  init(_ synsets: [WordNet.Synset], queryCount: Int = 1000) {
    let split = HashSplit()
    var known: Set<String> = []
    var meanings: [String: [Int]] = [:]
    var sameGloss: [String: [Int]] = [:]
    var tests: [(hash: [UInt8], index: Int)] = []
    for (index, synset) in synsets.enumerated() {
      corpus.append((synset.id, synset.gloss))
      sameGloss[synset.gloss, default: []].append(index)
      let anchors = synset.lemmas + synset.examples
      for anchor in anchors { meanings[anchor.lowercased(), default: []].append(index) }
      switch split.split(of: synset.gloss) {
      case "train": pairs += anchors.map { ($0, synset.gloss) }
      case "validation": validation += anchors.map { ($0, synset.gloss) }
      default:
        tests.append((Array(SHA256.hash(data: Data(synset.gloss.utf8))), index))
        continue
      }
      for anchor in anchors { known.insert(anchor.lowercased()) }
    }
    // An adverb may have the gloss of an adjective that is written the same.
    pairs = WordNetTables.distinct(pairs)
    validation = WordNetTables.distinct(validation)
    tests.sort {
      $0.hash == $1.hash ? $0.index < $1.index : $0.hash.lexicographicallyPrecedes($1.hash)
    }
    for (_, index) in tests where queries.count < queryCount {
      let synset = synsets[index]
      let query = (synset.examples.prefix(1) + synset.lemmas).first { !known.contains($0.lowercased()) }
      guard let query else { continue }
      known.insert(query.lowercased())
      let id = "q\(queries.count + 1)"
      queries.append((id, query))
      let found = Set((meanings[query.lowercased()] ?? []).flatMap { sameGloss[synsets[$0].gloss] ?? [] })
      relevant += found.sorted().map { (id, synsets[$0].id) }
    }
  }

  private static func distinct(_ rows: [Row]) -> [Row] {
    var seen: Set<String> = []
    return rows.filter { seen.insert("\($0.0)\t\($0.1)").inserted }
  }
}
