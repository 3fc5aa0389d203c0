import CKernels

/// An n-dimensional array of 32-bit floats in row-major order: an immutable value over shared storage.
///
/// Operations are methods; each returns a new tensor. Inside `recording` or `training` they also note how to differentiate
/// themselves, and `gradients()` of a scalar then gives the derivative by every `Parameter` it depends on.
public struct Tensor: Sendable {
  /// The size of each axis; `[]` is a scalar.
  public let shape: [Int]
  let storage: Storage
  let node: Node?

  init(_ storage: Storage, _ shape: [Int], node: Node? = nil) {
    self.storage = storage
    self.shape = shape
    self.node = node
  }

  /// A tensor with undefined contents, to be filled by the operation that makes it.
  init(uninitialized shape: [Int]) {
    self.init(Storage(count: shape.reduce(1, *)), shape)
  }

  /// A tensor of the given elements in row-major order; the shape's product must be their count.
  public init(_ scalars: [Float], shape: [Int]) {
    precondition(
      scalars.count == shape.reduce(1, *), "Tensor: \(scalars.count) elements do not fill shape \(shape)")
    self.init(uninitialized: shape)
    scalars.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { storage.pointer.update(from: base, count: source.count) }
    }
  }

  /// A scalar.
  public init(_ value: Float) {
    self.init([value], shape: [])
  }

  /// A tensor whose elements are written by `body`.
  public init(shape: [Int], initializedBy body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
    self.init(uninitialized: shape)
    try body(UnsafeMutableBufferPointer(start: storage.pointer, count: count))
  }

  /// A tensor of one repeated value.
  public init(repeating value: Float, shape: [Int]) {
    self.init(uninitialized: shape)
    storage.pointer.update(repeating: value, count: count)
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Tensor { Tensor(repeating: 0, shape: shape) }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// The size of the last axis, 1 for a scalar.
  public var width: Int { shape.last ?? 1 }
  /// The number of rows: the product of all axes but the last.
  public var rows: Int { shape.dropLast().reduce(1, *) }

  /// A copy of the elements, row-major.
  public var scalars: [Float] { Array(UnsafeBufferPointer(start: storage.pointer, count: count)) }

  /// The only element of a tensor of one element.
  public var scalar: Float {
    precondition(count == 1, "Tensor.scalar: shape \(shape) has \(count) elements")
    return storage.pointer[0]
  }

  /// Calls `body` with the elements, row-major.
  public func withUnsafeBuffer<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
    try withExtendedLifetime(storage) { try body(UnsafeBufferPointer(start: storage.pointer, count: count)) }
  }

  /// The same values without a record of how they came about.
  public var detached: Tensor { Tensor(storage, shape) }
  /// Whether derivatives flow through this tensor.
  public var isRecorded: Bool { node != nil }
  /// Whether all elements are finite.
  public var isFinite: Bool {
    var finite = true
    enc_is_finite(count, storage.pointer, &finite)
    return finite
  }

  var pointer: UnsafeMutablePointer<Float> { storage.pointer }
}

/// A tensor as it is printed: its shape and its first elements.
extension Tensor: CustomStringConvertible {
  /// The shape and the first eight elements.
  public var description: String {
    let first = scalars.prefix(8).map { "\($0)" }.joined(separator: ", ")
    return "Tensor\(shape) [\(first)\(count > 8 ? ", …" : "")]"
  }
}
