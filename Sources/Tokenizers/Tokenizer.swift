import Checkpoints
import Foundation

/// Cuts text into the tokens of a pretrained encoder and puts them together again, exactly as Hugging Face `tokenizers`
/// does from the same `tokenizer.json`.
///
///     let tokenizer = try Tokenizer(folder: URL(fileURLWithPath: "all-MiniLM-L6-v2"))
///     tokenizer.encode("A splendid film!")             // [101, 1037, 21459, 2143, 999, 102]
///     tokenizer.encoding("A splendid film!").offsets   // [0..<0, 0..<1, 2..<10, 11..<15, 15..<16, 0..<0]
public struct Tokenizer: Sendable {
  /// What is done to text first.
  public let normalizer: Normalizer?
  /// How it is cut into pieces.
  public let preTokenizer: PreTokenizer?
  /// How pieces become tokens.
  public let model: TokenizerModel
  /// Which special tokens are added.
  public let postProcessor: PostProcessor?
  /// How tokens become text.
  public let decoder: TokenDecoder?
  /// Tokens that are found in the text itself, by id.
  public let addedTokens: [AddedToken]
  /// How what is too long is cut; nil: not at all.
  public var truncation: Truncation?
  /// How the file wants short texts filled up; never applied.
  public var padding: Padding?

  /// A tokenizer of these parts. Added tokens that the model has get the model's ids.
  public init(
    model: TokenizerModel, normalizer: Normalizer? = nil, preTokenizer: PreTokenizer? = nil,
    postProcessor: PostProcessor? = nil, decoder: TokenDecoder? = nil, addedTokens: [AddedToken] = [],
    truncation: Truncation? = nil, padding: Padding? = nil
  ) {
    self.model = model
    self.normalizer = normalizer
    self.preTokenizer = preTokenizer
    self.postProcessor = postProcessor
    self.decoder = decoder
    self.addedTokens = addedTokens
    self.truncation = truncation
    self.padding = padding
  }
}
