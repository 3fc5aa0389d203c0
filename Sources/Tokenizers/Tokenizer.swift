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
  let pipeline: TokenizerPipeline

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
    self.addedTokens = Tokenizer.numbered(addedTokens, model.vocabulary)
    pipeline = TokenizerPipeline(model, normalizer, preTokenizer, self.addedTokens)
    self.truncation = truncation
    self.padding = padding
  }

  /// The same with `lowercase` as the first normalizer, unless it is one of them already.
  public func lowercasing() -> Tokenizer {
    let steps: [Normalizer] =
      switch normalizer {
      case .sequence(let steps): steps
      case let single?: [single]
      case nil: []
      }
    guard !steps.contains(.lowercase) else { return self }
    return Tokenizer(
      model: model, normalizer: .sequence([.lowercase] + steps), preTokenizer: preTokenizer,
      postProcessor: postProcessor, decoder: decoder, addedTokens: addedTokens, truncation: truncation,
      padding: padding)
  }

  /// Added tokens with the ids they really have: the model's, else the next free ones. What is listed again under the
  /// same text replaces what was there.
  private static func numbered(_ tokens: [AddedToken], _ vocabulary: Vocabulary) -> [AddedToken] {
    var ids: [[UInt8]: Int32] = [:]
    var next = Int32(vocabulary.count)
    var byID: [Int32: AddedToken] = [:]
    for var token in tokens where !token.content.isEmpty {
      let bytes = Array(token.content.utf8)
      if let known = ids[bytes] ?? bytes.withUnsafeBufferPointer({ vocabulary.find($0) }) {
        token.id = known
      } else {
        token.id = next
        next += 1
      }
      ids[bytes] = token.id
      byID[token.id] = token
    }
    return byID.values.sorted { $0.id < $1.id }
  }

  /// One more than the largest id of any token, added ones included.
  public var vocabularySize: Int { max(model.vocabulary.idLimit, Int(addedTokens.last?.id ?? -1) + 1) }

  /// The id of a token, added or the model's; nil if there is none.
  public func id(of token: String) -> Int32? {
    addedTokens.first { $0.content.utf8.elementsEqual(token.utf8) }?.id ?? model.vocabulary.id(of: token)
  }

  /// The token of an id, or nil. An added token that is looked for in normalized text is normalized itself.
  public func token(of id: Int32) -> String? {
    pipeline.normalizedContents[id] ?? pipeline.addedTokens[id]?.content ?? model.vocabulary[id]
  }
}
