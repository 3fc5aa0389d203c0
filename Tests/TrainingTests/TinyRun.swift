import Foundation
import Tensors

@testable import Training

/// A two-layer network with dropout and a running mean on synthetic data, and a run of training for it: new objects with
/// the same start every time.
struct TinyRun {
  static let count = 103
  static let inputs = 7
  static let classes = 3

  var options = TrainerOptions(epochs: 3, batchSize: 8, seed: 5)
  var rule: any UpdateRule = AdamW(weightDecay: 0.02)
  var schedule = Schedule(.cosine, peak: 0.02, warmUp: .steps(4))
  var dropout: Float = 0.3
  var output: URL?
  var observers: [any TrainerObserver] = []
  /// The passes of an epoch, in place of the default ones.
  var batches: ((Int) throws -> [[Int]])?
  /// Called with the loss of each pass, to break it.
  var change: (_ loss: Tensor, _ pass: Int) -> Tensor = { loss, _ in loss }
  /// The validation's accuracy, by epoch, in place of the true one.
  var accuracies: [Double]?

  let parameters: [Parameter]
  private let features: [Float]
  private let labels: [Int32]

  init(hidden: Int = 16) {
    func values(_ name: String, _ shape: [Int], spread: Float) -> [Float] {
      var numbers = RandomSequence(Random(seed: 1).split(name))
      return (0..<shape.reduce(1, *)).map { _ in (numbers.uniform() - 0.5) * spread }
    }
    func parameter(_ name: String, _ shape: [Int]) -> Parameter {
      Parameter(name, Tensor(values(name, shape, spread: 1), shape: shape))
    }
    parameters = [
      parameter("hidden.weight", [hidden, TinyRun.inputs]), parameter("hidden.bias", [hidden]),
      parameter("output.weight", [TinyRun.classes, hidden]), parameter("output.bias", [TinyRun.classes]),
      Parameter("running_mean", .zeros([TinyRun.inputs]), trainable: false),
    ]
    let features = values("features", [TinyRun.count, TinyRun.inputs], spread: 2)
    self.features = features
    labels = (0..<TinyRun.count).map { sample in
      let row = Array(features[sample * TinyRun.inputs..<sample * TinyRun.inputs + TinyRun.classes])
      return Int32(row.firstIndex(of: row.max() ?? 0) ?? 0)
    }
  }

  private func logits(_ indices: [Int]) -> Tensor {
    let rows = indices.flatMap { features[$0 * TinyRun.inputs..<($0 + 1) * TinyRun.inputs] }
    let x = Tensor(rows, shape: [indices.count, TinyRun.inputs])
    return x.linear(parameters[0].tensor, parameters[1].tensor).activated(.relu).dropout(dropout)
      .linear(parameters[2].tensor, parameters[3].tensor)
  }

  func trainer() -> Trainer {
    var passes = 0
    var validations = 0
    let trainer = Trainer(
      parameters: parameters, optimizer: Optimizer(rule, groups: [.biasesAndNorms]), schedule: schedule,
      options: options, sampleCount: TinyRun.count, output: output, batches: batches,
      loss: { indices, _ in
        parameters[4].write { mean in
          for index in indices {
            for column in mean.indices {
              mean[column] += 0.1 * (features[index * TinyRun.inputs + column] - mean[column])
            }
          }
        }
        defer { passes += 1 }
        return change(logits(indices).crossEntropy(IDs(indices.map { labels[$0] })), passes)
      },
      validate: {
        let all = logits(Array(0..<TinyRun.count))
        let values = all.scalars
        let right = labels.indices.count { sample in
          let row = values[sample * TinyRun.classes..<(sample + 1) * TinyRun.classes]
          return row[sample * TinyRun.classes + Int(labels[sample])] == row.max()
        }
        defer { validations += 1 }
        let accuracy = accuracies.map { $0[validations] } ?? Double(right) / Double(labels.count)
        return ["loss": Double(all.crossEntropy(IDs(labels)).scalar), "accuracy": accuracy]
      })
    trainer.observers = observers
    return trainer
  }

  /// The bits of all parameters.
  var bits: [[UInt32]] { parameters.map { $0.scalars.map(\.bitPattern) } }
}

/// Ends a run as `kill` would: it throws after a step, and nothing more is written.
final class Kill: TrainerObserver {
  struct Killed: Error {}
  private let step: Int
  init(after step: Int) { self.step = step }
  func stepDone(_ progress: TrainingProgress) throws { if progress.step == step { throw Killed() } }
}

/// A directory that goes when the value does.
final class TemporaryFolder {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("training-\(UUID().uuidString)")
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }
}
