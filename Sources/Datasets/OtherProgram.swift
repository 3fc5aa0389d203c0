import Checkpoints
import Foundation
import Synchronization

/// Another program, run to its end: curl, pip, apt-get, tar.
package enum OtherProgram {
  /// What a run left.
  package struct Outcome: Sendable {
    package let code: Int32
    package let errors: String

    /// The last line that it wrote to standard error, else its exit code.
    package var reason: String {
      errors.split(whereSeparator: \.isNewline).last.map(String.init) ?? "exit code \(code)"
    }
  }

  /// Runs a program with a text on its standard input.
  ///
  /// - Parameter receive: Gets its standard output piece by piece, which is lost otherwise, and ends it with false. The program has no file
  ///   of this one then: should this one be killed, nothing goes on writing.
  /// - Throws: `DataSourceError` if it cannot be started, or too few files may be open; what `receive` throws.
  package static func run(
    _ program: String, _ arguments: [String], input: String? = nil, in folder: URL? = nil, _ what: String,
    receive: ((UnsafeRawBufferPointer) throws -> Bool)? = nil
  ) throws -> Outcome {
    let failure = "cannot \(what): \(program) could not be started"
    try requireDescriptors(failure)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.currentDirectoryURL = folder
    // The input may be a secret: it never goes to a disk. It's short, so that the pipe takes it at once.
    let pipe = Pipe()
    try pipe.fileHandleForWriting.write(contentsOf: Data((input ?? "").utf8))
    try pipe.fileHandleForWriting.close()
    process.standardInput = pipe
    let errors = try scratchFile()
    let received = receive.map { _ in Pipe() }
    (process.standardOutput, process.standardError) = (received ?? FileHandle.nullDevice, errors)
    let signals = [SIGINT, SIGTERM, SIGHUP].filter { !Unfinished.isIgnored($0) }.map { ($0, signal($0, endChild)) }
    defer { for (number, before) in signals { signal(number, before) } }
    // Whoever started this program may have blocked them, and the other program would take that over.
    var set = sigset_t()
    sigemptyset(&set)
    for (number, _) in signals { sigaddset(&set, number) }
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
    do {
      try process.run()
    } catch {
      throw DataSourceError(description: failure)
    }
    child.store(process.processIdentifier, ordering: .relaxed)
    defer { child.store(0, ordering: .relaxed) }
    if let receive, let received {
      try? received.fileHandleForWriting.close()
      do {
        if try !pass(received.fileHandleForReading.fileDescriptor, to: receive) { process.terminate() }
      } catch {
        process.terminate()
        process.waitUntilExit()
        throw error
      }
    }
    process.waitUntilExit()
    try errors.seek(toOffset: 0)
    let text = String(decoding: try errors.readToEnd() ?? Data(), as: UTF8.self)
    let code = process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
    return Outcome(code: code, errors: text)
  }

  /// Foundation ends this program where no pipe can be opened.
  private static func requireDescriptors(_ failure: String) throws {
    var spare: [Int32] = []
    defer { for descriptor in spare { close(descriptor) } }
    for _ in 0..<20 {
      let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else {
        throw DataSourceError(description: "\(failure): \(String(cString: strerror(errno)))")
      }
      spare.append(descriptor)
    }
  }

  /// Passes on what comes from a pipe; false if `receive` wants no more.
  private static func pass(_ pipe: Int32, to receive: (UnsafeRawBufferPointer) throws -> Bool) throws -> Bool {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 1)
    defer { buffer.deallocate() }
    while true {
      let count = read(pipe, buffer.baseAddress, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return true }
      guard try receive(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return false }
    }
  }

  /// A file without a name: a pipe that nobody empties would stop the program.
  private static func scratchFile() throws -> FileHandle {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("encoders-\(UUID().uuidString)")
    let descriptor = open(url.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
    unlink(url.path)
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }
}

/// The other program that runs; 0 if none does.
private let child = Atomic<pid_t>(0)

/// Ends the other program if this one is interrupted: it runs in a group of its own, where the terminal's signals don't reach it. Calls
/// only what a signal's handler may.
private func endChild(_ number: Int32) {
  let process = child.load(ordering: .relaxed)
  if process > 0 { kill(process, SIGTERM) }
  Unfinished.endProgram(by: number)
}
