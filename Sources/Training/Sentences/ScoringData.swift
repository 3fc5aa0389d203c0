import Checkpoints
import Datasets
import Encoders
import Evaluation
import Foundation
import Tensors

/// What an encoder of texts is scored on.
public enum ScoringData: Sendable {
  /// Pairs with scores of how alike they are: correlations.
  case scored([String], [String], [Float])
  /// Pairs that belong together and pairs that don't: the best threshold.
  case pairs([String], [String], [Bool])
  /// Anchors, positives and negatives: how often they are in the right order.
  case triplets([String], [String], [String])
  /// Queries, an answer each and the negatives of each: how high the answer comes among them.
  case reranking([String], [String], [[String]])
  /// Texts with the numbers of their labels: how well clusters agree with these.
  case clustering([String], [Int])
  /// Queries, a corpus and the places in it of what each query should find.
  case retrieval(queries: [String], corpus: [String], relevant: [[Int]])

  /// Reads what a recipe or an option names.
  ///
  /// - Parameter part: The rows of a table that count: those where a column says so; nil: all.
  /// - Throws: `FileError` for files that can't be read, or have rows of another kind, or none of the part.
  public init(_ options: SentenceDataOptions.Scoring, part: (column: String, name: String)? = nil) throws {
    switch options {
    case .table(let url, let format, let columns, let label):
      var table = try SentenceTable(url, format: format, columns: columns, label: label, split: part?.column)
      if let part, let splits = table.splits {
        let rows = splits.indices.filter { splits[$0] == part.name }
        guard !rows.isEmpty else {
          throw FileError(.mismatched, url, "no row has '\(part.name)' in the column '\(part.column)'")
        }
        table = table.subset(rows)
      }
      if table.texts.count == 1, let labels = table.labels.first {
        let different = Set(labels.map(ExactText.init)).sorted()
        let numbers = Dictionary(uniqueKeysWithValues: different.enumerated().map { ($0.element, $0.offset) })
        self = .clustering(table.texts[0], labels.map { numbers[ExactText($0)] ?? 0 })
        return
      }
      guard let data = try ScoringData(table) else {
        throw FileError(
          .mismatched, url, line: 1,
          "expected scored pairs, triplets, pairs or labelled texts, found \(table.texts.count) columns of texts")
      }
      self = data
    case .retrieval(let queries, let corpus, let relevant):
      self = try ScoringData(queries: queries, corpus: corpus, relevant: relevant)
    case .folder(let url):
      func file(_ names: String...) throws -> URL {
        let candidates = names.flatMap { name in
          ["tsv", "jsonl", "csv"].map { url.appendingPathComponent("\(name).\($0)") }
        }
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
          throw FileError(
            .missing, url.appendingPathComponent(names[0] + ".tsv"), "expected a file \(names[0]).tsv, .csv or .jsonl")
        }
        return found
      }
      self = try ScoringData(
        queries: file("queries"), corpus: file("corpus"), relevant: file("relevant", "qrels", "qrels/test"))
    }
  }

  /// What the rows of a table are for; nil if there's nothing to score on them, as on single texts.
  init?(_ table: SentenceTable) throws {
    switch (table.texts.count, table.labels.count) {
    case (2, 1):
      let scores = try table.numbers()[0]
      if scores.allSatisfy({ $0 == 0 || $0 == 1 }), Set(scores).count == 2 {
        self = .pairs(table.texts[0], table.texts[1], scores.map { $0 == 1 })
      } else {
        self = .scored(table.texts[0], table.texts[1], scores)
      }
    case (3, 0): self = .triplets(table.texts[0], table.texts[1], table.texts[2])
    case (4..., 0):
      let negatives = (0..<table.count).map { row in table.texts[2...].map { $0[row] } }
      self = .reranking(table.texts[0], table.texts[1], negatives)
    case (2, 0): self = ScoringData(queries: table.texts[0], answers: table.texts[1])
    default: return nil
    }
  }

  /// Pairs as retrieval: each text of the first column should find its own ones among all of the second.
  private init(queries: [String], answers: [String]) {
    var (places, corpus): ([ExactText: Int], [String]) = ([:], [])
    var (rows, texts, relevant): ([ExactText: Int], [String], [[Int]]) = ([:], [], [])
    for (query, answer) in zip(queries, answers) {
      let place = places[ExactText(answer)] ?? corpus.count
      if place == corpus.count {
        places[ExactText(answer)] = place
        corpus.append(answer)
      }
      let row = rows[ExactText(query)] ?? texts.count
      if row == texts.count {
        rows[ExactText(query)] = row
        texts.append(query)
        relevant.append([])
      }
      if !relevant[row].contains(place) { relevant[row].append(place) }
    }
    self = .retrieval(queries: texts, corpus: corpus, relevant: relevant)
  }

  private init(queries: URL, corpus: URL, relevant: URL) throws {
    let (queryIDs, queryTexts) = try ScoringData.texts(queries)
    let (corpusIDs, corpusTexts) = try ScoringData.texts(corpus, sorted: true)
    let table = try TextColumns(relevant)
    func column(_ names: [String], _ place: Int) throws -> [String] {
      let found = table.names.firstIndex { names.contains($0) } ?? place
      guard found < table.columns.count else {
        throw FileError(
          .mismatched, relevant, line: 1, "expected columns of a query's id and a text's id of the corpus")
      }
      return table.columns[found]
    }
    let (left, right) = (
      try column(["query", "query_id", "query-id", "qid"], 0),
      try column(["corpus", "corpus_id", "corpus-id", "docid"], 1)
    )
    let scores = table.names.firstIndex(of: "score").map { table.columns[$0] }
    let rows = Dictionary(queryIDs.enumerated().map { (ExactText($0.element), $0.offset) }) { first, _ in first }
    let places = Dictionary(corpusIDs.enumerated().map { (ExactText($0.element), $0.offset) }) { first, _ in first }
    var lists = Array(repeating: [Int](), count: queryTexts.count)
    for index in left.indices {
      if let score = scores?[index], Double(score) ?? 1 <= 0 { continue }
      guard let place = places[ExactText(right[index])] else {
        throw FileError(.mismatched, relevant, line: table.lines[index], "the corpus has no text '\(right[index])'")
      }
      // Judgements of other queries are usual: those of the training part in the same file.
      if let row = rows[ExactText(left[index])] { lists[row].append(place) }
    }
    self = .retrieval(queries: queryTexts, corpus: corpusTexts, relevant: lists)
  }

  /// Ids and texts; a title stands before its text. Sorted by their ids, as Python sorts them, texts that are equally alike are found in
  /// the order of sentence-transformers.
  private static func texts(_ url: URL, sorted: Bool = false) throws -> (ids: [String], texts: [String]) {
    let table = try TextColumns(url)
    let id = table.names.firstIndex { ["id", "_id"].contains($0) } ?? 0
    let text = table.names.firstIndex(of: "text") ?? (id == 0 ? 1 : 0)
    guard table.names.count > 1 else {
      throw FileError(.mismatched, url, line: 1, "expected columns 'id' and 'text', found '\(table.names[0])' alone")
    }
    var rows: [ExactText: Int] = [:]
    for (row, name) in table.columns[id].enumerated() {
      if let first = rows.updateValue(row, forKey: ExactText(name)) {
        throw FileError(
          .mismatched, url, line: table.lines[row],
          "expected an id of its own for each text, found \(FileError.quoted(name)) as in line \(table.lines[first])")
      }
    }
    var (ids, texts) = (table.columns[id], table.columns[text])
    if let title = table.names.firstIndex(of: "title") {
      texts = zip(table.columns[title], texts).map { $0.isEmpty ? $1 : "\($0) \($1)" }
    }
    if sorted {
      let order = ids.indices.sorted { ExactText(ids[$0]) < ExactText(ids[$1]) }
      (ids, texts) = (order.map { ids[$0] }, order.map { texts[$0] })
    }
    return (ids, texts)
  }

  /// Scores of an encoder, compared by its own similarity. What is asked and what is searched get their prompts.
  ///
  /// In reranking too: there sentence-transformers takes the cosine of any model, unless told otherwise.
  ///
  /// - Throws: `TokenError` from the encoder, `EvaluationError` for scores that are all the same or vectors that aren't finite.
  public func report(_ encoder: SentenceEncoder, seed: UInt64 = 0, resamples: Int = 1000) throws -> any ScoreReport {
    let similarity = encoder.similarity
    func embedded(_ texts: [String], by encode: ([String]) throws -> Tensor) throws -> Tensor {
      // Texts that occur several times are embedded once.
      var (rows, unique): ([ExactText: Int32], [String]) = ([:], [])
      let places = texts.map { text in
        if let row = rows[ExactText(text)] { return row }
        rows[ExactText(text)] = Int32(unique.count)
        unique.append(text)
        return Int32(unique.count - 1)
      }
      let vectors = try encode(unique)
      return unique.count == texts.count ? vectors : vectors.rows(at: IDs(places))
    }
    let alike = { (texts: [String]) in try encoder.encode(texts) }
    switch self {
    case .scored(let first, let second, let scores):
      return try SimilarityReport(
        first: embedded(first, by: alike), second: embedded(second, by: alike), labels: scores,
        similarities: [similarity], seed: seed, resamples: resamples)
    case .pairs(let first, let second, let labels):
      return try PairReport(
        first: embedded(first, by: alike), second: embedded(second, by: alike), labels: labels,
        similarities: [similarity], seed: seed, resamples: resamples)
    case .triplets(let anchors, let positives, let negatives):
      return try TripletReport(
        anchors: embedded(anchors, by: encoder.encodeQueries),
        positives: embedded(positives, by: encoder.encodeDocuments),
        negatives: embedded(negatives, by: encoder.encodeDocuments), similarities: [similarity], seed: seed,
        resamples: resamples)
    case .reranking(let queries, let answers, let negatives):
      let documents = zip(answers, negatives).map { [$0] + $1 }
      let vectors = try embedded(documents.flatMap { $0 }, by: encoder.encodeDocuments)
      return try RerankingReport(
        queries: embedded(queries, by: encoder.encodeQueries),
        documents: Ragged(vectors, Offsets(lengths: documents.map(\.count))),
        relevant: documents.map { list in list.indices.map { $0 == 0 } }, similarity: similarity, seed: seed,
        resamples: resamples)
    case .clustering(let texts, let labels):
      return try ClusteringReport(
        embeddings: embedded(texts, by: alike), labels: labels, seed: seed, resamples: resamples)
    case .retrieval(let queries, let corpus, let relevant):
      return try RetrievalReport(
        queries: embedded(queries, by: encoder.encodeQueries), corpus: embedded(corpus, by: encoder.encodeDocuments),
        relevant: relevant, similarity: similarity, seed: seed, resamples: resamples)
    }
  }

  /// The score that picks the best epoch unless the recipe names another.
  func usualMetric(_ similarity: SimilarityFunction) -> String {
    switch self {
    case .scored: "spearman_\(similarity.rawValue)"
    case .pairs: "\(similarity.rawValue)_ap"
    case .triplets: "\(similarity.rawValue)_accuracy"
    case .reranking: "map"
    case .clustering: "v_measure"
    case .retrieval: "ndcg@10"
    }
  }

  /// The names of its scores.
  func scoreNames(_ similarity: SimilarityFunction) -> [String] {
    let name = similarity.rawValue
    return switch self {
    case .scored: ["pearson_\(name)", "spearman_\(name)"]
    case .pairs: SentenceScores.pairs.map { "\(name)_\($0)" }
    case .triplets: ["\(name)_accuracy"]
    case .reranking: SentenceScores.reranking
    case .clustering: SentenceScores.clustering
    case .retrieval: SentenceScores.retrieval
    }
  }

  /// Those of them that are kept of each epoch: all, but of retrieval, which has fifteen, the usual ones.
  func epochScores(_ similarity: SimilarityFunction) -> Set<String> {
    if case .retrieval = self { return ["accuracy@1", "accuracy@10", "mrr@10", "ndcg@10", "map@100"] }
    return Set(scoreNames(similarity))
  }

  /// What it is, with its size.
  var title: String {
    switch self {
    case .scored(let texts, _, _): "\(texts.count) scored pairs"
    case .pairs(let texts, _, _): "\(texts.count) pairs"
    case .triplets(let texts, _, _): "\(texts.count) triplets"
    case .reranking(let texts, _, _): "\(texts.count) queries with an answer and negatives each"
    case .clustering(let texts, let labels): "\(texts.count) texts of \(Set(labels).count) labels"
    case .retrieval(let queries, let corpus, _): "\(queries.count) queries, \(corpus.count) texts in the corpus"
    }
  }

  var count: Int {
    switch self {
    case .scored(let texts, _, _), .pairs(let texts, _, _), .triplets(let texts, _, _), .reranking(let texts, _, _),
      .clustering(let texts, _), .retrieval(let texts, _, _):
      texts.count
    }
  }
}

/// The names of scores.
enum SentenceScores {
  static let pairs = ["accuracy", "f1", "precision", "recall", "ap", "mcc"]
  static let reranking = ["map", "mrr@10", "ndcg@10"]
  static let clustering = ["v_measure", "homogeneity", "completeness"]
  static let retrieval: [String] = {
    let cutoffs = RetrievalReport.Cutoffs()
    return cutoffs.accuracy.map { "accuracy@\($0)" }
      + cutoffs.precision.flatMap { ["precision@\($0)", "recall@\($0)"] }
      + ["ndcg@10", "mrr@10", "map@100"]
  }()

  /// All that a validation may give.
  static let names: [String] = {
    let similarities = SimilarityFunction.allCases.map(\.rawValue)
    return ["loss"] + similarities.flatMap { ["pearson_\($0)", "spearman_\($0)"] }
      + similarities.flatMap { name in pairs.map { "\(name)_\($0)" } } + ["map"] + clustering + retrieval
  }()
}
