import Checkpoints
import Foundation
import Tensors

/// The folder of what the reference implementations computed: Tests/Golden, or the one that `make parity` has just had them write
/// (the environment variable ENCODERS_GOLDENS).
public let goldens =
  ProcessInfo.processInfo.environment["ENCODERS_GOLDENS"].map { URL(fileURLWithPath: $0, isDirectory: true) }
  ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("Golden", isDirectory: true)

/// Tensors of one case in a file of goldens, whose names begin with the case's.
public struct GoldenCase {
  /// The file.
  public let file: SafetensorsFile
  /// The case's name.
  public let name: String

  /// - Parameter path: the file's, in `goldens`.
  public init(_ name: String, in path: String) throws {
    file = try SafetensorsFile(goldens.appendingPathComponent(path))
    self.name = name
  }

  /// A tensor of the case.
  public func tensor(_ key: String) throws -> Tensor {
    Tensor(try file.floats("\(name)/\(key)"), shape: try file.entry("\(name)/\(key)").shape)
  }
}
