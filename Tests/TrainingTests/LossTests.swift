import Layers
import Tensors
import Testing

@testable import Training

private func values(_ shape: [Int], seed: UInt64) -> Tensor {
  let random = Random(seed: seed)
  return Tensor((0..<shape.reduce(1, *)).map { random.uniform(at: UInt64($0)) * 2 - 1 }, shape: shape)
}

@Suite struct LossTests {
  /// Two layers with dropout between them.
  private struct Encoder {
    let inputs: [Tensor]
    let first = Parameter("first", values([20, 10], seed: 1))
    let second = Parameter("second", values([16, 20], seed: 2))

    func embed(_ column: Int, _ range: Range<Int>) -> Tensor {
      inputs[column].rows(at: IDs(range.map { Int32($0) })).linear(first.tensor).activated(.tanh).dropout(0.2)
        .linear(second.tensor)
    }
  }

  @Test(arguments: [1, 3, 7, 11, 64]) func gradientCacheEqualsTheWholeBatch(_ size: Int) throws {
    let encoder = Encoder(inputs: (0..<3).map { values([11, 10], seed: 10 + $0) })
    let loss = EmbeddingLoss.multipleNegativesRanking(scale: 8, learnsTemperature: true)
    let parameters = try loss.parameters(width: 16, at: .random(seed: 0))
    let scale = try #require(parameters.logScale)
    let (whole, expected) = try recording {
      let value = try loss((0..<3).map { encoder.embed($0, 0..<11) }, .none, parameters)
      return (value.scalar, value.gradients())
    }
    let (cached, found) = try recording {
      let value = try GradientCache(size: size)(
        columns: 3, count: 11, random: Random(seed: 5), embed: encoder.embed, loss: { try loss($0, .none, parameters) })
      // As the trainer scales a pass by its share.
      return (value.scalar, (value * 0.5).gradients().scaled(by: 2))
    }
    #expect(abs(whole - cached) <= 1e-6)
    for parameter in [encoder.first, encoder.second, scale] {
      let (a, b) = (try #require(expected[parameter]).scalars, try #require(found[parameter]).scalars)
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-6 * max(1, abs($0)) }, "\(parameter.name)")
    }
  }

  @Test func gradientCacheDropsTheSameTwice() throws {
    let encoder = Encoder(inputs: (0..<2).map { values([8, 10], seed: 10 + $0) })
    var seen: [Int: [[Float]]] = [:]
    let gradients = try training(Random(seed: 4)) {
      try GradientCache(size: 3)(columns: 2, count: 8, random: Random(seed: 6)) { column, range in
        let out = encoder.embed(column, range)
        seen[column * 8 + range.lowerBound, default: []].append(out.scalars)
        return out
      } loss: {
        try EmbeddingLoss.multipleNegativesRanking()($0, .none)
      }.gradients()
    }
    #expect(gradients[encoder.first] != nil && seen.count == 6)
    #expect(seen.values.allSatisfy { $0.count == 2 && $0[0] == $0[1] })
  }

  /// Where no pair of a batch is hard, all derivatives are 0, as in PyTorch: the optimiser takes its step all the same.
  @Test func withoutHardPairsDerivativesAreZero() throws {
    let first = Parameter("first", values([2, 8], seed: 1))
    let signs = Tensor(Array(repeating: 1, count: 8) + Array(repeating: -1, count: 8), shape: [2, 8])
    let gradients = try recording {
      try EmbeddingLoss.onlineContrastive()([first.tensor, first.tensor.detached * signs], .scores([1, 0])).gradients()
    }
    #expect(try #require(gradients[first]).scalars.allSatisfy { $0 == 0 })
  }

  @Test func wrongDataIsOneLine() throws {
    let pair = [values([4, 8], seed: 1), values([4, 8], seed: 2)]
    func line(_ body: () throws -> Tensor) -> String {
      do {
        _ = try body()
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      line { try EmbeddingLoss.triplet()(pair, .none) }
        == "objective triplet: expected samples of anchor, positive, negative and no label, "
        + "found 2 columns and no label"
    )
    #expect(
      line { try EmbeddingLoss.multipleNegativesRanking()(pair, .scores([1, 0, 1, 0])) }
        == "objective multiple_negatives_ranking: expected samples of query, positive, [negative]… and no label, "
        + "found 2 columns and a score")
    #expect(
      line { try EmbeddingLoss.batchHardTriplet()([pair[0]], .scores([1, 0, 1, 0])) }
        == "objective batch_hard_triplet: expected samples of text and a class, found 1 column and a score")
    #expect(
      line { try EmbeddingLoss.cosent()(pair, .scores([1, 0, 1])) }
        == "objective cosent: labels: expected 4, found 3")
    #expect(
      line { try EmbeddingLoss.cosent()(pair, .scores([1, 0, .nan, 1])) }
        == "objective cosent: score: expected a finite number, found nan")
    #expect(
      line { try EmbeddingLoss.cosent()([pair[0], values([3, 8], seed: 2)], .scores([1, 0, 0, 1])) }
        == "objective cosent: embeddings: expected columns of one shape [samples, width], found [[4, 8], [3, 8]]")
    #expect(line { try EmbeddingLoss.angle()(pair, .none) }.contains("labels of pairs: expected a score"))
    #expect(
      line { try EmbeddingLoss.marginMSE()(pair + pair, .scores([1, 2, 3, 4])) }.contains("2 margins or 3 scores"))
    let softmax = EmbeddingLoss.softmax(classes: 3)
    let parameters = try softmax.parameters(width: 8, at: .random(seed: 0))
    #expect(parameters.all.map(\.name) == ["classifier.weight", "classifier.bias"])
    #expect(
      line { try softmax(pair, .classes([0, 1, 2, 3]), parameters) }
        == "objective softmax: label: expected a class from 0 to 2, found 3")
    #expect(throws: LossError.self) {
      try EmbeddingLoss.matryoshka(.cosent(), dimensions: [8, 9]).parameters(width: 8, at: .random(seed: 0))
    }
    for inner in [softmax, .splade(softmax, documentWeight: 0, queryWeight: nil)] {
      let error = #expect(throws: LossError.self) {
        try EmbeddingLoss.matryoshka(inner, dimensions: [8, 4]).parameters(width: 8, at: .random(seed: 0))
      }
      #expect(error?.description.hasSuffix("found softmax") == true)
    }
  }

  @Test func matryoshkaDrawsItsDimensions() throws {
    let pair = [values([6, 8], seed: 1), values([6, 8], seed: 2)]
    let ranking = EmbeddingLoss.multipleNegativesRanking()
    let single = try [8, 4, 2].map { try EmbeddingLoss.matryoshka(ranking, dimensions: [$0])(pair, .none).scalar }
    let one = EmbeddingLoss.matryoshka(ranking, dimensions: [8, 4, 2], perStep: 1)
    let drawn = try (0..<40).map { try one(pair, .none, random: Random(seed: UInt64($0))).scalar }
    #expect(Set(drawn) == Set(single))
    #expect(try one(pair, .none, random: Random(seed: 7)).scalar == drawn[7])
    let all = EmbeddingLoss.matryoshka(ranking, dimensions: [8, 4, 2])
    #expect(abs(try all(pair, .none).scalar - single.reduce(0, +)) < 1e-5)
  }

  /// The only column is of documents; without a weight, queries are left alone.
  @Test func spladeWeighsDocuments() throws {
    let pair = [values([6, 8], seed: 1), values([6, 8], seed: 2)]
    func loss(_ inner: EmbeddingLoss, _ columns: [Tensor], _ labels: LossLabels, weight: Float) throws -> Float {
      try EmbeddingLoss.splade(inner, documentWeight: weight, queryWeight: nil)(columns, labels).scalar
    }
    let others = [pair[0] * 3, pair[1]]
    let added = try [pair, others].map { columns in
      try loss(.cosent(), columns, .scores([1, 0, 1, 0, 1, 0]), weight: 1)
        - loss(.cosent(), columns, .scores([1, 0, 1, 0, 1, 0]), weight: 0)
    }
    #expect(added[0] > 0 && abs(added[0] - added[1]) < 1e-5)
    let single = try [0, 1].map {
      try loss(.batchHardTriplet(), [pair[0]], .classes([0, 0, 0, 1, 1, 1]), weight: $0)
    }
    #expect(single[1] > single[0])
  }

  @Test func noiseDeletesWords() {
    let noise = DenoisingNoise()
    let text = (0..<1000).map { "wörd\($0)" }.joined(separator: " \t")
    let noisy = noise(text, Random(seed: 1))
    let words = noisy.split(separator: " ")
    #expect((350...450).contains(words.count))
    // In order, each of them a word of the text.
    let numbers = words.compactMap { Int($0.dropFirst(4)) }
    #expect(numbers.count == words.count && numbers == numbers.sorted())
    #expect(noise(text, Random(seed: 1)) == noisy && noise(text, Random(seed: 2)) != noisy)
    #expect((0..<100).allSatisfy { !DenoisingNoise(ratio: 0.99)("a b", Random(seed: $0)).isEmpty })
    #expect(noise("", Random(seed: 1)) == "" && noise("  ", Random(seed: 1)) == "  ")
    #expect(DenoisingNoise(ratio: 0)("a  b\nc", Random(seed: 1)) == "a b c")
  }
}
