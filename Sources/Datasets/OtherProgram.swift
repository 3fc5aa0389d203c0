import Crypto
import Foundation

/// Another program, run to its end: curl, pip, apt-get, tar.
package enum OtherProgram {
  /// What a run left.
  package struct Outcome: Sendable {
    package let code: Int32
    package let output: String
    package let errors: String

    /// The last line that it wrote to standard error, else its exit code.
    package var reason: String {
      errors.split(whereSeparator: \.isNewline).last.map(String.init) ?? "exit code \(code)"
    }
  }

  /// Runs a program with a text on its standard input.
  ///
  /// - Throws: `DataSourceError` if it cannot be started.
  package static func run(
    _ program: String, _ arguments: [String], input: String? = nil, in folder: URL? = nil, _ what: String
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.currentDirectoryURL = folder
    // Files, not pipes: a pipe that nobody empties stops the program.
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("encoders-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: scratch, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: scratch) }
    let files = ["out", "errors"].map { scratch.appendingPathComponent($0) }
    // The input may be a secret: it never goes to a disk. It's short, so that the pipe takes it at once.
    let pipe = Pipe()
    try pipe.fileHandleForWriting.write(contentsOf: Data((input ?? "").utf8))
    try pipe.fileHandleForWriting.close()
    process.standardInput = pipe
    do {
      for file in files { try Data().write(to: file) }
      process.standardOutput = try FileHandle(forWritingTo: files[0])
      process.standardError = try FileHandle(forWritingTo: files[1])
      try process.run()
    } catch {
      throw DataSourceError(description: "cannot \(what): \(program) could not be started")
    }
    process.waitUntilExit()
    func text(_ file: URL) -> String { (try? Data(contentsOf: file)).map { String(decoding: $0, as: UTF8.self) } ?? "" }
    let code = process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
    return Outcome(code: code, output: text(files[0]), errors: text(files[1]))
  }
}

extension Sequence<UInt8> {
  /// Two lower-case hexadecimal digits a byte.
  package var hexadecimal: String {
    map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}
