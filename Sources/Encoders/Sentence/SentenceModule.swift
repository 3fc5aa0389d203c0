import Layers
import Tensors

/// What flows through the modules of a sentence encoder: the tokens' vectors, then the text's.
struct SentenceFeatures {
  /// The ids of the tokens.
  var ids: Ragged<IDs>
  /// A vector a token.
  var tokens: Ragged<Tensor>?
  /// A weight a token, whose sum is what the mean divides by.
  var weights: [Float]?
  /// A vector a text `[texts, width]`.
  var sentence: Tensor?
  /// How many tokens at the start of each text belong to the prompt.
  var promptLength = 0
  /// Whether the texts are queries, where that matters.
  var isQuery = false
  /// How many tokens of each text attention sees; nil: all.
  var seen: [Int]?
  /// The tokens' vectors after the embeddings and each layer of the Transformer, where a module wants them.
  var layers: [Ragged<Tensor>]?

  init(_ batch: SentenceBatch) {
    (ids, promptLength, isQuery, seen) = (batch.ids, batch.promptLength, batch.isQuery, batch.seen)
  }
}

/// Which vectors a module changes.
enum FeatureName: String {
  case tokens = "token_embeddings"
  case sentence = "sentence_embedding"
}

/// One step of sentence-transformers' `modules.json`.
enum SentenceModule: Sendable {
  /// A pretrained Transformer; of one that keeps its layers' outputs, those are given too.
  case transformer(Transformer)
  /// The mean of the vectors that the Transformer's layers from one on give, by weight.
  case weightedLayers([Float], from: Int)
  /// A table of vectors, one a token.
  case wordEmbeddings(Embedding)
  /// A pretrained Transformer with its head: a number a word of the vocabulary, for each token.
  case maskedLanguageModel(MaskedLanguageModel)
  /// The tokens' largest (or summed) log(1 + max(0, logit)) of each word. Source: Formal et al. 2021 (SPLADE).
  case spladePooling(sums: Bool, twice: Bool)
  /// Many more numbers than there were, few of them not 0.
  case sparseCoder(SparseCoder)
  /// Which tokens' vectors count where a text keeps one for each: not those of `skipped`, in documents (or queries).
  case multiVectorMask(skipped: Set<Int32>, documents: Bool, queries: Bool)
  /// Each token's vector times its weight.
  case wordWeights([Float])
  /// Convolutions side by side.
  case cnn([Convolution1D])
  /// A recurrence over the tokens.
  case lstm(Recurrence)
  /// How often each word occurs, times its weight: `[texts, words]`.
  case bagOfWords(weights: [Float], cumulative: Bool)
  /// The mean of the tokens' vectors.
  case staticEmbedding(Embedding)
  /// One vector a text.
  case pooling([Pooling.Mode], width: Int, includesPrompt: Bool)
  /// act(x·Wᵀ + b), plus x or its projection.
  case dense(Linear, Activation?, on: FeatureName, residual: Residual)
  case layerNorm(LayerNorm)
  case dropout(Dropout)
  case normalize(on: FeatureName)

  /// What a dense module adds to its output.
  enum Residual: Sendable {
    case none, input
    case projected(Linear)
  }

  func callAsFunction(_ features: SentenceFeatures) -> SentenceFeatures {
    var features = features
    switch self {
    case .transformer(let transformer):
      guard transformer.configuration.keepsLayers else {
        features.tokens = transformer(features.ids, seen: features.seen)
        break
      }
      features.layers = transformer.layers(features.ids, seen: features.seen)
      features.tokens = features.layers?.last
    case .weightedLayers(let weights, let first):
      // As there, it does nothing where the Transformer doesn't keep its layers' outputs.
      guard let layers = features.layers?.dropFirst(first), let offsets = layers.first?.offsets else { break }
      let sums = zip(layers, weights).map { $0.rows * $1 }
      guard let start = sums.first else { break }
      features.tokens = Ragged(sums.dropFirst().reduce(start, +) * (1 / weights.reduce(0, +)), offsets)
    case .sparseCoder(let coder): features.change(.sentence) { coder($0) }
    case .maskedLanguageModel(let model): features.tokens = model(features.ids)
    case .spladePooling(let sums, let twice):
      // The maximum comes first, as the logarithm keeps the order.
      features.sentence = features.tokens.map { logits in
        let weights = { (x: Tensor) in twice ? x.activated(.relu).log1p().log1p() : x.activated(.relu).log1p() }
        return sums ? logits.map(weights).summed() : weights(logits.pooled(.max))
      }
    case .multiVectorMask(let skipped, let documents, let queries):
      guard features.isQuery ? queries : documents, let tokens = features.tokens else { break }
      let (offsets, ids) = (tokens.offsets, features.ids.rows.values)
      let kept = (0..<tokens.count).map { text in offsets[text].filter { !skipped.contains(ids[$0]) } }
      features.tokens = Ragged(
        tokens.rows.rows(at: IDs(kept.flatMap { $0.map { Int32($0) } })), Offsets(lengths: kept.map(\.count)))
    case .wordEmbeddings(let table): features.tokens = table(features.ids)
    case .wordWeights(let weights):
      let factors = features.ids.rows.values.map { weights[Int($0)] }
      features.weights = factors
      features.change(.tokens) { $0.scaled(byRow: factors) }
    case .cnn(let convolutions):
      features.tokens = features.tokens.map { x in
        Ragged(Tensor.concatenated(convolutions.map { $0(x).rows }), x.offsets)
      }
    case .lstm(let recurrence): features.tokens = features.tokens.map { recurrence($0) }
    case .bagOfWords(let weights, let cumulative):
      features.sentence = Self.counts(features.ids, weights, cumulative: cumulative)
    case .staticEmbedding(let table):
      let vectors = table(features.ids)
      features.sentence = vectors.fillingEmpty(table.weight.shape[1]).pooled(.mean)
    case .pooling(let modes, let width, let includesPrompt):
      features.sentence = features.pooled(modes, width, skipping: includesPrompt ? 0 : features.promptLength)
    case .dense(let linear, let activation, let name, let residual):
      features.change(name) { x in
        let y = activation.map { linear(x).activated($0) } ?? linear(x)
        return switch residual {
        case .none: y
        case .input: y + x
        case .projected(let projection): y + projection(x)
        }
      }
    case .layerNorm(let norm): features.change(.sentence) { norm($0) }
    case .dropout(let dropout): features.change(.sentence) { dropout($0) }
    case .normalize(let name): features.change(name) { $0.normalized() }
    }
    return features
  }

