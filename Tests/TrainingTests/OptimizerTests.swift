import Tensors
import Testing

@testable import Training

struct OptimizerTests {
  private func parameter(_ name: String, _ shape: [Int]) -> Parameter {
    var numbers = RandomSequence(Random(seed: 3).split(name))
    let values = (0..<shape.reduce(1, *)).map { _ in numbers.uniform() - 0.5 }
    return Parameter(name, Tensor(values, shape: shape))
  }

  private func gradients(_ parameters: [Parameter], step: Int) -> Gradients {
    var gradients = Gradients()
    for parameter in parameters {
      var numbers = RandomSequence(Random(seed: UInt64(step)).split(parameter.name))
      gradients.add(
        Tensor((0..<parameter.count).map { _ in numbers.uniform() - 0.5 }, shape: parameter.shape), to: parameter)
    }
    return gradients
  }

  @Test func aParameterWithoutGradientKeepsValueAndState() {
    let (a, b) = (parameter("a", [3, 2]), parameter("b", [4]))
    let before = b.scalars
    let optimizer = Optimizer(AdamW(weightDecay: 0.5))
    optimizer.step(gradients([a], step: 1), learningRate: 0.1)
    #expect(b.scalars == before)
    #expect(optimizer.steps == ["a": 1])
    #expect(optimizer.state.map(\.name) == ["a.exp_avg", "a.exp_avg_sq"])
    // Its first step is its own first one: as big as the learning rate, besides the decay.
    optimizer.step(gradients([b], step: 2), learningRate: 0.1)
    for (new, old) in zip(b.scalars, before) { #expect(abs(abs(new - old * 0.95) - 0.1) < 1e-4) }
  }

  @Test func groupsExcludeFromDecayAndScaleTheRate() {
    let (weight, bias, embedding) = (parameter("w", [2, 2]), parameter("b", [2]), parameter("table", [5, 2]))
    let all = [weight, bias, embedding]
    let before = all.map(\.scalars)
    var zeros = Gradients()
    for parameter in all { zeros.add(.zeros(parameter.shape), to: parameter) }
    let groups = [.biasesAndNorms, ParameterGroup(learningRateFactor: 0.1) { name, _ in name == "table" }]
    Optimizer(SGD(weightDecay: 0.5), groups: groups).step(zeros, learningRate: 0.2)
    #expect(weight.scalars == before[0].map { $0 - 0.2 * (0.5 * $0) })
    #expect(bias.scalars == before[1])
    for (new, old) in zip(embedding.scalars, before[2]) { #expect(abs(new - old * 0.99) < 1e-7) }
  }

  @Test func threadsAndARestoredStateGiveTheSameBits() {
    let threads = Workers.count
    defer { Workers.count = threads }
    let rules: [any UpdateRule] = [
      SGD(), SGD(momentum: 0.9, nesterov: true), Adam(), AdamW(), Adagrad(), RMSprop(), RMSprop(momentum: 0.5),
    ]
    for rule in rules {
      let (one, two) = (parameter("x", [70_001]), parameter("x", [70_001]))
      let optimizer = Optimizer(rule)
      for step in 1...4 {
        Workers.count = 1
        optimizer.step(gradients([one], step: step), learningRate: 0.01)
      }
      var other = Optimizer(rule)
      for step in 1...4 {
        Workers.count = 2
        other.step(gradients([two], step: step), learningRate: 0.01)
        let state = Dictionary(uniqueKeysWithValues: other.state.map { ($0.name, $0.scalars) })
        let next = Optimizer(rule)
        next.restore([two], steps: other.steps) { name, _ in state[name] ?? [] }
        other = next
      }
      #expect(one.scalars == two.scalars, "\(rule)")
      #expect(one.scalars != parameter("x", [70_001]).scalars)
    }
  }

  @Test func clippingShortensToTheNorm() {
    let parameters = [parameter("a", [30, 4]), parameter("b", [9])]
    let gradients = gradients(parameters, step: 1)
    let norm = gradients.norm()
    let exact = parameters.reduce(0.0) { sum, parameter in
      (gradients[parameter]?.scalars ?? []).reduce(sum) { $0 + Double($1) * Double($1) }
    }
    #expect(abs(norm - exact.squareRoot()) < 1e-6)
    #expect(abs(gradients.clipped(to: norm / 4).norm() - norm / 4) < 1e-5)
    let same = gradients.clipped(to: norm * 2)
    for parameter in parameters { #expect(same[parameter]?.scalars == gradients[parameter]?.scalars) }
  }
}
