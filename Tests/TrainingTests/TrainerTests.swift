import Checkpoints
import Foundation
import Tensors
import Testing

@testable import Training

struct TrainerTests {
  @Test func learnsAndKeepsItsHistory() throws {
    let folder = try TemporaryFolder()
    var run = TinyRun()
    (run.output, run.dropout, run.options.epochs) = (folder.url, 0, 20)
    let result = try run.trainer().run()
    #expect(result.outcome == .finished)
    #expect(result.history.map(\.epoch) == Array(1...20))
    #expect(result.steps == 20 * 13)
    #expect(result.history[19].trainLoss < 0.5 * result.history[0].trainLoss)
    #expect((result.history[19].metrics["accuracy"] ?? 0) > 0.9)
    let lines = try String(contentsOf: folder.url.appendingPathComponent("history.jsonl"), encoding: .utf8)
      .split(separator: "\n")
    let read = try lines.map { try JSONDecoder().decode(EpochRecord.self, from: Data($0.utf8)) }
    #expect(read == result.history)
  }

  /// Killed in an epoch's middle, between two checkpoints; in the first epoch before any; at an epoch's last step.
  @Test(arguments: [3, 17, 20, 26, 31])
  func resumesToTheSameBits(killedAfter step: Int) throws {
    func run(_ folder: TemporaryFolder, _ observers: [any TrainerObserver] = []) -> TinyRun {
      var run = TinyRun()
      run.options = TrainerOptions(
        epochs: 3, batchSize: 4, accumulate: 2, clipNorm: 0.5, emaDecay: 0.9,
        earlyStopping: EarlyStopping("accuracy", .maximize, patience: 3), seed: 9, checkpointEvery: 5)
      (run.output, run.observers) = (folder.url, observers)
      return run
    }
    let (whole, folder) = (try TemporaryFolder(), try TemporaryFolder())
    let never = run(whole)
    let expected = try never.trainer().run()

    #expect(throws: Kill.Killed.self) { try run(folder, [Kill(after: step)]).trainer().run() }
    // What `kill -9` leaves of a file that was being written.
    let partial = folder.url.appendingPathComponent("checkpoint/.last.safetensors.1.x.partial")
    try Data([1, 2]).write(to: partial)
    let again = run(folder)
    // A new process has other values until the checkpoint is read.
    again.parameters[0].write { if step > 5 { $0.update(repeating: 7) } }
    let result = try again.trainer().run(resume: true)

    #expect(again.bits == never.bits)
    #expect(!FileManager.default.fileExists(atPath: partial.path))
    #expect(result.history.map(\.trainLoss) == expected.history.map(\.trainLoss))
    #expect(result.history.map(\.validationLoss) == expected.history.map(\.validationLoss))
    #expect(result.bestEpoch == expected.bestEpoch)
    for name in ["last", "best"] {
      let (ours, theirs) = try (
        SafetensorsFile(folder.url.appendingPathComponent("checkpoint/\(name).safetensors")),
        SafetensorsFile(whole.url.appendingPathComponent("checkpoint/\(name).safetensors"))
      )
      #expect(ours.keys == theirs.keys)
      for key in ours.keys { #expect(try ours.floats(key) == theirs.floats(key), "\(name): \(key)") }
    }
  }

  @Test func aBestEpochThatIsGoneIsMissedAtOnce() throws {
    let folder = try TemporaryFolder()
    func run(_ observers: [any TrainerObserver] = []) -> TinyRun {
      var run = TinyRun()
      run.options = TrainerOptions(
        epochs: 3, batchSize: 8, earlyStopping: EarlyStopping("accuracy", .maximize), seed: 5)
      (run.output, run.observers) = (folder.url, observers)
      return run
    }
    #expect(throws: Kill.Killed.self) { try run([Kill(after: 20)]).trainer().run() }
    let best = folder.url.appendingPathComponent("checkpoint/best.safetensors")
    let whole = try Data(contentsOf: best)
    for damage in [whole.dropLast(), nil] {
      try FileManager.default.removeItem(at: best)
      try damage?.write(to: best)
      let again = run()
      #expect(throws: FileError.self) { try again.trainer().run(resume: true) }
      // Nothing was trained or read.
      #expect(again.bits == run().bits)
    }
    try whole.write(to: best)
    #expect(try run().trainer().run(resume: true).outcome == .finished)
  }

  @Test func resumingAFinishedRunChangesNothing() throws {
    let folder = try TemporaryFolder()
    var run = TinyRun()
    run.output = folder.url
    let first = try run.trainer().run()
    var again = TinyRun()
    again.output = folder.url
    let second = try again.trainer().run(resume: true)
    #expect(again.bits == run.bits)
    #expect(second.history == first.history)
    #expect(second.outcome == .finished)
  }

  /// Wide enough for several chunks in every operation.
  @Test func threadsDoNotChangeBits() throws {
    let threads = Workers.count
    defer { Workers.count = threads }
    let bits = try [1, 2].map { count in
      Workers.count = count
      var run = TinyRun(hidden: 4000)
      run.options = TrainerOptions(epochs: 2, batchSize: 40, clipNorm: 0.3, emaDecay: 0.9)
      _ = try run.trainer().run()
      return run.bits
    }
    #expect(bits[0] == bits[1])
  }

  @Test func seedsChangeTheRun() throws {
    let bits = try [1, 2].map { (seed: UInt64) in
      var run = TinyRun()
      run.options.seed = seed
      _ = try run.trainer().run()
      return run.bits
    }
    #expect(bits[0] != bits[1])
  }

  /// 103 samples by 4 × 2 leave 7: passes of 4 and 3, which must not count the same.
  @Test func accumulationEqualsTheLargeBatch() throws {
    let results = try [(8, 1), (4, 2)].map { batchSize, accumulate in
      var run = TinyRun()
      run.options = TrainerOptions(epochs: 2, batchSize: batchSize, accumulate: accumulate, seed: 3)
      (run.dropout, run.rule, run.schedule) = (0, SGD(momentum: 0.9), Schedule(.constant, peak: 0.05))
      let history = try run.trainer().run().history
      return (run.parameters.flatMap(\.scalars), history.map(\.trainLoss))
    }
    for (one, two) in zip(results[0].0, results[1].0) { #expect(abs(one - two) < 1e-5 * max(1, abs(one))) }
    for (one, two) in zip(results[0].1, results[1].1) { #expect(abs(one - two) < 1e-5) }
  }

  @Test func stopsWhenAskedAndGoesOn() throws {
    let folder = try TemporaryFolder()
    var run = TinyRun()
    run.output = folder.url
    let trainer = run.trainer()
    var steps = 0
    trainer.shouldStop = {
      steps += 1
      return steps == 15
    }
    let result = try trainer.run()
    #expect(result.outcome == .interrupted)
    #expect(result.steps == 15)
    var (again, never) = (TinyRun(), TinyRun())
    again.output = folder.url
    never.output = nil
    #expect(try again.trainer().run(resume: true).steps == 39)
    _ = try never.trainer().run()
    #expect(again.bits == never.bits)
  }
}
