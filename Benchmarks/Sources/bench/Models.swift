import Checkpoints
import Encoders
import Foundation
import Layers
import Tensors

/// A training step of one of the compared models, on made-up input of the stated shapes.
struct Workload: Sendable {
  let parameters: [Parameter]
  /// Multiplications and additions of a token's linear products, forward and backward, where they are counted.
  var operationsPerToken = 0
  /// The loss of the batch of a step, and how many samples and tokens it has.
  let loss: @Sendable (_ step: Int) -> (loss: Tensor, samples: Int, tokens: Int)

  /// Token ids below 20,000, and labels below 2.
  private static func ids(_ count: Int, _ seed: UInt64) -> IDs {
    let random = Random(seed: seed)
    return IDs((0..<count).map { Int32(random.uint32(at: UInt64($0)) % 20_000) })
  }

  private static func labels(_ count: Int, _ classes: UInt32) -> IDs {
    let random = Random(seed: 9)
    return IDs((0..<count).map { Int32(random.uint32(at: UInt64($0)) % classes) })
  }

  /// Embedding 128, one recurrent layer of 256, max pooling, linear 2; batches of 64.
  static func recurrent(_ cell: RecurrentCell, lengths: @escaping @Sendable (_ step: Int) -> [Int]) throws -> Workload {
    let scope = Scope.random(seed: 0)
    let embedding = try Embedding(20_000, 128, at: scope["embedding"])
    let recurrence = try Recurrence(cell, 128, 256, at: scope["rnn"])
    let head = try Linear(256, 2, at: scope["head"])
    return Workload(parameters: scope.parameters) { step in
      let offsets = Offsets(lengths: lengths(step))
      let x = embedding(Ragged(ids(offsets.rows, UInt64(step % 16)), offsets))
      return (head(recurrence(x).pooled(.max)).crossEntropy(labels(offsets.count, 2)), offsets.count, offsets.rows)
    }
  }

  /// Embedding 100, convolutions of widths 3, 4, 5 with 100 outputs each, ReLU, max pooling, dropout 0.5, linear 2; batches of 50.
  static func textCNN(lengths: @escaping @Sendable (_ step: Int) -> [Int]) throws -> Workload {
    let scope = Scope.random(seed: 0)
    let embedding = try Embedding(20_000, 100, at: scope["embedding"])
    let convolutions = try [3, 4, 5].map { try Convolution1D(100, 100, .same($0), at: scope["conv\($0)"]) }
    let head = try Linear(300, 2, at: scope["head"])
    return Workload(parameters: scope.parameters) { step in
      let offsets = Offsets(lengths: lengths(step))
      let x = embedding(Ragged(ids(offsets.rows, UInt64(step % 16)), offsets))
      let features = Tensor.concatenated(convolutions.map { $0(x).pooled(.max) }).activated(.relu)
      return (head(features.dropout(0.5)).crossEntropy(labels(offsets.count, 2)), offsets.count, offsets.rows)
    }
  }

  /// Embedding 128, learned positions, 2 pre-norm blocks with 4 heads and 512 units, dropout 0.1, mean pooling, linear 2; batches of 64.
  static func transformer(lengths: @escaping @Sendable (_ step: Int) -> [Int]) throws -> Workload {
    let scope = Scope.random(seed: 0)
    let embedding = try Embedding(20_000, 128, at: scope["embedding"])
    let positions = try Embedding(512, 128, at: scope["positions"])
    let blocks = try (0..<2).map {
      try TransformerBlock(128, heads: 4, feedForward: 512, norm: .pre, at: scope["layers"]["\($0)"])
    }
    let head = try Linear(128, 2, at: scope["head"])
    return Workload(parameters: scope.parameters) { step in
      let offsets = Offsets(lengths: lengths(step))
      let places = IDs(offsets.lengths.flatMap { (0..<Int32($0)) })
      let words = embedding(ids(offsets.rows, UInt64(step % 16)))
      var x = Ragged(words + positions(places), offsets).map { $0.dropout(0.1) }
      for block in blocks { x = block(x) }
      return (head(x.pooled(.mean)).crossEntropy(labels(offsets.count, 2)), offsets.count, offsets.rows)
    }
  }

  /// A BERT of random weights, mean pooling, linear 2.
  ///
  /// - Parameters:
  ///   - sizes: the width, which is a quarter of the hidden layer's; how many layers and heads there are.
  ///   - dropout: of embeddings, attention's probabilities and both parts of a layer.
  static func bert(
    _ sizes: (width: Int, layers: Int, heads: Int), dropout: Double,
    lengths: @escaping @Sendable (_ step: Int) -> [Int]
  ) throws -> Workload {
    let json: JSON = [
      "model_type": "bert", "vocab_size": .integer(30522), "hidden_size": .integer(sizes.width),
      "num_hidden_layers": .integer(sizes.layers), "num_attention_heads": .integer(sizes.heads),
      "intermediate_size": .integer(4 * sizes.width), "max_position_embeddings": .integer(512),
      "type_vocab_size": .integer(2),
      "hidden_dropout_prob": .number(dropout), "attention_probs_dropout_prob": .number(dropout),
    ]
    let scope = Scope.random(seed: 0)
    let configuration = try TransformerConfiguration(json, url: URL(fileURLWithPath: "config.json"))
    let bert = try Transformer(configuration, at: scope["bert"])
    let head = try Linear(sizes.width, 2, at: scope["head"])
    return Workload(parameters: scope.parameters, operationsPerToken: 3 * configuration.operationsPerToken) { step in
      let offsets = Offsets(lengths: lengths(step))
      let hidden = bert(Ragged(ids(offsets.rows, UInt64(step % 16)), offsets))
      return (head(hidden.pooled(.mean)).crossEntropy(labels(offsets.count, 2)), offsets.count, offsets.rows)
    }
  }

  /// Convolutions 32 and 64 (3 × 3) with ReLU and max pooling 2, dense 128, dropout 0.5, linear 10; batches of 128 images of 28 × 28.
  static func mnistCNN() throws -> Workload {
    let scope = Scope.random(seed: 0)
    let first = try Convolution2D(1, 32, Window2D(3, padding: 1), at: scope["conv1"])
    let second = try Convolution2D(32, 64, Window2D(3, padding: 1), at: scope["conv2"])
    let dense = try Linear(3136, 128, at: scope["dense"])
    let head = try Linear(128, 10, at: scope["head"])
    let random = Random(seed: 1)
    let images = Tensor((0..<128 * 784).map { random.uniform(at: UInt64($0)) }, shape: [128, 28, 28, 1])
    let pool = Window2D(2, stride: 2)
    return Workload(parameters: scope.parameters) { _ in
      // As an encoder's layers do it: pooled before they're rectified, to the same bits.
      let x = second(first(images).maxPooled2D(pool).activated(.relu)).maxPooled2D(pool).activated(.relu)
      let features = dense(x.flattenedChannelsFirst()).activated(.relu).dropout(0.5)
      return (head(features).crossEntropy(labels(128, 10)), 128, 128)
    }
  }
}
