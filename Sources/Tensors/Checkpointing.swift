import Synchronization

/// `body(inputs)`, whose inner values are not kept for the derivatives: the pullback computes it once more, with recording and with the same
/// random numbers. Values and derivatives have the same bits as without.
///
/// Derivatives flow to `inputs` and to the parameters that `body` uses; a recorded tensor that it captures gets none. It is called twice, and
/// so must have no effects, such as a batch norm's running statistics. Source: Chen et al. 2016.
public func checkpointed(_ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor) -> Tensor {
  let mode = Mode.current
  guard mode.records else { return body(inputs) }
  let replayed: Mode
  if case .training(let streams) = mode {
    replayed = .training(RandomStreams(continuing: streams))
  } else {
    replayed = mode
  }
  let precision = Precision.current
  let pause = Pause()
  let values = inputs.map(\.detached)
  let out = Mode.$pause.withValue(pause) { body(values) }
  let isNeeded = inputs.map(\.isRecorded)
  guard pause.metParameters || isNeeded.contains(true) else { return out }
  // Each input's gradient is summed on inside, so that all its terms are added one by one as they are without.
  let node = Node(inputs: inputs.map(\.node), pullback: nil) { dy, soFar, gradients in
    let leaves = values.indices.map { isNeeded[$0] ? Leaf(values[$0], soFar: soFar[$0]) : nil }
    let again = Mode.$current.withValue(replayed) {
      precision { body(zip(values, leaves).map { $1?.tensor ?? $0 }) }
    }
    again.propagate(dy, into: &gradients)
    return leaves.map { $0?.gradient() }
  }
  return Tensor(out.storage, out.shape, node: node)
}

/// A value whose gradient is kept.
private struct Leaf {
  private final class Box { var gradient: Tensor? }
  private let box = Box()
  let tensor: Tensor

  init(_ value: Tensor, soFar: Tensor?) {
    let box = box
    let node = Node(inputs: []) { gradient, _ in
      box.gradient = gradient
      return []
    }
    node.gradient = soFar
    tensor = Tensor(value.storage, value.shape, node: node)
  }

  /// The gradient, what was there before among it; a node that had some isn't visited and keeps it.
  func gradient() -> Tensor? { box.gradient ?? tensor.node?.gradient }
}

/// Computing without recording, and whether anything asked for derivatives meanwhile.
final class Pause: Sendable {
  private let met = Atomic(false)
  var metParameters: Bool { met.load(ordering: .relaxed) }
  func noteUse() { met.store(true, ordering: .relaxed) }
}
