import Checkpoints
import Layers
import Tensors

/// A Transformer that writes a text again, token by token, from nothing but its embedding: the decoder of TSDAE.
///
/// Its embeddings and layers are the encoder's own parameters, with self-attention made causal. Its own are, after the self-attention of each
/// layer, an attention to the embedding, and a head that predicts the next token.
/// Source: Wang et al. 2021; transformers' `BertLMHeadModel` with `add_cross_attention`, tied as in sentence-transformers'
/// `DenoisingAutoEncoderLoss`.
public struct SentenceDecoder: Layer {
  /// The parameters that aren't the encoder's.
  public let parameters: [Parameter]
  /// The id of padding, which no token that is to be predicted has.
  public let paddingID: Int32?
  private let transformer: Transformer
  private let attentions: [EmbeddingAttention]
  private let head: LanguageModelHead

  /// The families that transformers has a decoder of too.
  static let families: [TransformerConfiguration.Family] = [.bert, .roberta, .xlmRoberta, .camembert, .electra]

  /// The decoder of an encoder. Its attentions are new; its head is the one in the encoder's file if that has one, else new.
  ///
  /// - Throws: `FileError` naming the encoder's folder or configuration if it is of no family that has a decoder, or its embeddings
  ///   aren't as wide as its hidden states.
  public init(_ encoder: SentenceEncoder, at scope: Scope) throws {
    guard let stage = encoder.stages.first, case .transformer(let transformer) = stage.module else {
      throw FileError(.mismatched, encoder.folder, "expected an encoder whose first module is a Transformer")
    }
    let width = transformer.configuration.width
    guard encoder.width == width else {
      throw FileError(
        .mismatched, encoder.folder,
        "expected embeddings of \(width) numbers, as many as the decoder's hidden states have, found \(encoder.width)")
    }
    try self.init(transformer, stored: Scope.open(stage.entry.folder, name: scope.path), at: scope)
  }

  /// The decoder of a Transformer, its head from `stored` if that has one.
  init(_ transformer: Transformer, stored: Scope? = nil, at scope: Scope) throws {
    let configuration = transformer.configuration
    guard SentenceDecoder.families.contains(configuration.family) else {
      let known = SentenceDecoder.families.map(\.rawValue).joined(separator: ", ")
      throw FileError(
        .mismatched, configuration.url, item: "model_type",
        "\"\(configuration.family.rawValue)\" has no decoder; expected one of \(known)")
    }
    let before = scope.parameters.count
    attentions = try (0..<configuration.layers).map {
      try EmbeddingAttention(configuration, at: scope["encoder.layer"]["\($0)"]["crossattention"])
    }
    let source = try stored.flatMap { try LanguageModelHead.isStored(configuration, at: $0) ? $0 : nil }
    head = try LanguageModelHead(configuration, words: transformer.embeddings.words.weight, at: source ?? scope)
    parameters = scope.parameters.dropFirst(before) + (source?.parameters ?? [])
    paddingID = configuration.paddingID.map { Int32($0) }
    self.transformer = transformer
  }

  /// The hidden states `[rows, width]`, each of which is to predict the token after its own, of texts with `embeddings` `[texts, width]`.
  public func callAsFunction(_ ids: Ragged<IDs>, _ embeddings: Tensor) -> Ragged<Tensor> {
    let offsets = ids.offsets
    let texts = IDs((0..<ids.count).flatMap { Array(repeating: Int32($0), count: offsets.length($0)) })
    let form = TransformerConfiguration.LayerForm(causal: true)
    var rows = transformer.embeddings(ids, typeIDs: nil).rows
    for (layer, attention) in zip(transformer.layers, attentions) {
      let step = { (inputs: [Tensor]) in
        let attended = layer.attended(Ragged(inputs[0], offsets), form, angles: nil, bias: nil)
        return layer.fedForward(attention(attended.rows, inputs[1], texts))
      }
      rows = transformer.checkpointsLayers ? checkpointed([rows, embeddings], step) : step([rows, embeddings])
    }
    return Ragged(rows, offsets)
  }

  /// The logits `[rows, vocabulary]` of hidden states.
  public func logits(_ hidden: Tensor) -> Tensor { head(hidden) }
}

/// Attention of each token to one key, the embedding of its text, with a residual connection and a norm.
///
/// The softmax over one key is 1 whatever query and key are, so what is attended to is the value. BERT's `crossattention.self.query` and
/// `.key` get no derivative and change nothing: they don't exist here.
struct EmbeddingAttention: Layer {
  private let value: Linear, output: Linear, norm: LayerNorm
  private let heads: Int, probabilities: Float, dropout: Dropout

  init(_ configuration: TransformerConfiguration, at scope: Scope) throws {
    let (width, initial) = (configuration.width, Initializer.normal(configuration.initializerRange))
    value = try Linear(width, width, initial: initial, at: scope["self.value"])
    output = try Linear(width, width, initial: initial, at: scope["output.dense"])
    norm = try LayerNorm(width, epsilon: configuration.epsilon, at: scope["output.LayerNorm"])
    heads = configuration.heads
    (probabilities, dropout) = (configuration.dropout.probabilities, Dropout(configuration.dropout.attention))
  }

  /// Rows `[rows, width]`, each of one of the texts with `embeddings` `[texts, width]`; the same shape.
  func callAsFunction(_ x: Tensor, _ embeddings: Tensor, _ texts: IDs) -> Tensor {
    // A text's value is the same for all of its rows until the probabilities, one a row and head, are dropped.
    norm(output(droppingProbabilities(value(embeddings).rows(at: texts)), dropout: dropout, adding: x))
  }

  private func droppingProbabilities(_ values: Tensor) -> Tensor {
    guard probabilities > 0, case .training = Mode.current else { return values }
    let (rows, size) = (values.rows * heads, values.width / heads)
    let kept = Tensor(repeating: 1, shape: [rows]).dropout(probabilities).scalars
    return values.reshaped([rows, size]).scaled(byRow: kept).reshaped(values.shape)
  }
}
