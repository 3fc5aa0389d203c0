import Checkpoints
import Foundation

extension EpochRecord {
  /// A value by name: `loss` is the validation's, `trainLoss` the training's, all others are metrics.
  public func value(of name: String) -> Double? {
    switch name {
    case "loss": validationLoss
    case "trainLoss": trainLoss
    default: metrics[name]
    }
  }

  /// The names that `value(of:)` knows.
  public var valueNames: [String] { ["trainLoss"] + (validationLoss == nil ? [] : ["loss"]) + metrics.keys.sorted() }

  /// Writes `history.jsonl`: a record a line.
  public static func write(_ history: [EpochRecord], to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let lines = try history.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
    try AtomicFile.write(lines.joined(), to: url)
  }
}
