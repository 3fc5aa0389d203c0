import Encoders
import Evaluation
import Foundation

extension ModelCard {
  /// The card of a fine-tuned encoder, in the form of sentence-transformers'.
  init(_ encoder: SentenceEncoder, _ training: TrainingSummary, data: [Texts], recipe: any RecipeDocument) {
    let (name, base) = (recipe.url.deletingPathExtension().lastPathComponent, training.fineTuning?.base ?? "")
    let (kind, similarity) = (encoder.sparseKind, encoder.similarity)
    let vector =
      kind == nil ? "vector of \(encoder.width) numbers" : "sparse vector of \(encoder.width) numbers, most of them 0"
    let tags = kind.map { ["sparse-encoder", "sparse", $0] } ?? ["sentence-similarity", "feature-extraction", "dense"]
    let use =
      training.classification == nil
      ? "Finding texts that mean the same or answer each other: semantic search, deduplication, clustering."
      : "Classifying texts with `encoders predict`; its embeddings also serve for search and clustering."
    let comparison = similarity == .dot ? "dot product" : similarity.rawValue
    let length = encoder.maximumLength.map { "\($0) tokens; what comes after them is not read" } ?? "any"
    let type = kind == nil ? "SentenceTransformer" : "SparseEncoder"
    self.init(
      name: name, library: "sentence-transformers",
      pipeline: kind == nil ? "sentence-similarity" : "feature-extraction", base: base,
      tags: ["sentence-transformers"] + tags,
      summary: "An encoder of texts, fine-tuned from \(base): it maps a text to a \(vector).", use: use,
      properties: ["Embedding: a \(vector), compared by \(comparison)", "Longest text: \(length)"],
      example: "encoders embed \(name) --input texts.txt --output vectors.npy",
      python: """
        from sentence_transformers import \(type)

        model = \(type)("\(name)")
        vectors = model.encode(["A first text.", "A second one."])
        print(model.similarity(vectors, vectors))
        """,
      scores: ModelCard.scores(training), data: data, objectives: training.fineTuning?.objectives ?? [],
      training: training, recipe: recipe.text)
  }

  private static func scores(_ training: TrainingSummary) -> String? {
    if let report = training.classification { return "```\n\(report.table)\n```" }
    guard let tuning = training.fineTuning, let scores = tuning.scores else { return nil }
    let rows = tuning.names.compactMap { name in
      scores[name].map { score in
        let before = tuning.before?[name].map { String(format: "%.4f", $0.value) } ?? "–"
        return "| \(name) | \(before) | "
          + String(format: "%.4f | %.4f – %.4f |", score.value, score.lower, score.upper)
      }
    }
    let head = ["| | before | after | 95 % interval |", "|---|---|---|---|"]
    return "On \(tuning.scoredOn ?? "held-out data").\n\n" + (head + rows).joined(separator: "\n")
  }
}

extension SentenceEncoder {
  /// How its sparse embeddings come about, as sentence-transformers' tags have it; nil if they are dense.
  fileprivate var sparseKind: String? {
    guard isSparse else { return nil }
    return switch steps.last?.step {
    case "SpladePooling": "splade"
    case "SparseStaticEmbedding": "inference-free"
    default: "csr"
    }
  }
}
