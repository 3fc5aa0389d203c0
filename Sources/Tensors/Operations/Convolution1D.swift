import CKernels

/// The geometry of a 1-D convolution or pooling over sequences.
public struct Window1D: Sendable, Equatable {
  /// Rows a window takes.
  public var kernel: Int
  /// Rows from one window to the next.
  public var stride: Int
  /// Rows of zeros before and after each sequence.
  public var padding: (before: Int, after: Int)
  /// Rows from one element of a window to the next.
  public var dilation: Int

  /// A window with the same padding on both sides.
  public init(_ kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1) {
    self.init(kernel, stride: stride, padding: (padding, padding), dilation: dilation)
  }

  /// A window with its own padding on each side.
  public init(_ kernel: Int, stride: Int = 1, padding: (before: Int, after: Int), dilation: Int = 1) {
    precondition(
      kernel > 0 && stride > 0 && dilation > 0 && padding.before >= 0 && padding.after >= 0,
      "Window1D: sizes must be positive")
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
  }

  /// As many rows out as in; of an odd number of padding rows the extra one comes after, as PyTorch's `padding="same"`.
  public static func same(_ kernel: Int, dilation: Int = 1) -> Window1D {
    let total = dilation * (kernel - 1)
    return Window1D(kernel, padding: (total / 2, total - total / 2), dilation: dilation)
  }

  /// Rows out for rows in; 0 if the sequence is shorter than a window.
  public func outputLength(_ length: Int) -> Int {
    let room = length + padding.before + padding.after - dilation * (kernel - 1) - 1
    return length == 0 || room < 0 ? 0 : room / stride + 1
  }

  /// Equal if all of it is.
  public static func == (a: Window1D, b: Window1D) -> Bool {
    (a.kernel, a.stride, a.dilation, a.padding.before, a.padding.after)
      == (b.kernel, b.stride, b.dilation, b.padding.before, b.padding.after)
  }

  func outputs(_ offsets: Offsets) -> Offsets { Offsets(lengths: offsets.lengths.map(outputLength)) }
}

/// A piece of a convolution's work: output rows `rows` of sequence `sequence`.
private struct Piece {
  let sequence: Int
  let rows: Range<Int>
}

extension Ragged where Rows == Tensor {
  /// A 1-D convolution along each sequence, no window reaching into another: `[rows, outputs]` with the sequences' new lengths.
  ///
  /// Weight `[outputs, channels / groups, kernel]` and bias `[outputs]` as PyTorch's `Conv1d`. Computed as products of gathered windows,
  /// block by block, so no window outlives its block.
  public func convolved(_ weight: Tensor, _ bias: Tensor? = nil, _ window: Window1D, groups: Int = 1) -> Ragged<Tensor>
  {
    let (channels, outputs, perGroup) = (rows.width, weight.shape[0], weight.shape[1])
    precondition(
      weight.shape.count == 3 && channels == perGroup * groups && outputs % groups == 0
        && weight.shape[2] == window.kernel,
      "convolved: weight \(weight.shape) in \(groups) groups does not fit rows \(rows.shape) and kernel \(window.kernel)"
    )
    let (kernel, groupOutputs) = (window.kernel, outputs / groups)
    let shape = Convolution1DShape(channels: channels, perGroup: perGroup, groupOutputs: groupOutputs, groups: groups)
    let (inner, outer) = (kernel * perGroup, groupOutputs)
    let targets = window.outputs(offsets)
    let out = Tensor(uninitialized: [targets.rows, outputs])
    let flat = weight.detached.windowWeights(groups)
    let packed = (0..<groups).map {
      flat.storage.packed(
        .init(inner: inner, outer: outer, rowStride: 1, columnStride: inner, start: $0 * outer * inner))
    }
    let source = offsets
    forEachBlock(targets, in: 0..<targets.rows) { pieces, first, count in
      guard let scratch = enc_scratch(Int32(ENC_SCRATCH_A), count * inner * 4)?.assumingMemoryBound(to: Float.self),
        let dense = enc_scratch(Int32(ENC_SCRATCH_B), count * outer * 4)?.assumingMemoryBound(to: Float.self)
      else { return }
      for group in 0..<groups {
        gather(rows, source, window, shape, group, pieces, into: scratch)
        let bias = bias.map { UnsafePointer($0.pointer + group * outer) }
        let target = out.pointer + first * outputs
        packed[group].product(rows: count, scratch, ProductEnd(bias: bias), into: groups == 1 ? target : dense)
        if groups > 1 { copy(count, outer, dense, outer, target + group * outer, outputs) }
      }
    }
    let (x, needsX, needsW) = (rows.detached, rows.isRecorded, weight.isRecorded)
    let result = out.recorded([rows, weight] + (bias.map { [$0] } ?? [])) { dy in
      let dx = needsX ? windowGradient(dy, source, targets, window, shape, flat) : nil
      let dw = needsW ? weightGradient(x, dy, source, targets, window, shape) : nil
      return [dx, dw, dy.columnSums()]
    }
    return Ragged(result, targets)
  }
}

private struct Convolution1DShape {
  let channels: Int, perGroup: Int, groupOutputs: Int, groups: Int
}

extension Tensor {
  /// Weights [outputs, channels, kernel] as [outputs, kernel, channels]: the order in which windows are gathered.
  fileprivate func windowWeights(_ groups: Int) -> Tensor {
    let (outputs, channels, kernel) = (shape[0], shape[1], shape[2])
    let out = Tensor(uninitialized: [outputs, kernel, channels])
    Workers.run(outputs, by: 16) {
      for o in $0 {
        enc_transpose(channels, kernel, pointer + o * channels * kernel, out.pointer + o * channels * kernel)
      }
    }
    return out
  }
}

