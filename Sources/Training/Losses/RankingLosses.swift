import Tensors

extension EmbeddingLoss {
  /// Multiple negatives ranking: queries [n, d] against the positives and negatives of the whole batch, [k·n, d].
  func ranking(
    _ columns: [Tensor], _ similarity: EmbeddingSimilarity, symmetric: Bool, scaled: (Tensor) -> Tensor
  ) -> Tensor {
    let own = IDs((0..<Int32(columns[0].rows)).map(\.self))
    let forth = scaled(similarity.matrix(columns[0], .stacked(Array(columns.dropFirst())))).crossEntropy(own)
    guard symmetric else { return forth }
    let back = scaled(similarity.matrix(columns[1], columns[0])).crossEntropy(own)
    return (forth + back) * 0.5
  }

  /// GISTEmbed: as above with the cosine, what the guide finds too close to the query masked out.
  ///
  /// Anchors and positives are also set against each other if asked for. A mask compares the guide's cosine with that
  /// of the query and its positive, so a text is always masked against itself.
  func guidedRanking(_ columns: [Tensor], _ labels: LossLabels) throws(LossError) -> Tensor {
    guard
      case .gistEmbed(let temperature, let margin, let isRelative, let contrastAnchors, let contrastPositives) = self
    else { preconditionFailure("guidedRanking: \(name) isn't guided") }
    let guides = labels.embeddings
    guard guides.count == columns.count, guides.allSatisfy({ $0.rows == columns[0].rows }) else {
      throw .invalid(
        loss: name, what: "the guide's embeddings", expected: "one column for each of the \(columns.count) columns",
        found: "\(guides.map(\.shape))")
    }
    let cosine = EmbeddingSimilarity.cosine
    let count = columns[0].rows
    let positive = cosine.pairs(guides[0].detached, guides[1].detached).scalars
    let thresholds = positive.map { isRelative ? $0 - abs($0) * margin : $0 - margin }
    func scores(_ a: Int, _ b: Int, keepsDiagonal: Bool = false) -> Tensor {
      var mask = cosine.matrix(guides[a].detached, guides[b].detached).scalars
      for place in mask.indices {
        let (row, column) = place.quotientAndRemainder(dividingBy: count)
        let isOwn = keepsDiagonal && row == column
        mask[place] = mask[place] > thresholds[row] && !isOwn ? absent : 0
      }
      return cosine.matrix(columns[a], columns[b]) + Tensor(mask, shape: [count, count])
    }
    var parts = [scores(0, 1, keepsDiagonal: true)]
    if contrastAnchors { parts.append(scores(0, 0)) }
    if contrastPositives { parts.append(scores(1, 1)) }
    for negative in 2..<max(2, columns.count) { parts.append(scores(0, negative)) }
    let own = IDs((0..<Int32(count)).map(\.self))
    return (Tensor.concatenated(parts) * (1 / temperature)).crossEntropy(own)
  }
}
