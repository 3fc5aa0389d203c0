import Layers
import Tensors

/// Layers over images `[N, H, W, C]` or over sequences.
struct LayerStack: Layer {
  private enum Step: Sendable {
    case convolution1D(Convolution1D)
    case convolution2D(Convolution2D)
    case norm(BatchNorm)
    case activation(Activation)
    case pool(isMaximum: Bool, Window1D, Window2D)
    case dropout(Dropout)
  }
  private let steps: [Step]

  init(_ configured: [LayerStep], _ form: inout Form, _ descriptions: inout [StepDescription], at scope: Scope) throws {
    var current = form
    steps = try configured.enumerated().map { index, step in
      let (made, name) = try LayerStack.make(step, &current, at: scope["\(index)"])
      descriptions.append(.init(step: "encode", layer: name, output: current.description))
      return made
    }
    form = current
  }

  private static func make(_ step: LayerStep, _ form: inout Form, at scope: Scope) throws -> (Step, String) {
    switch step.kind {
    case .convolution(let channels, let kernel, let stride, let padding, let dilation, let groups, let bias):
      guard form.width % groups == 0, channels % groups == 0 else {
        throw step.place.error("\(groups) groups do not divide \(form.width) inputs and \(channels) outputs")
      }
      if padding == nil, stride != 1 { throw step.place.error("padding 'same' needs stride 1, found \(stride); give a number") }
      let name = "convolution \(channels) × \(kernel)"
      if case .rows = form {
        let window = padding.map { Window1D(kernel, stride: stride, padding: $0, dilation: dilation) } ?? .same(kernel, dilation: dilation)
        let layer = try Convolution1D(form.width, channels, window, groups: groups, bias: bias, at: scope)
        form = try fitting(step, form, window, nil, channels)
        return (.convolution1D(layer), name)
      }
      if padding == nil, kernel % 2 == 0 { throw step.place.error("padding 'same' needs an odd kernel, found \(kernel); give a number") }
      let window = Window2D(kernel, stride: stride, padding: padding ?? dilation * (kernel - 1) / 2, dilation: dilation)
      let layer = try Convolution2D(form.width, channels, window, groups: groups, bias: bias, at: scope)
      form = try fitting(step, form, nil, window, channels)
      return (.convolution2D(layer), name)
    case .maxPool(let kernel, let stride, let padding), .averagePool(let kernel, let stride, let padding):
      var isMaximum = false
      if case .maxPool = step.kind { isMaximum = true }
      let (one, two) = (Window1D(kernel, stride: stride, padding: padding), Window2D(kernel, stride: stride, padding: padding))
      form = try fitting(step, form, one, two, form.width)
      return (.pool(isMaximum: isMaximum, one, two), "\(isMaximum ? "max" : "average") pool \(kernel)")
    case .batchNorm: return (.norm(try BatchNorm(form.width, at: scope)), "batch norm")
    case .activation(let activation): return (.activation(activation), activation.rawValue)
    case .dropout(let rate): return (.dropout(Dropout(rate)), "dropout \(rate)")
    }
  }

  /// The form after a window has passed over it.
  private static func fitting(_ step: LayerStep, _ form: Form, _ one: Window1D?, _ two: Window2D?, _ channels: Int) throws -> Form {
    switch form {
    case .rows(let length, _):
      let out = length.map { one?.outputLength($0) ?? $0 }
      if out == 0 { throw step.place.error("its window of \(one?.kernel ?? 0) does not fit its input \(form.description)") }
      return .rows(out, channels)
    case .image(let height, let width, _):
      guard let two else { return form }
      let size = two.outputSize(height, width)
      guard size.height > 0, size.width > 0 else {
        throw step.place.error("its window of \(two.kernel[0]) × \(two.kernel[1]) does not fit its input \(form.description)")
      }
      return .image(size.height, size.width, channels)
    case .vector: throw step.place.error("expected images or sequences, found a vector")
    }
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    steps.reduce(x) { x, step in
      switch step {
      case .convolution1D: preconditionFailure("LayerStack: a 1-D convolution on images")
      case .convolution2D(let layer): layer(x)
      case .norm(let norm): norm(x)
      case .activation(let activation): x.activated(activation)
      case .pool(let isMaximum, _, let window): isMaximum ? x.maxPooled2D(window) : x.averagePooled2D(window)
      case .dropout(let dropout): dropout(x)
      }
    }
  }

  func callAsFunction(_ x: Ragged<Tensor>) -> Ragged<Tensor> {
    steps.reduce(x) { x, step in
      switch step {
      case .convolution1D(let layer): layer(x)
      case .convolution2D: preconditionFailure("LayerStack: a 2-D convolution on sequences")
      case .norm(let norm): x.map { norm($0) }
      case .activation(let activation): x.map { $0.activated(activation) }
      case .pool(let isMaximum, let window, _): isMaximum ? x.maxPooled(window) : x.averagePooled(window)
      case .dropout(let dropout): dropout(x)
      }
    }
  }
}
