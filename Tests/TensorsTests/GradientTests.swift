import Testing

import Tensors

/// Every operation's pullback against central differences, on odd sizes and sequences of 1, 2 and more rows.
@Suite struct GradientTests {
  let offsets = Offsets(lengths: [3, 1, 7, 2, 20])
  var rows: Int { offsets.rows }

  @Test func arithmetic() {
    let (a, b) = (values([3, 37], seed: 1), values([3, 37], seed: 2))
    expectGradients([a, b]) { $0[0] + $0[1] }
    expectGradients([a, b]) { $0[0] - $0[1] }
    expectGradients([a, b]) { $0[0] * $0[1] }
    expectGradients([a]) { $0[0] * 1.7 }
    expectGradients([a]) { $0[0] * $0[0] }
    expectGradients([a, values([37], seed: 3)]) { $0[0].addingRow($0[1]) }
    expectGradients([a]) { $0[0].reshaped([37, 3]) }
    expectGradients([a]) { $0[0].mean() }
    expectGradients([Tensor(a.scalars.map { abs($0) + 0.1 }, shape: a.shape)]) { $0[0].log1p() }
  }

  @Test(arguments: Activation.allCases) func activations(_ activation: Activation) {
    // Away from zero, where ReLU has no derivative.
    let x = Tensor(values([2, 33], seed: 4).scalars.map { $0 * 3 + ($0 < 0 ? -0.1 : 0.1) }, shape: [2, 33])
    expectGradients([x]) { $0[0].activated(activation) }
  }

  @Test func products() {
    let (x, w, b) = (values([35, 19], seed: 1), values([23, 19], seed: 2), values([23], seed: 3))
    expectGradients([x, w, b]) { $0[0].linear($0[1], $0[2]) }
    expectGradients([x, w]) { $0[0].linear($0[1]) }
    expectGradients([x, values([19, 5], seed: 4)]) { $0[0].matmul($0[1]) }
    let ids = IDs([4, 0, 4, 2, 1, 4])
    expectGradients([values([6, 17], seed: 5)]) { $0[0].rows(at: ids) }
  }

  @Test func norms() {
    let x = values([9, 21], seed: 1)
    let (gamma, beta) = (values([21], seed: 2), values([21], seed: 3))
    expectGradients([x, gamma, beta]) { $0[0].layerNorm($0[1], $0[2]) }
    expectGradients([x, gamma, beta]) { $0[0].batchNorm($0[1], $0[2]).output }
    let statistics = (mean: values([21], seed: 4), variance: values([21], seed: 5) * values([21], seed: 5))
    expectGradients([x, gamma, beta]) { $0[0].batchNorm($0[1], $0[2], statistics: statistics, epsilon: 0.1).output }
    expectGradients([x]) { $0[0].normalized() }
    expectGradients([x, gamma]) { $0[0].rmsNorm($0[1]) }
  }

  @Test func losses() {
    let x = values([7, 18], seed: 1)
    expectGradients([x]) { $0[0].softmax() }
    expectGradients([x]) { $0[0].logSoftmax() }
    let labels = IDs([0, 17, 3, 3, 9, 1, 16])
    let weights = (0..<18).map { Float($0) * 0.1 + 0.3 }
    expectGradients([x]) { $0[0].crossEntropy(labels) }
    expectGradients([x]) { $0[0].crossEntropy(labels, labelSmoothing: 0.1, classWeights: weights) }
    let targets = Tensor(values([7, 18], seed: 2).scalars.map { $0 > 0 ? 1 : 0 }, shape: [7, 18])
    expectGradients([x]) { $0[0].binaryCrossEntropy(targets, positiveWeight: 2) }
    expectGradients([x, values([7, 18], seed: 3)]) { $0[0].meanSquaredError($0[1]) }
  }

  @Test(arguments: SequencePooling.allCases) func pooling(_ pooling: SequencePooling) {
    expectGradients([values([rows, 19], seed: 1)], step: 1e-3, tolerance: 2e-2) {
      Ragged($0[0], offsets).pooled(pooling)
    }
  }

  @Test func attentionPooling() {
    expectGradients([values([rows, 19], seed: 1), values([19], seed: 2)]) {
      Ragged($0[0], offsets).attentionPooled($0[1])
    }
  }

