import Checkpoints
import Encoders
import Evaluation
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

/// Files of pairs and triplets, and what they are to score on; batches that a run plans.
@Suite struct SentenceDataTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func file(_ name: String, _ text: String) throws -> URL {
    let url = folder.url.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
    return url
  }

  @Test func columnsAreFoundByTheFormsNames() throws {
    let form = EmbeddingLoss.multipleNegativesRanking().form
    let table = try SentenceTable(
      file("a.csv", "negative_1,id,positive,query,negative_2\nn,1,p,q,m\n"), form: form, hasLabels: false)
    #expect(table.texts == [["q"], ["p"], ["n"], ["m"]])
    let others = try SentenceTable(file("b.tsv", "gloss\tscore\tword\tsplit\ng\t0.5\tw\ttest\n"))
    #expect(others.texts == [["g"], ["w"]] && others.labels == [["0.5"]])
    let repeated = try SentenceTable(file("c.tsv", "a\tn\tn\nx\ty\tz\n"), columns: ["a", "n"])
    #expect(repeated.texts == [["x"], ["y"], ["z"]])
    let unnamed = try SentenceTable(file("d.tsv", "idx\ta\tb\n1\tx\ty\n"), form: form, hasLabels: false)
    #expect(unnamed.texts == [["x"], ["y"]])
  }

  @Test(arguments: ["negative", "negatives", "hard_negative", "hard_negatives", "neg", "neg_1", "negative_x"])
  func negativesHaveSeveralNames(name: String) throws {
    let url = try file("a.tsv", "query_id\t\(name)\tquery\tpositive\tnegative_score\n1\tn\tq\tp\t0.5\n")
    let ranking = try SentenceTable(url, form: EmbeddingLoss.multipleNegativesRanking().form, hasLabels: false)
    #expect(ranking.texts == [["q"], ["p"], ["n"]])
  }

  /// Texts that are no part of a sample are an error, unless the columns are named.
  @Test func noColumnIsLeftOutInSilence() throws {
    let url = try file("a.tsv", "query\tpositive\ttitle\nq\tp\tt\n")
    let form = EmbeddingLoss.multipleNegativesRanking().form
    do {
      _ = try SentenceTable(url, form: form, hasLabels: false)
      Issue.record("no error")
    } catch {
      let expected = "expected samples of query, positive, [negative]… and no label; 'columns' can name those to use"
      #expect("\(error)".hasSuffix("a.tsv:1: column 'title': \(expected)"), "\(error)")
    }
    let named = try SentenceTable(url, columns: ["query", "positive"], form: form, hasLabels: false)
    #expect(named.texts == [["q"], ["p"]])
  }

  @Test func listsOfJSONAreColumns() throws {
    let text = """
      {"query": "q", "positive": "p", "negative": ["n", "m"], "score": [1, 0.5, 0]}
      {"score": [2, 1, 0], "positive": "P", "query": "Q", "negative": ["N", "M"]}
      """
    let table = try SentenceTable(file("a.jsonl", text), form: EmbeddingLoss.marginMSE().form)
    #expect(table.texts == [["q", "Q"], ["p", "P"], ["n", "N"], ["m", "M"]])
    #expect(try table.numbers() == [[1, 2], [0.5, 1], [0, 0]])
    let several = try file("c.jsonl", text.replacingOccurrences(of: "\"negative\"", with: "\"negatives\""))
    #expect(try SentenceTable(several, form: EmbeddingLoss.marginMSE().form).texts == table.texts)
    let short = try file(
      "b.jsonl", text + "\n{\"query\": \"q\", \"positive\": \"p\", \"negative\": [\"n\"], \"score\": [1,2,3]}")
    #expect(throws: FileError.self) { try SentenceTable(short) }
    do { _ = try SentenceTable(short) } catch {
      #expect("\(error)".hasSuffix(":3: 'negative': expected 2 values as in the first line, found 1"), "\(error)")
    }
  }

  @Test func theColumnsSayWhatIsScored() throws {
    func scoring(_ text: String) throws -> ScoringData { try ScoringData(.init(file("a.tsv", text))) }
    guard case .scored(_, _, [0.5, 2]) = try scoring("a\tb\tscore\nx\ty\t0.5\nx\tz\t2\n"),
      case .pairs(_, _, [true, false]) = try scoring("a\tb\tlabel\nx\ty\t1\nx\tz\t0\n"),
      case .triplets = try scoring("a\tb\tc\nx\ty\tz\n"),
      case .reranking(["x"], ["y"], [["z", "v"]]) = try scoring("a\tb\tc\td\nx\ty\tz\tv\n"),
      case .clustering(["x", "y", "z"], [1, 0, 1]) = try scoring("text\tlabel\nx\tb\ny\ta\nz\tb\n"),
      case .retrieval(let queries, let corpus, let relevant) = try scoring("a\tb\nx\ty\nv\tz\nx\tz\n")
    else {
      Issue.record("another kind")
      return
    }
    #expect(queries == ["x", "v"] && corpus == ["y", "z"] && relevant == [[0, 1], [1]])
    #expect(throws: FileError.self) { try scoring("text\nx\n") }
  }

  /// Ids and what texts are worth are nothing to score on or to mine, unless they are named.
  @Test func idsAreNoTexts() throws {
    let url = try file("a.tsv", "id\tquery\tpositive\n1\tx\ty\n2\tv\tz\n")
    let scored = try file("b.tsv", "query\tpositive\tnegative\tnegative_score\nx\ty\tz\t0.5\n")
    guard case .retrieval(["x", "v"], ["y", "z"], [[0], [1]]) = try ScoringData(.init(url)),
      case .triplets(["1", "2"], ["x", "v"], _) = try ScoringData(.init(url, columns: ["id", "query", "positive"])),
      case .triplets(["x"], ["y"], ["z"]) = try ScoringData(.init(scored))
    else {
      Issue.record("another kind")
      return
    }
    #expect(try MiningPairs(url).queries == ["x", "v"])
  }

  @Test func foldersOfRetrieval() throws {
    _ = try file("r/queries.jsonl", "{\"_id\": \"q1\", \"text\": \"a\"}\n{\"_id\": \"q2\", \"text\": \"b\"}\n")
    _ = try file("r/corpus.tsv", "id\ttitle\ttext\nd1\tT\tx\nd2\t\ty\n")
    let judged = try file("r/relevant.tsv", "query-id\tcorpus-id\tscore\nq1\td2\t1\nq2\td1\t2\nq2\td2\t0\nq9\td1\t1\n")
    guard
      case .retrieval(let queries, let corpus, let relevant) = try ScoringData(
        .init(folder.url.appendingPathComponent("r")))
    else {
      Issue.record("another kind")
      return
    }
    #expect(queries == ["a", "b"] && corpus == ["T x", "y"] && relevant == [[1], [0]])
    try Data("query\tcorpus\nq1\td7\n".utf8).write(to: judged)
    do {
      _ = try ScoringData(.init(folder.url.appendingPathComponent("r")))
      Issue.record("no error")
    } catch {
      #expect("\(error)".hasSuffix("relevant.tsv:2: the corpus has no text 'd7'"), "\(error)")
    }
  }

  /// Of texts that are equally alike the one with the first id is found first, as sentence-transformers has it.
  @Test func tiesAreInTheOrderOfIds() throws {
    _ = try file("r/queries.tsv", "id\ttext\nq\tgreat film\n")
    _ = try file("r/corpus.tsv", "id\ttext\n" + (0..<10).map { "c\(9 - $0)\tthe film\n" }.joined())
    _ = try file("r/relevant.tsv", "query\tcorpus\nq\tc0\n")
    let ties = try ScoringData(.init(folder.url.appendingPathComponent("r")))
    let encoder = try SentenceEncoder.open(goldens.appendingPathComponent("Sentence/bert"))
    #expect(try ties.report(encoder, resamples: 0).score("mrr@10") == 1)
    _ = try file("r/corpus.tsv", "id\ttext\n" + ["é", "z", "Z", "9", "10", "c0"].map { "\($0)\tof \($0)\n" }.joined())
    guard
      case .retrieval(_, let corpus, let relevant) = try ScoringData(.init(folder.url.appendingPathComponent("r")))
    else {
      Issue.record("another kind")
      return
    }
    #expect(corpus == ["of 10", "of 9", "of Z", "of c0", "of z", "of é"] && relevant == [[3]])
  }

  @Test func booleansAreOneAndZero() throws {
    let rows = [true, false].map { "{\"first\": \"x\", \"second\": \"y\", \"label\": \($0)}\n" }
    let url = try file("a.jsonl", rows.joined())
    #expect(try SentenceTable(url, form: EmbeddingLoss.contrastive().form).numbers() == [[1, 0]])
    guard case .pairs(_, _, [true, false]) = try ScoringData(.init(url)) else {
      Issue.record("another kind")
      return
    }
  }

  @Test func negativesAreMinedFromOtherPairs() throws {
    let url = try file(
      "p.tsv", "query\tanswer\nthe film\tGREAT film\nthe café\ta dull café\nacting,\tbrilliant! acting,\n")
    let pairs = try MiningPairs(url)
    let encoder = try SentenceEncoder.open(goldens.appendingPathComponent("Sentence/bert"))
    var mining = HardNegatives()
    mining.count = 2
    let found = try pairs.mine(mining, encoder, seed: 0)
    #expect(found.triplets.count == 6 && found.tuples(of: 2).count == 3 && found.tuples(of: 3).isEmpty)
    for row in found.triplets { #expect(row[1] != row[2] && pairs.corpus.contains(row[2])) }
  }

  /// The default plan gives the bits that training had before plans; a plan of one's own is followed.
  @Test func trainersFollowPlans() throws {
    var (usual, planned) = (TinyRun(), TinyRun())
    usual.options = TrainerOptions(epochs: 2, batchSize: 8, accumulate: 2, seed: 3)
    planned.options = usual.options
    planned.batches = { epoch in
      Batches.shuffled(TinyRun.count, size: 8, random: Random(seed: 3).split("order").split(UInt64(epoch)))
    }
    _ = try usual.trainer().run()
    _ = try planned.trainer().run()
    #expect(usual.bits == planned.bits)
    var uneven = TinyRun()
    uneven.options = TrainerOptions(epochs: 2, batchSize: 8, seed: 3)
    uneven.batches = { epoch in epoch == 0 ? [[0, 1], [2]] : [[3], [4, 5, 6], [7]] }
    let result = try uneven.trainer().run()
    #expect(result.steps == 5 && result.history.count == 2)
    uneven.batches = { _ in [] }
    #expect(throws: TrainingError.noSamples) { try uneven.trainer().run() }
  }
}
