import Checkpoints
import Foundation
import Layers
import Tensors

/// A pretrained Transformer encoder: token ids to a hidden state a token.
///
/// Parameters have the names of the checkpoint. A text's bits depend neither on its batch nor on the threads; padding doesn't exist.
/// In `training` the configuration's dropouts drop.
/// Source: the transformers library's models of the families in `TransformerConfiguration.Family`.
public struct Transformer: Layer {
  /// Its architecture.
  public let configuration: TransformerConfiguration
  /// Whether training keeps the inputs of layers alone and computes each layer again to differentiate it: less memory for a third more time.
  public var checkpointsLayers = false
  /// Its parameters, in the order of their making.
  public let parameters: [Parameter]
  /// Where its parameters are in the checkpoint: the prefix `bert`, or nothing.
  let root: Scope
  let embeddings: TransformerEmbeddings
  let layers: [TransformerLayer]
  private let finalNorm: FinalNorm?
  private let angles: [RotaryAngles]
  private let distances: RelativePositions?

  private enum FinalNorm: Sendable {
    case layer(LayerNorm)
    case rms(RMSNorm)
  }

  /// The encoder's layers from a scope in which they stand under any prefix; a new model's stand right in it.
  ///
  /// - Throws: `FileError` with the file and the full name of a parameter that is missing or of another shape than `configuration` says.
  public init(_ configuration: TransformerConfiguration, at scope: Scope) throws {
    try self.init(configuration, TransformerNames(configuration.family, at: scope), at: scope, newPrefix: "")
  }

  /// - Parameter words: the table of words if the file doesn't have it under its own name.
  init(
    _ configuration: TransformerConfiguration, _ names: TransformerNames, at scope: Scope, newPrefix: String,
    words: Tensor? = nil
  ) throws {
    let before = scope.parameters.count
    let first = words == nil ? names.words : names.embeddingNorm ?? names.words
    let root = scope.url == nil ? scope[newPrefix] : scope.place(of: first + ".weight") ?? scope
    let embeddings = try TransformerEmbeddings(configuration, names, words: words, at: root)
    distances = try RelativePositions(configuration, at: root)
    self.embeddings = embeddings
    if configuration.groups > 0 {
      // ALBERT: few layers, each used again and again.
      let groups = try (0..<configuration.groups).map { group in
        try (0..<configuration.groupLayers).map { layer in
          try TransformerLayer(
            configuration, names, index: layer, at: root[names.layers]["\(group)"]["albert_layers"]["\(layer)"])
        }
      }
      let steps = configuration.layers / configuration.groupLayers
      layers = (0..<steps).flatMap { groups[$0 * configuration.groups / steps] }
    } else {
      layers = try (0..<configuration.layers).map {
        try TransformerLayer(configuration, names, index: $0, at: root[names.layers]["\($0)"])
      }
    }
    let (width, norm, epsilon) = (configuration.width, configuration.norm, configuration.epsilon)
    finalNorm = try names.finalNorm.map {
      norm.isRMS
        ? .rms(try RMSNorm(width, epsilon: epsilon, at: root[$0]))
        : .layer(try LayerNorm(width, epsilon: epsilon, bias: norm.hasBias, at: root[$0]))
    }
    angles = configuration.rotary.map { RotaryAngles($0) }
    parameters = Array(scope.parameters.dropFirst(before))
    (self.configuration, self.root) = (configuration, root)
  }

  /// Opens a Hugging Face folder: `config.json`, and `model.safetensors` or its shards. The weights may have heads, which are left alone.
  ///
  /// - Throws: `FileError` naming the file and the key: what is missing, doesn't fit the configuration, or belongs to no layer.
  public static func open(_ folder: URL, configuration: TransformerConfiguration? = nil) throws -> Transformer {
    let configuration = try configuration ?? TransformerConfiguration(contentsOf: folder)
    let scope = try Scope.open(folder)
    let transformer = try Transformer(configuration, at: scope)
    try transformer.requireAllRead()
    return transformer
  }

  /// Checks that the file of its weights has nothing but this encoder and the known heads.
  ///
  /// - Throws: `FileError` naming what belongs to no layer.
  func requireAllRead() throws {
    try root.requireAllRead { TransformerNames.isUnused($0, prefix: root.path) }
  }

