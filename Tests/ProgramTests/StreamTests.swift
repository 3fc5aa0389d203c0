import Foundation
import TestSupport
import Testing

/// Streams that are closed or full, files that may not grow, and signals.
@Suite struct StreamTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/bert"), to: place.url("bert"))
    try place.writeTexts(epochs: 1)
  }

  /// The exit code of a command of the shell, in which $ENCODERS is the program; what it writes to `errors` is in that file.
  func shell(_ command: String) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    process.currentDirectoryURL = place.folder
    process.environment = ProcessInfo.processInfo.environment.merging(["ENCODERS": Program.executable.path]) { $1 }
    (process.standardInput, process.standardOutput) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    process.waitUntilExit()
    return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
  }

  @Test func nobodyToTellIsNoReasonToStop() throws {
    #expect(try shell(#""$ENCODERS" train recipe.yaml --output full 2>/dev/full"#) == 0)
    #expect(try shell(#""$ENCODERS" train recipe.yaml --output closed 2>&-"#) == 0)
    #expect(try place.bytes("full/model.safetensors") == place.bytes("closed/model.safetensors"))
    #expect(try shell(#""$ENCODERS" predict none 2>/dev/full"#) == 1)
    #expect(try shell(#""$ENCODERS" predict none 2>&-"#) == 1)
  }

  @Test func linesAreAnsweredAsTheyCome() throws {
    // The second line is written only if the first one has its answer.
    for verb in ["embed bert", "tokenize bert"] {
      let answered = "for n in 1 2 3 4 5 6 7 8; do [ -s out ] || sleep 1; done; [ -s out ]"
      _ = try shell(#"rm -f out; (echo a; \#(answered) && echo b) | "$ENCODERS" \#(verb) --input - >out"#)
      #expect(try place.text("out").split(separator: "\n").count == 2, "\(verb)")
    }
  }

  @Test(arguments: [
    "predict cross", "tokenize bert", "rerank bert --query a", "embed bert", "embed bert --precision int8",
  ])
  func anInterruptedRunLeavesNothing(_ verb: String) throws {
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/cross"), to: place.url("cross"))
    // Nobody writes into it: the run waits.
    try #require(mkfifo(place.url("lines").path, 0o600) == 0)
    let before = try place.names()
    try FileManager.default.createDirectory(at: place.url("temporary"), withIntermediateDirectories: true)
    for number in [SIGINT, SIGTERM] {
      let running = try Program.start(
        verb.split(separator: " ").map(String.init) + ["--input", "lines", "--output", "x.jsonl"],
        environment: ["TMPDIR": place.url("temporary").path], in: place.folder)
      #expect(running.runs { ((try? place.names() + place.names("temporary")) ?? []).contains { $0.hasPrefix(".") } })
      kill(running.process.processIdentifier, number)
      #expect(try running.wait().code == 128 + number)
      #expect(try place.names() == before + ["temporary"] && place.names("temporary") == [])
    }
  }

  @Test func filesThatMayNotGrowAreAnError() throws {
    try place.write(String(repeating: "a film\n", count: 200), to: "lines.txt")
    for output in ["x.npy", "x.jsonl"] {
      let command = #"(ulimit -f 8; "$ENCODERS" embed bert --input lines.txt --output \#(output)) 2>errors"#
      #expect(try shell(command) == 1)
      let errors = try place.text("errors")
      #expect(errors.contains("File too large"), "\(errors)")
      #expect(!place.exists(output))
    }
    let train = "tokenizer train --type bpe --size 300 --input lines.txt --output vocabulary"
    #expect(try shell(#"(ulimit -f 1; "$ENCODERS" \#(train)) 2>errors"#) == 1)
    #expect(try place.text("errors").contains("File too large"))
    #expect(!place.exists("vocabulary"))
  }

  @Test func tooFewFilesThatMayBeOpenAreAnError() throws {
    for limit in [14, 18] {
      let get = "HF_HUB_OFFLINE= HF_ENDPOINT=http://127.0.0.1:1 \"$ENCODERS\" model get org/name --output x"
      #expect(try shell("(ulimit -n \(limit); \(get)) 2>errors") == 1)
      let errors = try place.text("errors")
      #expect(errors.contains("curl could not be started: Too many open files"), "\(errors)")
    }
  }

  @Test func argumentsAreUTF8() throws {
    #expect(try shell(#""$ENCODERS" embed bert --output "$(printf 'a\377.npy')" 2>errors"#) == 64)
    #expect(try place.text("errors") == "Error: argument 4 isn't UTF-8: \"a\u{FFFD}.npy\"\n")
  }
}
