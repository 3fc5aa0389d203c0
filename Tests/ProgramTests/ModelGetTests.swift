import Checkpoints
import Foundation
import Testing

/// `model get`, from a hub on this machine and from files.
@Suite(.serialized) struct ModelGetTests {
  let place: Workplace
  let hub: Hub

  init() throws {
    place = try Workplace()
    try FileManager.default.createDirectory(at: place.url("hub/org"), withIntermediateDirectories: true)
    hub = try Hub(place.url("hub"))
    place.environment = ["HF_ENDPOINT": hub.endpoint, "HF_TOKEN": "", "HF_HUB_OFFLINE": ""]
  }

  func expectModel(_ name: String, like source: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(try place.names(name) == Workplace.modelFiles, sourceLocation: sourceLocation)
    for file in Workplace.modelFiles + ["1_Pooling/config.json"] where file != "1_Pooling" {
      #expect(try place.bytes("\(name)/\(file)") == place.bytes("\(source)/\(file)"), sourceLocation: sourceLocation)
    }
  }

  @Test func fetchesWhatIsNeededAndKeepsIt() throws {
    try place.writeModel("hub/org/tiny")
    let outcome = try place.run("model", "get", "org/tiny", "--revision", "refs/pr/1")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output == place.url("models/tiny").path + "\n")
    #expect(outcome.errors.contains("left out: pytorch_model.bin"))
    try expectModel("models/tiny", like: "hub/org/tiny")
    #expect(try place.names("models") == ["tiny"])
    // Once more: nothing but the list is asked for.
    let before = try hub.requests().count
    let again = try place.run("model", "get", "org/tiny")
    #expect(again.code == 0 && again.errors.contains("is there already and whole"), "\(again.errors)")
    #expect(try hub.requests()[before...].allSatisfy { $0.contains("/api/models/org/tiny/tree/") })
    // A changed file isn't overwritten.
    try place.write(
      "{\"model_type\": \"bart\", \"hidden_size\": 16, \"max_position_embeddings\": 64, \"eps\": 1e-12}",
      to: "models/tiny/config.json")
    try place.expectFailure(["model", "get", "org/tiny"], "models/tiny/config.json: expected content with git's SHA-1")
  }

  @Test(arguments: ["cut", "rangeless"]) func goesOnAfterABrokenConnection(_ name: String) throws {
    try place.writeModel("hub/org/\(name)")
    let outcome = try place.run("model", "get", "org/\(name)", "--output", "here")
    #expect(outcome.code == 0, "\(outcome.errors)")
    try expectModel("here", like: "hub/org/\(name)")
    let half = try place.bytes("here/model.safetensors").count / 2
    let ranges = try hub.requests().filter { $0.contains("/large/") }.map { $0.split(separator: " ")[2] }
    #expect(ranges == (name == "cut" ? ["-", "bytes=\(half)-"] : ["-", "bytes=\(half)-", "-"]))
  }

  @Test(
    arguments: [
      ("page", "bytes, found 26"), ("endless", "bytes, found more"), ("halves", "the connection broke: expected "),
      ("lies", "expected content with SHA-256"),
    ])
  func aHubThatNeverGivesTheFileIsGivenUp(_ name: String, _ part: String) throws {
    try place.writeModel("hub/org/\(name)")
    try place.expectFailure(["model", "get", "org/\(name)"], part)
    #expect(try hub.requests().count { $0.contains("/large/") } <= 4)
    #expect(!place.exists("models/\(name)"))
  }

  @Test func aListIsWholeOrRefused() throws {
    for (name, part) in [
      ("elsewhere", "expected the list's next page below "), ("dropped", "cursor=3: the connection broke: "),
    ] {
      try place.writeModel("hub/org/\(name)")
      try place.expectFailure(["model", "get", "org/\(name)"], part)
      #expect(!place.exists("models/\(name)"))
    }
    try place.writeModel("hub/org/busy")
    let outcome = try place.run("model", "get", "org/busy")
    #expect(outcome.code == 0 && outcome.errors.contains("HTTP 503; asking again"), "\(outcome.errors)")
    try expectModel("models/busy", like: "hub/org/busy")
  }

  @Test func anIndexSaysWhichFilesAreShards() throws {
    try place.writeShards("hub/org/shards")
    for name in ["model-extra.safetensors", "w/model.safetensors.bak", "w/c.bin"] {
      try place.write("no weights", to: "hub/org/shards/\(name)")
    }
    try place.system("tar", "-czf", "shards.tar.gz", "-C", "hub/org", "shards")
    let index = "model.safetensors.index.json"
    for (output, options) in [
      ("out", []), ("folder", ["--from", "hub/org/shards"]), ("archive", ["--from", "shards.tar.gz"]),
    ] as [(String, [String])] {
      let outcome = try Program.run(
        ["model", "get", "org/shards", "--output", output] + options, environment: place.environment, in: place.folder)
      #expect(outcome.code == 0 && outcome.errors.contains("model-extra.safetensors"), "\(outcome.errors)")
      let expected = Workplace.modelFiles.filter { $0 != "model.safetensors" } + [index, "part_a.safetensors", "w"]
      #expect(try place.names(output) == expected.sorted())
      #expect(try place.names("\(output)/w") == ["b.safetensors"])
      for file in [index, "part_a.safetensors", "w/b.safetensors"] {
        #expect(try place.bytes("\(output)/\(file)") == place.bytes("hub/org/shards/\(file)"))
      }
    }
    let again = try place.run("model", "get", "org/shards", "--output", "out")
    #expect(again.code == 0 && again.errors.contains("is there already and whole"), "\(again.errors)")
    // A conversion leaves them where they are, or joins them.
    for (output, size, files) in [
      ("half", [], [index, "part_a.safetensors"]), ("one", ["--shard-size", "1GB"], ["model.safetensors"]),
    ] as [(String, [String], [String])] {
      let outcome = try Program.run(
        ["model", "convert", "out", "--dtype", "float16", "--output", output] + size, in: place.folder)
      #expect(outcome.code == 0, "\(outcome.errors)")
      #expect(try place.names(output).filter { $0.contains(".safetensors") } == files)
      #expect(place.exists("\(output)/w/b.safetensors") == size.isEmpty)
    }
  }

  @Test func anIndexThatLiesGetsOneLine() throws {
    try place.writeShards("hub/org/shards")
    let index = "model.safetensors.index.json"
    try FileManager.default.removeItem(at: place.url("hub/org/shards/w/b.safetensors"))
    try place.system("tar", "-czf", "shards.tar.gz", "-C", "hub/org", "shards")
    for (options, part) in [
      ([], "/org/shards/w/b.safetensors: no such shard"),
      (["--from", "hub/org/shards"], "/org/shards/w/b.safetensors: no such shard"),
      (["--from", "shards.tar.gz"], "/shards.tar.gz: \"shards/w/b.safetensors\": no such shard"),
    ] as [([String], String)] {
      try place.expectError(["model", "get", "org/shards", "--output", "bad"] + options, [part])
    }
    try place.write("{\"weight_map\": {\"x\": \"../x.safetensors\"}}", to: "hub/org/shards/\(index)")
    try place.expectError(
      ["model", "get", "org/shards", "--output", "bad"],
      ["/org/shards/\(index): \"x\": expected the path of a file in this folder, found \"../x.safetensors\""])
    try place.write("{\"weight_map\": {}}", to: "hub/org/shards/\(index)")
    try place.expectError(
      ["model", "get", "x", "--from", "hub/org/shards", "--output", "bad"], ["/shards: expected weights in the folder"])
    #expect(try place.names().filter { $0.contains("bad") } == [])
  }

  @Test func wholeWeightsAreTakenBeforeShards() throws {
    try place.writeModel("hub/org/both")
    try place.write(
      "{\"weight_map\": {\"x\": \"gone.safetensors\"}}", to: "hub/org/both/model.safetensors.index.json")
    try place.bytes("hub/org/both/model.safetensors").write(
      to: place.url("hub/org/both/model-00001-of-00001.safetensors"))
    for (output, options) in [("hub-both", []), ("folder-both", ["--from", "hub/org/both"])] as [(String, [String])] {
      let outcome = try Program.run(
        ["model", "get", "org/both", "--output", output] + options, environment: place.environment, in: place.folder)
      #expect(outcome.code == 0, "\(outcome.errors)")
      try expectModel(output, like: "hub/org/both")
    }
  }

  @Test func theSettingsOfColBERTAreTaken() throws {
    try place.writeModel("hub/org/colbert", modules: false)
    try place.write("{\"query_maxlen\": 12}", to: "hub/org/colbert/artifact.metadata")
    for (output, options) in [("a", []), ("b", ["--from", "hub/org/colbert"])] as [(String, [String])] {
      let outcome = try Program.run(
        ["model", "get", "org/colbert", "--output", output] + options, environment: place.environment, in: place.folder)
      #expect(outcome.code == 0, "\(outcome.errors)")
      #expect(try place.text("\(output)/artifact.metadata") == "{\"query_maxlen\": 12}")
    }
  }

  @Test func takesEmptyFiles() throws {
    try place.writeModel("hub/org/tiny")
    try place.write("", to: "hub/org/tiny/vocab.txt")
    let outcome = try place.run("model", "get", "org/tiny")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try place.bytes("models/tiny/vocab.txt").isEmpty)
  }

  @Test func nothingIsWrittenOnceTheProgramIsKilled() throws {
    try place.writeModel("hub/org/drip")
    let running = try Program.start(["model", "get", "org/drip"], environment: place.environment, in: place.folder)
    let partial = "models/.drip.partial/model.safetensors.incomplete"
    #expect(running.runs { (try? !place.bytes(partial).isEmpty && downloads().count > 1) ?? false })
    kill(running.process.processIdentifier, SIGKILL)
    _ = try running.wait()
    usleep(700_000)
    #expect(try downloads() == [])
  }

  /// The processes that speak with the hub, and the program itself, known by their environment.
  func downloads() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.filter {
      guard let bytes = FileManager.default.contents(atPath: "/proc/\($0)/environ") else { return false }
      return String(decoding: bytes, as: UTF8.self).contains(hub.endpoint + "\0")
    }
  }

  @Test func aLaterRunGoesOn() throws {
    try place.writeModel("hub/org/down")
    try place.expectFailure(["model", "get", "org/down"], "HTTP 503")
    #expect(try place.names("models") == [".down.partial"])
    try place.write("", to: "hub/up")
    let before = try hub.requests().count
    let outcome = try place.run("model", "get", "org/down")
    #expect(outcome.code == 0, "\(outcome.errors)")
    try expectModel("models/down", like: "hub/org/down")
    #expect(try place.names("models") == ["down"])
    let half = try place.bytes("models/down/model.safetensors").count / 2
    let later = try hub.requests()[before...].filter { !$0.contains("/api/") && !$0.contains("/large/") }
    #expect(
      later.allSatisfy { !$0.contains("config.json") || $0.contains("sentence_bert") || $0.contains("tokenizer") })
    #expect(try hub.requests().last { $0.contains("/large/") }?.contains("bytes=\(half)-") == true)
  }

  @Test func anInterruptionEndsTheDownloadToo() throws {
    try place.writeModel("hub/org/slow")
    let running = try Program.start(["model", "get", "org/slow"], environment: place.environment, in: place.folder)
    #expect(running.runs { (try? hub.requests().contains { $0.contains("/resolve/") }) ?? false })
    kill(running.process.processIdentifier, SIGINT)
    #expect(try running.wait().code == 128 + SIGINT)
    usleep(300_000)
    // Whoever still writes there would spoil what the next run goes on with.
    #expect(try downloads() == [])
    #expect(!place.exists("models/slow"))
  }

  @Test func theEndOfTheTerminalDoesNotStopItUnderNohup() throws {
    try place.writeModel("hub/org/slow")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["nohup", Program.executable.path, "model", "get", "org/slow"]
    process.environment = ProcessInfo.processInfo.environment.merging(place.environment) { $1 }
    process.currentDirectoryURL = place.folder
    (process.standardInput, process.standardOutput) = (FileHandle.nullDevice, FileHandle.nullDevice)
    process.standardError = FileHandle.nullDevice
    try process.run()
    while process.isRunning, (try? hub.requests().contains { $0.contains("/resolve/") }) != true { usleep(500) }
    kill(process.processIdentifier, SIGHUP)
    usleep(300_000)
    #expect(process.isRunning)
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    #expect(process.terminationStatus == SIGTERM)
  }

  @Test func theTokenGoesToTheHubOnly() throws {
    try place.writeModel("hub/org/private")
    try place.expectFailure(["model", "get", "org/private"], "HF_TOKEN")
    place.environment["HF_TOKEN"] = "wrong-token"
    let refused = try place.run("model", "get", "org/private")
    #expect(refused.code == 1 && refused.errors.contains("may not read it") && !refused.errors.contains("wrong-token"))
    place.environment["HF_TOKEN"] = "secret"
    let outcome = try place.run("model", "get", "org/private")
    #expect(outcome.code == 0 && !outcome.errors.contains("secret"), "\(outcome.errors)")
    try expectModel("models/private", like: "hub/org/private")
    let large = try hub.requests().filter { $0.hasPrefix("localhost ") }
    #expect(!large.isEmpty && large.allSatisfy { $0.hasSuffix(" -") })
    #expect(try hub.requests().contains { $0.hasPrefix("127.0.0.1 ") && $0.hasSuffix(" Bearer secret") })
  }

  @Test func linksLeadToTheFolder() throws {
    try place.writeModel("hub/org/tiny")
    try FileManager.default.createDirectory(at: place.url("disk"), withIntermediateDirectories: true)
    for (source, options) in [("hub", []), ("files", ["--from", "hub/org/tiny"])] as [(String, [String])] {
      try FileManager.default.createDirectory(at: place.url("disk/\(source)-empty"), withIntermediateDirectories: true)
      // The second leads to nothing yet.
      for target in ["disk/\(source)-empty", "disk/\(source)-new"] {
        try? FileManager.default.removeItem(at: place.url("link"))
        try #require(symlink(target, place.url("link").path) == 0)
        let outcome = try Program.run(
          ["model", "get", "org/tiny", "--output", "link"] + options, environment: place.environment, in: place.folder)
        #expect(outcome.code == 0, "\(outcome.errors)")
        try expectModel(target, like: "hub/org/tiny")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: place.url("link").path) == target)
      }
    }
    #expect(try place.names("disk") == ["files-empty", "files-new", "hub-empty", "hub-new"])
  }

  @Test func theCurrentFolderIsNotReplaced() throws {
    try place.writeModel("model")
    try FileManager.default.createDirectory(at: place.url("here"), withIntermediateDirectories: true)
    let outcome = try Program.run(
      ["model", "get", "x", "--from", "../model", "--output", "."], in: place.url("here"))
    #expect(outcome.code == 1 && outcome.errors.contains("expected a new folder to write to, found the current one"))
    #expect(try place.names("here") == [])
  }

  @Test(arguments: [true, false]) func aModelWithoutATypeIsRefused(_ hasModules: Bool) throws {
    try place.writeModel("model", modules: hasModules)
    try place.write("{}", to: "model/config.json")
    try place.expectError(
      ["model", "get", "x", "--from", "model"], ["/model/config.json: \"model_type\": no such key"])
  }

  @Test func mistakesGetOneLine() throws {
    try place.expectError(["model", "get", "org/none"], ["org/none: no such model at revision \"main\" (HTTP 404)"])
    try place.writeModel("hub/org/tiny")
    try place.expectError(["model", "get", "org/tiny", "--revision", "v2"], ["no such model at revision \"v2\""])
    try place.expectError(["model", "get", "not a name"], ["expected a model's name", "\"not a name\""])
    try place.writeModel("hub/org/evil")
    try place.expectError(["model", "get", "org/evil"], ["../evil.json"])
    try place.writeModel("hub/org/wrong")
    try place.expectFailure(["model", "get", "org/wrong"], "expected content with SHA-256")
    #expect(try place.names("models") == [".wrong.partial"])
    try place.writeModel("hub/org/empty")
    for name in ["model.safetensors", "pytorch_model.bin"] {
      try FileManager.default.removeItem(at: place.url("hub/org/empty/\(name)"))
    }
    try place.expectError(["model", "get", "org/empty"], ["expected a model with weights as safetensors"])
    try place.write("", to: "file")
    try place.expectFailure(
      ["model", "get", "org/tiny", "--output", "file"], "expected a folder to write to, found a file")
    try place.expectFailure(["model", "get", "org/tiny", "--output", "hub"], "expected a new folder to write to")
    place.environment["HF_HUB_OFFLINE"] = "1"
    try place.expectError(["model", "get", "org/tiny"], ["HF_HUB_OFFLINE is set", "--from"])
    place.environment["HF_HUB_OFFLINE"] = ""
    place.environment["HF_ENDPOINT"] = "http://127.0.0.1:1"
    try place.expectError(["model", "get", "org/tiny"], ["cannot reach http://127.0.0.1:1", "HF_ENDPOINT"])
    place.environment["HF_ENDPOINT"] = "ftp://x"
    try place.expectError(["model", "get", "org/tiny"], ["HF_ENDPOINT: expected an address"])
  }

  @Test func takesFoldersAndArchives() throws {
    place.environment["HF_HUB_OFFLINE"] = "1"
    try place.writeModel("package/model")
    try place.write("{}", to: "package/notes.json")
    try place.system("tar", "-czf", "a.tar.gz", "package")
    try place.system("tar", "-cf", "a.tar", "-C", "package/model", ".")
    try place.system("python3", "-m", "zipfile", "-c", "a.whl", "package")
    for source in ["package/model", "a.tar.gz", "a.tar", "a.whl"] {
      let outcome = try place.run("model", "get", "org/name", "--from", source, "--output", "out/\(source)")
      #expect(outcome.code == 0, "\(source): \(outcome.errors)")
      #expect(outcome.errors.contains("left out: pytorch_model.bin"))
      try expectModel("out/\(source)", like: "package/model")
    }
    let whole = try place.bytes("a.tar.gz")
    for share in 0..<8 {
      try whole.prefix(whole.count * share / 8).write(to: place.url("cut.tar.gz"))
      try place.expectFailure(["model", "get", "x", "--from", "cut.tar.gz", "--output", "cut"], "/cut.tar.gz: ")
    }
    var damaged = whole
    damaged[whole.count - 8] ^= 1  // of the checksum
    try damaged.write(to: place.url("cut.tar.gz"))
    try place.expectFailure(
      ["model", "get", "x", "--from", "cut.tar.gz", "--output", "cut"], "/cut.tar.gz: damaged or truncated gzip data")
    // Between two files.
    let tar = try place.bytes("a.tar")
    let end = (tar.lastIndex { $0 != 0 } ?? 0) / 512 * 512 + 512
    try tar.prefix(end).write(to: place.url("cut.tar"))
    try place.expectError(
      ["model", "get", "x", "--from", "cut.tar", "--output", "cut"], ["/cut.tar: truncated tar archive: expected "])
    try place.write("no archive", to: "no.zip")
    try place.expectError(
      ["model", "get", "x", "--from", "no.zip"], ["/no.zip: expected a tar, tar.gz or zip archive"])
    try place.expectError(["model", "get", "x", "--from", "none"], ["/none: no such file"])
    try place.expectError(["model", "get", "x", "--from", "package"], ["/package: expected a model folder"])
    // A damaged file in an archive is named, and nothing is left.
    try place.bytes("package/model/model.safetensors").dropLast(9).write(
      to: place.url("package/model/model.safetensors"))
    try place.system("python3", "-m", "zipfile", "-c", "b.zip", "package")
    try place.expectFailure(
      ["model", "get", "x", "--from", "b.zip", "--output", "bad"], "/b.zip: \"package/model/model.safetensors\": ")
    try place.expectError(
      ["model", "get", "x", "--from", "package/model", "--output", "bad"], ["/package/model/model.safetensors: "])
    try place.writeModel("package/second")
    try place.system("python3", "-m", "zipfile", "-c", "two.zip", "package")
    try place.expectError(
      ["model", "get", "x", "--from", "two.zip"], ["expected one model", "package/model/, package/second/"])
    #expect(try place.names().filter { $0.hasPrefix(".") || $0 == "bad" || $0 == "cut" } == [])
  }
}

extension Workplace {
  /// Expects code 1, nothing on standard output, and as the last line on standard error one that has a part; what was done before may stand
  /// above it.
  func expectFailure(_ arguments: [String], _ part: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let outcome = try Program.run(arguments, environment: environment, in: folder)
    #expect(outcome.code == 1, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.output == "", sourceLocation: sourceLocation)
    let last = outcome.errorLines.last ?? ""
    #expect(last.hasPrefix("encoders: ") && last.contains(part), "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.errorLines.count { $0.hasPrefix("encoders: ") } == 1, sourceLocation: sourceLocation)
  }
}
