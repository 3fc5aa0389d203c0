import CKernels

extension Tensor {
  private var rowsPerChunk: Int { max(1, (1 << 14) / max(1, width)) }

  /// (x − mean) / √(variance + ε) · γ + β over the last axis. Source: Ba et al. 2016; PyTorch's `layer_norm`.
  public func layerNorm(_ gamma: Tensor, _ beta: Tensor, epsilon: Float = 1e-5) -> Tensor {
    precondition(
      gamma.shape == [width] && beta.shape == [width], "layerNorm: \(gamma.shape) and \(beta.shape) for input \(shape)")
    let (rows, width, size) = (self.rows, self.width, rowsPerChunk)
    let (out, means, scales) = (Tensor(uninitialized: shape), Storage(count: rows), Storage(count: rows))
    Workers.run(rows, by: size) {
      let (first, at) = ($0.lowerBound, $0.lowerBound * width)
      enc_layer_norm(
        $0.count, width, epsilon, pointer + at, gamma.pointer, beta.pointer, out.pointer + at, means.pointer + first,
        scales.pointer + first)
    }
    let (x, g) = (detached, gamma.detached)
    return out.recorded([self, gamma, beta]) { dy in
      let chunks = (rows + size - 1) / size
      let (dx, partial) = (Tensor(uninitialized: x.shape), Storage(count: chunks * 2 * width))
      Workers.run(chunks: chunks) { index in
        let (first, count, at) = (index * size, min(size, rows - index * size), index * size * width)
        let sums = partial.pointer + index * 2 * width
        enc_layer_norm_backward(
          count, width, x.pointer + at, g.pointer, means.pointer + first, scales.pointer + first, dy.pointer + at,
          dx.pointer + at, sums, sums + width)
      }
      let (dgamma, dbeta) = (Tensor(uninitialized: [width]), Tensor(uninitialized: [width]))
      enc_column_sums(chunks, width, 2 * width, partial.pointer, dgamma.pointer)
      enc_column_sums(chunks, width, 2 * width, partial.pointer + width, dbeta.pointer)
      return [dx, dgamma, dbeta]
    }
  }

  /// x / √(mean of x² + ε) · γ over the last axis. Source: Zhang and Sennrich 2019; PyTorch's `rms_norm`.
  public func rmsNorm(_ gamma: Tensor, epsilon: Float = 1e-6) -> Tensor {
    precondition(gamma.shape == [width], "rmsNorm: \(gamma.shape) for input \(shape)")
    let (rows, width, size) = (self.rows, self.width, rowsPerChunk)
    let (out, scales) = (Tensor(uninitialized: shape), Storage(count: rows))
    Workers.run(rows, by: size) {
      let at = $0.lowerBound * width
      enc_rms_norm(
        $0.count, width, epsilon, pointer + at, gamma.pointer, out.pointer + at, scales.pointer + $0.lowerBound)
    }
    let (x, g) = (detached, gamma.detached)
    return out.recorded([self, gamma]) { dy in
      let chunks = (rows + size - 1) / size
      let (dx, partial) = (Tensor(uninitialized: x.shape), Storage(count: chunks * width))
      Workers.run(chunks: chunks) { index in
        let (first, at) = (index * size, index * size * width)
        enc_rms_norm_backward(
          min(size, rows - first), width, x.pointer + at, g.pointer, scales.pointer + first, dy.pointer + at,
          dx.pointer + at, partial.pointer + index * width)
      }
      let dgamma = Tensor(uninitialized: [width])
      enc_column_sums(chunks, width, width, partial.pointer, dgamma.pointer)
      return [dx, dgamma]
    }
  }

  /// Rows divided by their Euclidean length, or by `epsilon` if that's larger. PyTorch's `normalize`.
  public func normalized(epsilon: Float = 1e-12) -> Tensor {
    let (rows, width, size) = (self.rows, self.width, rowsPerChunk)
    let (out, norms) = (Tensor(uninitialized: shape), Storage(count: rows))
    Workers.run(rows, by: size) {
      let at = $0.lowerBound * width
      enc_normalize($0.count, width, epsilon, pointer + at, out.pointer + at, norms.pointer + $0.lowerBound)
    }
    let y = out
    return out.recorded([self]) { dy in
      let dx = Tensor(uninitialized: y.shape)
      Workers.run(rows, by: size) {
        let at = $0.lowerBound * width
        enc_normalize_backward(
          $0.count, width, epsilon, y.pointer + at, norms.pointer + $0.lowerBound, dy.pointer + at, dx.pointer + at)
      }
      return [dx]
    }
  }

