import Synchronization

/// What operations do besides computing.
public enum Mode: Sendable {
  /// Nothing: no derivatives, no dropout, kept statistics.
  case inference
  /// Derivatives are recorded, all else as in inference.
  case recording
  /// Derivatives are recorded, dropout drops, batch norm uses and updates the batch's statistics.
  case training(RandomStreams)

  /// The mode of the current task.
  @TaskLocal public static var current: Mode = .inference

  /// Whether derivatives are recorded.
  public var records: Bool {
    if case .inference = self { return false }
    return Mode.pause == nil
  }

  /// Set while a checkpointed part computes without recording, whatever the mode.
  @TaskLocal static var pause: Pause?
}

/// Hands each call of a random operation its own stream, in program order.
public final class RandomStreams: Sendable {
  private let random: Random
  private let used = Atomic<UInt64>(0)

  /// Streams of a generator.
  public init(_ random: Random) { self.random = random }

  /// Streams of their own that go on from where these are.
  init(continuing other: RandomStreams) {
    random = other.random
    used.store(other.used.load(ordering: .relaxed), ordering: .relaxed)
  }

  /// The next stream.
  public func next() -> Random { random.split(used.wrappingAdd(1, ordering: .relaxed).oldValue) }
}

/// Runs `body` with derivatives recorded.
public func recording<R>(_ body: () throws -> R) rethrows -> R {
  try Mode.$current.withValue(.recording, operation: body)
}

/// Runs `body` as a training step: derivatives recorded, dropout drawn from `random`, batch norm on the batch's statistics.
public func training<R>(_ random: Random, _ body: () throws -> R) rethrows -> R {
  try Mode.$current.withValue(.training(RandomStreams(random)), operation: body)
}

/// One operation on the tape: where its inputs came from and its pullback, which turns the output's gradient into theirs.
///
/// Pullbacks capture detached tensors only, so a node holds other nodes through `inputs` alone.
final class Node: @unchecked Sendable {  // used by one thread at a time: the one that records and then differentiates
  private static let counter = Atomic<UInt64>(0)

  let id: UInt64
  let parameter: Parameter?
  var inputs: [Node?]
  /// Also adds to the derivatives by parameters that are no inputs.
  typealias Pullback = (Tensor, inout Gradients) -> [Tensor?]
  var pullback: Pullback?
  /// A pullback that goes on from the gradients which the inputs have so far, and returns what they come to.
  typealias Continuation = (Tensor, _ soFar: [Tensor?], inout Gradients) -> [Tensor?]
  var continuation: Continuation?
  var gradient: Tensor?

  init(inputs: [Node?], parameter: Parameter? = nil, pullback: Pullback?, continuation: Continuation? = nil) {
    id = Node.counter.wrappingAdd(1, ordering: .relaxed).newValue
    self.inputs = inputs
    self.parameter = parameter
    self.pullback = pullback
    self.continuation = continuation
  }

  /// Releases a chain of any length in a loop: the nested releases of a long chain would overflow the stack.
  deinit {
    var pending = inputs.compactMap { $0 }
    inputs = []
    while var node = pending.popLast() {
      if isKnownUniquelyReferenced(&node) {
        pending.append(contentsOf: node.inputs.compactMap { $0 })
        node.inputs = []
      }
    }
  }
}

extension Tensor {
  /// Notes how this result of an operation is differentiated, if any input is recorded. `pullback` gets the gradient of the result and
  /// returns one gradient an input, nil where none is needed; it must capture detached tensors only.
  func recorded(
    _ inputs: [Tensor], operation: StaticString = #function, operations: Double = 0,
    _ pullback: @escaping (Tensor) -> [Tensor?]
  ) -> Tensor {
    Profile.lap(operation, operations: operations)
    guard inputs.contains(where: \.isRecorded) else { return self }
    let node = Node(inputs: inputs.map(\.node)) { dy, _ in
      let gradients = pullback(dy)
      // A matrix product is differentiated by two.
      Profile.lap(operation, backward: true, operations: 2 * operations)
      return gradients
    }
    return Tensor(storage, shape, node: node)
  }

  /// The derivative of this scalar by each trainable parameter that it was computed from. The record is used up.
  public func gradients() -> Gradients {
    precondition(count == 1, "gradients: expected a scalar, found shape \(shape)")
    StoragePool.expectSteps()
    var gradients = Gradients()
    propagate(Tensor(repeating: 1, shape: shape), into: &gradients)
    return gradients
  }

  /// Carries a gradient of this tensor back to the parameters.
  func propagate(_ gradient: Tensor, into gradients: inout Gradients) {
    guard let root = node else { return }
    root.gradient = gradient
    // A node's id is higher than its inputs', so the highest id that waits is always complete.
    var waiting = Heap()
    waiting.push(root)
    while let node = waiting.pop() {
      let gradient = node.gradient
      node.gradient = nil
      guard let gradient else { continue }
      if let parameter = node.parameter { gradients.add(gradient, to: parameter) }
      let (pullback, continuation, inputs) = (node.pullback, node.continuation, node.inputs)
      (node.pullback, node.continuation, node.inputs) = (nil, nil, [])
      if let continuation {
        for (input, sum) in zip(inputs, continuation(gradient, inputs.map { $0?.gradient }, &gradients)) {
          guard let input, let sum else { continue }
          if input.gradient == nil { waiting.push(input) }
          input.gradient = sum
        }
      }
      guard let pullback else { continue }
      for (input, piece) in zip(inputs, pullback(gradient, &gradients)) {
        guard let input, let piece else { continue }
        if let sum = input.gradient {
          input.gradient = sum + piece
        } else {
          input.gradient = piece
          waiting.push(input)
        }
      }
    }
  }
}

/// A binary heap of nodes, highest id first.
private struct Heap {
  private var nodes: [Node] = []

  mutating func push(_ node: Node) {
    nodes.append(node)
    var child = nodes.count - 1
    while child > 0, nodes[(child - 1) / 2].id < nodes[child].id {
      nodes.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func pop() -> Node? {
    guard let top = nodes.first, let last = nodes.popLast() else { return nil }
    guard !nodes.isEmpty else { return top }
    nodes[0] = last
    var parent = 0
    while true {
      var largest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < nodes.count && nodes[child].id > nodes[largest].id {
        largest = child
      }
      guard largest != parent else { return top }
      nodes.swapAt(parent, largest)
      parent = largest
    }
  }
}
