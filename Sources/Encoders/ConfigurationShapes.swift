import Tensors

/// What comes out of each step of an encoder, for one sample.
public struct EncoderShapes: Sendable, Equatable {
  /// The layers in order, with the shapes that come out of them: preprocess, encode, pool, project and decode.
  public let steps: [StepDescription]
  /// Columns of the embedding.
  public let width: Int
}

extension EncoderConfiguration {
  /// Walks the steps without making any weights.
  ///
  /// - Throws: `ConfigurationError` with the place of the first layer whose input doesn't fit, what it gets and what it
  ///   expects.
  public func shapes() throws -> EncoderShapes {
    var steps: [StepDescription] = []
    var form: Form
    func note(_ step: String, _ layer: String) {
      steps.append(.init(step: step, layer: layer, output: form.description))
    }
    switch (preprocess, encode) {
    case (.text(let text), .text(let embedding, let network)):
      form = .rows(nil, embedding.dimension)
      steps.append(.init(step: "preprocess", layer: text.tokens.rawValue, output: "ids [length]"))
      note("encode", "embedding\(embedding.trainable ? "" : ", frozen")")
      if let name = network.name {
        form = .rows(nil, network.width(of: embedding.dimension))
        note("encode", name)
      }
    case (.image(let shape, _), .layers(let layers)), (.sequence(let shape), .layers(let layers)):
      var kind = "image"
      form = .image(shape.height, shape.width, shape.channels)
      if case .sequence = preprocess {
        kind = "sequence"
        form = .rows(shape.height, shape.width)
      }
      note("preprocess", kind)
      for layer in layers {
        form = try layer.output(of: form)
        note("encode", layer.name)
      }
    case (.text, .layers): throw poolPlace.error("text takes a network, not layers")
    case (_, .text): throw poolPlace.error("images take layers, not a network for text")
    }
    form = try pooled(form)
    note("pool", pool.name)
    for layer in project {
      form = .vector(try layer.output(of: form.width))
      note("project", layer.name)
    }
    let width = form.width
    for layer in decode ?? [] {
      form = .vector(try layer.output(of: form.width))
      note("decode", layer.name)
    }
    if decode != nil, let shape = imageShape {
      form = .vector(shape.height * shape.width * shape.channels)
      note("decode", "linear \(form.width)")
    }
    return EncoderShapes(steps: steps, width: width)
  }

  /// What pooling makes of its input.
  func pooled(_ form: Form) throws -> Form {
    switch (pool, form) {
    case (.flatten, .rows(nil, _)):
      throw poolPlace.error("flatten gets \(form.description), expected inputs of a fixed size; use max or mean")
    case (.flatten, _): .vector(form.elements)
    case (.modes(let modes), _): .vector(form.width * modes.count)
    }
  }
}

extension TextNetwork {
  /// What it is, for reports; nil for a bag, which is nothing.
  var name: String? {
    switch self {
    case .bag: return nil
    case .cnn(let widths, let channels, let activation):
      let noun = widths.count == 1 ? "width" : "widths"
      return
        "convolutions of \(noun) \(widths.map(String.init).joined(separator: ", ")) × \(channels), "
        + activation.rawValue
    case .recurrent(let cell, let hidden, let layers, let bidirectional, _):
      let several = layers > 1 ? "\(layers) layers of " : ""
      return "\(several)\(bidirectional ? "bidirectional " : "")\(cell.rawValue.uppercased()) \(hidden)"
    case .transformer(let options):
      let blocks = "\(options.layers) Transformer block\(options.layers == 1 ? "" : "s")"
      return "\(blocks), \(options.heads) heads, \(options.feedForward) units, \(options.norm.rawValue)-norm"
    }
  }

  /// Columns that come out, for embeddings of a dimension.
  func width(of dimension: Int) -> Int {
    switch self {
    case .bag, .transformer: dimension
    case .cnn(let widths, let channels, _): widths.count * channels
    case .recurrent(_, let hidden, _, let bidirectional, _): bidirectional ? 2 * hidden : hidden
    }
  }
}

