import Layers
import Tensors

/// Word embeddings and a network over them.
struct TextStep: Layer {
  private enum Network: Sendable {
    case bag
    case cnn([Convolution1D], Activation)
    case recurrent(Recurrence)
    case transformer(positions: Embedding, blocks: [TransformerBlock], norm: LayerNorm, dropout: Dropout)
  }
  private let embedding: Embedding
  private let dropout: Dropout
  private let network: Network

  init(
    _ options: EmbeddingOptions, _ network: TextNetwork, maxLength: Int, _ vocabularySize: Int, _ vectors: [Float]?,
    _ form: inout Form, _ steps: inout [StepDescription], at scope: Scope
  ) throws {
    let width = options.dimension
    embedding = try Embedding(
      vocabularySize, width, initial: vectors.map { .values($0) } ?? .uniform(options.bound),
      trainable: options.trainable,
      at: scope["embedding"])
    dropout = Dropout(options.dropout)
    func note(_ layer: String) { steps.append(.init(step: "encode", layer: layer, output: form.description)) }
    note("embedding of \(vocabularySize) words\(options.trainable ? "" : ", frozen")")
    switch network {
    case .bag: self.network = .bag
    case .cnn(let widths, let channels, let activation):
      self.network = .cnn(
        try widths.enumerated().map { index, kernel in
          try Convolution1D(width, channels, .same(kernel), at: scope["cnn"]["convs"]["\(index)"])
        }, activation)
    case .recurrent(let cell, let hidden, let layers, let bidirectional, let rate):
      let recurrence = try Recurrence(
        cell, width, hidden, layers: layers, bidirectional: bidirectional, dropout: rate, at: scope[cell.rawValue])
      self.network = .recurrent(recurrence)
    case .transformer(let options):
      let scope = scope["transformer"]
      self.network = .transformer(
        positions: try Embedding(maxLength, width, initial: .normal(0.02), at: scope["positions"]),
        blocks: try (0..<options.layers).map {
          try TransformerBlock(
            width, heads: options.heads, feedForward: options.feedForward, activation: options.activation,
            norm: options.norm, dropout: options.dropout, at: scope["layers"]["\($0)"])
        }, norm: try LayerNorm(width, at: scope["norm"]), dropout: Dropout(options.dropout))
    }
    form = .rows(nil, network.width(of: width))
    if let name = network.name { note(name) }
  }

  func callAsFunction(_ ids: Ragged<IDs>) -> Ragged<Tensor> {
    let x = dropout(embedding(ids))
    switch network {
    case .bag: return x
    case .cnn(let convolutions, let activation):
      return Ragged(Tensor.concatenated(convolutions.map { $0(x).rows }).activated(activation), x.offsets)
    case .recurrent(let recurrence): return recurrence(x)
    case .transformer(let positions, let blocks, let norm, let dropout):
      let places = IDs(ids.offsets.lengths.flatMap { 0..<Int32($0) })
      let start = dropout(x.map { $0 + positions(places) })
      return blocks.reduce(start) { $1($0) }.map { norm($0) }
    }
  }
}
