import Foundation

/// The folder of what the reference implementations computed: Tests/Golden, or the one that `make parity` has just had them write
/// (the environment variable ENCODERS_GOLDENS).
public let goldens =
  ProcessInfo.processInfo.environment["ENCODERS_GOLDENS"].map { URL(fileURLWithPath: $0, isDirectory: true) }
  ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("Golden", isDirectory: true)
