import Foundation
import Tensors
import Testing

@testable import Checkpoints

/// Models in one file or in shards that an index names.
@Suite struct CheckpointTests {
  /// Two shards with a tensor each, and an index of this text.
  func withShards(_ index: String, _ body: (URL) throws -> Void) throws {
    try withFolder { folder in
      for name in ["a", "b"] {
        var writer = SafetensorsWriter()
        writer.add(name, shape: [2], [1, name == "a" ? 2 : 3] as [Float])
        try writer.write(to: folder.appendingPathComponent("\(name).safetensors"))
      }
      let url = folder.appendingPathComponent("model.safetensors.index.json")
      try Data(index.utf8).write(to: url)
      try body(folder)
    }
  }

  @Test func readsShards() throws {
    try withShards(#"{"metadata":{},"weight_map":{"b":"b.safetensors","a":"a.safetensors"}}"#) { folder in
      let checkpoint = try Checkpoint(folder)
      #expect(checkpoint.keys == ["a", "b"])
      #expect(checkpoint.contains("b") && !checkpoint.contains("c"))
      #expect(try checkpoint.entry("b").shape == [2])
      #expect(checkpoint.url(of: "b").lastPathComponent == "b.safetensors")
      var values: [Float] = [0, 0]
      try values.withUnsafeMutableBufferPointer { try checkpoint.read("b", into: $0) }
      #expect(values == [1, 3])
      #expect(fileError { _ = try checkpoint.entry("c") }?.problem == "no such tensor in the index")
    }
  }

  @Test func shardsMayStandInFoldersBelow() throws {
    try withShards(#"{"weight_map":{"b":"w/b.safetensors","a":"a.safetensors"}}"#) { folder in
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent("w"), withIntermediateDirectories: true)
      try FileManager.default.moveItem(
        at: folder.appendingPathComponent("b.safetensors"), to: folder.appendingPathComponent("w/b.safetensors"))
      let checkpoint = try Checkpoint(folder)
      #expect(checkpoint.keys == ["a", "b"])
      #expect(checkpoint.names == ["w/b.safetensors", "a.safetensors"])
      #expect(checkpoint.url(of: "b").path == folder.appendingPathComponent("w/b.safetensors").path)
      #expect(try Checkpoint(folder.appendingPathComponent("a.safetensors")).names == ["a.safetensors"])
    }
  }

  @Test func pathsStayWithinTheirFolder() {
    for path in ["a", "a/b.json", "..a/b", "ä/b c"] { #expect(isSafePath(path), "\(path)") }
    for path in ["", "/a", "a/", "../a", "a/../b", "a//b", ".", "a/./b", "a\nb", "a\u{0}b"] {
      #expect(!isSafePath(path), "\(path)")
    }
  }

  @Test(arguments: [
    (#"{"weight_map":{"a":"a.safetensors","b":"c.safetensors"}}"#, "c.safetensors: no such shard, though"),
    (#"{"weight_map":{"a":"a.safetensors","b":"a.safetensors"}}"#, "a.safetensors: \"b\": no such tensor in the file"),
    (#"{"weight_map":{"a":"../a.safetensors"}}"#, "\"a\": expected the path of a file in this folder, found \"../a"),
    (#"{"weight_map":{"a":"w/../../a.safetensors"}}"#, "expected the path of a file in this folder"),
    (#"{"weight_map":{"a":"/etc/passwd"}}"#, "expected the path of a file in this folder"),
    (#"{"weight_map":{"a":".."}}"#, "expected the path of a file in this folder"),
    (#"{"weight_map":{"a":7}}"#, "expected the path of a file in this folder, found a number"),
    (#"{"weight_map":{"a":"a.safetensors","a":"a.safetensors"}}"#, "\"a\": the key appears twice"),
    (#"{"weight_map":[]}"#, "\"weight_map\": expected an object"),
    (#"{}"#, "\"weight_map\": expected an object"),
    (#"{"weight_map":"#, "not JSON"),
  ])
  func refusesIndexesThatLie(index: String, line: String) throws {
    try withShards(index) { folder in
      let error = try #require(fileError { _ = try Checkpoint(folder) })
      #expect(error.description.hasPrefix(folder.path))
      #expect(error.description.contains(line), "\(error)")
      #expect(!error.description.contains("\n"))
    }
  }

  @Test func namesStrayTensorsAndMissingFiles() throws {
    try withShards(#"{"weight_map":{"a":"a.safetensors"}}"#) { folder in
      var writer = SafetensorsWriter()
      writer.add("a", shape: [1], [1] as [Float])
      writer.add("z", shape: [1], [1] as [Float])
      try writer.write(to: folder.appendingPathComponent("a.safetensors"))
      #expect(fileError { _ = try Checkpoint(folder) }?.item == "z")
    }
    try withFolder { folder in
      try Data().write(to: folder.appendingPathComponent("pytorch_model.bin"))
      let problem = fileError { _ = try Checkpoint(folder) }?.problem
      #expect(problem?.hasSuffix("; its pytorch_model.bin has to be saved as safetensors first") == true)
    }
  }

  /// The types of checkpoints read into memory give the same numbers as one by one, from any offset and in several chunks.
  @Test func readsEveryFloatingType() throws {
    let file = try SafetensorsFile(golden.appendingPathComponent("types.safetensors"))
    for key in file.keys where try file.entry(key).type.rawValue.contains("F") {
      let expected = try file.floats(key)
      var values = [Float](repeating: 7, count: expected.count)
      try values.withUnsafeMutableBufferPointer { try file.read(key, into: $0) }
      #expect(values.map(\.bitPattern) == expected.map(\.bitPattern))
    }
    try withFolder { folder in
      let url = folder.appendingPathComponent("large.safetensors")
      let count = 600_001
      var writer = SafetensorsWriter()
      writer.add("x", type: .bfloat16, shape: [count]) { write in
        try (0..<count).map { UInt16(truncatingIfNeeded: $0) & 0x7F7F }.withUnsafeBytes(write)
      }
      try writer.write(to: url)
      let large = try SafetensorsFile(url).floats("x")
      #expect(large.indices.allSatisfy { large[$0].bitPattern == UInt32($0 & 0x7F7F) << 16 })
    }
  }
}
