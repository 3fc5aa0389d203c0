import Checkpoints
import Foundation
import Layers
import Tensors
import Testing

@Suite final class ScopeTests {
  let file = FileManager.default.temporaryDirectory.appendingPathComponent("scope-\(UUID().uuidString).safetensors")

  deinit { try? FileManager.default.removeItem(at: file) }

  func save(_ parameters: [Parameter]) throws {
    var writer = SafetensorsWriter()
    for parameter in parameters { writer.add(parameter.name, shape: parameter.shape, parameter.scalars) }
    try writer.write(to: file)
  }

  @Test func namesAndShapesArePyTorchs() throws {
    let scope = Scope.random(seed: 0)
    _ = try Recurrence(.gru, 5, 7, layers: 2, bidirectional: true, at: scope["gru"])
    _ = try SelfAttention(8, heads: 2, at: scope["attention"])
    let shapes = Dictionary(uniqueKeysWithValues: scope.parameters.map { ($0.name, $0.shape) })
    #expect(shapes["gru.weight_ih_l1_reverse"] == [21, 14])
    #expect(shapes["gru.bias_hh_l0"] == [21])
    #expect(shapes["attention.in_proj_weight"] == [24, 8])
    #expect(shapes["attention.out_proj.weight"] == [8, 8])
    #expect(shapes.count == 16 + 4)
  }

  @Test func theSameSeedGivesTheSameValuesInAnyOrder() throws {
    func weights(_ names: [String], seed: UInt64) throws -> [String: [Float]] {
      let scope = Scope.random(seed: seed)
      for name in names { _ = try Linear(6, 4, at: scope[name]) }
      return Dictionary(uniqueKeysWithValues: scope.parameters.map { ($0.name, $0.scalars) })
    }
    #expect(try weights(["a", "b"], seed: 1) == weights(["b", "a"], seed: 1))
    #expect(try weights(["a"], seed: 1) != weights(["a"], seed: 2))
    let values = try weights(["a", "b"], seed: 1)
    #expect(values["a.weight"] != values["b.weight"])
    #expect(values["a.weight"]?.allSatisfy { abs($0) <= 1 / Float(6).squareRoot() } == true)
  }

  @Test func whatIsSavedComesBackAndComputesTheSameBits() throws {
    let new = Scope.random(seed: 3)
    let before = try TransformerBlock(16, heads: 4, feedForward: 32, at: new["block"])
    try save(new.parameters)
    let stored = try Scope.open(file)
    let after = try TransformerBlock(16, heads: 4, feedForward: 32, at: stored["block"])
    try stored.requireAllRead()
    let random = Random(seed: 1)
    let x = Ragged(Tensor((0..<160).map { random.uniform(at: $0) }, shape: [10, 16]), Offsets(lengths: [1, 6, 3]))
    #expect(before(x).rows.scalars == after(x).rows.scalars)
  }

  @Test func whatIsMissingOrOfAnotherShapeIsNamed() throws {
    let new = Scope.random(seed: 0)
    _ = try Linear(3, 2, at: new["head"])
    try save(new.parameters)
    let stored = try Scope.open(file)
    #expect { try Linear(4, 2, at: stored["head"]) } throws: {
      "\($0)" == "\(file.path): \"head.weight\": expected shape [2, 4], found [2, 3]"
    }
    #expect { try Linear(3, 2, at: stored["tail"]) } throws: { "\($0)".contains("tail.weight") }
    #expect { try Scope.open(file).requireAllRead() } throws: { "\($0)".contains("head.bias, head.weight") }
  }

  @Test func batchNormKeepsRunningStatistics() throws {
    let scope = Scope.random(seed: 0)
    let norm = try BatchNorm(2, at: scope)
    let x = Tensor([1, 10, 3, 10, 5, 40], shape: [3, 2])
    _ = training(Random(seed: 0)) { norm(x) }
    // PyTorch: 0.9 · old + 0.1 · batch, the variance unbiased.
    #expect(norm.runningMean.scalars.map { ($0 * 1e4).rounded() } == [3000, 20000])
    #expect(norm.runningVariance.scalars.map { ($0 * 1e3).rounded() } == [1300, 30900])
    #expect(norm(x).scalars != x.scalars)
  }
}
