import Tensors

/// Losses over the triplets (anchor, positive of its class, negative of another) within a batch of labelled texts; they
/// start from the distance of each from each, `[n, n]`.
extension EmbeddingLoss {
  /// The pairs of different texts with one label, as places (row, column).
  private func positives(_ classes: [Int]) -> [(anchor: Int, positive: Int)] {
    classes.indices.flatMap { anchor in
      classes.indices.filter { $0 != anchor && classes[$0] == classes[anchor] }.map { (anchor, $0) }
    }
  }

  /// The mean over all triplets above 0 of max(d⁺ − d⁻ + margin, 0).
  func batchAll(_ distances: Tensor, _ classes: [Int], _ margin: Float) -> Tensor {
    let (count, pairs) = (classes.count, positives(classes))
    guard !pairs.isEmpty else { return distances.sum() * 0 }
    let near = distances.elements(at: pairs.map { $0.anchor * count + $0.positive })
    let far = distances.rows(at: IDs(pairs.map { Int32($0.anchor) }))
    let isNegative = pairs.flatMap { pair in classes.map { $0 == classes[pair.anchor] ? 0 : 1 as Float } }
    let mask = Tensor(isNegative, shape: [pairs.count, count])
    let losses = ((near.repeated(count) - far + margin) * mask).activated(.relu)
    let active = losses.withUnsafeBuffer { $0.count { $0 > 1e-16 } }
    return losses.sum() * (1 / Float(max(1, active)))
  }

  /// The distance of each text's farthest positive (0 without one) less that of its nearest negative, `[n]`.
  ///
  /// Where all labels are alike the negative is the text itself plus its greatest distance, as sentence-transformers
  /// has it.
  func hardest(_ distances: Tensor, _ classes: [Int]) -> Tensor {
    let count = classes.count
    var (farthest, hasPositive): ([Int], [Float]) = ([], [])
    var (nearest, extra, needsExtra): ([Int], [Int], [Float]) = ([], [], [])
    distances.withUnsafeBuffer { values in
      for anchor in 0..<count {
        let row = anchor * count
        // A positive at a distance of 0 is as good as none.
        var (positive, negative, greatest) = (-1, -1, 0)
        for other in 0..<count {
          let distance = values[row + other]
          if distance > values[row + greatest] { greatest = other }
          if classes[other] != classes[anchor] {
            if negative < 0 || distance < values[row + negative] { negative = other }
          } else if other != anchor, distance > (positive < 0 ? 0 : values[row + positive]) {
            positive = other
          }
        }
        farthest.append(row + max(positive, 0))
        hasPositive.append(positive < 0 ? 0 : 1)
        nearest.append(row + (negative < 0 ? anchor : negative))
        extra.append(row + greatest)
        needsExtra.append(negative < 0 ? 1 : 0)
      }
    }
    let positive = distances.elements(at: farthest) * Tensor(hasPositive, shape: [count])
    let negative = distances.elements(at: nearest)
    return positive - negative - distances.elements(at: extra) * Tensor(needsExtra, shape: [count])
  }

  /// log(1 + eˣ), element by element.
  func softplus(_ x: Tensor) -> Tensor {
    let column = x.reshaped([x.count, 1])
    return Tensor.concatenated([.zeros(column.shape), column]).logSumExp()
  }

  /// The mean over all positive pairs of max(d⁺ − d⁻ + margin, 0), the negative being the nearest one farther than the
  /// positive, or the farthest of all.
  func batchSemiHard(_ distances: Tensor, _ classes: [Int], _ margin: Float) -> Tensor {
    let (count, pairs) = (classes.count, positives(classes))
    guard !pairs.isEmpty else { return distances.sum() * 0 }
    var negatives: [Int] = []
    distances.withUnsafeBuffer { values in
      for pair in pairs {
        let row = pair.anchor * count
        var (outside, inside, least) = (-1, -1, 0)
        for other in 0..<count {
          let distance = values[row + other]
          if distance < values[row + least] { least = other }
          guard classes[other] != classes[pair.anchor] else { continue }
          if distance > values[row + pair.positive], outside < 0 || distance < values[row + outside] { outside = other }
          if inside < 0 || distance > values[row + inside] { inside = other }
        }
        negatives.append(row + (outside >= 0 ? outside : inside >= 0 ? inside : least))
      }
    }
    let near = distances.elements(at: pairs.map { $0.anchor * count + $0.positive })
    return (near - distances.elements(at: negatives) + margin).activated(.relu).mean()
  }
}
