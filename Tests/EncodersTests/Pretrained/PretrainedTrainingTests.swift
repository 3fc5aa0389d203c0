import Checkpoints
import Foundation
import Layers
import Tensors
import Testing

@testable import Encoders

/// Tiny models in training: what their dropouts do, and layers computed twice.
@Suite(.serialized) struct PretrainedTrainingTests {
  @Test(arguments: ["bert", "mpnet", "albert", "modernbert", "qwen3"])
  func layersComputedTwiceGiveTheSameBits(_ name: String) throws {
    let golden = try PretrainedGolden(name)
    var model = try Transformer.open(golden.folder)
    let (ids, types, cotangent) = (try golden.ids(), try golden.types(), try golden.tensor("hidden"))
    func gradients() -> Gradients {
      training(Random(seed: 3)) { (model(ids, typeIDs: types).rows * cotangent).mean().gradients() }
    }
    let plain = gradients()
    model.checkpointsLayers = true
    let twice = gradients()
    #expect(plain.pairs.map(\.parameter.name) == twice.pairs.map(\.parameter.name))
    for (a, b) in zip(plain.pairs, twice.pairs) {
      #expect(a.gradient.scalars == b.gradient.scalars, "\(name) \(a.parameter.name)")
    }
    // Frozen layers at the bottom aren't computed again, and the rest is the same.
    for parameter in model.parameters.prefix(plain.pairs.count / 2) { parameter.isTrainable = false }
    let upper = gradients()
    #expect(!upper.pairs.isEmpty && upper.pairs.count < plain.pairs.count)
    for (parameter, gradient) in upper.pairs { #expect(gradient.scalars == plain[parameter]?.scalars, "\(name)") }
  }

  @Test func probabilitiesAreDroppedAtTheConfigurationsRate() throws {
    let golden = try PretrainedGolden("bert")
    var configuration = try TransformerConfiguration(contentsOf: golden.folder)
    #expect(configuration.dropout.probabilities == 0.1)
    configuration.dropout = TransformerConfiguration.DropoutRates()
    let ids = try golden.ids()
    func hidden(_ rate: Float) throws -> [Float] {
      configuration.dropout.probabilities = rate
      let model = try Transformer(configuration, at: Scope.open(golden.folder))
      return training(Random(seed: 1)) { model(ids).rows.scalars }
    }
    let plain = try Transformer(configuration, at: Scope.open(golden.folder))(ids).rows.scalars
    #expect(try hidden(0) == plain)
    #expect(try hidden(0.1) != plain)
    #expect(try hidden(0.1) == hidden(0.1))
  }
}
