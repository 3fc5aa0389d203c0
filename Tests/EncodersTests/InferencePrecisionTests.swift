import Checkpoints
import Foundation
import Layers
import Tensors
import TestSupport
import Testing

@testable import Encoders

/// A whole encoder wide enough for products in other precisions than float32.
@Suite(.serialized) struct InferencePrecisionInvarianceTests {
  let folder: URL
  let encoder: SentenceEncoder
  let texts = (0..<60).map { number in
    (0...number % 13).map { "word\($0 * number % 7) a splendid film" }.joined(separator: ", ")
  }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("precision-\(UUID().uuidString)")
    let golden = goldens.appendingPathComponent("Sentence/plain")
    try FileManager.default.copyItem(at: golden, to: folder)
    let sizes = [
      "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 320, "max_position_embeddings": 128,
    ]
    let old = try JSON(contentsOf: golden.appendingPathComponent("config.json"))
    let members = (old.members ?? []).map { JSON.Member($0.name, sizes[$0.name].map { JSON.integer($0) } ?? $0.value) }
    let configuration = try TransformerConfiguration(
      .object(members), url: folder.appendingPathComponent("config.json"))
    try configuration.write(to: folder)
    let transformer = try Transformer(configuration, at: .random(seed: 1))
    var writer = SafetensorsWriter()
    for parameter in transformer.parameters { writer.add(parameter.name, shape: parameter.shape, parameter.scalars) }
    try writer.write(to: folder.appendingPathComponent("model.safetensors"))
    encoder = try SentenceEncoder.open(folder)
  }

  @Test(arguments: Precision.allCases) func aTextHasTheSameBitsAnywhere(_ precision: Precision) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let before = Workers.count
    defer { Workers.count = before }
    let all = try precision { try encoder.encode(texts) }.scalars
    for threads in [1, 2] {
      Workers.count = threads
      let turned = try precision { try encoder.encode(texts.reversed()) }.scalars
      for (place, text) in texts.enumerated() {
        let vector = Array(all[place * 128..<(place + 1) * 128])
        let other = texts.count - 1 - place
        #expect(Array(turned[other * 128..<(other + 1) * 128]) == vector)
        if place % 7 == 0 { #expect(try precision { try encoder.encode([text]) }.scalars == vector) }
      }
    }
  }

  @Test func vectorsStayNear() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let benchmark = try InferenceBenchmark(Model.open(folder), texts: texts)
    let results = try benchmark.results(Precision.allCases, rounds: 1)
    #expect(results.map(\.compute) == ["float32", "float16", "bfloat16", "int8"])
    let rows = try encoder.batch(texts).ids.offsets.rows
    #expect(benchmark.count == 60 && benchmark.tokens == rows)
    #expect(results[0].fidelity == nil)
    #expect((results[1].fidelity?.meanCosine ?? 0) > 0.99999)
    #expect((results[2].fidelity?.meanCosine ?? 0) > 0.9999)
    #expect((results[3].fidelity?.meanCosine ?? 0) > 0.999)
    let vectors = try Precision.allCases.map { try $0 { try encoder.encode(texts).scalars } }
    #expect(Set(vectors).count == 4)
    for result in results {
      #expect(result.tokensPerSecond > 0 && result.latency.p50 > 0 && (result.shareOfCeiling ?? 0) > 0)
    }
  }

  @Test func weightsStayInTheirFileUntilTheyAreWritten() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let before = try encoder.encode(texts).scalars
    let weight = try #require(encoder.parameters.first { $0.name.hasSuffix("intermediate.dense.weight") })
    let kept = weight.scalars
    weight.write { values in for place in values.indices { values[place] += 0.5 } }
    #expect(weight.scalars == kept.map { $0 + 0.5 })
    #expect(try encoder.encode(texts).scalars != before)
    #expect(weight.scalars == kept.map { $0 + 0.5 })
    // The file is as it was.
    #expect(try SentenceEncoder.open(folder).encode(texts).scalars == before)
  }
}
