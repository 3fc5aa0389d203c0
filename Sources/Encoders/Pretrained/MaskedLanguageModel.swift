import Checkpoints
import Foundation
import Layers
import Tensors

/// A pretrained encoder with a head that predicts tokens: transformers' `…ForMaskedLM`, for pretraining and for sparse (SPLADE) vectors.
public struct MaskedLanguageModel: Layer {
  /// The encoder.
  public internal(set) var transformer: Transformer
  /// All parameters, the encoder's first.
  public let parameters: [Parameter]
  /// Whether the head is new, for want of one in the file.
  public let hasNewHead: Bool
  private let head: LanguageModelHead

  /// The encoder and its head from a scope.
  ///
  /// - Parameter newHead: where a head comes from if the scope's file has none, as files of sentence encoders do.
  /// - Throws: `FileError` with the file and the full name of a parameter that is missing or of another shape.
  public init(_ configuration: TransformerConfiguration, at scope: Scope, newHead: Scope? = nil) throws {
    let isStored = try LanguageModelHead.isStored(configuration, at: scope)
    let place = isStored ? scope : newHead ?? scope
    hasNewHead = !isStored
    let (before, beforeHead) = (scope.parameters.count, place.parameters.count)
    let names = TransformerNames(configuration.family, at: scope)
    transformer = try Transformer(
      configuration, names, at: scope, newPrefix: names.prefix,
      words: LanguageModelHead.words(configuration, names, at: scope))
    head = try LanguageModelHead(configuration, words: transformer.embeddings.words.weight, at: place)
    parameters = Array(scope.parameters.dropFirst(before)) + (isStored ? [] : place.parameters.dropFirst(beforeHead))
  }

  /// Opens a Hugging Face folder, with a head from `newHead` if it has none.
  ///
  /// - Throws: `FileError` naming the file and the key.
  public static func open(
    _ folder: URL, configuration: TransformerConfiguration? = nil, newHead: Scope? = nil
  ) throws -> MaskedLanguageModel {
    let model = try MaskedLanguageModel(
      configuration ?? TransformerConfiguration(contentsOf: folder), at: Scope.open(folder), newHead: newHead)
    try model.transformer.requireAllRead()
    return model
  }

  /// The logits of every token of every text `[rows, vocabulary]`.
  public func callAsFunction(_ ids: Ragged<IDs>, typeIDs: Ragged<IDs>? = nil) -> Ragged<Tensor> {
    transformer(ids, typeIDs: typeIDs).map { logits($0) }
  }

  /// The logits `[rows, vocabulary]` of some hidden states `[rows, width]`, such as those of the masked tokens alone.
  public func logits(_ hidden: Tensor) -> Tensor { head(hidden) }
}
