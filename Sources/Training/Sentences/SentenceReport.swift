import Encoders
import Evaluation
import Foundation
import Tensors

/// Gathers what the report of a fine-tuned encoder shows.
struct SentenceReport {
  let recipe: SentenceRecipe
  let encoder: SentenceEncoder
  let summary: TrainingSummary
  let history: [EpochRecord]
  let metric: String?
  let scored: ScoringData?

  /// Points of the map, and texts that are compared for the hardest queries.
  private static let (mapped, compared) = (600, 2000)

  func html() throws -> String {
    let tuning = summary.fineTuning
    let facts: [(String, String)] = [
      ("Base model", tuning?.base ?? ""), ("Objective", tuning?.objectives.joined(separator: ", ") ?? ""),
      ("Parameters", String(summary.parameters)), ("Training samples", String(summary.trainSamples)),
      ("Epochs", String(summary.epochs)), ("Best epoch", summary.bestEpoch.map(String.init) ?? "last"),
      ("Seconds of training", String(format: "%.1f", summary.seconds)),
      ("Samples per second", String(format: "%.0f", summary.samplesPerSecond)), ("Seed", String(summary.seed)),
    ]
    let scores = (tuning?.names ?? []).compactMap { name in
      tuning?.scores?[name].map { Report.Score(name: name, estimate: $0, before: tuning?.before?[name]?.value) }
    }
    return Report(
      title: recipe.url.deletingPathExtension().lastPathComponent,
      subtitle: encoder.steps.map { "\($0.layer) → \($0.output)" }.joined(separator: " · "), recipe: recipe.text,
      facts: facts, history: history, bestEpoch: summary.bestEpoch, metricName: metric ?? "loss", classification: nil,
      reconstruction: nil, mistakes: [], map: try map(), classes: kinds.map(\.name), reconstructions: [],
      scores: scores, scoredOn: tuning?.scoredOn, misses: try misses()
    ).html()
  }

  /// The texts that the model was scored on, by what they are.
  private var kinds: [(name: String, texts: [String])] {
    switch scored {
    case .scored(let a, let b, _)?, .pairs(let a, let b, _)?: [("first", a), ("second", b)]
    case .triplets(let a, let p, let n)?: [("anchor", a), ("positive", p), ("negative", n)]
    case .reranking(let queries, let answers, let negatives)?:
      [("query", queries), ("positive", answers), ("negative", negatives.map { $0[0] })]
    case .clustering(let texts, let labels)?:
      Set(labels).sorted().map { label in
        ("label \(label + 1)", texts.indices.filter { labels[$0] == label }.map { texts[$0] })
      }
    case .retrieval(let queries, let corpus, let relevant)?:
      [("query", queries), ("relevant", relevant.compactMap { $0.first.map { corpus[$0] } })]
    case nil: []
    }
  }

  /// The same samples of each kind of text, laid out in the plane.
  private func map() throws -> [Report.MapPoint] {
    let kinds = kinds
    guard let count = kinds.map(\.texts.count).min(), count > 2 else { return [] }
    let shown = Random(seed: 0).permutation(count).prefix(SentenceReport.mapped / kinds.count)
    let all = kinds.enumerated().flatMap { kind, list in shown.map { (kind, list.texts[$0]) } }
    let points = TSNE.layout(try encoder.encode(all.map(\.1)).scalars, width: encoder.width, seed: 0)
    return zip(all, points).map { .init(x: $1.x, y: $1.y, label: $0.0, sample: .text($0.1)) }
  }

  /// The queries whose answer stands farthest down, among some of the queries and all of the corpus that is small enough.
  private func misses() throws -> [Report.Miss] {
    guard case .retrieval(let queries, let corpus, let relevant)? = scored, corpus.count <= 20_000 else { return [] }
    let chosen = Array(queries.indices.filter { !relevant[$0].isEmpty }.prefix(SentenceReport.compared))
    guard !chosen.isEmpty else { return [] }
    let vectors = try encoder.encodeDocuments(corpus)
    let hits = try ExactSearch(vectors, similarity: encoder.similarity)(
      try encoder.encodeQueries(chosen.map { queries[$0] }), count: min(corpus.count, 100))
    let missed = zip(chosen, hits).compactMap { query, hits -> Report.Miss? in
      let rows = Set(relevant[query])
      let rank = hits.firstIndex { rows.contains($0.index) } ?? hits.count
      guard rank > 0, let first = hits.first else { return nil }
      let answer = rank < hits.count ? hits[rank].index : relevant[query][0]
      return .init(
        query: queries[query], relevant: corpus[answer], rank: rank + 1, found: corpus[first.index],
        score: Double(first.score))
    }
    return Array(missed.sorted { ($1.rank, $1.score) < ($0.rank, $0.score) }.prefix(24))
  }
}
