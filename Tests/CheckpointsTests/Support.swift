import Foundation
import TestSupport

@testable import Checkpoints

/// The folder of files that the reference implementations wrote.
let golden = goldens.appendingPathComponent("Checkpoints")

/// Calls `body` with a new folder, removed afterwards.
func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("checkpoints-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The error that `body` throws, or nil.
func fileError(_ body: () throws -> Void) -> FileError? {
  do {
    try body()
    return nil
  } catch {
    return error as? FileError
  }
}

/// The names in a folder, hidden ones too.
func names(in folder: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
}

/// A safetensors file's bytes from header text and the count of data bytes.
func safetensors(_ header: String, data: Int) -> Data {
  withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + Data(header.utf8) + Data(count: data)
}
