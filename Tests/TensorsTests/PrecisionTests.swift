import Testing

import Tensors

/// Products of bfloat16 numbers: how near they are, that training with them works, and that threads change no bit.
@Suite(.serialized) struct PrecisionInvarianceTests {
  func cosine(_ a: [Float], _ b: [Float]) -> Double {
    func product(_ x: [Float], _ y: [Float]) -> Double { zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
    return product(a, b) / (product(a, a) * product(b, b)).squareRoot()
  }

  /// Rounded to the nearest number of 8 bits of precision, ties to even.
  func rounded(_ x: Float) -> Float {
    let bits = x.bitPattern
    return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
  }

  @Test(arguments: [1, 33, 130, 1100]) func productsAreOfRoundedNumbers(_ rows: Int) {
    let (x, w) = (values([rows, 64], seed: 1), values([80, 64], seed: 2))
    let narrow = Precision.bfloat16 { x.linear(w) }.scalars
    let expected = Tensor(x.scalars.map(rounded), shape: x.shape)
      .linear(Tensor(w.scalars.map(rounded), shape: w.shape)).scalars
    #expect(zip(narrow, expected).allSatisfy { abs($0 - $1) < 1e-4 })
    #expect(narrow != x.linear(w).scalars)
    // Narrow weights are multiplied as they are.
    let small = values([3, 64], seed: 3)
    #expect(Precision.bfloat16 { x.linear(small) }.scalars == x.linear(small).scalars)
  }

  /// Of rounded queries, keys and values attention differs only by the rounding of its probabilities, of float32 ones in float16 by little.
  @Test(arguments: [
    (1, 32, false, nil), (37, 32, false, nil), (70, 5, true, nil), (130, 17, false, 9), (33, 64, true, 4),
    (20, 96, true, nil),
  ])
  func attentionIsOfRoundedNumbers(_ length: Int, _ size: Int, _ causal: Bool, _ window: Int?) {
    let (x, bias) = (values([length + 3, 6 * size], seed: 4), values([11, 2], seed: 5))
    func attended(_ x: [Float], _ lengths: [Int], _ precision: Precision) -> [Float] {
      let batch = Ragged(Tensor(x, shape: [x.count / (6 * size), 6 * size]), Offsets(lengths: lengths))
      let seen = [max(1, length - 2), 0, 3].prefix(lengths.count)
      return precision {
        batch.selfAttention(heads: 2, causal: causal, window: window, seen: Array(seen), bias: bias).rows.scalars
      }
    }
    let lengths = [length, 0, 3], rounded = x.scalars.map(rounded)
    let (narrow, expected) = (attended(x.scalars, lengths, .bfloat16), attended(rounded, lengths, .float32))
    let largest = rounded.map(abs).max() ?? 0
    #expect(zip(narrow, expected).allSatisfy { abs($0 - $1) < 0.004 * largest })
    let (wide, halves) = (attended(x.scalars, lengths, .float32), attended(x.scalars, lengths, .float16))
    #expect(length == 1 || narrow != wide)
    #expect(zip(halves, wide).allSatisfy { abs($0 - $1) < 0.002 * largest })
    for (precision, together) in [(Precision.bfloat16, narrow), (.float16, halves)] {
      let alone = attended(Array(x.scalars.prefix(length * 6 * size)), [length], precision)
      #expect(Array(together.prefix(length * 2 * size)) == alone)
    }
  }

  let parameters = [[64, 96], [96], [160, 64], [64, 160], [3, 64]].enumerated().map {
    Parameter("p\($0.offset)", values($0.element, seed: UInt64($0.offset)) * 0.2)
  }
  let input = values([301, 96], seed: 9)

  func gradients(_ precision: Precision, threads: Int = 2, checkpoints: Bool = false) -> [[Float]] {
    let before = Workers.count
    Workers.count = threads
    defer { Workers.count = before }
    let parts = parameters
    let gradients = training(Random(seed: 1)) { () -> Gradients in
      let loss = precision { () -> Tensor in
        let body = { (inputs: [Tensor]) in
          let x = inputs[0].linear(parts[0].tensor).activated(.gelu)
          return x + x.dropout(0.1).linear(parts[2].tensor).activated(.gelu).linear(parts[3].tensor)
        }
        let x = checkpoints ? checkpointed([input], body) : body([input])
        return x.linear(parts[4].tensor).crossEntropy(IDs((0..<301).map { Int32($0 % 3) }))
      }
      return loss.gradients()
    }
    return [0, 2, 3, 4].map { gradients[parts[$0]]?.scalars ?? [] }
  }

  @Test func gradientsPointTheSameWay() {
    let (wide, narrow) = (gradients(.float32), gradients(.bfloat16))
    for (a, b) in zip(wide, narrow) { #expect(cosine(a, b) > 0.999) }
    #expect(wide != narrow)
    #expect(gradients(.bfloat16, threads: 1) == narrow)
    #expect(gradients(.bfloat16, checkpoints: true) == narrow)
  }
}
