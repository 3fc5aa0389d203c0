import Layers
import Tensors

/// A layer over images or sequences, and the line of the recipe that it stands on.
public struct LayerStep: Sendable, Equatable {
  /// What the layer is.
  public enum Kind: Sendable, Equatable {
    /// Over windows of `kernel` positions, or `kernel` × `kernel` pixels; `padding` nil keeps the size.
    case convolution(channels: Int, kernel: Int, stride: Int, padding: Int?, dilation: Int, groups: Int, bias: Bool)
    /// Each channel to mean 0 and deviation 1, then scaled and moved. Source: Ioffe and Szegedy 2015.
    case batchNorm
    /// A function of each number.
    case activation(Activation)
    /// The largest number of a window, by channel.
    case maxPool(kernel: Int, stride: Int, padding: Int)
    /// The mean of a window, by channel.
    case averagePool(kernel: Int, stride: Int, padding: Int)
    /// The probability, in [0, 1), of zeroing a number in training.
    case dropout(Float)
  }
  /// What the layer is.
  public let kind: Kind
  let place: ConfigurationPlace

  init(_ value: Value) throws {
    place = ConfigurationPlace(value)
    let (name, options) = try value.variant()
    switch name {
    case "convolution": kind = try LayerStep.convolution(value, options)
    case "batch_norm": kind = .batchNorm
    case "max_pool", "average_pool":
      let size = try options.main(
        "kernel", besides: "stride", "padding", or: value.error("expected a window size, as \(name): 2"))
      let kernel = try size.int(1...1024)
      let stride = try options["stride"]?.int(1...1024) ?? kernel
      let padding = try options["padding"]?.int(0...kernel / 2) ?? 0
      kind =
        name == "max_pool"
        ? .maxPool(kernel: kernel, stride: stride, padding: padding)
        : .averagePool(kernel: kernel, stride: stride, padding: padding)
    case "dropout": kind = .dropout(try options.main("rate")?.rate() ?? 0.5)
    default:
      guard let activation = Activation(rawValue: name) else {
        let names = ["convolution", "batch_norm", "max_pool", "average_pool", "dropout"]
        throw value.error(unknown("layer", name, names + Activation.allCases.map(\.rawValue)))
      }
      kind = .activation(activation)
    }
    try options.finish()
  }

  private static func convolution(_ value: Value, _ options: Section) throws -> Kind {
    let channels = try options.main(
      "channels", besides: "kernel", "stride", "padding", "dilation", "groups", "bias",
      or: value.error("expected its number of channels, as convolution: {channels: 32, kernel: 3}"))
    let kernel = try options["kernel"]?.int(1...1024) ?? 3
    let stride = try options["stride"]?.int(1...1024) ?? 1
    var padding: Int?
    if let given = options["padding"], given.node.string != "same" {
      guard given.node.int != nil else { throw given.error("expected 'same' or a whole number, found \(given.shown)") }
      padding = try given.int(0...1024)
    } else if stride != 1 {
      throw (options["stride"] ?? value).error(
        "padding 'same' needs a stride of 1, found \(stride); give padding a number")
    }
    return .convolution(
      channels: try channels.size(), kernel: kernel, stride: stride, padding: padding,
      dilation: try options["dilation"]?.int(1...1024) ?? 1, groups: try options["groups"]?.size() ?? 1,
      bias: try options["bias"]?.bool() ?? true)
  }
}

/// A layer over pooled vectors.
public struct ProjectionStep: Sendable, Equatable {
  /// What the layer is.
  public enum Kind: Sendable, Equatable {
    /// So many sums of all columns.
    case linear(Int, bias: Bool)
    /// A function of each number.
    case activation(Activation)
    /// The probability, in [0, 1), of zeroing a number in training.
    case dropout(Float)
    /// To length 1.
    case normalize
    /// The first columns alone.
    case truncate(Int)
  }
  /// What the layer is.
  public let kind: Kind
  let place: ConfigurationPlace

  init(_ value: Value) throws {
    place = ConfigurationPlace(value)
    let (name, options) = try value.variant()
    switch name {
    case "linear":
      let size = try options.main(
        "size", besides: "bias", or: value.error("expected the number of outputs, as linear: 128"))
      kind = .linear(try size.size(), bias: try options["bias"]?.bool() ?? true)
    case "dropout": kind = .dropout(try options.main("rate")?.rate() ?? 0.5)
    case "normalize": kind = .normalize
    case "truncate":
      let size = try options.main("size", or: value.error("expected the number of columns, as truncate: 64"))
      kind = .truncate(try size.size())
    default:
      guard let activation = Activation(rawValue: name) else {
        let names = ["linear", "dropout", "normalize", "truncate"] + Activation.allCases.map(\.rawValue)
        throw value.error(unknown("layer", name, names))
      }
      kind = .activation(activation)
    }
    try options.finish()
  }
}

extension Section {
  /// The value of a layer's main option, which must be there.
  fileprivate func main(
    _ key: String, besides others: String..., or missing: @autoclosure () -> ConfigurationError
  ) throws -> Value {
    if let found = main(key) { return found }
    // Perhaps it's there, misspelt.
    for other in others { _ = self[other] }
    try finish()
    throw missing()
  }
}
