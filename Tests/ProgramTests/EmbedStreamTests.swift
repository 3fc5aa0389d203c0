import Foundation
import TestSupport
import Testing

/// `embed` of long inputs: memory, progress, and ends that come too soon.
@Suite(.serialized) struct EmbedStreamTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/bert"), to: place.url("bert"))
  }

  /// The most memory that a run had, in KiB.
  func peak(lines: Int) throws -> Int {
    try place.write((0..<lines).map { "a film \($0)\n" }.joined(), to: "lines.txt")
    let running = try Program.start(
      ["embed", "bert", "--input", "lines.txt", "--output", "x.npy", "--precision", "int8"], in: place.folder)
    var peak = 0
    _ = running.runs {
      let status = try? String(contentsOfFile: "/proc/\(running.process.processIdentifier)/status", encoding: .utf8)
      let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      peak = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? peak
      return false
    }
    let outcome = try running.wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    return peak
  }

  /// The vectors of the longer input alone are 7 MiB as float32.
  @Test func memoryDoesNotGrowWithTheInput() throws {
    let (short, long) = (try peak(lines: 3000), try peak(lines: 60_000))
    #expect(long - short < 5 << 10, "\(short) KiB, then \(long) KiB")
  }

  /// Both ends of a terminal that nobody sees.
  private func pseudoterminal() throws -> (near: Int32, far: Int32) {
    let near = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    var (locked, number): (Int32, UInt32) = (0, 0)
    // Linux's TIOCSPTLCK and TIOCGPTN, macros that Swift doesn't see.
    try #require(near >= 0 && ioctl(near, 0x4004_5431, &locked) == 0 && ioctl(near, 0x8004_5430, &number) == 0)
    return (near, open("/dev/pts/\(number)", O_RDWR | O_NOCTTY))
  }

  @Test func aTerminalShowsTheProgress() throws {
    try place.write((0..<3000).map { "a film \($0)\n" }.joined(), to: "lines.txt")
    let (terminal, other) = try pseudoterminal()
    let process = Process()
    process.executableURL = Program.executable
    process.arguments = ["embed", "bert", "--input", "lines.txt", "--output", "x.npy"]
    process.currentDirectoryURL = place.folder
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle(fileDescriptor: other, closeOnDealloc: false)
    try process.run()
    close(other)
    // The end is an error: nobody has the other side open any more.
    var (bytes, piece) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
    while case let count = read(terminal, &piece, piece.count), count > 0 { bytes += piece[..<count] }
    process.waitUntilExit()
    close(terminal)
    #expect(process.terminationStatus == 0)
    let shown = String(decoding: bytes, as: UTF8.self)
    #expect(shown.contains("0 rows ──") && shown.contains("% · "), "\(shown)")
    let last = try #require(shown.split(separator: "\u{1B}[K").last)
    #expect(last.hasPrefix("3,000 rows · ") && last.contains(" tokens/s · 0:"), "\(shown)")
    #expect(try Program.run(process.arguments ?? [], in: place.folder).errors == "")
  }

  /// The reading thread waits for more of an input that stays open after 70,000 bytes.
  @Test func aFullOutputEndsTheRunThoughTheInputGoesOn() throws {
    let process = Process()
    let (input, errors) = (Pipe(), Pipe())
    process.executableURL = Program.executable
    process.arguments = ["embed", "bert"]
    process.currentDirectoryURL = place.folder
    process.standardInput = input
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
    process.standardError = errors
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(String(repeating: "a film\n", count: 10_000).utf8))
    process.waitUntilExit()
    #expect(process.terminationStatus == 1)
    let text = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
    #expect(text == "encoders: standard output: cannot write: No space left on device\n")
    try input.fileHandleForWriting.close()
  }
}
