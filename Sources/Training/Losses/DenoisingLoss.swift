import Encoders
import Tensors

extension EmbeddingLoss {
  /// The mean cross-entropy of each token of the texts but their first, as the decoder predicts it from the embeddings of the damaged texts
  /// `[texts, width]` and the tokens before it. Padding is not to be predicted.
  func denoising(_ embeddings: Tensor, _ ids: Ragged<IDs>, _ decoder: SentenceDecoder) throws(LossError) -> Tensor {
    let texts = (0..<ids.count).map { ids.rows.values[ids.offsets[$0]] }
    let hidden = decoder(Ragged(texts.map { Array($0.dropLast()) }), embeddings).rows
    let targets = texts.flatMap { $0.dropFirst() }
    let places = targets.indices.filter { targets[$0] != decoder.paddingID }
    guard !places.isEmpty else {
      throw .invalid(loss: name, what: "texts", expected: "one of at least two tokens", found: "none")
    }
    // Only what counts gets the head's product with the vocabulary.
    let counted = places.count == targets.count ? hidden : hidden.rows(at: IDs(places.map { Int32($0) }))
    return decoder.logits(counted).crossEntropy(IDs(places.map { targets[$0] }))
  }
}
