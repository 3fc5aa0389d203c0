import CKernels

extension Tensor {
  /// Tensors of the same rows side by side: `[…, Σ widths]`.
  public static func concatenated(_ parts: [Tensor]) -> Tensor {
    guard let first = parts.first, parts.count > 1 else { return parts[0] }
    let rows = first.rows
    precondition(parts.allSatisfy { $0.rows == rows }, "concatenated: rows differ in \(parts.map(\.shape))")
    let widths = parts.map(\.width)
    let width = widths.reduce(0, +)
    let out = Tensor(uninitialized: first.shape.dropLast() + [width])
    var column = 0
    for part in parts {
      copyColumns(rows, part.width, part.pointer, part.width, out.pointer + column, width)
      column += part.width
    }
    return out.recorded(parts) { dy in
      var column = 0
      return widths.map { part in
        defer { column += part }
        return dy.detached.columns(column..<column + part)
      }
    }
  }

  /// Tensors of the same width one after another: `[Σ rows, width]`.
  public static func stacked(_ parts: [Tensor]) -> Tensor {
    guard let width = parts.first?.width, parts.count > 1 else { return parts[0] }
    precondition(parts.allSatisfy { $0.width == width }, "stacked: widths differ in \(parts.map(\.shape))")
    let out = Tensor(uninitialized: [parts.reduce(0) { $0 + $1.rows }, width])
    var start = 0
    for part in parts {
      (out.pointer + start).update(from: part.pointer, count: part.count)
      start += part.count
    }
    let shapes = parts.map(\.shape)
    return out.recorded(parts) { dy in
      var start = 0
      return shapes.map { shape in
        let dx = Tensor(uninitialized: shape)
        dx.pointer.update(from: dy.pointer + start, count: dx.count)
        start += dx.count
        return dx
      }
    }
  }

  /// Some of the columns of each row.
  public func columns(_ range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= width, "columns: \(range) is not within \(shape)")
    let (rows, width, shape) = (self.rows, self.width, self.shape)
    let out = Tensor(uninitialized: shape.dropLast() + [range.count])
    copyColumns(rows, range.count, pointer + range.lowerBound, width, out.pointer, range.count)
    return out.recorded([self]) { dy in
      let dx = Tensor.zeros(entries: rows, width: width)
      copyColumns(rows, range.count, dy.pointer, range.count, dx.pointer + range.lowerBound, width)
      return [dx.reshaped(shape)]
    }
  }

  /// Images `[N, H, W, C]` as rows `[N, C·H·W]` in PyTorch's order (channel by channel); with H = 1 or sequences, pass `[N, L, C]`.
  public func flattenedChannelsFirst() -> Tensor {
    precondition(shape.count >= 3, "flattenedChannelsFirst: expected [N, …, C], found \(shape)")
    let (count, channels, shape) = (shape[0], width, self.shape)
    let positions = shape[1..<shape.count - 1].reduce(1, *)
    let out = Tensor(uninitialized: [count, channels * positions])
    transposeEach(count, positions, channels, pointer, out.pointer)
    return out.recorded([self]) { dy in
      let dx = Tensor(uninitialized: shape)
      transposeEach(count, channels, positions, dy.pointer, dx.pointer)
      return [dx]
    }
  }
}

private func transposeEach(
  _ count: Int, _ rows: Int, _ columns: Int, _ from: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>
) {
  let size = rows * columns
  Workers.run(count, by: max(1, (1 << 14) / max(1, size))) {
    for index in $0 { enc_transpose(rows, columns, from + index * size, to + index * size) }
  }
}

/// Copies `width` columns of each row from one matrix into another.
func copyColumns(
  _ rows: Int, _ width: Int, _ from: UnsafePointer<Float>, _ fromStride: Int, _ to: UnsafeMutablePointer<Float>,
  _ toStride: Int
) {
  Workers.run(rows, by: max(1, (1 << 14) / max(1, width))) {
    for row in $0 { (to + row * toStride).update(from: from + row * fromStride, count: width) }
  }
}
