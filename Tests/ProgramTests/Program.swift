import Foundation
import Testing

/// The program as it was built with these tests, run as a user runs it.
struct Program {
  /// What a run left.
  struct Outcome {
    /// The exit code; 128 + the signal's number if it was killed.
    let code: Int32
    let output: String
    let errors: String

    /// The lines on standard error.
    var errorLines: [String] { errors.split(separator: "\n", omittingEmptySubsequences: true).map(String.init) }
  }

  /// The binary stands in the folder of the test bundle.
  static let executable: URL = {
    let runner = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let places = [runner, root.appendingPathComponent(".build/release")].map { $0.appendingPathComponent("encoders") }
    return places.first { FileManager.default.isExecutableFile(atPath: $0.path) } ?? places[1]
  }()

  /// Starts it without waiting; `input` is what stands on standard input, `environment` what differs from the tests' own.
  static func start(
    _ arguments: [String], input: Data = Data(), environment: [String: String] = [:], in folder: URL
  ) throws -> Running {
    try Running(arguments, input: input, environment: environment, in: folder)
  }

  /// Runs it to its end.
  static func run(
    _ arguments: [String], input: Data = Data(), environment: [String: String] = [:], in folder: URL
  ) throws -> Outcome {
    try start(arguments, input: input, environment: environment, in: folder).wait()
  }

  /// Runs it with a text on standard input.
  static func run(_ arguments: String..., input: String = "", in folder: URL) throws -> Outcome {
    try run(arguments, input: Data(input.utf8), in: folder)
  }

  /// A process under way; its output goes to files, so that no pipe ever fills.
  final class Running {
    let process = Process()
    private let files: URL

    init(_ arguments: [String], input: Data, environment: [String: String], in folder: URL) throws {
      files = FileManager.default.temporaryDirectory.appendingPathComponent("program-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
      for (name, data) in [("in", input), ("out", Data()), ("errors", Data())] {
        try data.write(to: files.appendingPathComponent(name))
      }
      process.executableURL = Program.executable
      process.arguments = arguments
      process.currentDirectoryURL = folder
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      process.standardInput = try FileHandle(forReadingFrom: files.appendingPathComponent("in"))
      process.standardOutput = try FileHandle(forWritingTo: files.appendingPathComponent("out"))
      process.standardError = try FileHandle(forWritingTo: files.appendingPathComponent("errors"))
      try process.run()
    }

    func wait() throws -> Outcome {
      process.waitUntilExit()
      defer { try? FileManager.default.removeItem(at: files) }
      func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: files.appendingPathComponent(name)), as: UTF8.self)
      }
      let code = process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
      return Outcome(code: code, output: try text("out"), errors: try text("errors"))
    }

    /// Waits until a condition holds; false if the process ended before.
    func runs(until condition: () -> Bool) -> Bool {
      while process.isRunning {
        if condition() { return true }
        usleep(500)
      }
      return false
    }
  }
}

/// A folder of its own for a test, removed with it.
final class Workplace {
  let folder: URL
  /// What the program finds in its environment besides what the tests have.
  var environment: [String: String] = [:]

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("encoders-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func url(_ name: String) -> URL { folder.appendingPathComponent(name) }
  func write(_ text: String, to name: String) throws { try Data(text.utf8).write(to: url(name)) }
  func bytes(_ name: String) throws -> Data { try Data(contentsOf: url(name)) }
  func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }
  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: url(name).path) }
  func names(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: url(name).path).sorted()
  }
  func json(_ name: String) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: bytes(name)) as? [String: Any])
  }

  func run(_ arguments: String..., input: String = "") throws -> Program.Outcome {
    try Program.run(arguments, input: Data(input.utf8), environment: environment, in: folder)
  }

  /// Expects a run to end with code 1, nothing on standard output, and one line on standard error that has some parts.
  func expectError(
    _ arguments: [String], input: Data = Data(), _ parts: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try Program.run(arguments, input: input, environment: environment, in: folder)
    #expect(outcome.code == 1, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.output == "", sourceLocation: sourceLocation)
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.errors.hasPrefix("encoders: "), "\(outcome.errors)", sourceLocation: sourceLocation)
    for part in parts {
      #expect(outcome.errors.contains(part), "\(outcome.errors) lacks \(part)", sourceLocation: sourceLocation)
    }
  }
}
