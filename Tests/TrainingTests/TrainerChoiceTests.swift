import Checkpoints
import Foundation
import Tensors
import Testing

@testable import Training

/// Which parameters a run ends with, and what it does when things go wrong.
struct TrainerChoiceTests {
  @Test(arguments: [true, false]) func stopsEarlyAndKeepsTheBestEpoch(onDisk: Bool) throws {
    let folder = try TemporaryFolder()
    var run = TinyRun()
    run.options.epochs = 9
    run.options.earlyStopping = EarlyStopping("accuracy", .maximize, patience: 2)
    run.accuracies = [0.5, 0.7, 0.7, 0.6, 0.9]
    if onDisk { run.output = folder.url }
    let result = try run.trainer().run()
    #expect(result.outcome == .stoppedEarly)
    #expect(result.history.count == 4)
    #expect(result.bestEpoch == 2)
    #expect(result.bestValue == 0.7)

    // The parameters after two of nine epochs are the kept ones.
    var short = TinyRun()
    short.options.epochs = 9
    short.observers = [Kill(after: 27)]
    let shortTrainer = short.trainer()
    shortTrainer.shouldStop = { shortTrainer.state.step == 26 }
    #expect(try shortTrainer.run().steps == 26)
    #expect(run.bits == short.bits)
  }

  @Test func averagesAreValidatedAndKept() throws {
    let folder = try TemporaryFolder()
    var (plain, averaged) = (TinyRun(), TinyRun())
    averaged.options.emaDecay = 0.95
    averaged.output = folder.url
    let raw = try plain.trainer().run()
    let result = try averaged.trainer().run()
    #expect(result.history.map(\.trainLoss) == raw.history.map(\.trainLoss))
    #expect(result.history.map(\.validationLoss) != raw.history.map(\.validationLoss))
    #expect(averaged.bits != plain.bits)
    // The running mean isn't averaged, and the checkpoint keeps the raw values beside the averages.
    #expect(averaged.bits[4] == plain.bits[4])
    let file = try SafetensorsFile(folder.url.appendingPathComponent("checkpoint/last.safetensors"))
    #expect(try file.floats("model.hidden.weight") == plain.parameters[0].scalars)
    #expect(try file.floats("average.hidden.weight") == averaged.parameters[0].scalars)
  }

  @Test func aLossThatIsNotANumberStopsAndKeepsTheCheckpoint() throws {
    let folder = try TemporaryFolder()
    var run = TinyRun()
    run.output = folder.url
    run.change = { loss, pass in pass == 15 ? loss * .nan : loss }
    let path = folder.url.appendingPathComponent("checkpoint/last.safetensors").path
    #expect(
      throws: TrainingError.notFinite(what: "the loss", value: "NaN", epoch: 2, step: 16, batch: 3, checkpoint: path)
    ) { try run.trainer().run() }
    let file = try SafetensorsFile(URL(fileURLWithPath: path))
    for key in file.keys { #expect(try file.floats(key).allSatisfy(\.isFinite)) }
  }

  /// Without clipping nothing looks at the gradients; the parameter they broke must not reach a checkpoint.
  @Test(arguments: [nil, 1.0]) func brokenGradientsReachNoCheckpoint(clipNorm: Double?) throws {
    let folder = try TemporaryFolder()
    var run = TinyRun()
    run.output = folder.url
    run.options.clipNorm = clipNorm
    run.change = { loss, pass in
      // The value is 0; its derivative overflows on the way back.
      pass == 25 ? loss * 1e-30 * 1e-30 * 1e30 * 1e30 : loss
    }
    let error = #expect(throws: TrainingError.self) { try run.trainer().run() }
    guard case .notFinite(_, _, 2, 26, 13, _) = error else {
      Issue.record("found \(String(describing: error))")
      return
    }
    let file = try SafetensorsFile(folder.url.appendingPathComponent("checkpoint/last.safetensors"))
    for key in file.keys { #expect(try file.floats(key).allSatisfy(\.isFinite)) }
  }

  @Test func unknownMetricsAreNamed() throws {
    var run = TinyRun()
    run.options.earlyStopping = EarlyStopping("acuracy", .maximize)
    #expect(throws: TrainingError.unknownMetric("acuracy", known: ["trainLoss", "loss", "accuracy"])) {
      try run.trainer().run()
    }
  }

  @Test func otherRunsCheckpointsAreRefused() throws {
    let folder = try TemporaryFolder()
    var run = TinyRun()
    run.output = folder.url
    _ = try run.trainer().run()
    run.options.batchSize = 9
    let path = folder.url.appendingPathComponent("checkpoint/last.safetensors").path
    #expect(
      throws: TrainingError.otherRun(path: path, setting: "the batch size", expected: "9", found: "8")
    ) { try run.trainer().run(resume: true) }
  }

  @Test func damagedCheckpointsAreRefused() throws {
    let folder = try TemporaryFolder()
    var run = TinyRun()
    run.output = folder.url
    _ = try run.trainer().run()
    let file = folder.url.appendingPathComponent("checkpoint/last.safetensors")
    let whole = try Data(contentsOf: file)
    try whole.prefix(whole.count - 10).write(to: file)
    #expect(throws: FileError.self) { try run.trainer().run(resume: true) }
    var writer = SafetensorsWriter()
    writer.add("x", shape: [1], [1 as Float])
    try writer.write(to: file)
    #expect(throws: FileError.self) { try run.trainer().run(resume: true) }
  }

  @Test func aFolderThatCannotBeWrittenIsNamed() throws {
    let folder = try TemporaryFolder()
    try Data().write(to: folder.url.appendingPathComponent("checkpoint"))
    var run = TinyRun()
    run.output = folder.url
    let error = #expect(throws: FileError.self) { try run.trainer().run() }
    #expect(error?.description.hasPrefix(folder.url.path + "/checkpoint: cannot make the folder: File exists") == true)
    #expect(error?.description.contains("\n") == false)
  }

  @Test func noSamplesAreRefused() {
    let trainer = Trainer(
      parameters: [], optimizer: Optimizer(SGD()), schedule: Schedule(.constant, peak: 1), options: TrainerOptions(),
      sampleCount: 0, loss: { _, _ in Tensor(0) })
    #expect(throws: TrainingError.noSamples) { try trainer.run() }
  }

  @Test func startingAnewForgetsTheOldRun() throws {
    let folder = try TemporaryFolder()
    var run = TinyRun()
    run.output = folder.url
    _ = try run.trainer().run()
    var killed = TinyRun()
    (killed.output, killed.observers) = (folder.url, [Kill(after: 2)])
    #expect(throws: Kill.Killed.self) { try killed.trainer().run() }
    let last = folder.url.appendingPathComponent("checkpoint/last.safetensors")
    #expect(!FileManager.default.fileExists(atPath: last.path))
  }
}
