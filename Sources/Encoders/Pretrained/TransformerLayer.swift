import Layers
import Tensors

/// One layer of a pretrained Transformer: attention and a feed-forward part, each with a residual connection and a norm.
struct TransformerLayer: Layer {
  private enum Norm: Layer {
    case none
    case layer(LayerNorm)
    case rms(RMSNorm)

    init(_ configuration: TransformerConfiguration, at scope: Scope) throws {
      let (width, form) = (configuration.width, configuration.norm)
      self =
        form.isRMS
        ? .rms(try RMSNorm(width, epsilon: configuration.epsilon, at: scope))
        : .layer(try LayerNorm(width, epsilon: configuration.epsilon, bias: form.hasBias, at: scope))
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
      switch self {
      case .none: x
      case .layer(let norm): norm(x)
      case .rms(let norm): norm(x)
      }
    }
  }

  private let attention: TransformerAttention, feedForward: TransformerFeedForward
  private let attentionNorm: Norm, outputNorm: Norm, isNormFirst: Bool
  private let attentionDropout: Dropout, outputDropout: Dropout

  init(_ configuration: TransformerConfiguration, _ names: TransformerNames, index: Int, at scope: Scope) throws {
    attention = try TransformerAttention(configuration, names, at: scope)
    feedForward = try TransformerFeedForward(configuration, names, at: scope)
    let skips = index == 0 && names.skipsFirstNorm
    attentionNorm = skips ? .none : try Norm(configuration, at: scope[names.attentionNorm])
    outputNorm = try Norm(configuration, at: scope[names.outputNorm])
    isNormFirst = configuration.norm.isFirst
    attentionDropout = Dropout(configuration.dropout.attention)
    outputDropout = Dropout(configuration.dropout.output)
  }

  func callAsFunction(
    _ x: Ragged<Tensor>, _ form: TransformerConfiguration.LayerForm, angles: RotaryAngles?, bias: Tensor?
  ) -> Ragged<Tensor> {
    attended(x, form, angles: angles, bias: bias).map { fedForward($0) }
  }

  /// The layer's first half.
  func attended(
    _ x: Ragged<Tensor>, _ form: TransformerConfiguration.LayerForm, angles: RotaryAngles?, bias: Tensor?
  ) -> Ragged<Tensor> {
    if isNormFirst {
      let mixed = attention.mixed(x.map { attentionNorm($0) }, form, angles, bias)
      return x.map { attention.output(mixed, dropout: attentionDropout, adding: $0) }
    }
    let mixed = attention.mixed(x, form, angles, bias)
    return x.map { attentionNorm(attention.output(mixed, dropout: attentionDropout, adding: $0)) }
  }

  /// The layer's second half.
  func fedForward(_ y: Tensor) -> Tensor {
    if isNormFirst { return feedForward.down(feedForward.inner(outputNorm(y)), dropout: outputDropout, adding: y) }
    return outputNorm(feedForward.down(feedForward.inner(y), dropout: outputDropout, adding: y))
  }
}

/// Multi-head self-attention with the projections of a pretrained model.
struct TransformerAttention {
  private enum Projection: Sendable {
    case fused(Linear)
    case separate(query: Linear, key: Linear, value: Linear)
  }
  private let projection: Projection
  /// From the mixed values to the width of the model.
  let output: Linear
  private let headNorms: (query: RMSNorm, key: RMSNorm)?
  private let heads: Int, keyHeads: Int, headWidth: Int
  private let dropout: Float

  init(_ configuration: TransformerConfiguration, _ names: TransformerNames, at scope: Scope) throws {
    (heads, keyHeads, headWidth) = (configuration.heads, configuration.keyHeads, configuration.headWidth)
    dropout = configuration.dropout.probabilities
    let (width, inner, keyWidth) = (configuration.width, heads * headWidth, keyHeads * headWidth)
    let (initial, biases) = (Initializer.normal(configuration.initializerRange), configuration.biases)
    func linear(_ outputs: Int, _ name: String) throws -> Linear {
      try Linear(width, outputs, bias: biases.projections, initial: initial, at: scope[name])
    }
    switch names.attention {
    case .fused(let name): projection = .fused(try linear(3 * inner, name))
    case .separate(let query, let key, let value):
      projection = .separate(
        query: try linear(inner, query), key: try linear(keyWidth, key), value: try linear(keyWidth, value))
    }
    output = try Linear(inner, width, bias: biases.output, initial: initial, at: scope[names.attentionOutput])
    let (epsilon, headWidth) = (configuration.epsilon, headWidth)
    headNorms = try names.headNorms.map {
      (
        try RMSNorm(headWidth, epsilon: epsilon, at: scope[$0.query]),
        try RMSNorm(headWidth, epsilon: epsilon, at: scope[$0.key])
      )
    }
  }

