import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Encoders

/// What transformers computed with one of its models, as Tests/Golden/pretrained/make.py wrote it.
struct PretrainedGolden {
  let folder: URL
  let file: SafetensorsFile

  static let root = goldens.appendingPathComponent("pretrained")
  static let families = [
    "bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet", "albert", "electra", "modernbert", "qwen3",
    "nomic_bert", "nomic_bert-hub", "gte", "new",
  ]

  init(folder: URL, file: SafetensorsFile) { (self.folder, self.file) = (folder, file) }

  init(_ name: String) throws {
    folder = PretrainedGolden.root.appendingPathComponent(name)
    file = try SafetensorsFile(folder.appendingPathComponent("golden.safetensors"))
  }

  func ids() throws -> Ragged<IDs> { try batch("ids") }
  func types() throws -> Ragged<IDs> { try batch("types") }
  private func batch(_ key: String) throws -> Ragged<IDs> {
    Ragged(IDs(try file.int32s(key)), Offsets(lengths: try file.int32s("lengths").map(Int.init)))
  }

  func tensor(_ key: String) throws -> Tensor {
    Tensor(try file.floats(key), shape: try file.entry(key).shape)
  }

  /// Every row's cosine at least 0.99999 and no element farther than 2e-5.
  func expect(_ found: Tensor, _ key: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let expected = try tensor(key)
    try #require(found.shape == expected.shape, "\(folder.lastPathComponent)/\(key)", sourceLocation: sourceLocation)
    let (a, b, width) = (found.scalars, expected.scalars, found.width)
    let worst = zip(a, b).map { abs($0 - $1) }.max() ?? 0
    #expect(worst <= 2e-5, "\(folder.lastPathComponent)/\(key): differs by \(worst)", sourceLocation: sourceLocation)
    for row in 0..<found.rows {
      let range = row * width..<(row + 1) * width
      func product(_ x: [Float], _ y: [Float]) -> Double { range.reduce(0) { $0 + Double(x[$1]) * Double(y[$1]) } }
      let cosine = product(a, b) / (product(a, a) * product(b, b)).squareRoot()
      #expect(cosine >= 0.99999, "\(folder.lastPathComponent)/\(key): row \(row)", sourceLocation: sourceLocation)
    }
  }
}

/// A temporary folder with a copy of a golden model, gone afterwards.
func withCopy(of name: String, _ body: (URL) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pretrained-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  for file in ["config.json", "model.safetensors"] {
    try FileManager.default.copyItem(
      at: PretrainedGolden.root.appendingPathComponent(name).appendingPathComponent(file),
      to: folder.appendingPathComponent(file))
  }
  try body(folder)
}
