extension Report {
  /// The mistakes that the model is surest of.
  var worstMistakes: String? {
    guard !mistakes.isEmpty else { return nil }
    let cards = mistakes.map { mistake in
      let labels = """
        <figcaption><span class="gold"><small>label</small> \(ReportHTML.escape(mistake.gold))</span>
        <span class="wrong"><small>predicted</small> \(ReportHTML.escape(mistake.predicted))</span>
        <span class="sure"><small>probability</small> \(ReportHTML.percent(mistake.probability))</span></figcaption>
        """
      switch mistake.sample {
      case .text(let text):
        let start = ReportHTML.escape(ReportHTML.start(of: text, 500))
        return "<figure class=\"mistake\"><blockquote>\(start)</blockquote>\(labels)</figure>"
      case .image(let image):
        let shown = image.element(description: "A sample of \(mistake.gold)")
        return "<figure class=\"mistake\">\(shown)\(labels)</figure>"
      }
    }
    var images = false
    if case .image? = mistakes.first?.sample { images = true }
    return ReportHTML.section(
      "mistakes", "Worst mistakes", "What the model is wrong about and surest of, the surest first.",
      "<div class=\"mistakes\(images ? " images" : "")\">\(cards.joined(separator: "\n"))</div>")
  }

  /// The queries whose answers stand farthest down.
  var worstMisses: String? {
    guard !misses.isEmpty else { return nil }
    let cards = misses.map { miss in
      func start(_ text: String) -> String { ReportHTML.escape(ReportHTML.start(of: text, 300)) }
      return """
        <figure class="mistake"><blockquote>\(start(miss.query))</blockquote>
        <figcaption><span class="gold"><small>rank \(ReportHTML.grouped(miss.rank))</small> \(start(miss.relevant))</span>
        <span class="wrong"><small>first</small> \(start(miss.found))</span>
        <span class="sure"><small>score</small> \(ReportHTML.number(miss.score, 3))</span></figcaption></figure>
        """
    }
    return ReportHTML.section(
      "misses", "Hardest queries", "Those whose answer stands farthest down, and what stands first instead.",
      "<div class=\"mistakes\">\(cards.joined(separator: "\n"))</div>")
  }

  /// What went into an auto-encoder and what came out.
  var inputsAndOutputs: String? {
    guard !reconstructions.isEmpty else { return nil }
    let pairs = reconstructions.enumerated().map { place, pair in
      """
      <figure>\(pair.input.element(description: "Input \(place + 1)"))\
      \(pair.output.element(description: "Reconstruction of input \(place + 1)"))</figure>
      """
    }
    return ReportHTML.section(
      "reconstructions", "Reconstructions", "Above what went in, below what came out of it again.",
      "<div class=\"reconstructions\">\(pairs.joined(separator: "\n"))</div>")
  }
}
