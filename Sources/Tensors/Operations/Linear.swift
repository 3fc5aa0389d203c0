import CKernels

/// A weight W `[outputs, inputs]` and a bias b `[outputs]`, of x·Wᵀ + b.
public typealias LinearMap = (weight: Tensor, bias: Tensor?)

extension Tensor {
  /// f(x·Wᵀ + b) + residual for x `[…, inputs]`, weight W `[outputs, inputs]`, bias b `[outputs]`, an activation f and a residual
  /// `[…, outputs]`; PyTorch's `linear` if there are neither. One pass where nothing is recorded, with the same bits.
  public func linear(
    _ weight: Tensor, _ bias: Tensor? = nil, activated activation: Activation? = nil, adding residual: Tensor? = nil
  ) -> Tensor {
    let isRecorded = [self, weight, bias, residual].contains { $0?.isRecorded ?? false }
    guard isRecorded, let activation else { return linear([(weight, bias)], activation, residual) }
    // The pullback needs what is activated.
    let y = linear([(weight, bias)], nil, nil).activated(activation)
    return residual.map { y + $0 } ?? y
  }

  /// x·Wᵀ + b for several weights of as many inputs, their outputs side by side: `[…, outputs of the first + outputs of the second + …]`.
  public func linear(each maps: [LinearMap]) -> Tensor { linear(maps, nil, nil) }

  private func linear(_ maps: [LinearMap], _ activation: Activation?, _ residual: Tensor?) -> Tensor {
    let inputs = width
    for (weight, bias) in maps {
      precondition(
        weight.shape.count == 2 && weight.shape[1] == inputs,
        "linear: input \(shape) does not fit weight \(weight.shape)")
      precondition(
        bias.map { $0.shape == [weight.shape[0]] } ?? true,
        "linear: expected a bias [\(weight.shape[0])], found \(bias?.shape ?? [])")
    }
    let (rows, outputs) = (self.rows, maps.reduce(0) { $0 + $1.weight.shape[0] })
    let out = Tensor(uninitialized: shape.dropLast() + [outputs])
    precondition(
      residual.map { $0.shape == out.shape } ?? true,
      "linear: expected a residual \(out.shape), found \(residual?.shape ?? [])")
    let precisions = Set(maps.map { Precision.forProduct($0.weight.shape) })
    let precision = precisions.count == 1 ? precisions.first ?? .float32 : .float32
    // A weight that learns changes before it is needed again, mostly, and beside many rows another rearrangement is cheap.
    let once = rows >= 256
    let layouts = maps.map { PackedMatrix.Layout.transposed(inner: inputs, outer: $0.weight.shape[0], precision) }
    PackedMatrix.products(
      Rows(pointer, count: rows, stride: inputs),
      zip(maps, layouts).map { $0.weight.storage.packed($1, once: once && $0.weight.isRecorded) },
      maps.map { ProductEnd(bias: $0.bias?.pointer, activation: activation, residual: residual?.pointer) },
      into: out.pointer)

    let (x, weights, needsX) = (detached, maps.map(\.weight.detached), isRecorded)
    let needs = maps.map { (weight: $0.weight.isRecorded, bias: $0.bias?.isRecorded ?? false) }
    let (recorded, hasResidual) = (maps.flatMap { [$0.weight] + ($0.bias.map { [$0] } ?? []) }, residual != nil)
    let hasBias = maps.map { $0.bias != nil }
    return out.recorded(
      [self] + recorded + (residual.map { [$0] } ?? []), operation: "linear",
      operations: 2 * Double(rows * inputs * outputs)
    ) { dy in
      let dx = needsX ? Tensor(uninitialized: x.shape) : nil
      var (gradients, column) = ([Tensor?](), 0)
      for (place, weight) in weights.enumerated() {
        let width = weight.shape[0]
        let slopes = Rows(dy.pointer + column, count: rows, stride: outputs)
        if let dx {
          weight.storage.packed(.plain(inner: width, outer: inputs, precision), once: once && needs[place].weight)
            .productOnWorkers(slopes, ProductEnd(residual: column > 0 ? dx.pointer : nil), into: dx.pointer)
        }
        let dw = needs[place].weight ? Tensor(uninitialized: weight.shape) : nil
        let db = needs[place].bias ? Tensor(uninitialized: [width]) : nil
        if let dw {
          transposedProduct(
            slopes, n: width, Rows(x.pointer, count: rows, stride: inputs), k: inputs, into: dw.pointer,
            sums: db?.pointer, precision: precision)
        } else if let db {
          addColumnSums(slopes, width: width, into: db.pointer)
        }
        gradients += hasBias[place] ? [dw, db] : [dw]
        column += width
      }
      return [dx] + gradients + (hasResidual ? [dy] : [])
    }
  }

  /// The matrix product of `[…, k]` and `[k, n]`.
  public func matmul(_ other: Tensor) -> Tensor {
    precondition(
      other.shape.count == 2 && other.shape[0] == width, "matmul: shapes \(shape) and \(other.shape) do not fit")
    let (k, n, rows) = (width, other.shape[1], self.rows)
    let out = Tensor(uninitialized: shape.dropLast() + [n])
    other.storage.packed(.plain(inner: k, outer: n))
      .productOnWorkers(Rows(pointer, count: rows, stride: k), into: out.pointer)
    let (x, w) = (detached, other.detached)
    return out.recorded([self, other]) { dy in
      let dx = Tensor(uninitialized: x.shape)
      let slopes = Rows(dy.pointer, count: rows, stride: n)
      w.storage.packed(.transposed(inner: n, outer: k)).productOnWorkers(slopes, into: dx.pointer)
      let dw = Tensor(uninitialized: w.shape)
      transposedProduct(Rows(x.pointer, count: rows, stride: k), n: k, slopes, k: n, into: dw.pointer)
      return [dx, dw]
    }
  }

  /// The rows of this table `[entries, width]` at `ids`: `[ids, width]`. Ids must be in range (checked). The row `padding` gets no gradient,
  /// as with PyTorch's `padding_idx`.
  public func rows(at ids: IDs, padding: Int? = nil) -> Tensor {
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
      if let padding, (0..<entries).contains(padding) {
        (table.pointer + padding * width).update(repeating: 0, count: width)
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