  @Test(
    arguments: [Window1D.same(3), .same(4), Window1D(3, stride: 2, padding: 1), Window1D(2, padding: 2, dilation: 3)],
    [1, 2])
  func convolution1D(_ window: Window1D, groups: Int) {
    let weight = values([6, 4 / groups, window.kernel], seed: 2)
    expectGradients([values([rows, 4], seed: 1), weight, values([6], seed: 3)]) {
      Ragged($0[0], offsets).convolved($0[1], $0[2], window, groups: groups).rows
    }
  }

  @Test func pooling1D() {
    let x = values([rows, 18], seed: 1)
    for window in [Window1D(2, stride: 2), Window1D(3, stride: 2, padding: 1)] {
      expectGradients([x], step: 1e-3, tolerance: 2e-2) { Ragged($0[0], offsets).maxPooled(window).rows }
      expectGradients([x]) { Ragged($0[0], offsets).averagePooled(window).rows }
    }
  }

  @Test func shapes() {
    let (a, b) = (values([5, 3], seed: 1), values([5, 18], seed: 2))
    expectGradients([a, b]) { Tensor.concatenated($0) }
    expectGradients([b]) { $0[0].columns(3..<11) }
    expectGradients([values([2, 3, 4, 5], seed: 3)]) { $0[0].flattenedChannelsFirst() }
  }

  @Test(arguments: RecurrentCell.allCases, [false, true]) func recurrence(_ cell: RecurrentCell, bidirectional: Bool) {
    let (inputs, hidden) = (5, 18)
    let gates = cell.gates * hidden
    let shapes = [[gates, inputs], [gates, hidden], [gates], [gates]]
    let weights = (0..<(bidirectional ? 8 : 4)).map { values(shapes[$0 % 4], seed: UInt64($0) + 10) * 0.4 }
    expectGradients([values([rows, inputs], seed: 1)] + weights) {
      let forward = RecurrentWeights($0[1], $0[2], $0[3], $0[4])
      let backward = bidirectional ? RecurrentWeights($0[5], $0[6], $0[7], $0[8]) : nil
      return Ragged($0[0], offsets).recurrent(cell, forward, backward: backward).rows
    }
  }

  @Test(arguments: [false, true]) func attention(_ causal: Bool) {
    expectGradients([values([rows, 3 * 36], seed: 1)]) {
      Ragged($0[0], offsets).selfAttention(heads: 2, causal: causal).rows
    }
  }

  @Test(arguments: [nil, 2], [false, true]) func attentionOptions(_ window: Int?, causal: Bool) {
    let inputs = [36, 18, 18].enumerated().map { values([rows, $0.element], seed: UInt64($0.offset)) }
    expectGradients(inputs + [values([7, 4], seed: 9)]) {
      Ragged($0[0], offsets).attention(
        keys: $0[1], values: $0[2], heads: 4, keyHeads: 2, causal: causal, window: window, bias: $0[3]
      ).rows
    }
    expectGradients([values([rows, 3 * 36], seed: 1), values([7, 2], seed: 9)]) {
      Ragged($0[0], offsets).selfAttention(heads: 2, causal: causal, window: window, bias: $0[1]).rows
    }
  }

  /// Rows that aren't seen change nothing, and the others see what they would see without them.
  @Test(arguments: [nil, 3], [false, true]) func attentionToTheFirstRows(_ window: Int?, causal: Bool) {
    // With a window, the last rows of the longest sequence see nothing.
    let seen = offsets.lengths.map { $0 > 10 ? 5 : max(min($0, 1), $0 - 2) }
    expectGradients([values([rows, 3 * 36], seed: 1)]) {
      Ragged($0[0], offsets).selfAttention(heads: 2, causal: causal, window: window, seen: seen).rows
    }
    let x = Ragged(values([rows, 3 * 36], seed: 1), offsets)
    let found = x.selfAttention(heads: 2, causal: causal, window: window, seen: seen).rows.scalars
    for sequence in 0..<offsets.count where seen[sequence] > 0 {
      let first = offsets[sequence].lowerBound
      let alone = x.rows.rows(at: IDs((0..<seen[sequence]).map { Int32(first + $0) }))
      let expected = Ragged(alone, Offsets(lengths: [seen[sequence]]))
        .selfAttention(heads: 2, causal: causal, window: window).rows.scalars
      #expect(Array(found[first * 36..<(first + seen[sequence]) * 36]) == expected, "sequence \(sequence)")
    }
  }

