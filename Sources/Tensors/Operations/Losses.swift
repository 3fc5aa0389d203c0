import CKernels

extension Tensor {
  private var rowsPerChunk: Int { max(1, (1 << 13) / max(1, width)) }

  private func byRows(_ body: (Range<Int>, Int, UnsafeMutablePointer<Float>) -> Void) -> Tensor {
    let out = Tensor(uninitialized: shape)
    Workers.run(rows, by: rowsPerChunk) { body($0, $0.lowerBound * width, out.pointer) }
    return out
  }

  /// Softmax over the last axis.
  public func softmax() -> Tensor {
    let y = byRows { enc_softmax($0.count, width, pointer + $1, $2 + $1) }
    return y.recorded([self]) { dy in
      [y.byRows { enc_softmax_backward($0.count, y.width, y.pointer + $1, dy.pointer + $1, $2 + $1) }]
    }
  }

  /// The logarithm of the softmax over the last axis.
  public func logSoftmax() -> Tensor {
    let y = byRows { enc_log_softmax($0.count, width, pointer + $1, $2 + $1) }
    return y.recorded([self]) { dy in
      [y.byRows { enc_log_softmax_backward($0.count, y.width, y.pointer + $1, dy.pointer + $1, $2 + $1) }]
    }
  }

  /// The mean cross-entropy of these logits `[rows, classes]` with labels, as PyTorch's `cross_entropy`: with class weights the mean is
  /// weighted too. Labels must be in range (checked).
  public func crossEntropy(_ labels: IDs, labelSmoothing: Float = 0, classWeights: [Float]? = nil) -> Tensor {
    let (rows, classes) = (self.rows, width)
    precondition(labels.count == rows && rows > 0, "crossEntropy: \(labels.count) labels for logits \(shape)")
    precondition(
      labels.values.allSatisfy { $0 >= 0 && $0 < classes }, "crossEntropy: a label is outside 0 ..< \(classes)")
    precondition(classWeights.map { $0.count == classes } ?? true, "crossEntropy: expected \(classes) class weights")
    let (losses, gradient) = (Storage(count: rows), Tensor(uninitialized: shape))
    labels.values.withUnsafeBufferPointer { list in
      (classWeights ?? []).withUnsafeBufferPointer { weights in
        // Only read.
        nonisolated(unsafe) let (labels, weights) = (list.baseAddress, classWeights == nil ? nil : weights.baseAddress)
        Workers.run(rows, by: rowsPerChunk) {
          guard let labels else { return }
          let at = $0.lowerBound * classes
          enc_cross_entropy(
            $0.count, classes, pointer + at, labels + $0.lowerBound, labelSmoothing, weights,
            losses.pointer + $0.lowerBound, gradient.pointer + at)
        }
      }
    }
    let mass =
      classWeights.map { weights in labels.values.reduce(0.0) { $0 + Double(weights[Int($1)]) } } ?? Double(rows)
    let sum = (0..<rows).reduce(0.0) { $0 + Double(losses.pointer[$1]) }
    return Tensor(Float(sum / mass)).recorded([self]) { [gradient * ($0.scalar / Float(mass))] }
  }

  /// The mean cross-entropy of these logits `[rows, classes]` with the probability of each class, of the same shape, as PyTorch's
  /// `cross_entropy`: class weights multiply the classes' terms and leave the mean one over rows. The probabilities get no gradient.
  public func crossEntropy(probabilities: Tensor, labelSmoothing: Float = 0, classWeights: [Float]? = nil) -> Tensor {
    requireSameShape(self, probabilities, "crossEntropy")
    precondition(classWeights.map { $0.count == width } ?? true, "crossEntropy: expected \(width) class weights")
    let given = probabilities.scalars
    let shares = given.indices.map { place in
      let share = given[place] * (1 - labelSmoothing) + labelSmoothing / Float(width)
      return share * (classWeights?[place % width] ?? 1) * (-1 / Float(rows))
    }
    return (logSoftmax() * Tensor(shares, shape: shape)).sum()
  }

  /// The mean binary cross-entropy of these logits with targets in [0, 1] of the same shape, as PyTorch's
  /// `binary_cross_entropy_with_logits`.
  public func binaryCrossEntropy(_ targets: Tensor, positiveWeight: Float = 1) -> Tensor {
    requireSameShape(self, targets, "binaryCrossEntropy")
    let (losses, gradient) = (Tensor(uninitialized: shape), Tensor(uninitialized: shape))
    Workers.run(count, by: 1 << 12) {
      let at = $0.lowerBound
      enc_binary_cross_entropy(
        $0.count, pointer + at, targets.pointer + at, positiveWeight, losses.pointer + at, gradient.pointer + at)
    }
    let share = 1 / Float(count)
    let loss = losses.mean()
    return loss.recorded([self]) { [gradient * ($0.scalar * share)] }
  }

  /// The mean of the squared differences.
  public func meanSquaredError(_ target: Tensor) -> Tensor {
    requireSameShape(self, target, "meanSquaredError")
    let difference = detached - target.detached
    let sum = partialSums(count, by: 1 << 14) { range in
      var sum = 0.0
      enc_square_sum(range.count, difference.pointer + range.lowerBound, &sum)
      return sum
    }
    let factor = 2 / Float(count)
    return Tensor(Float(sum / Double(max(1, count)))).recorded([self, target]) { dy in
      let gradient = difference * (dy.scalar * factor)
      return [gradient, gradient * -1]
    }
  }

  /// The sum of the squares of all elements. No derivative.
  public func squareSum() -> Double {
    partialSums(count, by: 1 << 16) { range in
      var sum = 0.0
      enc_square_sum(range.count, pointer + range.lowerBound, &sum)
      return sum
    }
  }
}
