import Layers
import Tensors

/// A batch as an encoder takes it.
public enum EncoderInput: Sendable {
  /// Token ids of texts.
  case text(Ragged<IDs>)
  /// Images `[N, height, width, channels]`, scaled.
  case images(Tensor)
  /// Texts for a pretrained encoder.
  case sentences(SentenceBatch)

  /// The number of samples.
  public var count: Int {
    switch self {
    case .text(let ids): ids.count
    case .images(let images): images.shape[0]
    case .sentences(let batch): batch.count
    }
  }

  /// The number of tokens of its texts; 0 for images.
  public var tokens: Int {
    switch self {
    case .text(let ids): ids.rows.count
    case .images: 0
    case .sentences(let batch): batch.ids.rows.count
    }
  }
}

/// One step of an encoder as `inspect` shows it.
public struct StepDescription: Sendable, Codable, Equatable {
  /// preprocess, encode, pool, project, decode or head.
  public let step: String
  /// What the step's layer is.
  public let layer: String
  /// The shape that comes out for one sample.
  public let output: String
}

/// The four steps joined: preprocess (done before), encode, pool, project.
public struct Encoder: Layer {
  /// What it was built from.
  public let configuration: EncoderConfiguration
  /// Columns of the embedding.
  public let width: Int
  /// Its layers with the shapes that come out of them.
  public let steps: [StepDescription]
  private let encode: EncodeStep
  private let pooling: Pooling?
  private var projection: Projection

  private enum EncodeStep: Sendable {
    case text(TextStep)
    case layers(LayerStack)
  }

  /// Builds the layers; for text, `vocabularySize` words. `vectors` are the initial word vectors (else random).
  ///
  /// - Throws: `ConfigurationError` naming the step whose output doesn't fit which input; `FileError` from a stored model.
  public init(_ configuration: EncoderConfiguration, vocabularySize: Int = 2, vectors: [Float]? = nil, at scope: Scope)
    throws
  {
    self.configuration = configuration
    var steps: [StepDescription] = []
    var form: Form
    switch (configuration.preprocess, configuration.encode) {
    case (.text(let text), .text(let embedding, let network)):
      form = .rows(nil, embedding.dimension)
      steps.append(
        .init(
          step: "preprocess", layer: "\(text.tokens.rawValue), \(vocabularySize) in the vocabulary",
          output: "ids [length]"))
      let step = try TextStep(
        embedding, network, maxLength: text.maxLength, vocabularySize, vectors, &form, &steps, at: scope)
      encode = .text(step)
    case (.image(let shape, _), .layers(let layers)):
      form = .image(shape.height, shape.width, shape.channels)
      steps.append(.init(step: "preprocess", layer: "image", output: form.description))
      encode = .layers(try LayerStack(layers, &form, &steps, at: scope["layers"]))
    case (.sequence(let shape), .layers(let layers)):
      form = .rows(shape.height, shape.width)
      steps.append(.init(step: "preprocess", layer: "sequence", output: form.description))
      encode = .layers(try LayerStack(layers, &form, &steps, at: scope["layers"]))
    default: preconditionFailure("Encoder: a configuration whose steps don't fit each other")
    }
    let pooled = try configuration.pooled(form)
    pooling =
      switch configuration.pool {
      case .flatten: nil
      case .modes(let modes): try Pooling(modes, width: form.width, at: scope["pooling"])
      }
    form = pooled
    steps.append(.init(step: "pool", layer: configuration.pool.name, output: form.description))
    projection = try Projection(configuration.project, &form, "project", &steps, at: scope["project"])
    width = form.width
    self.steps = steps
  }

  /// The embeddings `[N, width]`.
  public func callAsFunction(_ input: EncoderInput) -> Tensor {
    switch (encode, input) {
    case (.text(let step), .text(let ids)): return projection(pool(step(ids)))
    case (.layers(let stack), .images(let images)):
      if case .sequence = configuration.preprocess {
        let (count, height, width) = (images.shape[0], images.shape[1], images.shape[2] * images.shape[3])
        let rows = Ragged(
          images.reshaped([count * height, width]), Offsets(lengths: Array(repeating: height, count: count)))
        return projection(pool(stack(rows)))
      }
      return projection(pool(stack(images)))
    default: preconditionFailure("Encoder: text given to an encoder of images, or the other way round")
    }
  }

  /// The same encoder without a last step that makes vectors of length 1.
  func withoutNormalization() -> Encoder {
    var encoder = self
    encoder.projection = projection.withoutNormalization()
    return encoder
  }

  private func pool(_ x: Ragged<Tensor>) -> Tensor {
    if let pooling { return pooling(x) }
    let length = x.count == 0 ? 0 : x.offsets.length(0)
    return x.rows.reshaped([x.count, length, x.rows.width]).flattenedChannelsFirst()
  }

  private func pool(_ x: Tensor) -> Tensor {
    guard let pooling else { return x.flattenedChannelsFirst() }
    let (count, positions) = (x.shape[0], x.shape[1] * x.shape[2])
    return pooling(
      Ragged(x.reshaped([count * positions, x.width]), Offsets(lengths: Array(repeating: positions, count: count))))
  }
}

/// What shape one sample has between layers.
enum Form: CustomStringConvertible {
  /// A sequence: its length if it's fixed, and its width.
  case rows(Int?, Int)
  case image(Int, Int, Int)
  case vector(Int)

  var width: Int {
    switch self {
    case .rows(_, let width), .image(_, _, let width), .vector(let width): width
    }
  }
  var elements: Int {
    switch self {
    case .rows(let length, let width): (length ?? 1) * width
    case .image(let height, let width, let channels): height * width * channels
    case .vector(let width): width
    }
  }
  var description: String {
    switch self {
    case .rows(let length, let width): "[\(length.map(String.init) ?? "length"), \(width)]"
    case .image(let height, let width, let channels): "[\(height), \(width), \(channels)]"
    case .vector(let width): "[\(width)]"
    }
  }
}

/// The layers of `project` or `decode`.
struct Projection: Layer {
  private enum Step: Sendable {
    case linear(Linear)
    case activation(Activation)
    case dropout(Dropout)
    case normalize
    case truncate(Int)
  }
  private var steps: [Step]

  init(
    _ configured: [ProjectionStep], _ form: inout Form, _ name: String, _ descriptions: inout [StepDescription],
    at scope: Scope
  ) throws {
    var width = form.width
    steps = try configured.enumerated().map { index, step in
      let outputs = try step.output(of: width)
      defer { width = outputs }
      descriptions.append(.init(step: name, layer: step.name, output: "[\(outputs)]"))
      switch step.kind {
      case .linear(_, let bias): return .linear(try Linear(width, outputs, bias: bias, at: scope["\(index)"]))
      case .activation(let activation): return .activation(activation)
      case .dropout(let rate): return .dropout(Dropout(rate))
      case .normalize: return .normalize
      case .truncate(let columns): return .truncate(columns)
      }
    }
    form = .vector(width)
  }

  /// The same without a last step that makes vectors of length 1.
  func withoutNormalization() -> Projection {
    guard case .normalize? = steps.last else { return self }
    var projection = self
    projection.steps.removeLast()
    return projection
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    steps.reduce(x) { x, step in
      switch step {
      case .linear(let linear): linear(x)
      case .activation(let activation): x.activated(activation)
      case .dropout(let dropout): dropout(x)
      case .normalize: x.normalized()
      case .truncate(let columns): x.columns(0..<columns)
      }
    }
  }
}
