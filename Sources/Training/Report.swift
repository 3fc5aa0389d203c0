import Evaluation

/// What a training run led to, as one static HTML page: no network, no files beside it.
///
/// All text that comes from the user is escaped; a content security policy in the page forbids to load anything.
public struct Report: Sendable {
  /// A sample as it is shown.
  public enum Sample: Sendable {
    /// A text, which is escaped.
    case text(String)
    /// An image.
    case image(Image)
  }

  /// An image: bytes row after row, the channels of a pixel together. Shown in colour with 3 or 4 channels, else the
  /// first channel in grey.
  public struct Image: Sendable {
    let width: Int
    let height: Int
    let channels: Int
    let pixels: [UInt8]
  }

  /// A sample that the model is wrong about.
  public struct Mistake: Sendable {
    let sample: Sample
    let gold: String
    let predicted: String
    /// The probability of the predicted label.
    let probability: Double
  }

  /// A score and what it was before training.
  public struct Score: Sendable {
    let name: String
    let estimate: Estimate
    let before: Double?
  }

  /// A query whose answer is not found first.
  public struct Miss: Sendable {
    let query: String
    /// The text that should be first, and its rank from 1.
    let relevant: String
    let rank: Int
    /// The text that is first, and how alike it is.
    let found: String
    let score: Double
  }

  /// A sample's place in the plane.
  public struct MapPoint: Sendable {
    let x: Float
    let y: Float
    /// The number of its label in `classes`.
    let label: Int
    let sample: Sample
  }

  let title: String
  let subtitle: String
  let recipe: String
  /// Names and values: counts, seconds, seed, …
  let facts: [(String, String)]
  let history: [EpochRecord]
  let bestEpoch: Int?
  /// The metric that counts most.
  let metricName: String
  let classification: ClassificationReport?
  let reconstruction: ReconstructionReport?
  /// The worst first.
  let mistakes: [Mistake]
  let map: [MapPoint]
  /// The names of the map's labels.
  let classes: [String]
  let reconstructions: [(input: Image, output: Image)]
  /// The scores of an encoder of texts.
  var scores: [Score] = []
  /// What they are of.
  var scoredOn: String?
  /// The queries whose answers stand farthest down, the worst first.
  var misses: [Miss] = []

  /// The page.
  public func html() -> String {
    let sections = [
      ("results", "Results", results), ("curves", "Curves", curves), ("confusion", "Confusion", confusion),
      ("classes", "Classes", perClass), ("mistakes", "Mistakes", worstMistakes), ("misses", "Misses", worstMisses),
      ("map", "Map", embeddingMap),
      ("reconstructions", "Reconstructions", inputsAndOutputs), ("recipe", "Recipe", recipeText),
    ].compactMap { id, name, body in body.map { (id: id, name: name, body: $0) } }
    let links = sections.map { "<a href=\"#\($0.id)\">\($0.name)</a>" }.joined(separator: "\n")
    let title = ReportHTML.escape(title)
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
      script-src 'unsafe-inline'; img-src data:">
      <title>\(title) – training report</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <header>
      <p class="kind">Training report</p>
      <h1>\(title)</h1>
      \(steps)
      </header>
      <nav aria-label="Sections">
      \(links)
      </nav>
      <main>
      \(sections.map(\.body).joined(separator: "\n"))
      </main>
      <div id="tip" role="status" hidden></div>
      <script>\(Self.script)</script>
      </body>
      </html>

      """
  }

  /// The subtitle, its parts (between `·`) as a chain.
  private var steps: String {
    let parts = subtitle.split(separator: " · ").map { "<li>\(ReportHTML.escape(String($0)))</li>" }
    guard !parts.isEmpty else { return "" }
    return "<ol class=\"steps\" aria-label=\"The model's steps\">\(parts.joined(separator: "\n"))</ol>"
  }
}

extension Report.Image {
  /// The image as an element, enlarged without smoothing; the description is for those who can't see it.
  func element(description: String) -> String {
    """
    <img class="pixels" width="\(width)" height="\(height)" alt="\(ReportHTML.escape(description))" \
    src="\(dataURI)">
    """
  }

  /// The image as a `data:` URI.
  var dataURI: String {
    if [1, 3, 4].contains(channels) {
      return PNG.dataURI(width: width, height: height, channels: channels, pixels: pixels)
    }
    let first = stride(from: 0, to: pixels.count, by: max(1, channels)).map { pixels[$0] }
    return PNG.dataURI(width: width, height: height, channels: 1, pixels: first)
  }
}
