import ArgumentParser
import Checkpoints
import Encoders
import Evaluation
import Foundation
import Tensors
import Training

extension HardNegatives.Sampling: ExpressibleByArgument {}

struct MineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mine", abstract: "Find hard negatives: texts that a model takes for answers though they are none.",
    discussion: """
      Data are pairs of a query and its answer. For each, the answers of other queries that are most like the query \
      are written as rows of query, positive and negative (or, with --tuples, all negatives of a pair in one row).

      Example:
        encoders mine models/all-MiniLM-L6-v2 --data pairs.tsv --negatives 3 \\
          --range-min 10 --margin 0.05 --output triplets.tsv
      """)

  @Argument(help: "The model folder.") var model: String
  @Option(name: .long, help: "The pairs: a TSV, CSV or JSON-lines file.") var data: String
  @Option(
    name: .long,
    help: "The columns of query and answer, with a comma between; else the first two, ids and scores aside.")
  var columns: String?
  @Option(name: .shortAndLong, help: "The .tsv or .jsonl file to write.") var output: String
  @Option(name: .long, parsing: .unconditional, help: "The negatives of a pair.") var negatives = 3
  @Option(
    name: .long, parsing: .unconditional,
    help: "How many of the most alike are left out: they may be answers that nobody marked.")
  var rangeMin = 0
  @Option(
    name: .long, parsing: .unconditional, help: "How many of the most alike are looked at; else as many as are needed.")
  var rangeMax: Int?
  @Option(
    name: .long, parsing: .unconditional,
    help: "By which part of its score a negative must score below the query's own answer.")
  var margin: Float?
  @Option(name: .long, parsing: .unconditional, help: "By how much a negative must score below the query's own answer.")
  var absoluteMargin: Float?
  @Option(name: .long, parsing: .unconditional, help: "The highest score of a negative.") var maxScore: Float?
  @Option(name: .long, parsing: .unconditional, help: "The lowest score of a negative.") var minScore: Float?
  @Option(name: .long, help: "Which of the candidates are taken: top or random.") var sampling = HardNegatives.Sampling
    .top
  @Flag(name: .long, help: "Write all negatives of a pair in one row; pairs with fewer are left out.") var tuples =
    false
  @OptionGroup var compute: InferenceOptions

  func validate() throws {
    guard [".tsv", ".jsonl"].contains(where: output.hasSuffix) else {
      throw ValidationError("--output: expected a name that ends with .tsv or .jsonl, found \(output)")
    }
    guard negatives > 0 else { throw ValidationError("--negatives: expected at least 1, found \(negatives)") }
    try requireFinite([
      "--margin": margin, "--absolute-margin": absoluteMargin, "--max-score": maxScore, "--min-score": minScore,
    ])
    guard rangeMin >= 0 else { throw ValidationError("--range-min: expected at least 0, found \(rangeMin)") }
    if let rangeMax, rangeMax < rangeMin || rangeMax - rangeMin < negatives {
      throw ValidationError(
        "--range-max: expected room for \(negatives) negatives from rank \(rangeMin) on, found \(rangeMax)")
    }
  }

  func run() throws {
    try reporting {
      try requireOther(output, than: data)
      compute.apply()
      let model = try openModel(path(model))
      guard let encoder = model.sentenceEncoder else {
        throw InputError(
          description: "\(path(self.model).path): expected an encoder of texts in sentence-transformers' form")
      }
      let names = columns?.split(separator: ",").map { String($0) }
      let pairs = try MiningPairs(path(data), columns: names)
      if output.hasSuffix(".tsv") { try requireCells(pairs.queries + pairs.corpus) }
      var mining = HardNegatives()
      (mining.count, mining.rangeMin, mining.rangeMax) = (negatives, rangeMin, rangeMax)
      (mining.relativeMargin, mining.absoluteMargin) = (margin, absoluteMargin)
      (mining.maxScore, mining.minScore, mining.sampling) = (maxScore, minScore, sampling)
      mining.similarity = encoder.similarity
      let found = try pairs.mine(mining, encoder, seed: compute.seed ?? 0)
      let rows = tuples ? found.tuples(of: negatives) : found.triplets
      // No pair has more negatives than there are answers.
      try write(rows, repeating: tuples ? min(negatives, pairs.corpus.count) : 1)
      note("\(rows.count) rows from \(pairs.queries.count) queries and \(pairs.corpus.count) answers")
    }
  }

  /// Checks that texts can be in a table that has no quotes.
  private func requireCells(_ texts: [String]) throws {
    if let text = texts.first(where: { $0.utf8.contains { [0x09, 0x0A, 0x0D].contains($0) } }) {
      throw InputError(
        description:
          "\(path(data).path): expected texts without tabs and line ends, as --output is a .tsv file, found "
          + "\(FileError.quoted(text)); a .jsonl file has room for all")
    }
  }

  private func write(_ rows: [[String]], repeating count: Int) throws {
    let lines = try OutputLines(path(output).path)
    let isTable = output.hasSuffix(".tsv")
    let negatives = count == 1 ? ["negative"] : (1...count).map { "negative_\($0)" }
    let names = ["query", "positive"] + negatives
    if isTable { try lines.write(names.joined(separator: "\t")) }
    for row in rows {
      if isTable {
        try lines.write(row.joined(separator: "\t"))
      } else {
        let members = try zip(names, row).map { "\(try jsonText($0)):\(try jsonText($1))" }
        try lines.write("{\(members.joined(separator: ","))}")
      }
    }
    try lines.finish()
  }
}
