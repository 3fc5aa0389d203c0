extension Report {
  private static let width = 720.0
  private static let height = 500.0
  /// As many colours as can be told apart; further classes get a hue.
  private static let colors = 10

  /// The samples' embeddings in the plane, coloured by label.
  var embeddingMap: String? {
    let points = map.filter { $0.x.isFinite && $0.y.isFinite }
    guard points.count > 1 else { return nil }
    let places = placed(points)
    let circles = zip(points, places).map { point, place in
      """
      <circle cx="\(ReportHTML.number(place.x, 1))" cy="\(ReportHTML.number(place.y, 1))" r="4" \
      data-class="\(point.label)" style="--c:\(color(point.label))"/>
      """
    }
    let present = Set(points.map(\.label)).sorted()
    let legend = present.map {
      """
      <button type="button" data-class="\($0)" aria-pressed="false" \
      style="--c:\(color($0))">\(ReportHTML.escape(name($0)))</button>
      """
    }
    return ReportHTML.section(
      "map", "Map of the embeddings",
      "\(ReportHTML.grouped(points.count)) samples, laid out by t-SNE so that neighbours stay together. "
        + "Point at one to see it; choose labels to bring them out.",
      """
      <div class="legend-buttons" role="group" aria-label="Labels">\(legend.joined(separator: "\n"))</div>
      <svg id="map-plot" class="map" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img" \
      aria-label="Map of the embeddings of \(points.count) samples, coloured by label">
      <title>Map of the embeddings</title>
      \(circles.joined(separator: "\n"))
      <circle id="map-ring" r="8" hidden></circle>
      </svg>
      <script type="application/json" id="map-data">\(ReportHTML.json(data(points, places)))</script>
      """)
  }

  /// What the page's script needs of the points.
  private struct MapData: Encodable {
    struct Point: Encodable {
      let x, y: Double
      let label: Int
      let text, image: String?
    }

    let classes: [String]
    let points: [Point]
  }

  private func data(_ points: [MapPoint], _ places: [(x: Double, y: Double)]) -> MapData {
    MapData(
      classes: (0...(points.map(\.label).max() ?? 0)).map(name),
      points: zip(points, places).map { point, place in
        switch point.sample {
        case .text(let text):
          .init(
            x: place.x.rounded(), y: place.y.rounded(), label: point.label, text: ReportHTML.start(of: text, 240),
            image: nil)
        case .image(let image):
          .init(x: place.x.rounded(), y: place.y.rounded(), label: point.label, text: nil, image: image.dataURI)
        }
      })
  }

  /// The points within the drawing, the same scale along both axes.
  private func placed(_ points: [MapPoint]) -> [(x: Double, y: Double)] {
    let (xs, ys) = (points.map { Double($0.x) }, points.map { Double($0.y) })
    let (left, right) = (xs.min() ?? 0, xs.max() ?? 0)
    let (bottom, top) = (ys.min() ?? 0, ys.max() ?? 0)
    let scale = min((Self.width - 32) / max(right - left, 1e-9), (Self.height - 32) / max(top - bottom, 1e-9))
    return zip(xs, ys).map { x, y in
      (Self.width / 2 + (x - (left + right) / 2) * scale, Self.height / 2 - (y - (bottom + top) / 2) * scale)
    }
  }

  private func name(_ label: Int) -> String {
    classes.indices.contains(label) ? classes[label] : "\(label)"
  }

  private func color(_ label: Int) -> String {
    // The golden angle keeps the hues of neighbouring numbers apart.
    label < Self.colors ? "var(--c\(label))" : "hsl(\(label * 13751 / 100 % 360) 60% 52%)"
  }
}
