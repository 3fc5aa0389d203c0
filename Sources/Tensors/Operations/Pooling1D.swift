import CKernels

extension Ragged where Rows == Tensor {
  /// The largest value of each window of rows along each sequence, as PyTorch's `MaxPool1d` (dilation 1).
  public func maxPooled(_ window: Window1D) -> Ragged<Tensor> {
    let (targets, width) = (pooledOffsets(window, "maxPooled"), rows.width)
    let (out, places) = (Tensor(uninitialized: [targets.rows, width]), Indices(count: targets.rows * width))
    let (source, shape) = (offsets, rows.shape)
    Workers.run(count, by: sequencesPerChunk) {
      for sequence in $0 {
        let (from, to) = (source[sequence].lowerBound * width, targets[sequence].lowerBound * width)
        enc_max_pool_rows(
          targets.length(sequence), source.length(sequence), width, window.kernel, window.stride, window.padding.before,
          rows.pointer + from, out.pointer + to, places.pointer + to)
      }
    }
    let result = out.recorded([rows]) { dy in
      let dx = Tensor.zeros(entries: shape[0], width: width)
      Workers.run(source.count, by: sequencesPerChunk) {
        for sequence in $0 {
          let to = targets[sequence].lowerBound * width
          enc_max_pool_rows_backward(
            targets.length(sequence), width, places.pointer + to, dy.pointer + to,
            dx.pointer + source[sequence].lowerBound * width)
        }
      }
      return [dx]
    }
    return Ragged(result, targets)
  }

  /// The mean of each window of rows along each sequence, padding counted, as PyTorch's `AvgPool1d`.
  public func averagePooled(_ window: Window1D) -> Ragged<Tensor> {
    let (targets, width) = (pooledOffsets(window, "averagePooled"), rows.width)
    let out = Tensor(uninitialized: [targets.rows, width])
    let (source, shape) = (offsets, rows.shape)
    Workers.run(count, by: sequencesPerChunk) {
      for sequence in $0 {
        enc_average_pool_rows(
          targets.length(sequence), source.length(sequence), width, window.kernel, window.stride, window.padding.before,
          rows.pointer + source[sequence].lowerBound * width, out.pointer + targets[sequence].lowerBound * width)
      }
    }
    let result = out.recorded([rows]) { dy in
      let dx = Tensor.zeros(entries: shape[0], width: width)
      Workers.run(source.count, by: sequencesPerChunk) {
        for sequence in $0 {
          enc_average_pool_rows_backward(
            targets.length(sequence), source.length(sequence), width, window.kernel, window.stride,
            window.padding.before,
            dy.pointer + targets[sequence].lowerBound * width, dx.pointer + source[sequence].lowerBound * width)
        }
      }
      return [dx]
    }
    return Ragged(result, targets)
  }

  private func pooledOffsets(_ window: Window1D, _ operation: String) -> Offsets {
    precondition(
      window.dilation == 1 && window.padding.before * 2 <= window.kernel && window.padding.after * 2 <= window.kernel,
      "\(operation): padding must be at most half of the kernel, dilation 1")
    return window.outputs(offsets)
  }
}
