import Foundation
import Testing

import Tensors

/// Numbers at the ends of what floats hold, and none at all, as PyTorch has them.
@Suite struct ExtremeTests {
  @Test(arguments: [100, 1e5, 1e7, 1e30] as [Float]) func logarithmsOfSharesDoNotDependOnTheSize(_ size: Float) {
    let logits = Tensor([size, size, size], shape: [1, 3])
    for loss in [logits.crossEntropy(IDs([1])), logits.crossEntropy(IDs([1]), labelSmoothing: 0.2)] {
      #expect(abs(loss.scalars[0] - Float(log(3.0))) < 1e-6)
    }
    #expect(logits.logSoftmax().scalars.allSatisfy { abs($0 + Float(log(3.0))) < 1e-6 })
  }

  /// What a damaged weight or an overflow gave must be seen at the end.
  @Test func notANumberGoesThroughActivationsAndPooling() {
    let x = Tensor([.nan, 1, -1, 0], shape: [1, 4])
    for activation in [.relu, .gelu, .tanh, .sigmoid, .silu] as [Activation] {
      let y = x.activated(activation).scalars
      #expect(y[0].isNaN && y[1...].allSatisfy { $0.isFinite }, "\(activation)")
    }
    for y in [x.softmax(), x.normalized()] { #expect(y.scalars.allSatisfy { $0.isNaN }) }
    for column in [[1, .nan], [.nan, 1], [.nan, .nan]] as [[Float]] {
      let rows = Tensor(column, shape: [2, 1])
      #expect(Ragged(rows, Offsets(lengths: [2])).pooled(.max).scalars[0].isNaN, "\(column)")
      let image = Tensor([column[0], 0, 0, column[1]], shape: [1, 2, 2, 1])
      #expect(image.maxPooled2D(Window2D(2)).scalars[0].isNaN, "\(column)")
    }
  }

  /// Long columns of small terms, and a first row that isn't like the others: a border.
  @Test(arguments: [1, 3]) func batchStatisticsOfFewChannelsKeepTheirDigits(_ channels: Int) {
    let (rows, random) = (70_000, Random(seed: 5))
    let x = Tensor(
      (0..<rows * channels).map { $0 / channels % 28 == 0 ? 0 : 0.9 + 0.1 * random.uniform(at: UInt64($0)) },
      shape: [rows, channels])
    let (mean, variance) = recording {
      let (_, mean, variance) = x.batchNorm(Tensor(repeating: 1, shape: [channels]), .zeros([channels]))
      return (mean.scalars, variance.scalars)
    }
    for channel in 0..<channels {
      let column = (0..<rows).map { Double(x.scalars[$0 * channels + channel]) }
      let center = column.reduce(0, +) / Double(rows)
      let spread = column.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(rows)
      #expect(abs(Double(mean[channel]) / center - 1) < 1e-6)
      #expect(abs(Double(variance[channel]) / spread - 1) < 1e-5)
    }
  }

  @Test func productsOverNothingAreZeros() {
    #expect(Tensor.zeros([2, 0]).matmul(.zeros([0, 3])).scalars == Array(repeating: 0, count: 6))
  }
}