  private static func counts(_ ids: Ragged<IDs>, _ weights: [Float], cumulative: Bool) -> Tensor {
    var counts = [Float](repeating: 0, count: ids.count * weights.count)
    for text in 0..<ids.count {
      for id in ids.rows.values[ids.offsets[text]] {
        let place = text * weights.count + Int(id)
        counts[place] = cumulative ? counts[place] + weights[Int(id)] : weights[Int(id)]
      }
    }
    return Tensor(counts, shape: [ids.count, weights.count])
  }
}

extension SentenceFeatures {
  fileprivate mutating func change(_ name: FeatureName, _ transform: (Tensor) -> Tensor) {
    switch name {
    case .tokens: tokens = tokens.map { $0.map(transform) }
    case .sentence: sentence = sentence.map(transform)
    }
  }

  /// The poolings side by side, without the first `skipped` tokens; a text with no token left has the vector 0, as in
  /// sentence-transformers.
  fileprivate func pooled(_ modes: [Pooling.Mode], _ width: Int, skipping skipped: Int) -> Tensor? {
    guard let tokens else { return nil }
    let x = tokens.droppingFirst(skipped).fillingEmpty(width)
    return Tensor.concatenated(
      modes.map { mode in
        let places = x.offsets.lengths.map { (1...$0).map { Float($0 + skipped) } }
        let pooled = mode == .weightedMean ? x.weightedMean(Array(places.joined())) : Pooling.pooled(x, mode)
        guard let weights else { return pooled }
        // Where words have weights, their sum takes the place of what the mean divides by.
        let sums = (0..<tokens.count).map { max(1e-9, weights[tokens.offsets[$0]].dropFirst(skipped).reduce(0, +)) }
        switch mode {
        case .mean: return pooled.scaled(byRow: zip(places, sums).map { Float($0.count) / $1 })
        case .meanSqrtLength: return pooled.scaled(byRow: zip(places, sums).map { (Float($0.count) / $1).squareRoot() })
        case .weightedMean: return pooled.scaled(byRow: zip(places, sums).map { $0.reduce(0, +) / $1 })
        case .max, .cls, .last, .attention: return pooled
        }
      })
  }
}

extension Ragged where Rows == Tensor {
  /// Without the first rows of each sequence (of a shorter one nothing is left).
  func droppingFirst(_ count: Int) -> Ragged<Tensor> {
    guard count > 0 else { return self }
    let kept = (0..<self.count).map { offsets[$0].dropFirst(count) }
    return Ragged(rows.rows(at: IDs(kept.flatMap { $0.map { Int32($0) } })), Offsets(lengths: kept.map(\.count)))
  }

  /// A row of zeros where a sequence has none.
  func fillingEmpty(_ width: Int) -> Ragged<Tensor> {
    let lengths = offsets.lengths
    guard lengths.contains(0) else { return self }
    let table = Tensor.stacked([rows, .zeros([1, width])])
    let places = (0..<count).flatMap { offsets[$0].isEmpty ? [Int32(offsets.rows)] : offsets[$0].map { Int32($0) } }
    return Ragged(table.rows(at: IDs(places)), Offsets(lengths: lengths.map { Swift.max(1, $0) }))
  }
}
