import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// The texts of a file in Tests/Golden/Sentence.
func sentenceTexts(_ path: String) throws -> [String] {
  try JSON(contentsOf: goldens.appendingPathComponent("Sentence/\(path)")).elements?.compactMap(\.string) ?? []
}

extension SafetensorsFile {
  /// Vectors as the tensor of that name has them, element by element.
  func expect(
    _ found: Tensor, _ name: String, within limit: Float = 1e-5, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let shape = try entry(name).shape
    try #require(found.shape == shape, sourceLocation: sourceLocation)
    let worst = zip(found.scalars, try floats(name)).map { abs($0 - $1) }.max() ?? 0
    #expect(worst <= limit, "\(name): max |Δ| \(worst)", sourceLocation: sourceLocation)
  }
}
