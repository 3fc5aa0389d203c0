import CKernels

/// Elements a chunk of elementwise work has.
private let chunk = 1 << 14

extension Tensor {
  /// A tensor of this shape, filled chunk by chunk on the workers.
  func elementwise(_ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void) -> Tensor {
    let out = Tensor(uninitialized: shape)
    Workers.run(count, by: chunk) { body($0, out.pointer) }
    return out
  }

  /// The sum, element by element; both of one shape.
  public static func + (a: Tensor, b: Tensor) -> Tensor {
    requireSameShape(a, b, "+")
    let out = a.elementwise {
      enc_add($0.count, a.pointer + $0.lowerBound, b.pointer + $0.lowerBound, $1 + $0.lowerBound)
    }
    return out.recorded([a, b]) { [$0, $0] }
  }

  /// The difference, element by element.
  public static func - (a: Tensor, b: Tensor) -> Tensor {
    requireSameShape(a, b, "-")
    let out = a.elementwise {
      enc_subtract($0.count, a.pointer + $0.lowerBound, b.pointer + $0.lowerBound, $1 + $0.lowerBound)
    }
    return out.recorded([a, b]) { [$0, $0 * -1] }
  }

  /// The product, element by element.
  public static func * (a: Tensor, b: Tensor) -> Tensor {
    requireSameShape(a, b, "*")
    let out = a.elementwise {
      enc_multiply($0.count, a.pointer + $0.lowerBound, b.pointer + $0.lowerBound, $1 + $0.lowerBound)
    }
    let (x, y, needsX, needsY) = (a.detached, b.detached, a.isRecorded, b.isRecorded)
    return out.recorded([a, b]) { [needsX ? $0 * y : nil, needsY ? $0 * x : nil] }
  }

  /// All elements times a number.
  public static func * (a: Tensor, factor: Float) -> Tensor {
    let out = a.elementwise { enc_scale($0.count, a.pointer + $0.lowerBound, factor, $1 + $0.lowerBound) }
    return out.recorded([a]) { [$0 * factor] }
  }

  /// `row` `[width]` added to every row.
  public func addingRow(_ row: Tensor) -> Tensor {
    precondition(row.shape == [width], "addingRow: expected [\(width)] for \(shape), found \(row.shape)")
    let out = Tensor(uninitialized: shape)
    Workers.run(rows, by: max(1, chunk / max(1, width))) {
      enc_add_row($0.count, width, pointer + $0.lowerBound * width, row.pointer, out.pointer + $0.lowerBound * width)
    }
    return out.recorded([self, row]) { [$0, $0.columnSums()] }
  }

  /// The sum of all rows `[width]`. No derivative.
  func columnSums() -> Tensor {
    let out = Tensor(uninitialized: [width])
    addColumnSums(Rows(pointer, count: rows, stride: width), width: width, into: out.pointer)
    return out
  }

  /// The same elements in another shape.
  public func reshaped(_ shape: [Int]) -> Tensor {
    precondition(shape.reduce(1, *) == count, "reshaped: \(self.shape) does not have the elements of \(shape)")
    let before = self.shape
    return Tensor(storage, shape).recorded([self]) { [$0.reshaped(before)] }
  }

  /// The mean of all elements, a scalar.
  public func mean() -> Tensor {
    precondition(count > 0, "mean: no elements in \(shape)")
    let sum = partialSums(count, by: chunk) { range in
      var sum: Float = 0
      enc_column_sums(range.count, 1, 1, pointer + range.lowerBound, &sum)
      return Double(sum)
    }
    let (shape, factor) = (self.shape, 1 / Float(count))
    return Tensor(Float(sum / Double(count))).recorded([self]) { [Tensor(repeating: $0.scalar * factor, shape: shape)] }
  }
}

func requireSameShape(_ a: Tensor, _ b: Tensor, _ operation: String) {
  precondition(a.shape == b.shape, "\(operation): shapes \(a.shape) and \(b.shape) differ")
}

/// The sum of what `body` gives for each chunk, added in chunk order.
func partialSums(_ total: Int, by size: Int, _ body: (Range<Int>) -> Double) -> Double {
  let chunks = (total + size - 1) / size
  return withUnsafeTemporaryAllocation(of: Double.self, capacity: max(1, chunks)) { sums in
    let base = sums.baseAddress.unsafelyUnwrapped
    nonisolated(unsafe) let target = base  // each chunk writes its own element
    Workers.run(chunks: chunks) { target[$0] = body($0 * size..<min(total, ($0 + 1) * size)) }
    return (0..<chunks).reduce(0) { $0 + base[$1] }
  }
}

/// out[width] = the sum of the rows, cut into blocks of rows that are added in order.
func addColumnSums(_ x: Rows, width: Int, into out: UnsafeMutablePointer<Float>) {
  let block = 512
  let blocks = max(1, (x.count + block - 1) / block)
  guard blocks > 1 else { return enc_column_sums(x.count, width, x.stride, x.pointer, out) }
  let partial = Storage(count: blocks * width)
  Workers.run(chunks: blocks) { index in
    let rows = x[index * block..<min(x.count, (index + 1) * block)]
    enc_column_sums(rows.count, width, x.stride, rows.pointer, partial.pointer + index * width)
  }
  enc_column_sums(blocks, width, width, partial.pointer, out)
}
