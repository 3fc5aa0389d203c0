import Encoders
import Tensors
import Tokenizers

extension SentenceRun {
  /// A model that guides a loss: of each text it gets what the encoder in training reads of it.
  ///
  /// Source: sentence-transformers' `GISTEmbedLoss`.
  struct Guide {
    private let guide: SentenceEncoder
    private let encoder: SentenceEncoder
    /// Whether it takes the encoder's ids; else it gets the texts that they spell.
    private let takesIDs: Bool

    init(_ guide: SentenceEncoder, of encoder: SentenceEncoder) {
      (self.guide, self.encoder) = (guide, encoder)
      takesIDs =
        (guide.maximumLength ?? .max) >= (encoder.maximumLength ?? .max) && Guide.haveSameTokens(guide, encoder)
    }

    /// The guide's embeddings of texts `[texts, width]`, without a prompt.
    ///
    /// - Throws: `TokenError` if there are ids that one of the two doesn't have.
    func callAsFunction(_ texts: [String]) throws -> Tensor {
      guard let tokenizer = encoder.tokenizer, encoder.transformer != nil else {
        return try guide.encode(texts, prompt: "")
      }
      let batch = try encoder.batch(texts)
      if takesIDs {
        try guide.transformer?.check(batch.ids)
        return guide.vectors(batch)
      }
      let read = (0..<batch.count).map { tokenizer.decode(batch.ids.rows.values[batch.ids.offsets[$0]]) }
      return try guide.encode(read, prompt: "")
    }

    /// Whether both are Transformers and each id is the same token to them.
    private static func haveSameTokens(_ a: SentenceEncoder, _ b: SentenceEncoder) -> Bool {
      guard a.transformer != nil, b.transformer != nil, let a = a.tokenizer, let b = b.tokenizer,
        a.vocabularySize == b.vocabularySize
      else { return false }
      return (0..<Int32(a.vocabularySize)).allSatisfy { a.token(of: $0) == b.token(of: $0) }
    }
  }
}
