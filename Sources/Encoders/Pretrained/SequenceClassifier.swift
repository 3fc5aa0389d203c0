import Checkpoints
import Foundation
import Layers
import Tensors

/// A pretrained encoder with a classifier of whole texts, or pairs, on top: transformers' `…ForSequenceClassification`, cross-encoders among
/// them.
public struct SequenceClassifier: Layer {
  /// The encoder.
  public let transformer: Transformer
  /// All parameters, the encoder's first.
  public let parameters: [Parameter]
  private let pooling: SequencePooling
  private let dense: Linear?, norm: LayerNorm?, output: Linear
  private let activation: Activation
  private let inputDropout: Dropout, dropout: Dropout

  /// The names of the labels, in the order of the columns.
  public var labels: [String] { transformer.configuration.labels }

  /// The encoder and its classifier from a scope, as many labels as the configuration names.
  ///
  /// - Throws: `FileError` with the file and the full name of a parameter that is missing or of another shape.
  public init(_ configuration: TransformerConfiguration, at scope: Scope) throws {
    let before = scope.parameters.count
    let names = TransformerNames(configuration.family, at: scope)
    transformer = try Transformer(configuration, names, at: scope, newPrefix: names.prefix)
    let (width, root) = (configuration.width, transformer.root)
    let initial = Initializer.normal(configuration.initializerRange)
    func square(_ place: Scope, bias: Bool = true) throws -> Linear {
      try Linear(width, width, bias: bias, initial: initial, at: place)
    }
    func last(_ place: Scope, bias: Bool = true) throws -> Linear {
      try Linear(width, configuration.labels.count, bias: bias, initial: initial, at: place)
    }
    let rate = Dropout(configuration.dropout.classifier)
    var (pooling, norm, activation, inputDropout) = (SequencePooling.cls, LayerNorm?.none, Activation.tanh, Dropout(0))
    switch configuration.family {
    case .bert, .nomicBERT, .gte, .new:
      (dense, output) = (try square(root["pooler"]["dense"]), try last(scope["classifier"]))
    case .albert: (dense, output) = (try square(root["pooler"]), try last(scope["classifier"]))
    case .roberta, .xlmRoberta, .camembert, .mpnet, .electra:
      let head = scope["classifier"]
      (dense, output) = (try square(head["dense"]), try last(head["out_proj"]))
      inputDropout = rate
      if configuration.family == .electra { activation = .gelu }
    case .distilbert:
      (dense, output) = (try square(scope["pre_classifier"]), try last(scope["classifier"]))
      activation = .relu
    case .modernbert:
      let form = configuration.classifier
      dense = try square(scope["head"]["dense"], bias: form.hasBias)
      norm = try LayerNorm(
        width, epsilon: configuration.epsilon, bias: configuration.norm.hasBias, at: scope["head"]["norm"])
      output = try last(scope["classifier"])
      (pooling, activation) = (form.usesMean ? .mean : .cls, form.activation)
    case .qwen3:
      (dense, output) = (nil, try last(scope["score"], bias: false))
      pooling = .last
    }
    (self.pooling, self.norm, self.activation, self.inputDropout) = (pooling, norm, activation, inputDropout)
    dropout = rate
    parameters = Array(scope.parameters.dropFirst(before))
  }

  /// Opens a Hugging Face folder.
  ///
  /// - Throws: `FileError` naming the file and the key.
  public static func open(_ folder: URL, configuration: TransformerConfiguration? = nil) throws -> SequenceClassifier {
    let classifier = try SequenceClassifier(
      configuration ?? TransformerConfiguration(contentsOf: folder), at: Scope.open(folder))
    try classifier.transformer.requireAllRead()
    return classifier
  }

  /// The logits `[texts, labels]`. No text may be empty.
  public func callAsFunction(_ ids: Ragged<IDs>, typeIDs: Ragged<IDs>? = nil) -> Tensor {
    let hidden = transformer(ids, typeIDs: typeIDs)
    var x = inputDropout(pooling == .last ? hidden.rows.rows(at: lastRows(ids)) : hidden.pooled(pooling))
    if let dense { x = dense(x).activated(activation) }
    if let norm { x = norm(x) }
    return output(dropout(x))
  }

  /// The row of each text's last token that isn't padding, which some tokenizers end a text with.
  private func lastRows(_ ids: Ragged<IDs>) -> IDs {
    let padding = transformer.configuration.paddingID.map { Int32($0) }
    return IDs(
      (0..<ids.count).map { text in
        let rows = ids.offsets[text]
        precondition(!rows.isEmpty, "SequenceClassifier: text \(text) is empty")
        return Int32(rows.last { ids.rows.values[$0] != padding } ?? rows.lowerBound)
      })
  }
}
