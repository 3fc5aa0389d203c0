import Checkpoints
import Foundation

/// `README.md` of a trained model, in the form of the Hugging Face hub's model cards.
struct ModelCard {
  /// A file of texts for training.
  typealias Texts = (file: String, samples: Int, columns: Int)

  /// What the model is called.
  let name: String
  /// Python's library that opens it, and what it does there.
  let library: String, pipeline: String
  /// The model that it began as; nil: none.
  let base: String?
  let tags: [String]
  /// What it is.
  let summary: String
  /// What it's for, and then what it takes and gives, a line each.
  let use: String, properties: [String]
  /// How it's used, here and in Python.
  let example: String, python: String
  /// How good it is; nil if it was not scored.
  let scores: String?
  let data: [Texts]
  let objectives: [String]
  let training: TrainingSummary
  /// The recipe's text.
  let recipe: String

  func write(to folder: URL) throws {
    try AtomicFile.write(text, to: folder.appendingPathComponent("README.md"))
  }

  private var text: String {
    """
    ---
    library_name: \(library)
    pipeline_tag: \(pipeline)\(base.map { "\nbase_model: \(JSON.string($0).text())" } ?? "")
    tags:
    \(list(tags + ["dataset_size:\(training.trainSamples)"] + objectives.map { "loss:\($0)" }))
    ---

    # \(name)

    \(summary)

    ## Intended use

    \(use)

    \(list(properties))

    \(scores == nil ? "On" : "It was scored only on the data named below; on") texts of another kind or language it should be scored \
    \(scores == nil ? "" : "again ")before use. It keeps whatever leanings its \(base == nil ? "" : "base model and its ")training \
    data have.

    ## How to use it

    ```
    \(example)
    ```

    ```python
    \(python)
    ```

    ## Scores

    \(scores ?? "It was not scored.")

    ## Training

    \(list(data.map { "\($0.file): \($0.samples) samples of \($0.columns) text\($0.columns == 1 ? "" : "s")" }))
    - Objective: \(objectives.joined(separator: ", "))
    - Epochs: \(training.epochs)\(training.bestEpoch.map { ", of which number \($0) was the best" } ?? ""), seed \(training.seed), \
    \(String(format: "%.0f", training.seconds)) seconds

    ```yaml
    \(recipe.trimmingCharacters(in: .newlines))
    ```

    """
  }

  private func list(_ lines: [String]) -> String { lines.map { "- \($0)" }.joined(separator: "\n") }
}