/// Output rows a block of windows has.
private let blockRows = 128

/// Calls `body` on the workers for each block of a range of output rows: its pieces by sequence, its first row and how many.
private func forEachBlock(_ targets: Offsets, in range: Range<Int>, _ body: ([Piece], Int, Int) -> Void) {
  Workers.run(range.count, by: range.count > 1024 ? blockRows : 32) { block in
    let rows = range.lowerBound + block.lowerBound..<range.lowerBound + block.upperBound
    var pieces: [Piece] = []
    for sequence in targets.sequences(in: rows) {
      let part = targets[sequence].clamped(to: rows)
      let start = Int(targets.values[sequence])
      if !part.isEmpty {
        pieces.append(Piece(sequence: sequence, rows: part.lowerBound - start..<part.upperBound - start))
      }
    }
    body(pieces, rows.lowerBound, rows.count)
  }
}

private func gather(
  _ x: Tensor, _ source: Offsets, _ window: Window1D, _ shape: Convolution1DShape, _ group: Int, _ pieces: [Piece],
  into scratch: UnsafeMutablePointer<Float>
) {
  var target = scratch
  for piece in pieces {
    enc_windows(
      piece.rows.lowerBound, piece.rows.upperBound, source.length(piece.sequence), shape.channels, shape.perGroup,
      window.kernel, window.stride, window.padding.before, window.dilation,
      x.pointer + Int(source.values[piece.sequence]) * shape.channels + group * shape.perGroup, target)
    target += piece.rows.count * window.kernel * shape.perGroup
  }
}

private func copy(
  _ rows: Int, _ width: Int, _ from: UnsafePointer<Float>, _ fromStride: Int, _ to: UnsafeMutablePointer<Float>,
  _ toStride: Int
) {
  for row in 0..<rows { (to + row * toStride).update(from: from + row * fromStride, count: width) }
}

/// dx: each chunk of sequences computes its windows' gradients and adds them up.
private func windowGradient(
  _ dy: Tensor, _ source: Offsets, _ targets: Offsets, _ window: Window1D, _ shape: Convolution1DShape, _ flat: Tensor
) -> Tensor {
  let (inner, outer, outputs) = (window.kernel * shape.perGroup, shape.groupOutputs, shape.groupOutputs * shape.groups)
  let packed = (0..<shape.groups).map {
    flat.storage.packed(.init(inner: outer, outer: inner, rowStride: inner, columnStride: 1, start: $0 * outer * inner))
  }
  let dx = Tensor(uninitialized: [source.rows, shape.channels])
  Workers.run(source.count, by: sequencesPerChunk) { range in
    let (first, last) = (Int(source.values[range.lowerBound]), Int(source.values[range.upperBound]))
    (dx.pointer + first * shape.channels).update(repeating: 0, count: (last - first) * shape.channels)
    for sequence in range {
      let rows = targets[sequence]
      for start in Swift.stride(from: 0, to: rows.count, by: blockRows) {
        let count = min(blockRows, rows.count - start)
        guard let scratch = enc_scratch(Int32(ENC_SCRATCH_A), count * inner * 4)?.assumingMemoryBound(to: Float.self),
          let dense = enc_scratch(Int32(ENC_SCRATCH_B), count * outer * 4)?.assumingMemoryBound(to: Float.self)
        else { return }
        for group in 0..<shape.groups {
          let slopes = dy.pointer + (rows.lowerBound + start) * outputs + group * outer
          if shape.groups > 1 { copy(count, outer, slopes, outputs, dense, outer) }
          packed[group].product(
            rows: count, shape.groups > 1 ? UnsafePointer(dense) : UnsafePointer(slopes), into: scratch)
          enc_windows_backward(
            start, start + count, source.length(sequence), shape.channels, shape.perGroup, window.kernel, window.stride,
            window.padding.before, window.dilation, scratch,
            dx.pointer + Int(source.values[sequence]) * shape.channels + group * shape.perGroup)
        }
      }
    }
  }
  return dx
}

/// dW [outputs, channels, kernel]: windows gathered again in blocks of rows, each a partial product, added in order.
private func weightGradient(
  _ x: Tensor, _ dy: Tensor, _ source: Offsets, _ targets: Offsets, _ window: Window1D, _ shape: Convolution1DShape
) -> Tensor {
  let (inner, outer, outputs) = (window.kernel * shape.perGroup, shape.groupOutputs, shape.groupOutputs * shape.groups)
  let flat = Tensor(uninitialized: [outputs, window.kernel, shape.perGroup])
  // Groups of 1024 rows: their windows are gathered on the workers, then multiplied tile by tile.
  let span = 1024
  let windows = Storage(count: min(span, max(1, targets.rows)) * inner)
  for group in 0..<shape.groups {
    let target = flat.pointer + group * outer * inner
    if targets.rows == 0 { target.update(repeating: 0, count: outer * inner) }
    for first in Swift.stride(from: 0, to: targets.rows, by: span) {
      let count = min(span, targets.rows - first)
      forEachBlock(targets, in: first..<first + count) { pieces, start, _ in
        gather(x, source, window, shape, group, pieces, into: windows.pointer + (start - first) * inner)
      }
      transposedProduct(
        Rows(dy.pointer + first * outputs + group * outer, count: count, stride: outputs), n: outer,
        Rows(windows.pointer, count: count, stride: inner), k: inner, into: target, adding: first > 0)
    }
  }
  let dw = Tensor(uninitialized: [outputs, shape.perGroup, window.kernel])
  let size = shape.perGroup * window.kernel
  Workers.run(outputs, by: 16) {
    for o in $0 { enc_transpose(window.kernel, shape.perGroup, flat.pointer + o * size, dw.pointer + o * size) }
  }
  return dw
}