  @Test(arguments: [false, true]) func rotation(_ interleaved: Bool) {
    let table = RotaryTable(frequencies: RotaryTable.frequencies(base: 100, width: 36), positions: 20)
    expectGradients([values([rows, 3 * 40], seed: 1)]) {
      Ragged($0[0], offsets).rotated(by: table, headWidth: 40, columns: 40..<120, interleaved: interleaved).rows
    }
  }

  @Test(arguments: Activation.allCases, [false, true]) func gates(_ activation: Activation, gateFirst: Bool) {
    let x = Tensor(values([3, 66], seed: 4).scalars.map { $0 * 3 + ($0 < 0 ? -0.1 : 0.1) }, shape: [3, 66])
    expectGradients([x]) { $0[0].gated(activation, gateFirst: gateFirst) }
  }

  @Test(arguments: [Window2D(3, padding: 1), Window2D(3, stride: 2), Window2D(2, padding: 1, dilation: 2)], [1, 2])
  func convolution2D(_ window: Window2D, groups: Int) {
    let weight = values([6, 4 / groups] + window.kernel, seed: 2)
    expectGradients([values([9, 7, 6, 4], seed: 1), weight, values([6], seed: 3)]) {
      $0[0].convolved2D($0[1], $0[2], window, groups: groups)
    }
    expectGradients([values([9, 7, 6, 4], seed: 1), weight]) { $0[0].convolved2D($0[1], nil, window, groups: groups) }
  }

  @Test(arguments: 0...2) func tiledConvolution(padding: Int) {
    let (window, weight) = (Window2D(3, padding: padding), values([17, 16, 3, 3], seed: 2))
    expectGradients([values([2, 7, 8, 16], seed: 1), weight, values([17], seed: 3)]) {
      $0[0].convolved2D($0[1], $0[2], window)
    }
    let none = values([0, 7, 8, 16], seed: 1)
    #expect(none.convolved2D(weight, nil, window).shape == [0, 5 + 2 * padding, 6 + 2 * padding, 17])
  }

  /// Of few channels oneDNN 2.6 wrote past its memory.
  @Test(arguments: [1, 3, 4]) func windowsOfOnePixelWithAStride(_ channels: Int) {
    let (x, weight, bias) = (
      values([9, 7, 6, channels], seed: 1), values([5, channels, 1, 1], seed: 2), values([5], seed: 3)
    )
    expectGradients([x, weight, bias]) { $0[0].convolved2D($0[1], $0[2], Window2D(1, stride: 2)) }
    let all = x.convolved2D(weight, bias, Window2D(1)).scalars
    let taken = x.convolved2D(weight, bias, Window2D(1, stride: 2))
    #expect(taken.shape == [9, 4, 3, 5])
    for image in 0..<9 {
      for (row, column) in [(0, 0), (3, 2)] {
        let (place, all0) = (((image * 4 + row) * 3 + column) * 5, ((image * 7 + row * 2) * 6 + column * 2) * 5)
        for output in 0..<5 { #expect(abs(taken.scalars[place + output] - all[all0 + output]) < 1e-6) }
      }
    }
  }

  @Test func pooling2D() {
    for width in [6, 7] {
      let x = values([3, 6, width, 5], seed: 1)  // few: two numbers as near as a step would be a tie
      for window in [Window2D(2, stride: 2), Window2D(3, stride: 2, padding: 1), Window2D(3, stride: 3, padding: 1)] {
        expectGradients([x], step: 1e-3, tolerance: 2e-2) { $0[0].maxPooled2D(window) }
        expectGradients([x]) { $0[0].averagePooled2D(window) }
      }
    }
  }

  /// Encoders pool before they rectify.
  @Test func rectifyingAndPoolingChangePlaces() {
    // Whole numbers, many of them equal.
    let x = Parameter(
      "x", Tensor(values([2, 6, 6, 5], seed: 1).scalars.map { ($0 * 3).rounded() }, shape: [2, 6, 6, 5]))
    let weights = values([2, 3, 3, 5], seed: 2), window = Window2D(2, stride: 2)
    func pass(_ body: (Tensor) -> Tensor) -> ([Float], [Float]?) {
      let (out, gradients) = recording {
        let out = body(x.tensor)
        return (out, (out * weights).mean().gradients())
      }
      return (out.scalars, gradients[x]?.scalars)
    }
    let (rectified, pooled) = (
      pass { $0.activated(.relu).maxPooled2D(window) }, pass { $0.maxPooled2D(window).activated(.relu) }
    )
    #expect(rectified.0 == pooled.0 && rectified.1 == pooled.1 && rectified.1?.contains { $0 != 0 } == true)
  }
}
