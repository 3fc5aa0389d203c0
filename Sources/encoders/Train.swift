import ArgumentParser
import Checkpoints
import Encoders
import Foundation
import Synchronization
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train an encoder from scratch, as a recipe describes it.",
    discussion: """
      The model folder holds all that is needed to use the model, and report.html.

      Example:
        encoders train Examples/recipes/reviews-cnn.yaml --output models/reviews
      """)

  @Argument(help: "The recipe: a YAML file.") var recipe: String
  @Option(name: .shortAndLong, help: "The model folder to write.") var output: String
  @Flag(
    name: .long, help: "Go on from the folder's last checkpoint; the result has the same bits as an uninterrupted run.")
  var resume = false
  @Flag(name: .long, help: "Replace a model that is already in the folder.") var overwrite = false
  @Option(name: .long, help: "The seed of weights, order, dropout and augmentation; else the recipe's.") var seed:
    UInt64?
  @Flag(name: .long, help: "Print the summary as JSON.") var json = false
  @OptionGroup var compute: ComputeOptions

  func run() throws {
    try reporting {
      compute.apply()
      let folder = path(output)
      var recipe = try Recipe(contentsOf: path(recipe))
      if let seed { recipe = recipe.with(seed: seed) }
      let exists = FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path)
      if exists, !resume, !overwrite {
        throw FileError(
          .unwritable, folder, "a model is already there; give --overwrite to replace it or --resume to go on")
      }
      let run = try TrainingRun(recipe)
      for line in run.notes { note(line) }
      Interruption.watch()
      run.shouldStop = { Interruption.happened }
      guard let summary = try run.run(output: folder, resume: resume, observers: [ProgressDisplay(metric: run.metric)])
      else {
        note("interrupted; the checkpoint is kept: the same command with --resume goes on")
        throw ExitCode(130)
      }
      if json { return try printJSON(summary) }
      if let report = summary.classification { printLine(report.table) }
      if let report = summary.reconstruction { printLine(report.table) }
      printLine("model: \(folder.path)\nreport: \(folder.appendingPathComponent("report.html").path)")
    }
  }
}

/// Whether Ctrl-C was pressed.
private let interrupted = Atomic<Bool>(false)

/// Ctrl-C asks for a stop after the current step; a second one ends the program.
enum Interruption {
  static var happened: Bool { interrupted.load(ordering: .relaxed) }

  static func watch() {
    let handler: @convention(c) (Int32) -> Void = { number in
      interrupted.store(true, ordering: .relaxed)
      signal(number, SIG_DFL)
    }
    signal(SIGINT, handler)
    signal(SIGTERM, handler)
  }
}
