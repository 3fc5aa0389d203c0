import Checkpoints
import Encoders
import Evaluation
import Foundation

/// `README.md` of a fine-tuned model, in the form of sentence-transformers' model cards.
struct ModelCard {
  let name: String
  let base: String
  let width: Int
  let maximumLength: Int?
  let similarity: SimilarityFunction
  let summary: TrainingSummary
  let data: [(file: String, samples: Int, columns: Int)]
  let recipe: String
  /// What kind of sparse embeddings they are, as `SentenceEncoder.sparseKind`; nil: none.
  var sparseKind: String?

  func write(to folder: URL) throws {
    try AtomicFile.write(text, to: folder.appendingPathComponent("README.md"))
  }

  private var text: String {
    """
    ---
    library_name: sentence-transformers
    pipeline_tag: \(sparseKind == nil ? "sentence-similarity" : "feature-extraction")
    base_model: \(JSON.string(base).text())
    tags:
    \(tags.map { "- \($0)" }.joined(separator: "\n"))
    - dataset_size:\(summary.trainSamples)
    \(objectives.map { "- loss:\($0)" }.joined(separator: "\n"))
    ---

    # \(name)

    An encoder of texts, fine-tuned from \(base): it maps a text to a \(vector).

    ## Intended use

    \(use)

    - Embedding: a \(vector), compared by \(similarity == .dot ? "dot product" : similarity.rawValue)
    - Longest text: \(maximumLength.map { "\($0) tokens; what comes after them is not read" } ?? "any")

    \(isScored ? "It was scored only on the data named below; on" : "On") texts of another kind or language it should be scored \
    \(isScored ? "again " : "")before use. It keeps whatever leanings its base model and its training data have.

    ## How to use it

    ```
    encoders embed \(name) --input texts.txt --output vectors.npy
    ```

    ```python
    from sentence_transformers import \(type)

    model = \(type)("\(name)")
    vectors = model.encode(["A first text.", "A second one."])
    print(model.similarity(vectors, vectors))
    ```

    ## Scores

    \(scores)

    ## Training

    \(data.map { "- \($0.file): \($0.samples) samples of \($0.columns) text\($0.columns == 1 ? "" : "s")" }.joined(separator: "\n"))
    - Objective: \(objectives.joined(separator: ", "))
    - Epochs: \(summary.epochs)\(summary.bestEpoch.map { ", of which number \($0) was the best" } ?? ""), seed \(summary.seed), \
    \(String(format: "%.0f", summary.seconds)) seconds

    ```yaml
    \(recipe.trimmingCharacters(in: .newlines))
    ```

    """
  }

  /// sentence-transformers' tags of such a model.
  private var tags: [String] {
    ["sentence-transformers"]
      + (sparseKind.map { ["sparse-encoder", "sparse", $0] } ?? ["sentence-similarity", "feature-extraction", "dense"])
  }

  /// sentence-transformers' type that opens it.
  private var type: String { sparseKind == nil ? "SentenceTransformer" : "SparseEncoder" }

  private var vector: String {
    sparseKind == nil ? "vector of \(width) numbers" : "sparse vector of \(width) numbers, most of them 0"
  }

  private var objectives: [String] { summary.fineTuning?.objectives ?? [] }

  private var isScored: Bool { summary.classification != nil || summary.fineTuning?.scores != nil }

  private var use: String {
    summary.classification == nil
      ? "Finding texts that mean the same or answer each other: semantic search, deduplication, clustering."
      : "Classifying texts with `encoders predict`; its embeddings also serve for search and clustering."
  }

  private var scores: String {
    if let report = summary.classification { return "```\n\(report.table)\n```" }
    guard let tuning = summary.fineTuning, let scores = tuning.scores else { return "It was not scored." }
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
  var sparseKind: String? {
    guard isSparse else { return nil }
    return switch steps.last?.step {
    case "SpladePooling": "splade"
    case "SparseStaticEmbedding": "inference-free"
    default: "csr"
    }
  }
}
