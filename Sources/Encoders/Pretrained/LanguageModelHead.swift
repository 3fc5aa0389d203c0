import Checkpoints
import Layers
import Tensors

/// What predicts tokens from hidden states: a product, an activation, a norm, and the product with the table of words.
///
/// Source: transformers' heads of `…ForMaskedLM` and `…LMHeadModel`.
struct LanguageModelHead: Layer {
  private let dense: Linear, norm: LayerNorm, activation: Activation
  /// `[vocabulary, width]`: the embeddings' own table in most models.
  private let decoder: Parameter, bias: Parameter?

  /// What a family calls its head.
  private struct Names {
    /// Of stored biases the last one counts; a new one has the first name where the decoder is the table of words, else
    /// the last one.
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
        // transformers' code has GELU whatever the layers have.
        if configuration.family == .new { activation = configuration.activation }
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

  /// The head of an encoder from a scope, with the encoder's table of words `[vocabulary, embedding width]`.
  ///
  /// - Throws: `FileError` with the file and the full name of a parameter that is missing or of another shape.
  init(_ configuration: TransformerConfiguration, words: Parameter, at scope: Scope) throws {
    let names = try Names(configuration)
    let (width, vocabulary) = (configuration.embeddingWidth, configuration.vocabularySize)
    let initial = Initializer.normal(configuration.initializerRange)
    dense = try Linear(
      configuration.width, width, bias: names.denseHasBias, initial: initial, at: scope[names.dense])
    let norm = names.norms.first { scope[$0].contains("weight") || scope[$0].contains("gamma") } ?? names.norms[0]
    self.norm = try LayerNorm(width, epsilon: configuration.epsilon, bias: names.normHasBias, at: scope[norm])
    let table = names.decoder + ".weight"
    var isTied = configuration.tiesEmbeddings
    if isTied, scope.url != nil, scope.contains(table) {
      // As in transformers, a table that is stored twice is shared only if both are equal.
      let stored = try scope.floats(table)
      isTied = words.tensor.withUnsafeBuffer { $0.elementsEqual(stored) }
    }
    decoder = isTied ? words : try scope.parameter(table, [vocabulary, width], initial)
    let usual = configuration.tiesEmbeddings ? names.biases.first : names.biases.last
    let known = scope.url == nil ? nil : names.biases.last { scope.contains($0) }
    bias = try (known ?? usual).map { try scope.parameter($0, [vocabulary], .zeros) }
    activation = names.activation
  }

  /// The table of words where a file has it under the decoder's name alone, and the two are one.
  ///
  /// - Throws: `FileError` with the file and the name if it's of another shape.
  static func words(_ configuration: TransformerConfiguration, _ names: TransformerNames, at scope: Scope) throws
    -> Tensor?
  {
    let table = try Names(configuration).decoder + ".weight"
    guard configuration.tiesEmbeddings, let file = scope.url, scope.contains(table),
      scope.place(of: names.words + ".weight") == nil
    else { return nil }
    let (found, shape) = (try scope.shape(table), [configuration.vocabularySize, configuration.embeddingWidth])
    guard found == shape else {
      throw FileError(.mismatched, file, item: table, "expected shape \(shape), found \(found)")
    }
    return Tensor(try scope.floats(table), shape: shape)
  }

  /// The names of the decoder's table and biases, each of which a file may have twice.
  static func copies(_ configuration: TransformerConfiguration) throws -> [String] {
    let names = try Names(configuration)
    return names.biases + [names.decoder + ".weight"]
  }

  /// Whether the file of a scope has the head of such an encoder.
  static func isStored(_ configuration: TransformerConfiguration, at scope: Scope) throws -> Bool {
    scope[try Names(configuration).dense].contains("weight")
  }

  /// The logits `[rows, vocabulary]` of hidden states `[rows, width]`.
  func callAsFunction(_ hidden: Tensor) -> Tensor {
    norm(dense(hidden).activated(activation)).linear(decoder.tensor, bias?.tensor)
  }
}
