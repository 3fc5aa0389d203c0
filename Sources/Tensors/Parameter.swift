import Synchronization

/// A named tensor that an optimiser (or, for running statistics, a norm layer in training) changes in place.
public final class Parameter: @unchecked Sendable {  // the storage is written between steps only, by whoever trains
  /// The name in checkpoints, as `encoder.layer.0.weight`.
  public let name: String
  /// The size of each axis.
  public let shape: [Int]
  private let storage: Storage
  private let trainable: Atomic<Bool>

  /// A parameter with its first value, which is copied.
  public init(_ name: String, _ value: Tensor, trainable: Bool = true) {
    self.name = name
    shape = value.shape
    storage = Storage(count: value.count)
    storage.pointer.update(from: value.pointer, count: value.count)
    self.trainable = Atomic(trainable)
  }

  /// A parameter whose first value `body` writes.
  public init(
    _ name: String, shape: [Int], trainable: Bool = true,
    initializedBy body: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) rethrows {
    self.name = name
    self.shape = shape
    storage = Storage(count: shape.reduce(1, *))
    self.trainable = Atomic(trainable)
    try body(UnsafeMutableBufferPointer(start: storage.pointer, count: storage.count))
  }

  /// A parameter whose first value stays where it is.
  public init(_ name: String, _ floats: MappedFloats, shape: [Int], trainable: Bool = true) {
    precondition(
      floats.count == shape.reduce(1, *), "Parameter \(name): \(floats.count) elements do not fill shape \(shape)")
    self.name = name
    self.shape = shape
    self.trainable = Atomic(trainable)
    storage = Storage(floats)
  }

  /// Whether derivatives by it are wanted. Frozen parameters and running statistics aren't.
  public var isTrainable: Bool {
    get { trainable.load(ordering: .relaxed) }
    set { trainable.store(newValue, ordering: .relaxed) }
  }

  /// The number of elements.
  public var count: Int { storage.count }

  /// The value as operations take it: it shares the parameter's memory, and is recorded in `recording` and `training` if trainable.
  public var tensor: Tensor {
    guard isTrainable else { return Tensor(storage, shape) }
    Mode.pause?.noteUse()
    guard Mode.current.records else { return Tensor(storage, shape) }
    return Tensor(storage, shape, node: Node(inputs: [], parameter: self, pullback: nil))
  }

  /// A copy of the value.
  public var scalars: [Float] { Tensor(storage, shape).scalars }

  /// Changes the value in place. Not while another thread computes with it.
  public func write(_ body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
    defer { storage.invalidate() }
    try body(UnsafeMutableBufferPointer(start: storage.pointer, count: storage.count))
  }
}

/// Derivatives keyed by parameter.
public struct Gradients: Sendable {
  /// Pairs in the order in which backward met the parameters.
  public private(set) var pairs: [(parameter: Parameter, gradient: Tensor)] = []
  private var index: [ObjectIdentifier: Int] = [:]

  /// No derivatives.
  public init() {}

  /// The derivative by a parameter, nil if the result didn't depend on it.
  public subscript(parameter: Parameter) -> Tensor? {
    index[ObjectIdentifier(parameter)].map { pairs[$0].gradient }
  }

  /// Adds to the derivative by a parameter.
  public mutating func add(_ gradient: Tensor, to parameter: Parameter) {
    if let place = index[ObjectIdentifier(parameter)] {
      pairs[place].gradient = pairs[place].gradient + gradient
    } else {
      index[ObjectIdentifier(parameter)] = pairs.count
      pairs.append((parameter, gradient))
    }
  }

  /// Adds all of another's derivatives, as when a batch is computed in parts.
  public mutating func add(_ other: Gradients) {
    for (parameter, gradient) in other.pairs { add(gradient, to: parameter) }
  }

  /// All derivatives times a factor.
  public func scaled(by factor: Float) -> Gradients {
    var result = self
    for place in result.pairs.indices { result.pairs[place].gradient = result.pairs[place].gradient * factor }
    return result
  }
}
