import Testing

import Tensors

/// Computing a part twice changes no bit of values and derivatives.
@Suite struct CheckpointingTests {
  let offsets = Offsets(lengths: [3, 1, 12])
  let table = Parameter("table", values([20, 16], seed: 1))
  let shared = Parameter("shared", values([9, 2], seed: 2))
  let projection = Parameter("projection", values([48, 16], seed: 3))
  let weights = (0..<3).map { Parameter("weight \($0)", values([16, 16], seed: 4 + UInt64($0))) }

  /// Three blocks with random operations, a weight of their own, one that all use and an input that all use.
  func run(checkpoints: Bool, training isTraining: Bool = true) -> (value: [Float], gradients: Gradients) {
    func compute() -> (value: [Float], gradients: Gradients) {
      var x = table.tensor.rows(at: IDs((0..<Int32(offsets.rows)).map { $0 * 7 % 20 })).dropout(0.1)
      let bias = shared.tensor * 0.5
      var sums: [Tensor] = []
      for weight in weights {
        let block = { [offsets, projection] (inputs: [Tensor]) in
          let mixed = Ragged(inputs[0].linear(projection.tensor), offsets)
            .selfAttention(heads: 2, bias: inputs[1], dropout: 0.2).rows
          return inputs[0] + mixed.linear(weight.tensor).activated(.gelu).dropout(0.3)
        }
        x = checkpoints ? checkpointed([x, bias], block) : block([x, bias])
        sums.append((x.dropout(0.2) * values(x.shape, seed: 9 + UInt64(sums.count))).mean())
      }
      // Every block's output also has a loss of its own, as layers that learn to stand alone do.
      return (x.scalars, (sums[0] + sums[1] + sums[2]).gradients())
    }
    return isTraining ? training(Random(seed: 7), compute) : recording(compute)
  }

  @Test(arguments: [true, false]) func valuesAndGradientsAreTheSameBits(_ isTraining: Bool) {
    let (plain, twice) = (run(checkpoints: false, training: isTraining), run(checkpoints: true, training: isTraining))
    #expect(plain.value == twice.value)
    #expect(plain.gradients.pairs.map(\.parameter.name) == twice.gradients.pairs.map(\.parameter.name))
    #expect(plain.gradients.pairs.count == 6)
    for (a, b) in zip(plain.gradients.pairs, twice.gradients.pairs) {
      #expect(a.gradient.scalars == b.gradient.scalars, "\(a.parameter.name)")
    }
  }

  @Test func whatNeedsNoDerivativeIsNotRecorded() {
    for parameter in [projection] + weights { parameter.isTrainable = false }
    let x = values([16, 16], seed: 1)
    var calls = 0
    recording {
      let out = checkpointed([x]) { inputs in
        calls += 1
        return inputs[0].linear(weights[0].tensor)
      }
      #expect(!out.isRecorded)
      let recorded = checkpointed([table.tensor]) { inputs in
        calls += 1
        return inputs[0].linear(weights[0].tensor)
      }
      let gradients = recorded.mean().gradients()
      #expect(gradients.pairs.count == 1 && gradients[table] != nil)
    }
    #expect(calls == 3)
    #expect(checkpointed([table.tensor]) { $0[0] * 2 }.scalars == (table.tensor * 2).scalars)
  }
}
