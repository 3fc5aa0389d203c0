import Foundation
import Testing

/// Bad models, bad input of the verbs that use a model, and outputs that can't be written.
@Suite(.serialized) struct BadModelTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try place.writeTexts(epochs: 1)
    #expect(try place.run("train", "recipe.yaml", "--output", "model").code == 0)
  }

  @Test func noModel() throws {
    for verb in [
      ["predict", "none"], ["embed", "none"], ["inspect", "none"], ["evaluate", "none", "--data", "reviews.tsv"],
    ] {
      try place.expectError(verb, ["\(place.folder.path)/none: expected a model folder"])
    }
    try place.expectError(["inspect", "recipe.yaml"], ["/recipe.yaml: expected a model folder"])
  }

  @Test(arguments: ["config.json", "model.safetensors", "tokenizer.json"]) func aFileIsMissingOrBroken(_ name: String)
    throws
  {
    let (path, whole) = ("\(place.folder.path)/model/\(name)", try place.bytes("model/\(name)"))
    for share in 0..<8 {
      try whole.prefix(whole.count * share / 8).write(to: place.url("model/\(name)"))
      try place.expectError(["embed", "model", "--output", "out.npy"], input: Data("a\n".utf8), [path])
    }
    try whole.dropLast(2).write(to: place.url("model/\(name)"))
    try place.expectError(["predict", "model"], input: Data("a\n".utf8), [path])
    try FileManager.default.removeItem(at: place.url("model/\(name)"))
    try place.expectError(["inspect", "model"], [path + ": ", "No such file"])
    #expect(!place.exists("out.npy"))
  }

  @Test func theSummaryIsBroken() throws {
    try place.write("{\"task\": ", to: "model/training.json")
    try place.expectError(["inspect", "model"], ["/model/training.json: "])
    // Nothing else needs it.
    #expect(try place.run("predict", "model", "--input", "-", input: "a good film\n").code == 0)
  }

  @Test func inputThatIsNoText() throws {
    let bytes = Data("a good film\nbad \u{e9}\n".utf8) + Data([0x66, 0xFF, 0x0A])
    try bytes.write(to: place.url("latin.txt"))
    try place.expectError(["predict", "model", "--input", "latin.txt"], ["/latin.txt:3: expected UTF-8 text"])
    try place.expectError(
      ["predict", "model", "--input", "-", "--output", "out.jsonl"], input: bytes, ["standard input:3: "])
    try place.expectError(["embed", "model", "--input", "latin.txt", "--output", "out.npy"], ["/latin.txt:3: "])
    #expect(try place.names().filter { $0.contains("out.") } == [])
    try place.expectError(
      ["predict", "model", "--input", "-"], input: Data("{\"text\": \"fine\"}\n{\"txt\": 1}\n".utf8),
      ["standard input:2", "\"text\""])
    try place.expectError(
      ["embed", "model", "--prompt-text", "q: "], input: Data("fine\n".utf8),
      ["/model: expected no prompt, as only pretrained encoders of texts have them, found \"q: \""])
    try place.expectError(["predict", "model", "--input", "none.txt"], ["/none.txt: no such file"])
    try place.expectError(["predict", "model", "--input", "."], ["found a folder"])
  }

  @Test func labelsNeverSeen() throws {
    try place.write("text\tlabel\na good film\tyes\na bad film\tperhaps\n", to: "other.tsv")
    try place.expectError(
      ["evaluate", "model", "--data", "other.tsv"],
      ["/other.tsv:3: ", "'perhaps'", "never seen in training", "no, yes"])
    // A file's text doesn't steer the terminal.
    try place.write("text\tlabel\na good film\t\u{1B}[31mred\u{202E}\n", to: "other.tsv")
    try place.expectError(["evaluate", "model", "--data", "other.tsv"], [#"\u{1B}[31mred\u{202E}"#])
    try place.expectError(["evaluate", "model", "--data", "none.tsv"], ["/none.tsv: no such file"])
    try place.write("text\tlabel\n", to: "other.tsv")
    try place.expectError(["evaluate", "model", "--data", "other.tsv"], ["/other.tsv: ", "at least one row"])
    try place.expectError(
      ["evaluate", "model", "--data", "reviews.tsv", "--text", "body"], ["/reviews.tsv:1: no column 'body'"])
    try place.expectError(
      ["evaluate", "model", "--data", "reviews.tsv", "--split-column", "split", "--split", "tset"],
      ["/reviews.tsv", "'tset'"])
  }

  @Test func outputThatCannotBeWritten() throws {
    try place.expectError(
      ["data", "get", "mnist", "--output", "/proc/data", "--cache", "cache"],
      ["/proc/data/mnist: cannot make the folder: No such file or directory"])
    let input = Data("a good film\n".utf8)
    try place.expectError(
      ["predict", "model", "--output", "/dev/full"], input: input, ["/dev/full: cannot write: No space left"])
    try place.expectError(
      ["predict", "model", "--output", "none/out.jsonl"], input: input, ["/none/out.jsonl: cannot write: No such file"])
    try place.expectError(
      ["embed", "model", "--output", "none/out.npy"], input: input, ["/none/out.npy: cannot write: No such file"])
    try place.write("", to: "file")
    try place.expectError(
      ["train", "recipe.yaml", "--output", "file"], ["/file: expected a folder to write the model to, found a file"])
  }

  @Test func standardOutputThatIsFull() throws {
    for verb in ["predict", "embed", "inspect"] {
      let process = Process()
      process.executableURL = Program.executable
      process.arguments = [verb, "model"]
      process.currentDirectoryURL = place.folder
      process.standardInput = try FileHandle(forReadingFrom: place.url("reviews.tsv"))
      process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
      try Data().write(to: place.url("errors"))
      process.standardError = try FileHandle(forWritingTo: place.url("errors"))
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationReason == .exit)
      #expect(process.terminationStatus == 1)
      #expect(
        try place.text("errors") == "encoders: standard output: cannot write: No space left on device\n", "\(verb)")
    }
  }

  @Test func diskThatIsFull() throws {
    // 64 KiB hold the recipe, but no checkpoint of a vocabulary with long vectors.
    try place.write(place.recipe().replacingOccurrences(of: "dimension: 12", with: "dimension: 2000"), to: "large.yaml")
    let disk = place.url("disk").path
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    guard mount("tmpfs", disk, "tmpfs", 0, "size=65536") == 0 else {
      // Only root may mount; the device that is always full stands in above.
      return
    }
    defer { umount(disk) }
    let outcome = try place.run("train", "large.yaml", "--output", "disk/model")
    #expect(outcome.code == 1)
    #expect(outcome.errorLines.last?.contains("cannot write: No space left on device") == true, "\(outcome.errors)")
    #expect(try place.names("disk/model/checkpoint") == [])
    #expect(!place.exists("disk/model/config.json"))
  }

  @Test func wrongUsage() throws {
    let lines: [[String]] = [
      ["train"], ["train", "recipe.yaml"], ["predict", "model", "--threads", "0"],
      ["embed", "model", "--output", "x.txt"],
      ["fly"], ["inspect", "model", "--jsn"], ["train", "recipe.yaml", "--output", "m", "--seed", "-1"],
      ["data", "get"], ["train", "recipe.yaml", "--output", "m", "--threads", "-1"],
      ["mine", "model", "--data", "reviews.tsv", "--output", "m", "--negatives", "1"],
      ["mine", "model", "--data", "reviews.tsv", "--output", "m.tsv", "--negatives", "0"],
      ["mine", "model", "--data", "reviews.tsv", "--output", "m.tsv", "--range-min", "-1"],
      ["mine", "model", "--data", "reviews.tsv", "--output", "m.tsv", "--range-min", "2", "--range-max", "4"],
      ["train", "recipe.yaml", "--output", "m", "--resume", "--overwrite"], ["train", "recipe.yaml", "--output", ""],
    ]
    for arguments in lines {
      let outcome = try Program.run(arguments, in: place.folder)
      #expect(outcome.code == 64, "\(arguments): \(outcome.errors)")
      #expect(outcome.output == "")
      #expect(outcome.errors.contains("Error: "), "\(arguments): \(outcome.errors)")
    }
    #expect(try place.run("--version").output == "0.1.0\n")
    #expect(!place.exists("m"))
  }
}
