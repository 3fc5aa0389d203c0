import Tensors

extension EmbeddingLoss {
  /// CoSENT: log(1 + Σ e^(s_i − s_j)) over the pairs whose label i is below label j; scores `[n]`.
  func cosent(_ scores: Tensor, _ labels: [Float]) -> Tensor {
    let count = labels.count
    var mask = Array(repeating: absent, count: count * count)
    for i in 0..<count {
      for j in 0..<count where labels[i] < labels[j] { mask[i * count + j] = 0 }
    }
    let differences = scores.repeated(count).addingRow(scores * -1) + Tensor(mask, shape: [count, count])
    // First by row, so that no sum has more than a batch of terms.
    let sums = differences.logSumExp().reshaped([1, count])
    return Tensor.concatenated([.zeros([1, 1]), sums]).logSumExp().sum()
  }

  /// AnglE: CoSENT of |cos + sin|, dimensions i and i + d/2 being the parts of a complex number.
  ///
  /// Negatives are pairs of the query whose label is 1 − that of the positive, which is 1 without labels.
  func angle(_ columns: [Tensor], _ labels: LossLabels, scale: Float) -> Tensor {
    var values = labels.values
    if case .none = labels { values = Array(repeating: 1, count: columns[0].rows) }
    let opposite = values.map { 1 - $0 }
    for _ in columns.dropFirst(2) { values += opposite }
    let x = EmbeddingLoss.complex(.stacked(Array(repeating: columns[0], count: columns.count - 1)))
    let y = EmbeddingLoss.complex(.stacked(Array(columns.dropFirst())))
    let half = x.width / 2
    let sines =
      x.columns(half..<x.width).dotted(y.columns(0..<half)) - x.columns(0..<half).dotted(y.columns(half..<x.width))
    return cosent((x.dotted(y) + sines).absolute() * scale, values)
  }

  /// Rows of length 1 and an even number of columns, a zero being added to an odd one.
  private static func complex(_ x: Tensor) -> Tensor {
    (x.width % 2 == 0 ? x : .concatenated([x, .zeros([x.rows, 1])])).normalized()
  }
}
