import Tensors

/// Draws with replacement: resample r of a seed is the same on any machine.
struct Bootstrap {
  let random: Random
  let resamples: Int

  /// A bootstrap whose work stays bounded: `cost` is what one resample of it costs, in steps of about a nanosecond.
  ///
  /// No more than `resamples` and no fewer than 200 of them, about 50 million steps in between.
  init(_ random: Random, resamples: Int, cost: Int) {
    self.random = random
    self.resamples = min(resamples, max(200, 50_000_000 / max(1, cost)))
  }

  /// Calls `body` with each resample's counts: `total` drawn again from cells that hold `counts`.
  ///
  /// The multinomial draw as a chain of binomial ones, so that a resample costs as much as there are cells that aren't
  /// empty, however many samples they hold.
  func forEachResample(of counts: [Int], _ body: (_ resample: Int, _ counts: [Int]) -> Void) {
    let cells = counts.indices.filter { counts[$0] > 0 }
    let total = counts.reduce(0, +)
    var drawn = Array(repeating: 0, count: counts.count)
    for resample in 0..<resamples {
      var numbers = RandomSequence(random.split(UInt64(resample)))
      var (samples, mass) = (total, total)
      for cell in cells {
        drawn[cell] = numbers.binomial(samples, Double(counts[cell]) / Double(mass))
        samples -= drawn[cell]
        mass -= counts[cell]
      }
      body(resample, drawn)
    }
  }

  /// Calls `body` with how often each of `count` samples is in each resample.
  func forEachResample(_ count: Int, _ body: (_ resample: Int, _ weights: [Int32]) -> Void) {
    var weights = Array(repeating: Int32(0), count: count)
    for resample in 0..<resamples {
      let random = random.split(UInt64(resample))
      weights.withUnsafeMutableBufferPointer { weights in
        weights.update(repeating: 0)
        for index in 0..<(count + 3) / 4 {
          let block = random.block(UInt64(index))
          // The upper half of number × count is uniform below count, but for a bias of count / 2³².
          weights[Int((UInt64(block.0) &* UInt64(count)) >> 32)] &+= 1
          if index * 4 + 1 < count { weights[Int((UInt64(block.1) &* UInt64(count)) >> 32)] &+= 1 }
          if index * 4 + 2 < count { weights[Int((UInt64(block.2) &* UInt64(count)) >> 32)] &+= 1 }
          if index * 4 + 3 < count { weights[Int((UInt64(block.3) &* UInt64(count)) >> 32)] &+= 1 }
        }
      }
      body(resample, weights)
    }
  }
}