  /// The hidden states `[rows, width]` of texts; `typeIDs` tell the parts of a pair apart and are 0 if not given. Of each text its first
  /// `seen` tokens are attended to: all of them if not given.
  ///
  /// Ids must be in range and texts no longer than the model's learned positions: `check` says so of data from outside.
  public func callAsFunction(_ ids: Ragged<IDs>, typeIDs: Ragged<IDs>? = nil, seen: [Int]? = nil) -> Ragged<Tensor> {
    var last = embeddings(ids, typeIDs: typeIDs)
    run(&last, seen) { _ in }
    return last
  }

  /// The hidden states of the embeddings and after every layer: `configuration.layers + 1` of them, the last as `callAsFunction` gives it.
  public func layers(_ ids: Ragged<IDs>, typeIDs: Ragged<IDs>? = nil, seen: [Int]? = nil) -> [Ragged<Tensor>] {
    var last = embeddings(ids, typeIDs: typeIDs)
    var all = [last]
    run(&last, seen) { all.append($0) }
    if finalNorm != nil { all[all.count - 1] = last }
    return all
  }

  private func run(_ x: inout Ragged<Tensor>, _ seen: [Int]?, _ note: (Ragged<Tensor>) -> Void) {
    let bias = distances?()
    let (offsets, shared) = (x.offsets, bias.map { [$0] } ?? [])
    for (layer, form) in zip(layers, configuration.layerForms) {
      var form = form
      form.seen = seen
      let turn = form.rotary.map { angles[$0] }
      let rows = { [form] (inputs: [Tensor]) in
        layer(Ragged(inputs[0], offsets), form, angles: turn, bias: inputs.count > 1 ? inputs[1] : nil).rows
      }
      let inputs = [x.rows] + shared
      x = Ragged(checkpointsLayers ? checkpointed(inputs, rows) : rows(inputs), offsets)
      note(x)
    }
    switch finalNorm {
    case .layer(let norm): x = x.map { norm($0) }
    case .rms(let norm): x = x.map { norm($0) }
    case nil: break
    }
  }

  /// Checks ids that come from outside.
  ///
  /// - Throws: `TokenError` naming the text, and the token that is out of range or how long the text is.
  public func check(_ ids: Ragged<IDs>, typeIDs: Ragged<IDs>? = nil) throws {
    for text in 0..<ids.count {
      let rows = ids.offsets[text]
      if let most = configuration.positionLimit, rows.count > most {
        throw TokenError(text: text, "\(rows.count) tokens, the model takes \(most)", in: configuration.url)
      }
      for row in rows where !(0..<configuration.vocabularySize).contains(Int(ids.rows.values[row])) {
        throw TokenError(
          text: text,
          "token \(row - rows.lowerBound) has the id \(ids.rows.values[row]), outside 0 ..< \(configuration.vocabularySize): "
            + "the tokenizer isn't the model's", in: configuration.url)
      }
    }
    guard let typeIDs, configuration.typeVocabularySize > 0 else { return }
    guard typeIDs.offsets == ids.offsets else {
      throw TokenError(text: 0, "the type ids are not one for each token", in: configuration.url)
    }
    for text in 0..<ids.count {
      for row in ids.offsets[text]
      where !(0..<configuration.typeVocabularySize).contains(Int(typeIDs.rows.values[row])) {
        throw TokenError(
          text: text, "type id \(typeIDs.rows.values[row]) is outside 0 ..< \(configuration.typeVocabularySize)",
          in: configuration.url)
      }
    }
  }
}

/// Token ids that a model doesn't take.
public struct TokenError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// Which text of the batch, counted from 0.
  public let text: Int
  /// What is wrong.
  public let problem: String
  /// The model's file that says what it takes.
  public let file: URL

  init(text: Int, _ problem: String, in file: URL) { (self.text, self.problem, self.file) = (text, problem, file) }

  /// `config.json: text 3: problem`.
  public var description: String { "\(file.path): text \(text): \(problem)" }
  /// The same line.
  public var errorDescription: String? { description }
}
