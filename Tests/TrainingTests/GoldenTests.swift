import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

/// PyTorch's numbers, as Tests/Golden/make_goldens.py wrote them.
struct Golden {
  static let steps = 12
  let file: SafetensorsFile

  init() throws {
    file = try SafetensorsFile(goldens.appendingPathComponent("training.safetensors"))
  }

  /// The parameters a and b with the values under a key.
  func parameters(_ key: String) throws -> [Parameter] {
    try ["a", "b"].map { name in
      let shape = try file.entry("\(key)/\(name)").shape
      return Parameter(name, Tensor(try file.floats("\(key)/\(name)"), shape: shape))
    }
  }

  func gradients(_ key: String, _ parameters: [Parameter]) throws -> Gradients {
    var gradients = Gradients()
    for parameter in parameters {
      gradients.add(Tensor(try file.floats("\(key)/\(parameter.name)"), shape: parameter.shape), to: parameter)
    }
    return gradients
  }

  func expect(_ parameter: Parameter, near key: String) throws {
    try expect(parameter.scalars, near: "\(key)/\(parameter.name)")
  }

  func expect(_ values: [Float], near key: String) throws {
    let expected = try file.floats(key)
    #expect(values.count == expected.count)
    for (value, expected) in zip(values, expected) {
      #expect(abs(value - expected) <= 2e-6 * max(1, abs(expected)), "\(key)")
    }
  }
}

struct GoldenTests {
  static let rules: [(String, any UpdateRule, Double)] = [
    ("sgd", SGD(), 0.1), ("sgd_momentum", SGD(momentum: 0.9), 0.1),
    ("sgd_nesterov", SGD(momentum: 0.9, nesterov: true), 0.1),
    ("sgd_weight_decay", SGD(momentum: 0.9, weightDecay: 0.1), 0.1), ("adam", Adam(), 0.01),
    ("adam_weight_decay", Adam(weightDecay: 0.1), 0.01), ("adamw", AdamW(weightDecay: 0.1), 0.01),
    ("adagrad", Adagrad(), 0.1), ("rmsprop", RMSprop(), 0.01), ("rmsprop_momentum", RMSprop(momentum: 0.9), 0.01),
  ]

  @Test(arguments: rules.indices) func optimizersFollowPyTorch(index: Int) throws {
    let (name, rule, rate) = GoldenTests.rules[index]
    let golden = try Golden()
    let parameters = try golden.parameters("initial")
    let optimizer = Optimizer(rule)
    for step in 0..<Golden.steps {
      optimizer.step(try golden.gradients("grads/\(step)", parameters), learningRate: rate)
      for parameter in parameters { try golden.expect(parameter, near: "\(name)/\(step)") }
    }
  }

  @Test(arguments: [
    ("constant_warmup", Schedule(.constant, peak: 1, warmUp: .steps(10))),
    ("linear", Schedule(.linear, peak: 1, warmUp: .fraction(0.1))),
    ("cosine", Schedule(.cosine, peak: 1, warmUp: .steps(10))),
    ("one_cycle", Schedule(.oneCycle, peak: 1)),
    ("one_cycle", Schedule(.oneCycle, peak: 1, warmUp: .steps(30))),
    ("one_cycle", Schedule(.oneCycle, peak: 1, warmUp: .fraction(0.3))),
  ])
  func schedulesFollowTheReference(name: String, schedule: Schedule) throws {
    let expected = try Golden().file.floats("schedule/\(name)")
    for (step, expected) in expected.enumerated() {
      let rate = schedule.learningRate(step: step, of: 100)
      #expect(abs(rate - Double(expected)) <= 1e-7 * Double(expected), "\(name), step \(step)")
    }
  }

  @Test func clippingFollowsPyTorch() throws {
    let golden = try Golden()
    let parameters = try golden.parameters("clip/in")
    let gradients = try golden.gradients("clip/in", parameters)
    try golden.expect([Float(gradients.norm())], near: "clip/norm")
    for maximum in [1, 100] {
      let clipped = gradients.clipped(to: Double(maximum))
      for parameter in parameters {
        try golden.expect(clipped[parameter]?.scalars ?? [], near: "clip_\(maximum)/\(parameter.name)")
      }
    }
  }
}

/// What has no counterpart in the reference.
struct ScheduleTests {
  @Test(arguments: Schedule.Shape.allCases) func shortRunsHaveFiniteRates(shape: Schedule.Shape) {
    for warmUp in [Schedule.WarmUp.none, .steps(0), .steps(1), .steps(50), .fraction(0), .fraction(1)] {
      for total in 1...6 {
        for step in 0..<total {
          let rate = Schedule(shape, peak: 0.5, warmUp: warmUp).learningRate(step: step, of: total)
          #expect(rate >= 0 && rate <= 0.5, "\(shape) \(warmUp) \(step) of \(total)")
        }
      }
    }
  }
}