  /// Batch norm over all axes but the last: (x − mean) / √(variance + ε) · γ + β.
  ///
  /// With the batch's statistics if `statistics` is nil, and then they come back: mean and biased variance, each `[width]`.
  /// Source: Ioffe and Szegedy 2015; PyTorch's `batch_norm`.
  public func batchNorm(
    _ gamma: Tensor, _ beta: Tensor, statistics: (mean: Tensor, variance: Tensor)? = nil, epsilon: Float = 1e-5
  ) -> (output: Tensor, mean: Tensor, variance: Tensor) {
    precondition(
      gamma.shape == [width] && beta.shape == [width], "batchNorm: \(gamma.shape) and \(beta.shape) for input \(shape)")
    let (rows, width, size) = (self.rows, self.width, max(1, (1 << 16) / max(1, width)))
    let (mean, variance) = statistics.map { ($0.mean.detached, $0.variance.detached) } ?? columnStatistics(by: size)
    let rstd = Tensor(variance.scalars.map { 1 / ($0 + epsilon).squareRoot() }, shape: [width])
    let factor = (gamma.detached * rstd)
    let offset = beta.detached - mean * factor
    let out = Tensor(uninitialized: shape)
    Workers.run(rows, by: size) {
      let at = $0.lowerBound * width
      enc_column_affine($0.count, width, pointer + at, factor.pointer, offset.pointer, out.pointer + at)
    }
    let (x, usesBatch) = (detached, statistics == nil)
    let result = out.recorded([self, gamma, beta]) { dy in
      let chunks = (rows + size - 1) / size
      let partial = Storage(count: chunks * 2 * width)
      Workers.run(chunks: chunks) { index in
        let (count, at) = (min(size, rows - index * size), index * size * width)
        let sums = partial.pointer + index * 2 * width
        enc_batch_norm_sums(
          count, width, x.pointer + at, mean.pointer, rstd.pointer, dy.pointer + at, sums, sums + width)
      }
      let (dbeta, dgamma) = (Tensor(uninitialized: [width]), Tensor(uninitialized: [width]))
      enc_column_sums(chunks, width, 2 * width, partial.pointer, dbeta.pointer)
      enc_column_sums(chunks, width, 2 * width, partial.pointer + width, dgamma.pointer)
      // dx = factor · (dy − dbeta/n − x̂ · dgamma/n), and x̂ = (x − mean) · rstd, as a · dy + b · x + c.
      let share: Float = usesBatch ? 1 / Float(rows) : 0
      let b = factor * rstd * dgamma * -share
      let c = (mean * b + factor * dbeta * share) * -1
      let dx = Tensor(uninitialized: x.shape)
      Workers.run(rows, by: size) {
        let at = $0.lowerBound * width
        enc_batch_norm_backward(
          $0.count, width, x.pointer + at, dy.pointer + at, factor.pointer, b.pointer, c.pointer, dx.pointer + at)
      }
      return [dx, dgamma, dbeta]
    }
    return (result, mean, variance)
  }

  /// Mean and biased variance of each column. Shifted by the mean of some rows, so that a large mean doesn't cancel the variance.
  private func columnStatistics(by size: Int) -> (Tensor, Tensor) {
    precondition(rows > 0, "batchNorm: no rows in \(shape)")
    let (rows, width, chunks) = (self.rows, self.width, (self.rows + size - 1) / size)
    let (partial, shift) = (Storage(count: chunks * 2 * width), Storage(count: width))
    let some = min(rows, 64)
    enc_column_sums(some, width, rows / some * width, pointer, shift.pointer)
    for column in 0..<width { shift.pointer[column] /= Float(some) }
    Workers.run(chunks: chunks) { index in
      let (count, sums) = (min(size, rows - index * size), partial.pointer + index * 2 * width)
      enc_column_moments(count, width, pointer + index * size * width, shift.pointer, sums, sums + width)
    }
    var (mean, variance) = ([Float](repeating: 0, count: width), [Float](repeating: 0, count: width))
    for column in 0..<width {
      var (sum, square) = (0.0, 0.0)
      for index in 0..<chunks {
        sum += Double(partial.pointer[index * 2 * width + column])
        square += Double(partial.pointer[index * 2 * width + width + column])
      }
      let center = sum / Double(rows)
      mean[column] = Float(Double(shift.pointer[column]) + center)
      variance[column] = Float(max(0, square / Double(rows) - center * center))
    }
    return (Tensor(mean, shape: [width]), Tensor(variance, shape: [width]))
  }
}
