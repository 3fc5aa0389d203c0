import Tensors
import Testing

@testable import Evaluation

struct ProjectionTests {
  @Test func principalComponentsEqualScikitLearn() throws {
    let golden = try Golden.read().projection
    let points = Projection.pca2D(golden.vectors, count: 150, width: golden.width)
    for (point, row) in zip(points, golden.pca) {
      expect(Double(point.x), row[0], within: 1e-4)
      expect(Double(point.y), row[1], within: 1e-4)
    }
  }

  @Test func neighbourProbabilitiesEqualScikitLearn() throws {
    let golden = try Golden.read().projection
    let similarities = Similarities(Array(golden.vectors.prefix(40 * 4)), width: 4, perplexity: 10)
    for (i, row) in golden.joint.enumerated() {
      for (j, value) in row.enumerated() {
        expect(Double(similarities.values[i * similarities.stride + j]), value, within: 1e-6)
      }
    }
  }

  @Test func layoutIsAsGoodAsScikitLearns() throws {
    let golden = try Golden.read().projection
    let divergences = (0..<15).map { seed in
      TSNE.divergence(
        golden.vectors, width: golden.width, points: TSNE.layout(golden.vectors, width: golden.width, seed: seed),
        perplexity: 30)
    }
    let divergence = divergences.sorted()[7]
    #expect(divergence < golden.divergence * 1.02, "\(divergence) against \(golden.divergence)")
    #expect(divergence > 0)
  }

  @Test func layoutIsTheSameForTheSameSeed() throws {
    let golden = try Golden.read().projection
    let first = TSNE.layout(golden.vectors, width: golden.width, seed: 4, iterations: 100)
    let second = TSNE.layout(golden.vectors, width: golden.width, seed: 4, iterations: 100)
    #expect(first.map(\.x) == second.map(\.x) && first.map(\.y) == second.map(\.y))
  }

  @Test(arguments: 0...9)
  func fewAndEqualPointsStayFinite(_ count: Int) {
    let points = TSNE.layout(Array(repeating: 1, count: count * 3), width: 3, seed: 0)
    #expect(points.count == count)
    #expect(points.allSatisfy { $0.x.isFinite && $0.y.isFinite })
  }

  @Test func aThousandPointsTakeSeconds() {
    let random = Random(seed: 9)
    let vectors = (0..<1000 * 128).map { place -> Float in
      let inCluster = place / 128 % 10 == place % 10
      return random.uniform(at: UInt64(place)) + (inCluster ? 1 : 0)
    }
    let start = ContinuousClock.now
    let points = TSNE.layout(vectors, width: 128, seed: 0)
    let time = ContinuousClock.now - start
    print("t-SNE of 1,000 points: \(time)")
    #expect(points.allSatisfy { $0.x.isFinite && $0.y.isFinite })
    #expect(time < .seconds(10))
  }
}
