import Foundation
import Tensors

extension EmbeddingLoss {
  /// Σ weight · loss of the first dimensions, normalised, for each number of them (or for `perStep` of those).
  ///
  /// A teacher's embeddings as wide as the model's are cut alike, but not normalised.
  func matryoshka(
    _ loss: EmbeddingLoss, _ dimensions: [Int], _ weights: [Float]?, _ perStep: Int?, _ columns: [Tensor],
    _ labels: LossLabels, _ parameters: LossParameters, _ random: Random
  ) throws(LossError) -> Tensor {
    let width = columns[0].width
    var places = Array(dimensions.indices)
    if let perStep, perStep < places.count {
      places = random.split("matryoshka").permutation(places.count).prefix(perStep).sorted()
    }
    var sum = Tensor(0)
    for place in places {
      let dimension = dimensions[place]
      guard (1...width).contains(dimension) else {
        throw .invalid(loss: name, what: "dimensions", expected: "numbers from 1 to \(width)", found: "\(dimension)")
      }
      var cut = labels
      // A guide's embeddings are only compared with each other: they stay whole.
      if case .embeddings(let teacher) = labels, loss == .embeddingMSE {
        cut = .embeddings(teacher.map { $0.width == width ? $0.columns(0..<dimension) : $0 })
      }
      let value = try loss(columns.map { $0.columns(0..<dimension).normalized() }, cut, parameters, random: random)
      sum = sum + value * (weights?[place] ?? 1)
    }
    return sum
  }
}

/// A loss of the embeddings of the last layer and of layers before it, so that a model cut to fewer layers still works.
///
///     loss(last) · lastWeight
///       + Σ_l [loss(l) · weight(l) · priorWeight / layers + KL(last ‖ l) · temperature · divergenceWeight]
///
/// Source: Li et al. 2024 (2D Matryoshka sentence embeddings); sentence-transformers' `AdaptiveLayerLoss`.
public struct AdaptiveLayers: Sendable, Equatable {
  /// How much the loss of a layer counts, by its number from 0 (the embeddings before the first layer).
  public enum Weighting: String, Sendable, Codable, CaseIterable {
    /// 1
    case uniform
    /// 1 / (1 + log(1 + layer))
    case log
    /// 1 / (1 + layer)
    case linear
  }

  /// The loss of each layer's embeddings.
  public let loss: EmbeddingLoss
  /// How many layers before the last take part in a step, drawn by chance; nil: all.
  public let perStep: Int?
  /// How much the loss of the last layer counts.
  public let lastWeight: Float
  /// How much the mean loss of the layers before it counts.
  public let priorWeight: Float
  /// How much it counts that a layer's embeddings are like the last one's.
  public let divergenceWeight: Float
  /// What embeddings are divided by before the softmax whose divergence is taken; 0: no divergence.
  public let temperature: Float
  /// How much the loss of a layer counts by its number.
  public let weighting: Weighting

  /// The wrapper with sentence-transformers' defaults.
  public init(
    _ loss: EmbeddingLoss, perStep: Int? = 1, lastWeight: Float = 1, priorWeight: Float = 1,
    divergenceWeight: Float = 1, temperature: Float = 0.3, weighting: Weighting = .uniform
  ) {
    self.loss = loss
    self.perStep = perStep
    self.lastWeight = lastWeight
    self.priorWeight = priorWeight
    self.divergenceWeight = divergenceWeight
    self.temperature = temperature
    self.weighting = weighting
  }

  /// The loss of a batch: the columns of the last layer, and `prior`, which gives those of a layer 0 ..< `layers`
  /// before it (0: the embeddings before the first layer) and is called for the layers that take part only.
  ///
  /// - Throws: `LossError` as the loss does, and what `prior` throws.
  public func callAsFunction(
    _ last: [Tensor], layers: Int, prior: (Int) throws -> [Tensor], _ labels: LossLabels,
    _ parameters: LossParameters = LossParameters(), random: Random = Random(seed: 0)
  ) throws -> Tensor {
    var chosen = Array(0..<layers)
    if let perStep, perStep < layers {
      chosen = random.split("adaptive layers").permutation(layers).prefix(perStep).sorted()
    }
    var sum = try loss(last, labels, parameters, random: random) * lastWeight
    // The last layer's side of the divergence is fixed: its entropy is a constant.
    let target = (Tensor.stacked(last).detached * (1 / max(temperature, .leastNormalMagnitude))).softmax()
    let entropy = target.scalars.reduce(0.0) { $1 > 0 ? $0 + Double($1) * Foundation.log(Double($1)) : $0 }
    for layer in chosen {
      let columns = try prior(layer)
      let value = try loss(columns, labels, parameters, random: random)
      sum = sum + value * (weight(layer) * priorWeight / Float(chosen.count))
      guard temperature > 0 else { continue }
      let logs = (Tensor.stacked(columns) * (1 / temperature)).logSoftmax()
      let divergence = (logs * target).sum() * -1 + Float(entropy)
      sum = sum + divergence * (temperature * divergenceWeight / Float(target.rows))
    }
    return sum
  }

  private func weight(_ layer: Int) -> Float {
    switch weighting {
    case .uniform: 1
    case .log: 1 / (1 + Foundation.log(1 + Float(layer)))
    case .linear: 1 / (1 + Float(layer))
    }
  }
}
