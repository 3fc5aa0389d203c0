import ArgumentParser
import Encoders
import Foundation
import Training

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Score a model on labelled data: each metric with its 95 % interval.",
    discussion: """
      Data are a TSV, CSV or JSON-lines file, or a folder of IMDB, IDX or CIFAR-10 files.

      Example:
        encoders evaluate models/reviews --data reviews.tsv --split-column split
      """)

  @Argument(help: "The model folder.") var model: String
  @Option(name: .long, help: "The data file or folder.") var data: String
  @Option(name: .long, help: "The column of the texts.") var text = "text"
  @Option(name: .long, help: "The column of the labels.") var label = "label"
  @Option(name: .long, help: "The column that says which part a row belongs to; without it, all rows count.")
  var splitColumn: String?
  @Option(name: .long, help: "The part to score on: train, validation or test (or what the column says).") var split =
    "test"
  @Flag(name: .long, help: "Print the scores as JSON.") var json = false
  @OptionGroup var compute: ComputeOptions

  func run() throws {
    try reporting {
      compute.apply()
      let model = try Model.open(path(model))
      let samples = try DataFiles.samples(
        for: model, path(data), text: text, label: label, splitColumn: splitColumn, split: split)
      if model.task == .reconstruction {
        let report = try model.reconstructionReport(samples, seed: compute.seed ?? 0).report
        if json { try printJSON(report) } else { try printLine(report.table) }
      } else {
        let report = try model.classificationReport(samples, seed: compute.seed ?? 0).report
        if json { try printJSON(report) } else { try printLine(report.table) }
      }
    }
  }
}
