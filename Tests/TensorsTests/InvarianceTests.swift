import Testing

import Tensors

/// The same bits whatever a row's neighbours and however many threads.
@Suite(.serialized) struct InvarianceTests {
  @Test(arguments: [(19, 23), (128, 1024), (256, 1024), (500, 100), (384, 384), (3136, 128), (100, 2)])
  func productRowsDoNotDependOnTheirNumber(_ inner: Int, _ outer: Int) {
    let (x, w) = (values([200, inner], seed: 1), values([outer, inner], seed: 2))
    let all = x.linear(w).scalars
    for count in [1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 63, 65, 100, 127, 129] {
      let some = Tensor(Array(x.scalars.prefix(count * inner)), shape: [count, inner]).linear(w).scalars
      #expect(some == Array(all.prefix(count * outer)), "\(count) rows of \(inner) × \(outer)")
    }
  }

  @Test(arguments: RecurrentCell.allCases) func sequencesDoNotDependOnTheirBatch(_ cell: RecurrentCell) {
    let lengths = (0..<40).map { 1 + $0 * 7 % 31 }
    let offsets = Offsets(lengths: lengths)
    let x = values([offsets.rows, 24], seed: 1)
    let (gates, hidden) = (cell.gates * 32, 32)
    func weights(_ seed: UInt64) -> RecurrentWeights {
      RecurrentWeights(
        values([gates, 24], seed: seed), values([gates, hidden], seed: seed + 1), values([gates], seed: seed + 2),
        values([gates], seed: seed + 3))
    }
    let all = Ragged(x, offsets).recurrent(cell, weights(2), backward: weights(6)).rows.scalars
    for index in [0, 7, 39] {
      let range = offsets[index]
      let alone = Ragged(
        Tensor(Array(x.scalars[range.lowerBound * 24..<range.upperBound * 24]), shape: [range.count, 24]),
        Offsets(lengths: [range.count]))
      let out = alone.recurrent(cell, weights(2), backward: weights(6)).rows.scalars
      #expect(out == Array(all[range.lowerBound * 64..<range.upperBound * 64]), "sequence \(index)")
    }
  }

  @Test(arguments: [3, 16]) func imagesDoNotDependOnTheirBatch(_ channels: Int) {
    let (x, w) = (values([21, 14, 13, channels], seed: 1), values([32, channels, 3, 3], seed: 2))
    let size = 14 * 13 * channels
    let all = x.convolved2D(w, nil, Window2D(3, padding: 1)).scalars
    for index in [0, 8, 20] {
      let alone = Tensor(Array(x.scalars[index * size..<(index + 1) * size]), shape: [1, 14, 13, channels])
      let out = alone.convolved2D(w, nil, Window2D(3, padding: 1)).scalars
      #expect(out == Array(all[index * out.count..<(index + 1) * out.count]), "image \(index)")
    }
  }

  @Test func gradientsOfConvolutionsDoNotDependOnThreads() {
    let inputs = [values([21, 14, 13, 16], seed: 1), values([24, 16, 3, 3], seed: 2), values([24], seed: 3)]
    let parameters = inputs.enumerated().map { Parameter("\($0.offset)", $0.element) }
    func run(_ threads: Int) -> [[Float]] {
      let before = Workers.count
      Workers.count = threads
      defer { Workers.count = before }
      let gradients = recording {
        let (x, weight, bias) = (parameters[0].tensor, parameters[1].tensor, parameters[2].tensor)
        let y = x.convolved2D(weight, bias, Window2D(3, padding: 1))
        return (y * y).mean().gradients()
      }
      return parameters.map { gradients[$0]?.scalars ?? [] }
    }
    let one = run(1)
    #expect(one.allSatisfy { !$0.isEmpty })
    for threads in [2, 7] { #expect(run(threads) == one) }
  }

  @Test func gradientsDoNotDependOnThreads() {
    let offsets = Offsets(lengths: (0..<70).map { 1 + $0 * 13 % 57 })
    let table = Parameter("table", values([50, 24], seed: 1))
    let weight = Parameter("weight", values([40, 24, 3], seed: 2))
    let recurrent = [[96, 40], [96, 24], [96], [96]].enumerated().map {
      Parameter("r\($0.offset)", values($0.element, seed: 5))
    }
    let head = Parameter("head", values([3, 24], seed: 6))
    let ids = IDs((0..<offsets.rows).map { Int32($0 * 31 % 50) })
    func run(_ threads: Int) -> [[Float]] {
      let before = Workers.count
      Workers.count = threads
      defer { Workers.count = before }
      let gradients = training(Random(seed: 3)) {
        let x = Ragged(table.tensor.rows(at: ids), offsets).convolved(weight.tensor, nil, .same(3)).map {
          $0.dropout(0.3)
        }
        let r = recurrent.map(\.tensor)
        let h = x.recurrent(.lstm, RecurrentWeights(r[0], r[1], r[2], r[3])).pooled(.mean)
        return h.linear(head.tensor).crossEntropy(IDs((0..<70).map { Int32($0 % 3) })).gradients()
      }
      return ([table, weight, head] + recurrent).map { gradients[$0]?.scalars ?? [] }
    }
    let one = run(1)
    #expect(one.allSatisfy { !$0.isEmpty })
    for _ in 0..<5 { #expect(run(2) == one) }
    #expect(run(7) == one)
  }

  @Test func aMillionNodesFreeWithoutOverflow() {
    let start = Parameter("x", Tensor(1))
    let gradient = recording { () -> Float? in
      var x = start.tensor
      for _ in 0..<1_000_000 { x = x * 1 }
      return x.gradients()[start]?.scalar
    }
    #expect(gradient == 1)
    recording {
      var x = start.tensor
      for _ in 0..<1_000_000 { x = x * 1 }
      #expect(x.scalar == 1)
    }
  }

  @Test func dropoutNumbersAreRandoms() {
    let x = Tensor(repeating: 1, shape: [1000])
    let dropped = training(Random(seed: 7)) { x.dropout(0.25) }.scalars
    let kept = dropped.filter { $0 != 0 }
    #expect(kept.allSatisfy { $0 == 1 / Float(0.75) })
    #expect((680...820).contains(kept.count))
    #expect(recording { x.dropout(0.25) }.scalars == x.scalars)
    // The kernel's numbers are Random's: element 16·j + b of each 64 takes number j of block b.
    let random = Random(seed: 7).split(0)
    for element in 0..<1000 {
      let (block, number) = (element / 64 * 16 + element % 16, element % 64 / 16)
      let expected = random.uint32(at: UInt64(block * 4 + number)) < UInt32(0.75 * 4294967296.0)
      #expect((dropped[element] != 0) == expected)
    }
  }
}
