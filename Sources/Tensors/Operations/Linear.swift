import CKernels

extension Tensor {
  /// f(x·Wᵀ + b) + residual for x `[…, inputs]`, weight W `[outputs, inputs]`, bias b `[outputs]`, an activation f and a residual
  /// `[…, outputs]`; PyTorch's `linear` if there are neither. One pass where nothing is recorded, with the same bits.
  public func linear(
    _ weight: Tensor, _ bias: Tensor? = nil, activated activation: Activation? = nil, adding residual: Tensor? = nil
  ) -> Tensor {
    let precision = Precision.forProduct(weight.shape)
    if precision == .bfloat16 || [self, weight, bias, residual].contains(where: { $0?.isRecorded ?? false }) {
      let sums = recordedLinear(weight, bias)
      let y = activation.map { sums.activated($0) } ?? sums
      return residual.map { y + $0 } ?? y
    }
    defer { Profile.lap(#function, operations: 2 * Double(rows * weight.count)) }
    return product(weight, bias, activation, residual, precision)
  }

  private func product(
    _ weight: Tensor, _ bias: Tensor?, _ activation: Activation?, _ residual: Tensor?, _ precision: Precision
  ) -> Tensor {
    precondition(
      weight.shape.count == 2 && weight.shape[1] == width,
      "linear: input \(shape) does not fit weight \(weight.shape)")
    let (inputs, outputs) = (weight.shape[1], weight.shape[0])
    precondition(
      bias.map { $0.shape == [outputs] } ?? true, "linear: expected a bias [\(outputs)], found \(bias?.shape ?? [])")
    let out = Tensor(uninitialized: shape.dropLast() + [outputs])
    precondition(
      residual.map { $0.shape == out.shape } ?? true,
      "linear: expected a residual \(out.shape), found \(residual?.shape ?? [])")
    let end = ProductEnd(bias: bias?.pointer, activation: activation, residual: residual?.pointer)
    weight.storage.packed(.transposed(inner: inputs, outer: outputs, precision))
      .productOnWorkers(rows: rows, pointer, end, into: out.pointer)
    return out
  }

  private func recordedLinear(_ weight: Tensor, _ bias: Tensor?) -> Tensor {
    let precision = Precision.forProduct(weight.shape)
    let out = product(weight, bias, nil, nil, precision)
    let (inputs, outputs, rows) = (weight.shape[1], weight.shape[0], self.rows)
    let (x, w, needsX, needsW, needsBias) = (
      detached, weight.detached, isRecorded, weight.isRecorded, bias?.isRecorded ?? false
    )
    return out.recorded(
      [self, weight] + (bias.map { [$0] } ?? []), operation: "linear", operations: 2 * Double(rows * weight.count)
    ) { dy in
      var dx: Tensor?
      if needsX {
        let gradient = Tensor(uninitialized: x.shape)
        w.storage.packed(.plain(inner: outputs, outer: inputs, precision)).productOnWorkers(
          rows: rows, dy.pointer, into: gradient.pointer)
        dx = gradient
      }
      var dw: Tensor?
      if needsW {
        let gradient = Tensor(uninitialized: w.shape)
        if precision == .bfloat16 {
          narrowTransposedProduct(
            rows: rows, n: outputs, k: inputs, dy.pointer, x.pointer, into: gradient.pointer)
        } else {
          transposedProduct(
            rows: rows, n: outputs, k: inputs, dy.pointer, aStride: outputs, x.pointer, bStride: inputs,
            into: gradient.pointer, outStride: inputs)
        }
        dw = gradient
      }
      return [dx, dw, needsBias ? dy.columnSums() : nil]
    }
  }

  /// The matrix product of `[…, k]` and `[k, n]`.
  public func matmul(_ other: Tensor) -> Tensor {
    precondition(
      other.shape.count == 2 && other.shape[0] == width, "matmul: shapes \(shape) and \(other.shape) do not fit")
    let (k, n, rows) = (width, other.shape[1], self.rows)
    let out = Tensor(uninitialized: shape.dropLast() + [n])
    other.storage.packed(.plain(inner: k, outer: n)).productOnWorkers(rows: rows, pointer, into: out.pointer)
    let (x, w) = (detached, other.detached)
    return out.recorded([self, other]) { dy in
      let dx = Tensor(uninitialized: x.shape)
      w.storage.packed(.transposed(inner: n, outer: k)).productOnWorkers(rows: rows, dy.pointer, into: dx.pointer)
      let dw = Tensor(uninitialized: w.shape)
      transposedProduct(
        rows: rows, n: k, k: n, x.pointer, aStride: k, dy.pointer, bStride: n, into: dw.pointer, outStride: n)
      return [dx, dw]
    }
  }

  /// The rows of this table `[entries, width]` at `ids`: `[ids, width]`. Ids must be in range (checked).
  public func rows(at ids: IDs) -> Tensor {
    precondition(shape.count == 2, "rows(at:): expected a table [entries, width], found \(shape)")
    let (entries, width) = (shape[0], self.width)
    precondition(ids.values.allSatisfy { $0 >= 0 && $0 < entries }, "rows(at:): an id is outside 0 ..< \(entries)")
    let out = Tensor(uninitialized: [ids.count, width])
    ids.values.withUnsafeBufferPointer { list in
      nonisolated(unsafe) let base = list.baseAddress  // only read
      Workers.run(ids.count, by: 256) { range in
        guard let base else { return }
        enc_gather(range.count, width, base + range.lowerBound, pointer, out.pointer + range.lowerBound * width)
      }
    }
    return out.recorded([self]) { dy in
      let table = Tensor.zeros(entries: entries, width: width)
      // Sorted by id, so that chunks of ids never write to the same row and each row is summed in batch order.
      let order = (0..<Int32(ids.count)).sorted { (ids.values[Int($0)], $0) < (ids.values[Int($1)], $1) }
      var starts = [0]
      for place in order.indices.dropFirst() {
        let isNew = ids.values[Int(order[place])] != ids.values[Int(order[place - 1])]
        if isNew, place - (starts.last ?? 0) >= 256 { starts.append(place) }
      }
      starts.append(order.count)
      ids.values.withUnsafeBufferPointer { list in
        order.withUnsafeBufferPointer { order in
          nonisolated(unsafe) let (list, order) = (list, order)  // only read
          Workers.run(chunks: starts.count - 1) { index in
            let range = starts[index]..<starts[index + 1]
            guard let ids = list.baseAddress, let places = order.baseAddress, !range.isEmpty else { return }
            enc_scatter_add(range.count, width, ids, places + range.lowerBound, dy.pointer, table.pointer)
          }
        }
      }
      return [table]
    }
  }

  /// Zeros, written by all workers (tables are large).
  static func zeros(entries: Int, width: Int) -> Tensor {
    let out = Tensor(uninitialized: [entries, width])
    Workers.run(out.count, by: 1 << 16) { (out.pointer + $0.lowerBound).update(repeating: 0, count: $0.count) }
    return out
  }
}
