import Tensors
import Testing

@testable import Training

@Suite struct LossBatchesTests {
  @Test func noTextTwice() {
    var numbers = RandomSequence(Random(seed: 1))
    let columns = [0, 1].map { _ in (0..<500).map { _ in "text \(Int.random(in: 0..<300, using: &numbers))" } }
    let samples = Batches.numbered(columns)
    #expect(Set(samples.joined()).count == Set(columns.joined()).count)
    let batches = Batches.withoutDuplicates(samples, size: 16, random: Random(seed: 2))
    #expect(batches.joined().sorted() == Array(0..<500))
    for batch in batches {
      let texts = batch.flatMap { [columns[0][$0], columns[1][$0]] }
      let own = batch.count { columns[0][$0] == columns[1][$0] }
      #expect(Set(texts).count == texts.count - own && batch.count <= 16)
    }
    // Full but for the last few.
    #expect(batches.prefix(24).allSatisfy { $0.count == 16 })
    #expect(Batches.withoutDuplicates(samples, size: 16, random: Random(seed: 2)) == batches)
    #expect(Batches.withoutDuplicates(samples, size: 16, random: Random(seed: 3)) != batches)
    // One text in all samples: a batch each.
    #expect(Batches.withoutDuplicates(Array(repeating: [0], count: 5), size: 4, random: Random(seed: 1)).count == 5)
    #expect(Batches.withoutDuplicates([], size: 4, random: Random(seed: 1)).isEmpty)
  }

  @Test func withoutDuplicatesIsShuffledIfAllDiffer() {
    let random = Random(seed: 4)
    let batches = Batches.withoutDuplicates((0..<50).map { [Int32($0)] }, size: 8, random: random)
    #expect(batches == Batches.shuffled(50, size: 8, random: random) && batches.map(\.count) == [8, 8, 8, 8, 8, 8, 2])
  }

  @Test func labelsComeInPairs() throws {
    let labels = (0..<300).map { $0 % 7 == 0 ? 100 + $0 : $0 % 5 }
    let batches = try Batches.byLabel(labels, size: 12, random: Random(seed: 1), for: "triplet")
    #expect(Set(batches.joined()).count == batches.joined().count)
    for batch in batches {
      let groups = Dictionary(grouping: batch, by: { labels[$0] })
      #expect(groups.values.allSatisfy { $0.count % 2 == 0 } && groups.count > 1)
    }
    // Labels 0 … 4 have about 51 samples each, and go on until one is left.
    #expect(batches.joined().count >= 230)
    #expect(try Batches.byLabel(labels, size: 12, random: Random(seed: 1), for: "triplet") == batches)
    #expect(try Batches.byLabel(labels, size: 12, random: Random(seed: 2), for: "triplet") != batches)
    for seed in 0..<50 {
      let pairs = try Batches.byLabel(
        [0, 0, 0, 0, 1, 1, 1, 1], size: 4, random: Random(seed: UInt64(seed)), for: "triplet")
      #expect(pairs.count == 2 && pairs.allSatisfy { Set($0.map { $0 / 4 }).count == 2 })
    }
    #expect(throws: LossError.self) { try Batches.byLabel(labels, size: 5, random: Random(seed: 1), for: "triplet") }
    let error = LossError.invalid(
      loss: "triplet", what: "labels", expected: "at least two with two samples each", found: "1")
    #expect(throws: error) { try Batches.byLabel([1, 1, 2], size: 4, random: Random(seed: 1), for: "triplet") }
  }

  @Test func mixing() {
    let counts = [10, 3, 5]
    let proportional = BatchMixing.proportional.order(counts, random: Random(seed: 1))
    for set in counts.indices {
      #expect(proportional.filter { $0.set == set }.map(\.batch) == Array(0..<counts[set]))
    }
    #expect(proportional.map(\.set) != proportional.map(\.set).sorted())
    let turns = BatchMixing.roundRobin.order(counts, random: Random(seed: 1))
    #expect(turns.map(\.set) == [0, 1, 2, 0, 1, 2, 0, 1, 2] && turns.map(\.batch) == [0, 0, 0, 1, 1, 1, 2, 2, 2])
    #expect(BatchMixing.roundRobin.order([], random: Random(seed: 1)).isEmpty)
  }
}
