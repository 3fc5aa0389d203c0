import Checkpoints
import Layers
import Tensors
import Testing

/// Every layer, forward and each gradient, against PyTorch's numbers.
@Suite struct LayerGoldenTests {
  @Test func everyCaseOfTheFileAgrees() throws {
    let file = try Golden.open("layers")
    for name in Golden.cases(file) { try check(Golden(file: file, name: name)) }
  }

  /// Sets a layer's parameters to the golden's inputs of the same names.
  func load(_ scope: Scope, _ golden: Golden) throws -> [String: Parameter] {
    var parameters: [String: Parameter] = [:]
    for parameter in scope.parameters {
      let value = try golden.tensor("in/\(parameter.name)")
      #expect(value.shape == parameter.shape, "\(golden.name)/\(parameter.name)")
      parameter.write { _ = $0.update(from: value.scalars) }
      parameters[parameter.name] = parameter
    }
    return parameters
  }

  func check(_ golden: Golden) throws {
    let scope = Scope.random(seed: 0)
    let offsets = try golden.offsets()
    if golden.has("in/q") {
      let inputs = try golden.inputs(["q", "k", "v"])
      let (heads, isCausal) = (try golden.number("heads"), try golden.number("causal") == 1)
      return try golden.check(inputs) {
        let parts = try ["q", "k", "v"].map { try #require(inputs[$0]?.tensor) }
        return Ragged(Tensor.concatenated(parts), offsets).selfAttention(heads: heads, causal: isCausal).rows
      }
    }
    let x = Parameter("x", try golden.tensor("in/x"))
    let width = x.shape[1]
    if let cell = RecurrentCell(rawValue: golden.name.prefix { $0 != "_" }.description) {
      let layer = try Recurrence(
        cell, width, golden.number("hidden"), layers: golden.number("layers"),
        bidirectional: golden.number("bidirectional") == 1, at: scope)
      let parameters = try load(scope, golden)
      try golden.check(parameters.merging(["x": x]) { $1 }) { layer(Ragged(x.tensor, offsets)).rows }
      return try golden.expect(layer.last(Ragged(x.tensor, offsets)), "last", 1e-5)
    }
    let heads = try golden.number("heads")
    let layer: (Ragged<Tensor>) -> Ragged<Tensor>
    if golden.name == "multi_head_attention" {
      let attention = try SelfAttention(width, heads: heads, at: scope)
      layer = { attention($0) }
    } else {
      let block = try TransformerBlock(
        width, heads: heads, feedForward: golden.tensor("in/linear1.weight").shape[0],
        activation: golden.name.hasSuffix("relu") ? .relu : .gelu,
        norm: golden.number("pre_norm") == 1 ? .pre : .post, dropout: 0, at: scope)
      layer = { block($0) }
    }
    let parameters = try load(scope, golden)
    try golden.check(parameters.merging(["x": x]) { $1 }) { layer(Ragged(x.tensor, offsets)).rows }
  }
}
