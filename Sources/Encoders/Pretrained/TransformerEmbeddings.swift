import Layers
import Tensors

/// Token ids to the rows that go into the first layer: word, type and position vectors summed, normed, and mapped to the model's width
/// where they are narrower.
struct TransformerEmbeddings: Layer {
  let words: Embedding
  private let positions: Embedding?, types: Embedding?
  private let norm: LayerNorm?, projection: Linear?
  private let dropout: Dropout
  private let offset: Int, paddingID: Int32?

  /// - Parameter table: that of the words if the file doesn't have it under its own name.
  init(
    _ configuration: TransformerConfiguration, _ names: TransformerNames, words table: Tensor? = nil, at scope: Scope
  ) throws {
    let (width, initial) = (configuration.embeddingWidth, Initializer.normal(configuration.initializerRange))
    let padding = configuration.paddingID
    words =
      try table.map { Embedding(weight: scope[names.words].parameter("weight", $0)) }
      ?? Embedding(configuration.vocabularySize, width, initial: initial, padding: padding, at: scope[names.words])
    switch configuration.positions {
    case .none: positions = nil
    case .learned(let entries, _), .bucketed(let entries, _, _):
      positions = try Embedding(
        entries, width, initial: initial, padding: configuration.positions.offset > 0 ? padding : nil,
        at: scope[names.positions])
    }
    let typeCount = configuration.typeVocabularySize
    types = typeCount > 0 ? try Embedding(typeCount, width, initial: initial, at: scope[names.types]) : nil
    norm = try names.embeddingNorm.map {
      try LayerNorm(width, epsilon: configuration.epsilon, bias: configuration.norm.hasBias, at: scope[$0])
    }
    // ALBERT maps even between equal widths.
    projection =
      width != configuration.width || configuration.family == .albert
      ? try Linear(width, configuration.width, initial: initial, at: scope[names.projection]) : nil
    dropout = Dropout(configuration.dropout.embedding)
    offset = configuration.positions.offset
    paddingID = padding.map { Int32($0) }
  }

  func callAsFunction(_ ids: Ragged<IDs>, typeIDs: Ragged<IDs>?) -> Ragged<Tensor> {
    var x = words(ids.rows)
    if let types {
      if let typeIDs {
        x = x + types(typeIDs.rows)
      } else {
        x = x.addingRow(types(IDs([0])).reshaped([x.width]))
      }
    }
    if let positions { x = x + positions(places(ids)) }
    if let norm { x = norm(x) }
    x = dropout(x)
    if let projection { x = projection(x) }
    return Ragged(x, ids.offsets)
  }

  /// The entry of the position table for each token. Where positions count from the padding, a padding token in a text has the padding's
  /// entry and isn't counted, as in transformers' `create_position_ids_from_input_ids`.
  private func places(_ ids: Ragged<IDs>) -> IDs {
    var places: [Int32] = []
    places.reserveCapacity(ids.rows.count)
    let first = Int32(offset)
    for sequence in 0..<ids.count {
      var next = first
      for row in ids.offsets[sequence] {
        if offset > 0, ids.rows.values[row] == paddingID {
          places.append(first - 1)
        } else {
          places.append(next)
          next += 1
        }
      }
    }
    return IDs(places)
  }
}
