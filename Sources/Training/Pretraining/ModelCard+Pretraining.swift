import Encoders
import Foundation

extension ModelCard {
  /// The card of a masked language model; `best` is the epoch whose parameters it has, if it was scored.
  init(_ model: MaskedLanguageModel, _ training: TrainingSummary, best: EpochRecord?, recipe: PretrainingRecipe) {
    let configuration = model.transformer.configuration
    let (name, family) = (recipe.url.deletingPathExtension().lastPathComponent, configuration.family.rawValue)
    var base: String?
    if case .pretrained(let folder) = recipe.start { base = folder.lastPathComponent }
    let start = base.map { "from \($0) on" } ?? "from scratch"
    self.init(
      name: name, library: "transformers", pipeline: "fill-mask", base: base, tags: ["fill-mask", family],
      summary: "A Transformer (\(family)), pretrained on plain texts \(start): it guesses the hidden tokens of a text.",
      use: """
        To be fine-tuned: for search, classification and the like. Before that, its vectors say little of what texts mean.
        """,
      properties: [
        "Vectors: \(configuration.width) numbers for each token",
        "Longest text: \(configuration.maximumLength) tokens; what comes after them is not read",
      ],
      example: "# recipe.yaml has encode: {pretrained: \(name)}\nencoders train recipe.yaml --output fine-tuned",
      python: """
        from transformers import pipeline

        guess = pipeline("fill-mask", model="\(name)")
        print(guess(f"A {guess.tokenizer.mask_token} text."))
        """,
      scores: best.map { ModelCard.scores($0, texts: training.validationSamples) },
      data: [(file: recipe.data.lastPathComponent, samples: training.trainSamples, columns: 1)],
      objectives: [PretrainingRecipe.objective], training: training, recipe: recipe.text)
  }

  private static func scores(_ record: EpochRecord, texts: Int) -> String {
    let rows = record.valueNames.filter { $0 != "trainLoss" }.compactMap { name in
      record.value(of: name).map { "| \(name) | " + String(format: "%.4f |", $0) }
    }
    return "On \(texts) texts held out.\n\n" + (["| | |", "|---|---|"] + rows).joined(separator: "\n")
  }
}