extension Pool {
  /// What it is, for reports.
  var name: String {
    switch self {
    case .flatten: "flatten"
    case .modes(let modes): modes.map(\.rawValue).joined(separator: " + ")
    }
  }
}

extension LayerStep {
  /// What it is, for reports and errors.
  var name: String {
    switch kind {
    case .convolution(let channels, let kernel, _, _, _, _, _): "convolution \(channels) × \(kernel)"
    case .batchNorm: "batch_norm"
    case .activation(let activation): activation.rawValue
    case .maxPool(let kernel, _, _): "max_pool \(kernel)"
    case .averagePool(let kernel, _, _): "average_pool \(kernel)"
    case .dropout(let rate): "dropout \(rate)"
    }
  }

  /// The window that passes over sequences or images; nil if the layer has none.
  var windows: (sequence: Window1D, image: Window2D)? {
    switch kind {
    case .convolution(_, let kernel, let stride, let padding, let dilation, _, _):
      let sequence = padding.map { Window1D(kernel, stride: stride, padding: $0, dilation: dilation) }
      let kept = padding ?? dilation * (kernel - 1) / 2
      return (
        sequence ?? .same(kernel, dilation: dilation),
        Window2D(kernel, stride: stride, padding: kept, dilation: dilation)
      )
    case .maxPool(let kernel, let stride, let padding), .averagePool(let kernel, let stride, let padding):
      return (
        Window1D(kernel, stride: stride, padding: padding), Window2D(kernel, stride: stride, padding: padding)
      )
    case .batchNorm, .activation, .dropout: return nil
    }
  }

  /// The form of what comes out.
  ///
  /// - Throws: `ConfigurationError` if the layer can't take its input.
  func output(of form: Form) throws -> Form {
    var channels = form.width
    if case .convolution(let outputs, let kernel, _, let padding, _, let groups, _) = kind {
      guard form.width % groups == 0, outputs % groups == 0 else {
        throw place.error("\(groups) groups do not divide \(form.width) channels in and \(outputs) out")
      }
      if case .image = form, padding == nil, kernel % 2 == 0 {
        throw place.error("padding 'same' needs an odd kernel on images, found \(kernel); give padding a number")
      }
      channels = outputs
    }
    guard let (sequence, image) = windows else { return form }
    switch form {
    case .rows(let length, _):
      let output = length.map { sequence.outputLength($0) }
      if let output, output < 1 {
        let needed = sequence.dilation * (sequence.kernel - 1) + 1 - sequence.padding.before - sequence.padding.after
        throw place.error("\(name) gets \(form.description), expected a length of at least \(needed)")
      }
      return .rows(output, channels)
    case .image(let height, let width, _):
      let output = image.outputSize(height, width)
      guard output.height > 0, output.width > 0 else {
        let needed = image.dilation[0] * (image.kernel[0] - 1) + 1 - 2 * image.padding[0]
        throw place.error("\(name) gets \(form.description), expected at least \(needed) × \(needed)")
      }
      return .image(output.height, output.width, channels)
    case .vector: throw place.error("\(name) gets a vector, expected images or sequences")
    }
  }
}

extension ProjectionStep {
  /// What it is, for reports.
  var name: String {
    switch kind {
    case .linear(let outputs, _): "linear \(outputs)"
    case .activation(let activation): activation.rawValue
    case .dropout(let rate): "dropout \(rate)"
    case .normalize: "normalize"
    case .truncate(let columns): "truncate \(columns)"
    }
  }

  /// Columns that come out.
  ///
  /// - Throws: `ConfigurationError` if it would keep more columns than it gets.
  func output(of width: Int) throws -> Int {
    switch kind {
    case .linear(let outputs, _): return outputs
    case .truncate(let columns):
      if columns > width {
        throw place.error("truncate \(columns) gets [\(width)], expected at least \(columns) columns")
      }
      return columns
    case .activation, .dropout, .normalize: return width
    }
  }
}
