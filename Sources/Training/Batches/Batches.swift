import Tensors

/// Which samples are in which batch of an epoch: pure functions of their arguments, the same for the same numbers.
public enum Batches {
  /// All samples in a random order, cut into batches; the last one may be smaller.
  public static func shuffled(_ count: Int, size: Int, random: Random) -> [[Int]] {
    let order = random.permutation(count)
    return stride(from: 0, to: count, by: size).map { Array(order[$0..<min(count, $0 + size)]) }
  }

  /// Batches in which no value comes twice, as losses with negatives of the batch need: another's text would be a false
  /// negative.
  ///
  /// `samples` has the numbers of each sample's texts (see `numbered`); a text that a sample itself has twice is
  /// fine. A batch takes the samples in a random order and leaves those that don't fit to later ones, so the last
  /// ones may be small. Source: sentence-transformers' `NoDuplicatesBatchSampler`.
  public static func withoutDuplicates(_ samples: [[Int32]], size: Int, random: Random) -> [[Int]] {
    let waiting = random.permutation(samples.count)
    // The batch in which a number was last taken.
    var taken = Array(repeating: -1, count: Int(samples.lazy.joined().max() ?? -1) + 1)
    var batches: [[Int]] = []
    // Those left over by earlier batches stand before `next`, in order.
    var left: [Int] = []
    var next = 0
    while next < waiting.count || !left.isEmpty {
      var batch: [Int] = []
      func takes(_ sample: Int) -> Bool {
        guard samples[sample].allSatisfy({ taken[Int($0)] != batches.count }) else { return false }
        for number in samples[sample] { taken[Int(number)] = batches.count }
        batch.append(sample)
        return true
      }
      var stillLeft: [Int] = []
      for (place, sample) in left.enumerated() {
        if batch.count == size {
          stillLeft.append(contentsOf: left[place...])
          break
        }
        if !takes(sample) { stillLeft.append(sample) }
      }
      left = stillLeft
      while batch.count < size, next < waiting.count {
        if !takes(waiting[next]) { left.append(waiting[next]) }
        next += 1
      }
      batches.append(batch)
    }
    return batches
  }

  /// A number for each different text, by sample: equal texts have equal numbers, in whatever column they are.
  public static func numbered(_ columns: [[String]]) -> [[Int32]] {
    var numbers: [String: Int32] = [:]
    var samples = Array(repeating: [Int32](), count: columns.first?.count ?? 0)
    for column in columns {
      for (sample, text) in column.enumerated() {
        let number = numbers[text] ?? Int32(numbers.count)
        numbers[text] = number
        samples[sample].append(number)
      }
    }
    return samples
  }

  /// Batches in which every text has another one of its label, as the batch triplet losses need.
  ///
  /// Labels take turns in a random order, two samples a turn, until only one label is left; labels with one sample
  /// take no part. Source: sentence-transformers' `GroupByLabelBatchSampler`.
  /// - Throws: `LossError` of `loss` for an odd size or one below 4, or fewer than two labels with two samples each.
  public static func byLabel(
    _ labels: [Int], size: Int, random: Random, for loss: String
  ) throws(LossError) -> [[Int]] {
    guard size >= 4, size % 2 == 0 else {
      throw .invalid(loss: loss, what: "training.batch_size", expected: "an even number from 4", found: "\(size)")
    }
    let groups = Dictionary(grouping: labels.indices, by: { labels[$0] }).filter { $0.value.count > 1 }
    guard groups.count > 1 else {
      throw .invalid(
        loss: loss, what: "labels", expected: "at least two with two samples each", found: "\(groups.count)")
    }
    var queues: [Int: ArraySlice<Int>] = [:]
    for (label, samples) in groups {
      let order = random.split(UInt64(bitPattern: Int64(label))).permutation(samples.count)
      queues[label] = order.prefix(samples.count / 2 * 2).map { samples[$0] }[...]
    }
    var numbers = RandomSequence(random.split("turns"))
    var remaining = groups.keys.sorted()
    var (stream, last): ([Int], Int?) = ([], nil)
    while remaining.count > 1 {
      remaining.shuffle(using: &numbers)
      // A label that closed a turn doesn't open the next: a batch of four would have one label only.
      if remaining[0] == last { remaining.swapAt(0, 1) }
      for label in remaining { stream.append(contentsOf: queues[label]?.prefix(2) ?? []) }
      for label in remaining { queues[label] = queues[label]?.dropFirst(2) }
      last = remaining.last
      remaining = remaining.filter { queues[$0]?.isEmpty == false }
    }
    let batches = stride(from: 0, to: stream.count, by: size).map { Array(stream[$0..<min(stream.count, $0 + size)]) }
    return batches.filter { $0.count >= 4 }
  }
}

/// How batches of several data sets follow each other in an epoch.
public enum BatchMixing: String, Sendable, Codable, CaseIterable {
  /// All batches of all sets, in a random order: a set comes up as often as it is large.
  case proportional
  /// One batch of each set in turn, until the smallest has no more.
  case roundRobin = "round_robin"

  /// The order of the batches: the set, and the number of the batch in it.
  ///
  /// A set's own batches keep their order. `counts` are the batches of each set.
  public func order(_ counts: [Int], random: Random) -> [(set: Int, batch: Int)] {
    switch self {
    case .roundRobin:
      return (0..<(counts.min() ?? 0)).flatMap { batch in counts.indices.map { ($0, batch) } }
    case .proportional:
      let sets = counts.indices.flatMap { Array(repeating: $0, count: counts[$0]) }
      var next = Array(repeating: 0, count: counts.count)
      return random.permutation(sets.count).map { place in
        defer { next[sets[place]] += 1 }
        return (sets[place], next[sets[place]])
      }
    }
  }
}
