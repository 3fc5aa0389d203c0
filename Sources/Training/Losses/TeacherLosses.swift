import Tensors

extension EmbeddingLoss {
  /// Softmax classification of pairs: a linear classifier over (u, v, |u − v|, u·v).
  func classification(
    _ columns: [Tensor], _ labels: [Int], _ classes: Int, _ parameters: LossParameters
  ) throws(LossError) -> Tensor {
    guard case .softmax(_, let difference, let product) = self, let weight = parameters.weight else {
      throw .invalid(loss: name, what: "classifier", expected: "its parameters", found: "none")
    }
    if let label = labels.first(where: { !(0..<classes).contains($0) }) {
      throw .invalid(loss: name, what: "label", expected: "a class from 0 to \(classes - 1)", found: "\(label)")
    }
    let (u, v) = (columns[0], columns[1])
    let features = [u, v] + (difference ? [(u - v).absolute()] : []) + (product ? [u * v] : [])
    return Tensor.concatenated(features).linear(weight.tensor, parameters.bias?.tensor)
      .crossEntropy(IDs(labels.map { Int32($0) }))
  }

  /// The mean over the columns of the mean squared difference; one column of the teacher's serves for all.
  func embeddingMSE(_ columns: [Tensor], _ teacher: [Tensor]) throws(LossError) -> Tensor {
    guard teacher.count == 1 || teacher.count == columns.count,
      teacher.allSatisfy({ $0.shape == columns[0].shape })
    else {
      throw .invalid(
        loss: name, what: "the teacher's embeddings", expected: "\(columns.count) of shape \(columns[0].shape)",
        found: "\(teacher.map(\.shape))")
    }
    var sum = columns[0].meanSquaredError(teacher[0].detached)
    for column in columns.indices.dropFirst() {
      sum = sum + columns[column].meanSquaredError(teacher[teacher.count == 1 ? 0 : column].detached)
    }
    return sum * (1 / Float(columns.count))
  }

  /// The mean squared difference of the margins positive − negative from the teacher's.
  ///
  /// Labels have a margin for each negative, or a score for the positive and each negative.
  func marginMSE(
    _ columns: [Tensor], _ labels: LossLabels, _ similarity: EmbeddingSimilarity
  ) throws(LossError) -> Tensor {
    let (count, negatives) = (columns[0].rows, columns.count - 2)
    var teacher = Tensor(labels.values, shape: [labels.values.count, 1])
    if case .scoreLists(let lists) = labels { teacher = lists.detached }
    try form.check(
      name, columns: columns.count, labels: labels.kind, scores: teacher.shape.count == 2 ? teacher.width : 0)
    if teacher.width == negatives + 1 {
      let margins = teacher.columns(0..<1).matmul(Tensor(repeating: 1, shape: [1, negatives]))
      teacher = margins - teacher.columns(1..<negatives + 1)
    }
    let positive = similarity.pairs(columns[0], columns[1])
    let margins = columns.dropFirst(2).map {
      (positive - similarity.pairs(columns[0], $0)).reshaped([count, 1])
    }
    return Tensor.concatenated(margins).meanSquaredError(teacher)
  }

  /// Σ over dimensions of (the mean over the texts)²; texts with up to `threshold` active dimensions count as zero.
  func flops(_ x: Tensor, _ threshold: Int?) -> Tensor {
    var weights = Array(repeating: 1 / Float(x.rows), count: x.rows)
    if let threshold {
      x.withUnsafeBuffer { values in
        for row in 0..<x.rows {
          let active = values[row * x.width..<(row + 1) * x.width].count { $0 != 0 }
          if active <= threshold { weights[row] = 0 }
        }
      }
    }
    let means = Tensor(weights, shape: [1, x.rows]).matmul(x)
    return means.dotted(means).sum()
  }
}
