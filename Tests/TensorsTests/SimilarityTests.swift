import Tensors
import Testing

/// The operations that losses on embeddings are made of; whole losses are compared with goldens in TrainingTests.
@Suite struct SimilarityTests {
  @Test func gradients() {
    let (a, b) = (values([7, 19], seed: 1), values([7, 19], seed: 2))
    expectGradients([a, b]) { $0[0].dotted($0[1]) }
    expectGradients([a]) { $0[0].logSumExp() }
    expectGradients([a], step: 1e-4, tolerance: 2e-2) { $0[0].absolute() }
    expectGradients([a * a + 0.1]) { $0[0].squareRoot() }
    expectGradients([a]) { $0[0] + 3 }
    expectGradients([a, Tensor(0.3)]) { $0[0].scaled(byExponentialOf: $0[1]) }
    expectGradients([a, values([3, 19], seed: 3)]) { Tensor.stacked($0) }
    expectGradients([a]) { $0[0].elements(at: [0, 5, 132, 5, 77]) }
    expectGradients([a]) { $0[0].sum() }
  }

  @Test func edges() {
    let x = Tensor([1, 2, -1e30, 1000, 1000, -1e30, -1e30, -1e30, 5], shape: [3, 3])
    let sums = x.logSumExp().scalars
    #expect(abs(sums[0] - 2.3132617) < 1e-6)
    #expect(abs(sums[1] - (1000 + 0.6931472)) < 1e-4 && sums[2] == 5)
    let parameter = Parameter("x", Tensor([0, 4, -2], shape: [3]))
    recording {
      #expect(parameter.tensor.absolute().sum().gradients()[parameter]?.scalars == [0, 1, -1])
      #expect((parameter.tensor * parameter.tensor).squareRoot().sum().gradients()[parameter]?.scalars == [0, 1, -1])
      // Held to e^maximum, but not its derivative.
      let scale = Parameter("scale", Tensor(9))
      let scaled = Tensor(2).scaled(byExponentialOf: scale.tensor)
      #expect(abs(scaled.scalar - 200) < 1e-3)
      #expect(abs((scaled.gradients()[scale]?.scalar ?? 0) - 200) < 1e-3)
    }
  }

  @Test func knownGradients() {
    let (x, y) = (Parameter("x", Tensor([1, 2], shape: [2])), Parameter("y", Tensor(3)))
    recording {
      var known = Gradients()
      known.add(Tensor([5, 7], shape: [2]), to: x)
      let value = Tensor(11, gradients: known)
      let gradients = (value * 2 + y.tensor).gradients()
      #expect(value.scalar == 11)
      #expect(gradients[x]?.scalars == [10, 14] && gradients[y]?.scalar == 1)
    }
    #expect(!Tensor(11, gradients: Gradients()).isRecorded)
  }
}
