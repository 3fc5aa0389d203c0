import Checkpoints
import Foundation
import TestSupport
import Testing

/// `embed --resume`: runs that are cut off, and go on to the bytes of one that never was.
@Suite(.serialized) struct EmbedResumeTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/bert"), to: place.url("bert"))
    try place.write(lines(30_000), to: "lines.txt")
  }

  /// Lines of one to nine words, all of them different; some end as Windows has it.
  func lines(_ count: Int) -> String {
    let words = ["a", "masterpiece", "dull", "plot", "the", "moving", "film", "é", "score"]
    return (0..<count).map { index in
      let text = (0...index % 9).map { words[(index * 7 + $0 * $0) % 9] }.joined(separator: " ")
      return "\(text) \(index)" + (index % 5 == 0 ? "\r\n" : "\n")
    }.joined()
  }

  func arguments(_ output: String, _ more: [String] = ["--resume"]) -> [String] {
    ["embed", "bert", "--input", "lines.txt", "--output", output] + more
  }

  /// Starts a run and sends it a signal once more rows are saved than before.
  func cut(_ output: String, _ more: [String] = ["--resume"], by number: Int32 = SIGKILL) throws -> Program.Outcome {
    let before = try? place.text("\(output).partial.json")
    let running = try Program.start(arguments(output, more), in: place.folder)
    let reached = running.runs {
      let now = try? place.text("\(output).partial.json")
      return now != nil && now != before
    }
    #expect(reached, "the run ended too soon to be interrupted")
    kill(running.process.processIdentifier, number)
    return try running.wait()
  }

  /// Writes what is said to be done.
  func save(_ state: [String: Any], _ output: String) throws {
    try JSONSerialization.data(withJSONObject: state).write(to: place.url("\(output).partial.json"))
  }

  @Test(
    arguments: [
      ("x.npy", []), ("x.jsonl", ["--dimensions", "7", "--normalize"]), ("x.npy", ["--precision", "int8"]),
      ("x.jsonl", ["--precision", "uint8", "--prompt", "query"]), ("x.npy", ["--precision", "ubinary"]),
      ("x.jsonl", ["--tokens"]),
    ] as [(String, [String])])
  func killedAndResumedHasTheSameBytes(_ output: String, _ options: [String]) throws {
    #expect(try Program.run(arguments("whole-" + output, options), in: place.folder).code == 0)
    for attempt in 0..<3 {
      let outcome = try cut(output, options + ["--resume", "--threads", "\(1 + attempt % 2)"])
      #expect(outcome.code == 128 + SIGKILL)
      #expect((attempt > 0) == outcome.errors.hasPrefix("going on after "), "\(outcome.errors)")
      #expect(!place.exists(output))
    }
    let resumed = try Program.run(arguments(output, options + ["--resume"]), in: place.folder)
    #expect(resumed.code == 0, "\(resumed.errors)")
    #expect(try place.bytes(output) == place.bytes("whole-" + output))
    #expect(try place.names().filter { $0.contains("partial") } == [])
  }

  @Test(arguments: [SIGINT, SIGHUP]) func controlCSavesAllThatIsDone(_ number: Int32) throws {
    let outcome = try cut("x.npy", by: number)
    #expect(outcome.code == 128 + number)
    #expect(outcome.errorLines.last?.contains("the same command goes on") == true, "\(outcome.errors)")
    let state = try place.json("x.npy.partial.json")
    #expect(try state["bytes"] as? Int == place.bytes("x.npy.partial").count)
    // Without --resume an interrupted run leaves nothing.
    let running = try Program.start(arguments("y.npy", []), in: place.folder)
    #expect(running.runs { (try? place.names().contains { $0.hasPrefix(".y.npy") }) ?? false })
    kill(running.process.processIdentifier, SIGTERM)
    #expect(try running.wait().code == 128 + SIGTERM)
    #expect(try place.names().filter { $0.contains("y.npy") } == [])
  }

  @Test func anotherRunIsNotGoneOnWith() throws {
    _ = try cut("x.npy")
    let (rows, state) = (try place.bytes("x.npy.partial"), try place.text("x.npy.partial.json"))
    for (options, parts) in [
      (["--dimensions", "8"], ["/x.npy.partial.json: expected --dimensions 8, found none", "delete x.npy.partial "]),
      (["--prompt-text", "q: "], ["expected --prompt \"q: \", found none"]),
      (["--precision", "int8"], ["expected --precision int8, found float32"]),
      (["--no-normalize"], ["expected --normalize false, found none"]),
      (["--compute", "int8"], ["expected --compute int8, found float32"]),
    ] { try place.expectError(arguments("x.npy", ["--resume"] + options), parts) }

    let weights = try place.bytes("bert/model.safetensors")
    try (weights.dropLast() + [weights.last.map { $0 ^ 1 } ?? 0]).write(to: place.url("bert/model.safetensors"))
    try place.expectError(arguments("x.npy"), ["expected the model's SHA-256 "])
    try weights.write(to: place.url("bert/model.safetensors"))

    let input = try place.text("lines.txt")
    try place.write("b" + input.dropFirst(), to: "lines.txt")
    try place.expectError(arguments("x.npy"), ["/lines.txt: its first ", " changed since "])
    try place.write("a masterpiece 0\r\n", to: "lines.txt")
    try place.expectError(arguments("x.npy"), ["/lines.txt: its first ", " changed since "])
    try place.write(input, to: "lines.txt")

    try place.write("{", to: "x.npy.partial.json")
    try place.expectError(arguments("x.npy"), ["/x.npy.partial.json: it doesn't say what was done"])
    try place.write(state, to: "x.npy.partial.json")
    try rows.prefix(1000).write(to: place.url("x.npy.partial"))
    try place.expectError(arguments("x.npy"), ["/x.npy.partial: expected at least ", "found 1000"])
    try rows.write(to: place.url("x.npy.partial"))

    let descriptor = open(place.url("x.npy.partial").path, O_RDWR)
    #expect(flock(descriptor, LOCK_EX) == 0)
    try place.expectError(arguments("x.npy"), ["/x.npy.partial: another process is writing it"])
    close(descriptor)
    // None of these took anything away.
    #expect(try place.bytes("x.npy.partial") == rows)
    #expect(try Program.run(arguments("x.npy"), in: place.folder).errors.hasPrefix("going on after "))
  }

  @Test func aBadLineIsMendedAndTheRestGoesOn() throws {
    let whole = try place.bytes("lines.txt")
    #expect(try Program.run(arguments("whole.npy", []), in: place.folder).code == 0)
    let middle = try #require(whole[60000...].firstIndex(of: UInt8(ascii: "\n")))
    try (whole[...middle] + [0xFF] + whole[(middle + 1)...]).write(to: place.url("lines.txt"))
    let line = whole[...middle].count { $0 == UInt8(ascii: "\n") } + 1
    try place.expectError(arguments("y.npy", []), ["/lines.txt:\(line): expected UTF-8 text"])
    #expect(!place.exists("y.npy.partial"))
    try place.expectError(arguments("x.npy"), ["/lines.txt:\(line): expected UTF-8 text"])
    // As many batches as come before it.
    #expect(try place.json("x.npy.partial.json")["rows"] as? Int == (line - 1) / 512 * 512)
    try whole.write(to: place.url("lines.txt"))
    #expect(try Program.run(arguments("x.npy"), in: place.folder).code == 0)
    #expect(try place.bytes("x.npy") == place.bytes("whole.npy"))
  }

  @Test func aFullDiskKeepsWhatIsDone() throws {
    #expect(try Program.run(arguments("whole.npy", []), in: place.folder).code == 0)
    let disk = place.url("disk").path
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    // Only root may mount.
    guard mount("tmpfs", disk, "tmpfs", 0, "size=2m") == 0 else { return }
    defer { umount(disk) }
    try place.expectError(arguments("disk/x.npy"), ["/disk/x.npy: cannot write: No space left on device"])
    #expect(try place.names("disk") == ["x.npy.partial", "x.npy.partial.json"])
    #expect(mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT), "size=20m") == 0)
    let resumed = try Program.run(arguments("disk/x.npy"), in: place.folder)
    #expect(resumed.code == 0, "\(resumed.errors)")
    #expect(resumed.errors.hasPrefix("going on after "))
    #expect(try place.bytes("disk/x.npy") == place.bytes("whole.npy"))
  }

  @Test func aLastLineThatGrewIsAnotherOne() throws {
    _ = try cut("x.npy")
    try place.write("one\ntwo", to: "lines.txt")
    // All is done but the name.
    #expect(try Program.run(arguments("whole.npy", []), in: place.folder).code == 0)
    let rows = try place.bytes("whole.npy")
    try rows.write(to: place.url("x.npy.partial"))
    let state: [String: Any] = [
      "rows": 2, "bytes": rows.count, "inputBytes": 7,
      "inputDigest": "21066d108d5319ecb5a1fc4454f42ef22fc5f1c7df49c31d90294950e0ea8b2c",
    ]
    try save(place.json("x.npy.partial.json").merging(state) { $1 }, "x.npy")
    try place.write("one\ntwo more", to: "lines.txt")
    try place.expectError(arguments("x.npy"), ["/lines.txt: its first 7 bytes changed since 2 rows were made of them"])
    try place.write("one\ntwo", to: "lines.txt")
    let resumed = try Program.run(arguments("x.npy"), in: place.folder)
    #expect(resumed.errors == "going on after 2 rows\n")
    #expect(try NumpyFile(place.url("x.npy")).shape == [2, 32])
    #expect(try place.names().filter { $0.contains("partial") } == [])
  }

  @Test(arguments: ["x.npy", "x.jsonl"]) func aCountThatIsNotTrueIsNotGoneOnWith(_ output: String) throws {
    #expect(try Program.run(arguments("whole-" + output, []), in: place.folder).code == 0)
    _ = try cut(output)
    let (rows, state) = (try place.bytes("\(output).partial"), try place.json("\(output).partial.json"))
    for (key, value) in [("rows", Int.max), ("rows", -1), ("rows", 0), ("bytes", 0), ("bytes", -1), ("bytes", 200)] {
      try save(state.merging([key: value]) { $1 }, output)
      try place.expectError(
        arguments(output), ["/\(output).partial.json: expected the bytes of ", "delete \(output).partial "])
    }
    #expect(try place.bytes("\(output).partial") == rows)
    try save(state, output)
    #expect(try Program.run(arguments(output), in: place.folder).code == 0)
    #expect(try place.bytes(output) == place.bytes("whole-" + output))
  }

  @Test func aFolderIsNoFileToWrite() throws {
    try FileManager.default.createDirectory(at: place.url("x.npy"), withIntermediateDirectories: true)
    // Before the input is looked at.
    try Data([0xFF, 0x0A]).write(to: place.url("lines.txt"))
    for options in [[], ["--resume"]] {
      try place.expectError(arguments("x.npy", options), ["/x.npy: cannot write: Is a directory"])
    }
    #expect(try place.names().filter { $0.contains("partial") } == [])
  }

  @Test func onlyFilesCanBeGoneOnWith() throws {
    for (options, found) in [(["--output", "x.npy"], "input"), (["--input", "lines.txt"], "output")] {
      let outcome = try Program.run(["embed", "bert", "--resume"] + options, in: place.folder)
      #expect(outcome.code == 64)
      #expect(outcome.errors.contains("found standard \(found)"), "\(outcome.errors)")
    }
    try place.expectError(
      ["embed", "bert", "--resume", "--input", "/dev/null", "--output", "x.npy"],
      ["/dev/null: --resume: expected a file"])
    try place.expectError(
      ["embed", "bert", "--resume", "--input", "none.txt", "--output", "x.npy"], ["/none.txt: no such file"])
    try place.expectError(arguments("none/x.npy"), ["/none/x.npy: cannot write: No such file"])
    #expect(try place.names().filter { $0.contains("partial") } == [])
  }
}