  /// The values that each head mixed, `[rows, heads · headWidth]`.
  func mixed(
    _ x: Ragged<Tensor>, _ form: TransformerConfiguration.LayerForm, _ angles: RotaryAngles?, _ bias: Tensor?
  ) -> Tensor {
    let (query, key, value): (Linear, Linear, Linear)
    switch projection {
    case .fused(let linear): return mixed(sideBySide: x.map { linear($0) }, form, angles, bias)
    case .separate(let query, let key, let value) where headNorms == nil && heads == keyHeads:
      return mixed(sideBySide: x.map { Linear.sideBySide([query, key, value], $0) }, form, angles, bias)
    case .separate(let ownQuery, let ownKey, let ownValue): (query, key, value) = (ownQuery, ownKey, ownValue)
    }
    var (queries, keys) = (x.map { query($0) }, x.map { key($0) })
    if let headNorms {
      queries = queries.map { headNorms.query(heads: $0) }
      keys = keys.map { headNorms.key(heads: $0) }
    }
    if let angles {
      queries = angles.turn(queries, headWidth: headWidth)
      keys = angles.turn(keys, headWidth: headWidth)
    }
    return queries.attention(
      keys: keys.rows, values: value(x.rows), heads: heads, keyHeads: keyHeads, causal: form.causal,
      window: form.window, seen: form.seen, bias: bias, dropout: dropout
    ).rows
  }

  /// The same from queries, keys and values that stand side by side.
  private func mixed(
    sideBySide x: Ragged<Tensor>, _ form: TransformerConfiguration.LayerForm, _ angles: RotaryAngles?, _ bias: Tensor?
  ) -> Tensor {
    let turned = angles?.turn(x, headWidth: headWidth, columns: 0..<2 * heads * headWidth) ?? x
    return turned.selfAttention(
      heads: heads, causal: form.causal, window: form.window, seen: form.seen, bias: bias, dropout: dropout
    ).rows
  }
}

/// The feed-forward part of a layer: two products with an activation between, or a gated linear unit.
struct TransformerFeedForward {
  private enum Up: Sendable {
    case plain(Linear)
    case gated(Linear, gateFirst: Bool)
    case separatelyGated(gate: Linear, up: Linear)
  }
  private let up: Up
  /// Back to the width of the model.
  let down: Linear
  private let activation: Activation, dropout: Dropout

  init(_ configuration: TransformerConfiguration, _ names: TransformerNames, at scope: Scope) throws {
    let (width, inner) = (configuration.width, configuration.intermediate)
    let (initial, biases) = (Initializer.normal(configuration.initializerRange), configuration.biases)
    func linear(_ outputs: Int, _ name: String) throws -> Linear {
      try Linear(width, outputs, bias: biases.up, initial: initial, at: scope[name])
    }
    switch names.feedForward {
    case .plain(let name): up = .plain(try linear(inner, name))
    case .gated(let name, let gateFirst): up = .gated(try linear(2 * inner, name), gateFirst: gateFirst)
    case .separatelyGated(let gate, let name):
      up = .separatelyGated(gate: try linear(inner, gate), up: try linear(inner, name))
    }
    down = try Linear(inner, width, bias: biases.down, initial: initial, at: scope[names.down])
    activation = configuration.activation
    dropout = Dropout(configuration.dropout.inner)
  }

  /// The hidden layer `[rows, intermediate]`.
  func inner(_ x: Tensor) -> Tensor {
    switch up {
    case .plain(let linear): dropout(linear(x, activated: activation))
    case .gated(let linear, let gateFirst): dropout(linear(x).gated(activation, gateFirst: gateFirst))
    case .separatelyGated(let gate, let linear): dropout(gate(x, activated: activation) * linear(x))
    }
  }
}
