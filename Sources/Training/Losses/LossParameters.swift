import Encoders
import Foundation
import Layers
import Tensors

/// What a loss learns itself. It's no part of the encoder and is left out of model folders.
public struct LossParameters: Sendable {
  /// The classifier of `softmax`, `[classes, inputs]`.
  public let weight: Parameter?
  /// Its bias, `[classes]`.
  public let bias: Parameter?
  /// The logarithm of the learned scale (1 / temperature).
  public let logScale: Parameter?
  /// The decoder of the denoising auto-encoder.
  public let decoder: SentenceDecoder?

  /// These parameters.
  public init(
    weight: Parameter? = nil, bias: Parameter? = nil, logScale: Parameter? = nil, decoder: SentenceDecoder? = nil
  ) {
    self.weight = weight
    self.bias = bias
    self.logScale = logScale
    self.decoder = decoder
  }

  /// All of them.
  public var all: [Parameter] { [weight, bias, logScale].compactMap(\.self) + (decoder?.parameters ?? []) }
}

extension EmbeddingLoss {
  /// Makes what the loss learns itself, for embeddings of a width, and checks its settings.
  ///
  /// The names are sentence-transformers' (`classifier.weight`), CLIP's (`logit_scale`) and, of the denoising auto-encoder's decoder, BERT's.
  /// - Parameters:
  ///   - encoder: what gives the embeddings, whose parameters the denoising auto-encoder shares; the others don't need it.
  /// - Throws: `LossError` for settings out of range; `FileError` if the scope's file lacks a parameter, or the encoder can have no decoder.
  public func parameters(width: Int, at scope: Scope, encoder: SentenceEncoder? = nil) throws -> LossParameters {
    switch self {
    case .multipleNegativesRanking(let scale, _, _, let learnsTemperature):
      try require(scale > 0, "scale", "a number above 0", scale)
      guard learnsTemperature else { return LossParameters() }
      return LossParameters(logScale: try scope.parameter("logit_scale", [], .values([log(scale)])))
    case .gistEmbed(let temperature, _, _, _, _):
      try require(temperature > 0, "temperature", "a number above 0", temperature)
    case .cosent(let scale, _), .angle(let scale): try require(scale > 0, "scale", "a number above 0", scale)
    case .softmax(let classes, let difference, let product):
      try require(classes > 1, "classes", "at least 2", classes)
      let inputs = (2 + (difference ? 1 : 0) + (product ? 1 : 0)) * width
      let scope = scope["classifier"]
      return LossParameters(
        weight: try scope.parameter("weight", [classes, inputs], .kaimingUniform),
        bias: try scope.parameter("bias", [classes], .uniform(1 / Float(inputs).squareRoot())))
    case .matryoshka(let loss, let dimensions, let weights, let perStep):
      if case .softmax = loss.innermost {
        throw LossError.invalid(
          loss: name, what: "loss", expected: "one that takes embeddings of any width", found: loss.innermost.name)
      }
      try require(!dimensions.isEmpty, "dimensions", "at least one", dimensions)
      for dimension in dimensions {
        try require(
          (1...width).contains(dimension), "dimensions", "numbers from 1 to \(width), the encoder's width", dimension)
      }
      try require(weights.map { $0.count == dimensions.count } ?? true, "weights", "\(dimensions.count)", weights ?? [])
      try require(perStep.map { $0 > 0 } ?? true, "dimensions a step", "at least 1", perStep ?? 0)
      return try loss.parameters(width: width, at: scope)
    case .splade(let loss, _, _, _): return try loss.parameters(width: width, at: scope)
    case .denoisingAutoEncoder:
      guard let encoder else {
        throw LossError.invalid(
          loss: name, what: "encoder", expected: "the one that gives the embeddings", found: "none")
      }
      return LossParameters(decoder: try SentenceDecoder(encoder, at: scope))
    default: break
    }
    return LossParameters()
  }

  private func require(_ holds: Bool, _ what: String, _ expected: String, _ found: Any) throws(LossError) {
    if !holds { throw .invalid(loss: name, what: what, expected: expected, found: "\(found)") }
  }
}
