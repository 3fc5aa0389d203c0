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
  private let head: LanguageModelHead

  /// The encoder and its head from a scope.
  ///
  /// - Throws: `FileError` with the file and the full name of a parameter that is missing or of another shape.
  public init(_ configuration: TransformerConfiguration, at scope: Scope) throws {
    let before = scope.parameters.count
    let names = TransformerNames(configuration.family, at: scope)
    transformer = try Transformer(configuration, names, at: scope, newPrefix: names.prefix)
    head = try LanguageModelHead(configuration, words: transformer.embeddings.words.weight, at: scope)
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
  public func logits(_ hidden: Tensor) -> Tensor { head(hidden) }
}
