import ArgumentParser
import Checkpoints
import Encoders
import Evaluation
import Foundation
import Training

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Score a model on labelled data: each metric with its 95 % interval.",
    discussion: """
      Data are a TSV, CSV or JSON-lines file, or a folder of IMDB, IDX or CIFAR-10 files.

      A model without labels is scored on what the columns are: two texts and a score (correlations; with scores of 0 and \
      1 alone the best threshold), three texts (anchor, positive, negative), more of them (reranking: the second should come before the \
      negatives that follow), two texts (retrieval: each of the first column should find its own of the second), or a text and a label \
      (V-measure: clusters should be the labels). Columns called id, *_id, *_score and the like are no texts, unless \
      --columns names them. Texts are compared by the model's own similarity, in reranking too. A folder with \
      queries, corpus and relevant (.tsv, .csv or .jsonl; columns id and text; query and corpus) is retrieval too.

      Examples:
        encoders evaluate models/reviews --data reviews.tsv --split-column split
        encoders evaluate models/minilm-wordnet --data .cache/data/wordnet
      """)

  @Argument(help: "The model folder.") var model: String
  @Option(name: .long, help: "The data file or folder.") var data: String
  @Option(name: .long, help: "The column of the texts; else text, or for a model without labels as --columns.")
  var text: String?
  @Option(name: .long, help: "The column of the labels or scores; else label, or for pairs score.") var label: String?
  @Option(
    name: .long,
    help: "The columns of the texts of pairs or triplets, with commas between; else all others but ids and scores.")
  var columns: String?
  @Option(name: .long, help: "The column that says which part a row belongs to; without it, all rows count.")
  var splitColumn: String?
  @Option(
    name: .long, help: "The part to score on: train, validation or test (or what the column says); else test.")
  var split: String?
  @Flag(name: .long, help: "Print the scores as JSON.") var json = false
  @OptionGroup var compute: InferenceOptions

  func validate() throws {
    if text != nil, columns != nil { throw ValidationError("expected --text or --columns, found both") }
  }

  func run() throws {
    try reporting {
      compute.apply()
      if let split, splitColumn == nil, !isFolder(path(data)) {
        throw InputError(
          description: "--split \(split): expected --split-column, as nothing else says which part a row belongs to")
      }
      let model = try openModel(path(model))
      if model.task == .embedding, let encoder = model.sentenceEncoder { return try score(encoder) }
      let samples = try DataFiles.samples(
        for: model, path(data), text: text ?? "text", label: label ?? "label", splitColumn: splitColumn,
        split: split ?? "test")
      if model.task == .reconstruction {
        let report = try model.reconstructionReport(samples, seed: compute.seed ?? 0)
        if json { try printJSON(report) } else { try printLine(report.table) }
      } else {
        let report = try model.classificationReport(samples, seed: compute.seed ?? 0).report
        if json { try printJSON(report) } else { try printLine(report.table) }
      }
    }
  }

  /// Scores an encoder without labels.
  private func score(_ encoder: SentenceEncoder) throws {
    let url = path(data)
    let options = [
      ("--text", text), ("--columns", columns), ("--label", label), ("--split-column", splitColumn), ("--split", split),
    ]
    if isFolder(url), let option = options.first(where: { $0.1 != nil }) {
      throw InputError(
        description: "\(url.path): \(option.0): expected a table, found a folder (of queries, corpus and relevant)")
    }
    let names = text.map { [$0] } ?? columns?.split(separator: ",").map { String($0) }
    let scoring = try ScoringData(
      .init(url, columns: names, label: label), part: splitColumn.map { ($0, split ?? "test") })
    let report = try scoring.report(encoder, seed: compute.seed ?? 0)
    if json { try printJSON(report) } else { try printLine(report.table) }
  }
}
