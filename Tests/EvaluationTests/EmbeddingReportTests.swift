import Foundation
import Tensors
import Testing

@testable import Evaluation

/// Evaluators of embeddings against sentence-transformers' own numbers.
@Suite struct EmbeddingReportTests {
  @Test func similarity() throws {
    let golden = try EmbeddingGolden.read().similarity
    let report = try SimilarityReport(
      first: matrix(golden.first, golden.width), second: matrix(golden.second, golden.width), labels: golden.labels)
    try expect(report, golden.scores)
    #expect(report.scores.count == 8 && report.count == 60)
    // Ranks by weights are ranks of repeated samples.
    var numbers = RandomSequence(Random(seed: 1))
    let (x, y) = (
      (0..<40).map { _ in Float.random(in: 0..<9, using: &numbers).rounded() }, (0..<40).map { Float($0 % 7) }
    )
    let weights = (0..<40).map { Int32($0 * 5 % 4) }
    let places = weights.indices.flatMap { Array(repeating: $0, count: Int(weights[$0])) }
    let once = Array(repeating: Int32(1), count: places.count)
    let repeated = Correlation(places.map { x[$0] }, places.map { y[$0] })
    expect(Correlation(x, y).pearson(weights), repeated.pearson(once))
    expect(Correlation(x, y).spearman(weights), repeated.spearman(once))
  }

  @Test func pairs() throws {
    let golden = try EmbeddingGolden.read().pairs
    let report = try PairReport(
      first: matrix(golden.first, golden.width), second: matrix(golden.second, golden.width),
      labels: golden.labels.map { $0 == 1 })
    try expect(report, golden.scores)
    #expect(report.scores.count == 24)
    for scores in report.perSimilarity {
      let name = scores.similarity.rawValue
      for (key, value) in [("accuracy", scores.accuracyThreshold), ("f1", scores.f1Threshold)] {
        let expected = try #require(golden.scores["\(name)_\(key)_threshold"])
        #expect(abs(Double(value) - expected) <= 1e-6 * max(1, abs(expected)), "\(name) \(key)")
      }
    }
  }

  @Test func triplets() throws {
    let golden = try EmbeddingGolden.read().triplets
    let report = try TripletReport(
      anchors: matrix(golden.anchors, golden.width), positives: matrix(golden.positives, golden.width),
      negatives: matrix(golden.negatives, golden.width), margin: golden.margin)
    try expect(report, golden.scores)
    #expect(report.scores.count == 4)
  }

  @Test(arguments: SimilarityFunction.allCases) func retrieval(_ similarity: SimilarityFunction) throws {
    let golden = try EmbeddingGolden.read().retrieval
    let (queries, corpus) = (matrix(golden.queries, golden.width), matrix(golden.corpus, golden.width))
    let report = try RetrievalReport(
      queries: queries, corpus: corpus, relevant: golden.relevant, similarity: similarity,
      cutoffs: RetrievalReport.Cutoffs(mrr: [3, 10], ndcg: [5, 10], map: [7, 100]))
    try expect(report, golden.scores, prefix: similarity.rawValue + "_")
    #expect(report.scores.count == 18 && report.queries == golden.relevant.count { !$0.isEmpty })
    #expect(report.score("ndcg@10") == report.ndcg[10]?.value)
  }

  @Test func reranking() throws {
    let golden = try EmbeddingGolden.read().reranking
    let documents = Ragged(
      matrix(golden.documents, golden.width), Offsets(lengths: golden.relevant.map(\.count)))
    let report = try RerankingReport(
      queries: matrix(golden.queries, golden.width), documents: documents, relevant: golden.relevant)
    try expect(report, golden.scores)
    #expect(report.queries == golden.relevant.count { $0.contains(true) && $0.contains(false) })
  }

