import Checkpoints
import Foundation
import Layers
import Tensors

/// A pretrained encoder with a head that predicts tokens: transformers' `…ForMaskedLM`, for pretraining and for sparse (SPLADE) vectors.
public struct MaskedLanguageModel: Layer {
  /// The encoder.
  public let transformer: Transformer
  /// All parameters, the encoder's first.
  public let parameters: [Parameter]
  private let dense: Linear, norm: LayerNorm, activation: Activation
  /// `[vocabulary, width]`: the embeddings' own table in most models.
  private let decoder: Parameter, bias: Parameter?

  /// What a family calls its head.
  private struct Names {
    var dense: String, norms: [String], decoder: String, biases: [String]
    var activation = Activation.gelu, denseHasBias = true, normHasBias = true

    init(_ configuration: TransformerConfiguration) throws {
      switch configuration.family {
      case .bert, .nomicBERT:
        let head = "cls.predictions."
        dense = head + "transform.dense"
        norms = [head + "transform.LayerNorm", head + "transform.layer_norm"]
        (decoder, biases) = (head + "decoder", [head + "bias", head + "decoder.bias"])
        activation = configuration.activation
      case .roberta, .xlmRoberta, .camembert, .mpnet:
        (dense, norms) = ("lm_head.dense", ["lm_head.layer_norm"])
        (decoder, biases) = ("lm_head.decoder", ["lm_head.bias", "lm_head.decoder.bias"])
      case .gte, .new:
        (dense, norms) = ("lm_head.dense", ["lm_head.norm", "lm_head.layer_norm"])
        (decoder, biases) = ("lm_head.decoder", ["lm_head.decoder.bias"])
        activation = configuration.activation
      case .distilbert:
        (dense, norms) = ("vocab_transform", ["vocab_layer_norm"])
        (decoder, biases) = ("vocab_projector", ["vocab_projector.bias"])
        activation = configuration.activation
      case .albert:
        (dense, norms) = ("predictions.dense", ["predictions.LayerNorm"])
        (decoder, biases) = ("predictions.decoder", ["predictions.bias", "predictions.decoder.bias"])
        activation = configuration.activation
      case .electra:
        (dense, norms) = ("generator_predictions.dense", ["generator_predictions.LayerNorm"])
        (decoder, biases) = ("generator_lm_head", ["generator_lm_head.bias"])
      case .modernbert:
        let form = configuration.classifier
        (dense, norms, decoder) = ("head.dense", ["head.norm"], "decoder")
        biases = form.decoderBias ? ["decoder.bias"] : []
        (activation, denseHasBias, normHasBias) = (form.activation, form.hasBias, configuration.norm.hasBias)
      case .qwen3:
        throw FileError(
          .mismatched, configuration.url, item: "model_type", "\"qwen3\" has no masked language model")
      }
    }
  }

  /// The encoder and its head from a scope.
  ///
  /// - Throws: `FileError` with the file and the full name of a parameter that is missing or of another shape.
  public init(_ configuration: TransformerConfiguration, at scope: Scope) throws {
    let before = scope.parameters.count
    let head = try Names(configuration)
    let names = TransformerNames(configuration.family, at: scope)
    transformer = try Transformer(configuration, names, at: scope, newPrefix: names.prefix)
    let (width, vocabulary) = (configuration.embeddingWidth, configuration.vocabularySize)
    let initial = Initializer.normal(configuration.initializerRange)
    dense = try Linear(
      configuration.width, width, bias: head.denseHasBias, initial: initial, at: scope[head.dense])
    let norm = head.norms.first { scope[$0].contains("weight") || scope[$0].contains("gamma") } ?? head.norms[0]
    self.norm = try LayerNorm(width, epsilon: configuration.epsilon, bias: head.normHasBias, at: scope[norm])
    decoder =
      configuration.tiesEmbeddings
      ? transformer.embeddings.words.weight
      : try scope.parameter(head.decoder + ".weight", [vocabulary, width], initial)
    bias = try head.biases.first.map { first in
      try scope.parameter(head.biases.first { scope.contains($0) } ?? first, [vocabulary], .zeros)
    }
    activation = head.activation
    parameters = Array(scope.parameters.dropFirst(before))
  }

  /// Opens a Hugging Face folder.
  ///
  /// - Throws: `FileError` naming the file and the key.
  public static func open(_ folder: URL, configuration: TransformerConfiguration? = nil) throws -> MaskedLanguageModel {
    let model = try MaskedLanguageModel(
      configuration ?? TransformerConfiguration(contentsOf: folder), at: Scope.open(folder))
    try model.transformer.requireAllRead()
    return model
  }

  /// The logits of every token of every text `[rows, vocabulary]`.
  public func callAsFunction(_ ids: Ragged<IDs>, typeIDs: Ragged<IDs>? = nil) -> Ragged<Tensor> {
    transformer(ids, typeIDs: typeIDs).map { logits($0) }
  }

  /// The logits `[rows, vocabulary]` of some hidden states `[rows, width]`, such as those of the masked tokens alone.
  public func logits(_ hidden: Tensor) -> Tensor {
    norm(dense(hidden).activated(activation)).linear(decoder.tensor, bias?.tensor)
  }
}
