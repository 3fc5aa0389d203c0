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
    let made = try configured.enumerated().map { index, step in
      let output = try step.output(of: current)
      let layer = try LayerStack.make(step, current, at: scope["\(index)"])
      current = output
      descriptions.append(.init(step: "encode", layer: step.name, output: output.description))
      return layer
    }
    steps = LayerStack.poolingFirst(made)
    form = current
  }

  /// The largest of rectified numbers is the largest number, rectified, and its derivative goes to the same place: the pooling goes first, and
  /// leaves fewer to rectify.
  private static func poolingFirst(_ steps: [Step]) -> [Step] {
    var steps = steps
    for index in steps.indices.dropLast() {
      if case .activation(.relu) = steps[index], case .pool(isMaximum: true, _, _) = steps[index + 1] {
        steps.swapAt(index, index + 1)
      }
    }
    return steps
  }

  private static func make(_ step: LayerStep, _ form: Form, at scope: Scope) throws -> Step {
    let inputs = form.width
    switch (step.kind, step.windows) {
    case (.convolution(let channels, _, _, _, _, let groups, let bias), let windows?):
      if case .rows = form {
        return .convolution1D(
          try Convolution1D(inputs, channels, windows.sequence, groups: groups, bias: bias, at: scope))
      }
      return .convolution2D(try Convolution2D(inputs, channels, windows.image, groups: groups, bias: bias, at: scope))
    case (.maxPool, let windows?): return .pool(isMaximum: true, windows.sequence, windows.image)
    case (.averagePool, let windows?): return .pool(isMaximum: false, windows.sequence, windows.image)
    case (.batchNorm, _): return .norm(try BatchNorm(inputs, at: scope))
    case (.activation(let activation), _): return .activation(activation)
    case (.dropout(let rate), _): return .dropout(Dropout(rate))
    case (.convolution, nil), (.maxPool, nil), (.averagePool, nil):
      preconditionFailure("LayerStack: \(step.name) without a window")
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
