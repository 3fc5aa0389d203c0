import Evaluation
public struct Report: Sendable {
  enum Sample { case text(String), image(Image) }
  struct Image { let width, height, channels: Int, pixels: [UInt8] }
  struct Mistake { let sample: Sample, gold, predicted: String, probability: Double }
  struct MapPoint { let x, y: Float, label: Int, sample: Sample }
  init(title: String, subtitle: String, recipe: String, facts: [(String, String)], history: [EpochRecord], bestEpoch: Int?, metricName: String, classification: ClassificationReport?, reconstruction: ReconstructionReport?, mistakes: [Mistake], map: [MapPoint], classes: [String], reconstructions: [(input: Image, output: Image)]) {}
  public func html() -> String { "" }
}
