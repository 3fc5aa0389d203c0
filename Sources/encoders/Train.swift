import ArgumentParser
import Checkpoints
import Encoders
import Foundation
import Synchronization
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train an encoder from scratch or fine-tune a pretrained one, as a recipe describes it.",
    discussion: """
      The model folder gets all that is needed to use the model, its scores (training.json) and a report to look at \
      (report.html). Ctrl-C stops with a checkpoint, from which --resume goes on.

      Example:
        encoders train Examples/recipes/reviews-cnn.yaml --output models/reviews
        encoders train Examples/recipes/minilm-wordnet.yaml \\
          --output models/minilm-wordnet
      """)

  @Argument(help: "The recipe: a YAML file.") var recipe: String
  @Option(name: .shortAndLong, help: "The model folder to write.") var output: String
  @Flag(
    name: .long, help: "Go on from the folder's last checkpoint; the result has the same bits as an uninterrupted run.")
  var resume = false
  @Flag(name: .long, help: "Start afresh, though a model or an unfinished run is in the folder.") var overwrite = false
  @Flag(name: .long, help: "Print the scores and how it was trained as JSON.") var json = false
  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    if output.isEmpty { throw ValidationError("--output: expected a folder, found an empty name") }
    if resume, overwrite { throw ValidationError("--resume and --overwrite: expected at most one of them") }
  }

  func run() throws {
    try reporting {
      compute.apply()
      let folder = path(output)
      var recipe = try RecipeFile(contentsOf: path(recipe))
      if let seed = compute.seed { recipe = recipe.with(seed: seed) }
      try requireUsable(folder)
      let run = try recipe.start()
      for line in run.notes { note(line) }
      Interruption.watch()
      run.shouldStop = { Interruption.happened }
      guard let summary = try run.run(output: folder, resume: resume, observers: [ProgressDisplay(metric: run.metric)])
      else {
        note("interrupted; the checkpoint is kept: the same command with --resume goes on")
        throw Interruption.exitCode
      }
      if json { return try printJSON(summary) }
      if let tuning = summary.fineTuning, tuning.scores != nil { try printLine(tuning.table) }
      if let report = summary.classification { try printLine(report.table) }
      if let report = summary.reconstruction { try printLine(report.table) }
      if summary.fineTuning?.scores == nil, summary.testSamples == 0, summary.validationSamples > 0 {
        try printLine("scored on the validation part, which chose the epoch: there is no test part")
      }
      try printLine("model: \(folder.path)\nreport: \(folder.appendingPathComponent("report.html").path)")
    }
  }

  /// Throws if the folder is none, or has a model or the checkpoint of an interrupted run that would be lost.
  private func requireUsable(_ folder: URL) throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), !isFolder.boolValue {
      throw FileError(.unwritable, folder, "expected a folder to write the model to, found a file")
    }
    if overwrite { return }
    let exists = { (name: String) in FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path) }
    // Whose files these are nobody knows, where no run has kept a checkpoint.
    let names = ["recipe.yaml", "history.jsonl", "report.html", "training.json", "README.md"]
    let parts = ModelParts.names(in: folder)
    if !exists("checkpoint"), !exists("config.json"), !exists("modules.json"),
      let name = names.first(where: exists) ?? parts.first
    {
      throw FileError(
        .unwritable, folder, "expected a new folder or one of a run, found \(name); --overwrite replaces what is there")
    }
    if resume { return }
    guard !parts.isEmpty || exists("checkpoint/last.safetensors") else { return }
    let what = parts.isEmpty ? "an unfinished run" : "a model"
    throw FileError(
      .unwritable, folder, "\(what) is already there; give --resume to go on or --overwrite to replace it")
  }
}

/// The signal that asked for a stop; 0 if none did.
private let interrupted = Atomic<Int32>(0)

/// Ctrl-C asks for a stop after the current step; a second one ends the program. So does the end of the terminal, where `nohup` doesn't
/// keep it away.
enum Interruption {
  static var happened: Bool { interrupted.load(ordering: .relaxed) != 0 }
  /// As a shell has it for a program that the signal ended.
  static var exitCode: ExitCode { ExitCode(128 + interrupted.load(ordering: .relaxed)) }

  static func watch() {
    Unfinished.onInterruption { number in
      if interrupted.exchange(number, ordering: .relaxed) != 0 { Unfinished.endProgram(by: number) }
    }
  }
}
