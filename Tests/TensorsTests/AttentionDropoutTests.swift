import Testing

import Tensors

/// Dropout of attention probabilities: how many, which, and that derivatives follow the same mask.
@Suite(.serialized) struct AttentionDropoutTests {
  /// What uniform attention of 64 columns a head makes of unit vectors: the probabilities themselves, `[rows, heads · 64]`.
  func probabilities(
    _ lengths: [Int], heads: Int, causal: Bool = false, window: Int? = nil, dropout: Float, seed: UInt64 = 1
  ) -> Tensor {
    let offsets = Offsets(lengths: lengths)
    var units = [Float](repeating: 0, count: offsets.rows * heads * 64)
    for sequence in 0..<offsets.count {
      for (place, row) in offsets[sequence].enumerated() {
        for head in 0..<heads { units[(row * heads + head) * 64 + place] = 1 }
      }
    }
    let zeros = Tensor.zeros([offsets.rows, heads * 64])
    return training(Random(seed: seed)) {
      Ragged(zeros, offsets).attention(
        keys: zeros, values: Tensor(units, shape: zeros.shape), heads: heads, keyHeads: heads, causal: causal,
        window: window, dropout: dropout
      ).rows
    }
  }

  @Test func theRateAndTheExpectationAreRight() {
    let found = probabilities([64, 64, 64], heads: 4, dropout: 0.3).scalars
    let kept = found.filter { $0 != 0 }
    #expect(kept.allSatisfy { abs($0 - 1 / (64 * 0.7)) < 1e-6 })
    // 49,152 draws: the deviation of the share is 0.002.
    let (share, mean) = (Float(kept.count) / Float(found.count), found.reduce(0, +) / Float(found.count))
    #expect(abs(share - 0.7) < 0.008)
    #expect(abs(mean * 64 - 1) < 0.012)
  }

  @Test func rowsHeadsSequencesAndStreamsHaveMasksOfTheirOwn() {
    let found = probabilities([40, 40], heads: 2, dropout: 0.5).scalars
    var masks: Set<[Bool]> = []
    for row in 0..<160 { masks.insert((0..<40).map { found[row * 64 + $0] != 0 }) }
    #expect(masks.count == 160)
    #expect(probabilities([40, 40], heads: 2, dropout: 0.5).scalars == found)
    #expect(probabilities([40, 40], heads: 2, dropout: 0.5, seed: 2).scalars != found)
    let twice = training(Random(seed: 1)) {
      let (q, k) = (Ragged(values([9, 8], seed: 1), Offsets(lengths: [9])), values([9, 8], seed: 2))
      return (0..<2).map { _ in q.attention(keys: k, values: k, heads: 1, keyHeads: 1, dropout: 0.5).rows.scalars }
    }
    #expect(twice[0] != twice[1])
  }

  @Test func whatIsHiddenDoesNotChangeTheMask() {
    let all = probabilities([64], heads: 1, dropout: 0.5).scalars
    let causal = probabilities([64], heads: 1, causal: true, dropout: 0.5).scalars
    let near = probabilities([64], heads: 1, window: 9, dropout: 0.5).scalars
    for (i, j) in (0..<64).flatMap({ i in (0..<64).map { (i, $0) } }) {
      let isKept = all[i * 64 + j] != 0
      #expect((causal[i * 64 + j] != 0) == (isKept && j <= i))
      #expect((near[i * 64 + j] != 0) == (isKept && abs(i - j) <= 9))
    }
  }

  @Test(arguments: [(1, false, Int?.none), (2, true, nil), (1, false, 3)])
  func gradientsFollowTheMask(_ group: Int, _ causal: Bool, _ window: Int?) {
    let offsets = Offsets(lengths: [5, 1, 19])
    expectGradients([
      values([25, 24], seed: 1), values([25, 24 / group], seed: 2), values([25, 24 / group], seed: 3),
      values([9, 4], seed: 4),
    ]) { inputs in
      training(Random(seed: 5)) {
        Ragged(inputs[0], offsets).attention(
          keys: inputs[1], values: inputs[2], heads: 4, keyHeads: 4 / group, causal: causal, window: window,
          bias: inputs[3], dropout: 0.4
        ).rows
      }
    }
    expectGradients([values([25, 48], seed: 1)]) { inputs in
      training(Random(seed: 5)) {
        Ragged(inputs[0], offsets).selfAttention(heads: 2, causal: causal, window: window, dropout: 0.4).rows
      }
    }
  }

  @Test func threadsAndARateOfZeroChangeNoBit() {
    let offsets = Offsets(lengths: (0..<20).map { 1 + $0 * 13 % 37 })
    let x = Parameter("x", values([offsets.rows, 96], seed: 1))
    func run(threads: Int, dropout: Float?) -> [[Float]] {
      let before = Workers.count
      Workers.count = threads
      defer { Workers.count = before }
      return training(Random(seed: 3)) {
        let input = Ragged(x.tensor, offsets)
        let out = (dropout.map { input.selfAttention(heads: 4, dropout: $0) } ?? input.selfAttention(heads: 4)).rows
        let gradients = (out * values(out.shape, seed: 2)).mean().gradients()
        return [out.scalars, gradients[x]?.scalars ?? []]
      }
    }
    let one = run(threads: 1, dropout: 0.2)
    for _ in 0..<4 { #expect(run(threads: 2, dropout: 0.2) == one) }
    let none = run(threads: 1, dropout: nil)
    #expect(run(threads: 2, dropout: 0) == none)
    #expect(one != none)
  }
}
