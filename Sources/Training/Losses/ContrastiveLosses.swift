import Tensors

extension EmbeddingLoss {
  /// The mean of ½ (label · d² + (1 − label) · max(margin − d, 0)²); distances `[n]`.
  func contrastive(_ distances: Tensor, _ labels: [Float], _ margin: Float) -> Tensor {
    let near = Tensor(labels, shape: distances.shape)
    let far = near * -1 + 1
    let gaps = (distances * -1 + margin).activated(.relu)
    return (near * distances * distances + far * gaps * gaps).mean() * 0.5
  }

  /// The sum of d² over the hard positives and of max(margin − d, 0)² over the hard negatives.
  ///
  /// Hard are positives farther than the nearest negative and negatives nearer than the farthest positive; without the
  /// other kind, those beyond the mean of their own. Labels other than 0 and 1 take no part.
  func onlineContrastive(_ distances: Tensor, _ labels: [Float], _ margin: Float) -> Tensor {
    let values = distances.scalars
    let positives = labels.indices.filter { labels[$0] == 1 }
    let negatives = labels.indices.filter { labels[$0] == 0 }
    func mean(_ places: [Int]) -> Float { places.reduce(0) { $0 + values[$1] } / Float(max(1, places.count)) }
    let farthest = positives.map { values[$0] }.max() ?? mean(negatives)
    let nearest = negatives.map { values[$0] }.min() ?? mean(positives)
    let (far, close) = (positives.filter { values[$0] > nearest }, negatives.filter { values[$0] < farthest })
    guard !(far.isEmpty && close.isEmpty) else { return distances.sum() * 0 }
    let near = distances.elements(at: far)
    let gaps = (distances.elements(at: close) * -1 + margin).activated(.relu)
    return (near * near).sum() + (gaps * gaps).sum()
  }
}
