import Checkpoints
import Foundation
import Layers
import TestSupport
import Tensors
import Testing

@testable import Encoders
@testable import Training

/// TSDAE beside sentence-transformers, whose numbers Tests/Golden/Sentence/make_denoising.py wrote.
struct DenoisingGolden {
  let golden: GoldenCase
  var file: SafetensorsFile { golden.file }
  var name: String { golden.name }

  init(_ name: String) throws { golden = try GoldenCase(name, in: "Sentence/denoising.safetensors") }

  func tensor(_ key: String) throws -> Tensor { try golden.tensor(key) }

  func ids(_ place: String = "") throws -> Ragged<IDs> {
    let lengths = try file.int32s("\(name)/\(place)lengths").map(Int.init)
    return Ragged(IDs(try file.int32s("\(name)/\(place)ids")), Offsets(lengths: lengths))
  }

  /// Gives the decoder the reference's start.
  func start(_ decoder: SentenceDecoder) throws {
    let stored = Set(file.keys.filter { $0.hasPrefix("\(name)/start/") })
    #expect(stored == Set(decoder.parameters.map { "\(name)/start/\($0.name)" }))
    for parameter in decoder.parameters {
      let values = try tensor("start/\(parameter.name)").scalars
      parameter.write { _ = $0.update(from: values) }
    }
  }

  /// Compares the loss and the derivative by every parameter, `encoder` standing before the names of those that the encoder has too.
  func check(_ loss: Tensor, encoder: String = "") throws {
    let expected = try tensor("out").scalar
    #expect(abs(loss.scalar - expected) < 1e-5 * expected, "\(name): \(loss.scalar), expected \(expected)")
    var left = Set(file.keys.filter { $0.hasPrefix("\(name)/grad/") })
    for (parameter, gradient) in loss.gradients().pairs {
      let key = parameter.name.hasPrefix(encoder) ? String(parameter.name.dropFirst(encoder.count)) : parameter.name
      left.remove("\(name)/grad/\(key)")
      let expected = try tensor("grad/\(key)")
      try #require(gradient.shape == expected.shape, "\(key)")
      // Some are small as a whole: a key's bias has none but rounding.
      let scale = max(1e-3, expected.scalars.map { abs($0) }.max() ?? 0)
      let worst = zip(gradient.scalars, expected.scalars).map { abs($0 - $1) / scale }.max() ?? .nan
      #expect(worst <= 1e-4, "\(name): the derivative by \(key) differs by \(worst)")
    }
    #expect(left.isEmpty)
  }
}

@Suite struct DenoisingGoldenTests {
  let loss = EmbeddingLoss.denoisingAutoEncoder()

  @Test func theWholeLossIsTheReferences() throws {
    let golden = try DenoisingGolden("bert")
    let encoder = try SentenceEncoder.open(goldens.appendingPathComponent("Sentence/bert"))
    let parameters = try loss.parameters(width: encoder.width, at: .random(seed: 1), encoder: encoder)
    try golden.start(#require(parameters.decoder))
    try recording {
      let embeddings = encoder(SentenceBatch(ids: try golden.ids("noisy/"), promptLength: 0))
      try golden.check(loss([embeddings], .tokens(golden.ids()), parameters), encoder: "0.")
    }
  }

  @Test(arguments: ["roberta", "electra"]) func decodersOfOtherFamilies(_ name: String) throws {
    let golden = try DenoisingGolden(name)
    let transformer = try Transformer.open(goldens.appendingPathComponent("pretrained/\(name)"))
    let decoder = try SentenceDecoder(transformer, at: .random(seed: 1))
    try golden.start(decoder)
    let embeddings = Parameter("embeddings", try golden.tensor("embeddings"))
    try recording {
      try golden.check(loss([embeddings.tensor], .tokens(golden.ids()), LossParameters(decoder: decoder)))
    }
  }
}