  @Test func clustering() throws {
    let golden = try EmbeddingGolden.read().clustering
    let points = matrix(golden.points, golden.width)
    let report = try ClusteringReport(labels: golden.labels, clusters: golden.clusters)
    let names = ["homogeneity", "completeness", "v_measure"]
    try expect(report, Dictionary(uniqueKeysWithValues: zip(names, golden.measures)))
    let given = try KMeans(points, centers: matrix(golden.start, golden.width))
    #expect(given.labels == golden.clusters && abs(given.inertia - golden.inertia) <= 1e-5 * golden.inertia)
    // Enough starts to find what scikit-learn's best of 20 is, or better.
    let free = try KMeans(points, clusters: 5, random: Random(seed: 1), restarts: 100)
    #expect(free.inertia <= golden.best * (1 + 1e-3))
    let again = try KMeans(points, clusters: 5, random: Random(seed: 1), restarts: 100)
    #expect(again.labels == free.labels && again.centers.scalars == free.centers.scalars)
    #expect(
      try ClusteringReport(embeddings: points, labels: golden.labels)
        == ClusteringReport(embeddings: points, labels: golden.labels))
    #expect(try ClusteringReport(labels: [1, 1], clusters: [7, 9]).homogeneity.value == 1)
    let perfect = try ClusteringReport(labels: [1, 1, 2, 2, 3], clusters: [5, 5, 0, 0, 9])
    expect(perfect.vMeasure.value, 1)
  }

  @Test func clustersWithoutPointsTakeTheFarthest() throws {
    // Two centres far from everything: no point is nearest to them.
    let points = Tensor([0, 0.1, 0.2, 10, 10.1, 20], shape: [6, 1])
    let clustering = try KMeans(points, centers: Tensor([0, 900, 1000], shape: [3, 1]))
    #expect(Set(clustering.labels).count == 3 && clustering.inertia < 0.1)
  }

  @Test func paraphrases() throws {
    let golden = try EmbeddingGolden.read().paraphrases
    let pairs = try ParaphraseReport.mine(matrix(golden.embeddings, golden.width), neighbours: 5, limit: 120)
    #expect(pairs.map { [$0.first, $0.second] } == golden.pairs)
    #expect(zip(pairs, golden.pairScores).allSatisfy { abs($0.score - $1) <= 1e-6 })
    let duplicates = golden.duplicates.map { (first: $0[0], second: $0[1]) }
    for (transitive, scores) in [(false, golden.scores), (true, golden.transitive)] {
      let report = try ParaphraseReport(pairs: pairs, duplicates: duplicates, transitive: transitive)
      expect(report.averagePrecision, scores["average_precision"] ?? .nan, within: 1e-6)
      expect(report.f1, scores["f1"] ?? .nan, within: 1e-6)
      expect(report.precision, scores["precision"] ?? .nan, within: 1e-6)
      expect(report.recall, scores["recall"] ?? .nan, within: 1e-6)
      expect(report.threshold, scores["threshold"] ?? .nan, within: 1e-6)
      let kept = try JSONDecoder().decode(ParaphraseReport.self, from: JSONEncoder().encode(report))
      #expect(kept == report)
    }
  }

  @Test func hardNegatives() throws {
    let golden = try EmbeddingGolden.read().negatives
    let (queries, corpus) = (matrix(golden.queries, golden.width), matrix(golden.corpus, golden.width))
    for golden in golden.cases {
      var settings = HardNegatives()
      let options = golden.options
      settings.count = options.numNegatives ?? settings.count
      settings.rangeMin = options.rangeMin ?? 0
      settings.rangeMax = options.rangeMax
      settings.maxScore = options.maxScore
      settings.minScore = options.minScore
      settings.absoluteMargin = options.absoluteMargin
      settings.relativeMargin = options.relativeMargin
      let positives = try EmbeddingGolden.read().negatives.positives
      let found = try settings.mine(queries: queries, positives: positives, corpus: corpus)
      #expect(found.map { $0.map(\.index) } == golden.negatives, "\(options)")
      // By chance: of the same candidates, none twice, the most alike first.
      settings.sampling = .random
      let drawn = try settings.mine(queries: queries, positives: positives, corpus: corpus, random: Random(seed: 3))
      for (hits, positives) in zip(drawn, positives) {
        #expect(Set(hits.map(\.index)).isDisjoint(with: positives) && hits.count <= settings.count)
        #expect(zip(hits, hits.dropFirst()).allSatisfy { $0.score >= $1.score && $0.index != $1.index })
      }
      #expect(
        try settings.mine(queries: queries, positives: positives, corpus: corpus, random: Random(seed: 3)) == drawn)
    }
  }

  /// sentence-transformers counts the pairs of a query before it leaves out those that are repeated.
  @Test func repeatedPairsWidenTheRange() throws {
    // Each row of the corpus is a little less like the query than the one before.
    let corpus = Tensor((0..<30).flatMap { [cos(Float($0) / 30), sin(Float($0) / 30)] }, shape: [30, 2])
    var settings = HardNegatives()
    (settings.count, settings.maxScore) = (1, cos(14.5 / 30))
    func found(_ pairs: Int) throws -> [Int] {
      let query = Tensor([1, 0], shape: [1, 2])
      let hits = try settings.mine(queries: query, positives: [[0]], corpus: corpus, mostPositives: pairs)
      return hits[0].map(\.index)
    }
    #expect(try found(2) == [] && found(3) == [15])
  }

  /// Numbers far above that of the rows ask for all of them.
  @Test func hugeRangesAreThoseOfTheRows() throws {
    let corpus = Tensor((0..<5).flatMap { [cos(Float($0) / 5), sin(Float($0) / 5)] }, shape: [5, 2])
    func found(count: Int = 3, rangeMin: Int = 0, rangeMax: Int? = nil, margin: Float? = nil) throws -> [Int] {
      var settings = HardNegatives()
      (settings.count, settings.rangeMin, settings.rangeMax) = (count, rangeMin, rangeMax)
      settings.relativeMargin = margin
      let hits = try settings.mine(queries: Tensor([1, 0], shape: [1, 2]), positives: [[0]], corpus: corpus)
      return hits[0].map(\.index)
    }
    #expect(try found(count: Int.max) == [1, 2, 3, 4])
    #expect(try found(count: Int.max / 10 + 1, margin: 0.1) == [3, 4])
    #expect(try found(rangeMax: Int.max) == [1, 2, 3])
    #expect(try found(rangeMin: Int.max) == [])
    #expect(throws: EvaluationError.self) { try found(rangeMin: Int.max, rangeMax: Int.min) }
  }

  @Test(arguments: SimilarityFunction.allCases) func searchEqualsSorting(_ similarity: SimilarityFunction) throws {
    // More rows than a block of the corpus and of the queries.
    let random = Random(seed: 5)
    let corpus = Tensor((0..<17_000 * 3).map { random.uniform(at: UInt64($0)) - 0.5 }, shape: [17_000, 3])
    let queries = Tensor((0..<1030 * 3).map { random.uniform(at: UInt64(100_000 + $0)) - 0.5 }, shape: [1030, 3])
    let found = try ExactSearch(corpus, similarity: similarity)(queries, count: 9)
    #expect(found.count == 1030)
    for query in [0, 511, 1023, 1024, 1029] {
      let one = queries.rows(at: IDs(Array(repeating: Int32(query), count: 17_000)))
      let scores = similarity.pairs(one, corpus)
      let best = scores.sorted(by: >).prefix(9)
      // Single precision finds another row only where it scores the same to rounding.
      for (hit, score) in zip(found[query], best) {
        #expect(abs(scores[hit.index] - score) <= 1e-5 && abs(hit.score - score) <= 1e-3)
      }
      #expect(Set(found[query].map(\.index)).count == 9)
    }
    #expect(try ExactSearch(corpus, similarity: similarity)(queries, count: 9) == found)
    let few = try ExactSearch(queries, similarity: similarity)(queries, count: 5000)
    #expect(few.allSatisfy { $0.count == 1030 })
  }

  @Test func equallyNearRowsComeInOrder() throws {
    let corpus = Tensor(Array(repeating: [0.6, 0.8], count: 50).flatMap(\.self), shape: [50, 2])
    let found = try ExactSearch(corpus)(Tensor([1, 0], shape: [1, 2]), count: 7)
    #expect(found[0].map(\.index) == Array(0..<7))
  }

  @Test func badDataIsOneLine() throws {
    let rows = Tensor([1, 2, 3, 4], shape: [2, 2])
    func line(_ body: () throws -> Void) -> String {
      do {
        try body()
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      line { _ = try SimilarityReport(first: rows, second: rows, labels: [1, 1]) }
        == "evaluation: labels of pairs: expected at least two different scores, found only 1.0")
    #expect(
      line { _ = try SimilarityReport(first: rows, second: rows, labels: [1]) }
        == "evaluation: expected 2 labels, found 1")
    #expect(
      line { _ = try RetrievalReport(queries: rows, corpus: rows, relevant: [[0], [2]]) }
        == "evaluation: relevant row of query 2: expected a number from 0 to 1, found 2")
    #expect(
      line { _ = try RetrievalReport(queries: rows, corpus: rows, relevant: [[], []]) }
        == "evaluation: expected at least one sample, found none")
    #expect(
      line { _ = try ExactSearch(Tensor([1, .nan, 3, 4], shape: [2, 2])) }
        == "evaluation: an element of the corpus of sample 1: expected a finite number, found nan")
    #expect(
      line { _ = try ExactSearch(rows)(Tensor([1, 2, 3], shape: [1, 3]), count: 1) }
        == "evaluation: the queries: expected embeddings [count, 2], found [1, 3]")
    #expect(
      line { _ = try KMeans(rows, clusters: 3, random: Random(seed: 0)) }
        == "evaluation: clusters: expected a number from 1 to the 2 points, found 3")
    var settings = HardNegatives()
    settings.rangeMax = 2
    #expect(
      line { _ = try settings.mine(queries: rows, positives: [[0], [1]], corpus: rows) }
        == "evaluation: the range of negatives: expected room for at least 3 from rank 0 on, found 0 to 2")
    #expect(
      line { _ = try PairReport(first: rows, second: rows, labels: [true, true]) }
        == "evaluation: labels of pairs: expected both kinds, found only 1")
    #expect(throws: EvaluationError.self) { try ParaphraseReport(pairs: [], duplicates: []) }
  }

  @Test func intervalsAreTheBinomials() throws {
    // 2,000 queries, each with probability 0.3 right at the first rank.
    let random = Random(seed: 9)
    let found = (0..<2000).map { [random.uniform(at: UInt64($0)) < 0.3 ? 0 : 1] }
    let accuracy = try #require(
      RetrievalReport(found: found, relevant: Array(repeating: [0], count: 2000), corpus: 2).accuracy[1])
    let half = 1.96 * (accuracy.value * (1 - accuracy.value) / 2000).squareRoot()
    expect(accuracy.upper - accuracy.lower, 2 * half, within: half * 0.2)
  }
}
