import Checkpoints
import Foundation
import Testing

/// `model average`.
@Suite(.serialized) struct ModelAverageTests {
  let place: Workplace

  init() throws { place = try Workplace() }

  func writeWeights(_ name: String, _ values: [Float], as type: ElementType = .float32) throws {
    try place.writeModel(name)
    var writer = SafetensorsWriter()
    writer.add("encoder.weight", as: type, shape: [2, 2], values)
    writer.add("embeddings.position_ids", shape: [1], [Int64(values[0])])
    try writer.write(to: place.url("\(name)/model.safetensors"))
  }

  @Test func weightsAreTheMean() throws {
    try writeWeights("a", [1, 2, 3, 1e-8])
    try writeWeights("b", [3, 2, -3, 3e-8])
    try writeWeights("c", [5, 2, 6, 2e-8], as: .float16)
    try place.write("{}", to: "a/training.json")
    let outcome = try Program.run(["model", "average", "a", "b", "c", "--output", "mean"], in: place.folder)
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.errors == "left out: README.md, pytorch_model.bin, training.json (the first model's alone)\n")
    let mean = try SafetensorsFile(place.url("mean/model.safetensors"))
    #expect(try mean.floats("encoder.weight")[..<3] == [3, 2, 2])
    #expect(try mean.entry("encoder.weight") == (.float32, [2, 2]))
    #expect(try mean.int64s("embeddings.position_ids") == [1])
    for file in ["config.json", "tokenizer.json", "modules.json", "1_Pooling/config.json"] {
      #expect(try place.bytes("mean/\(file)") == place.bytes("a/\(file)"))
    }
    // In the first one's type; the mean of a model with itself is the model.
    _ = try Program.run(["model", "average", "c", "a", "--output", "half"], in: place.folder)
    #expect(try SafetensorsFile(place.url("half/model.safetensors")).entry("encoder.weight").type == .float16)
    _ = try Program.run(["model", "average", "a", "a", "--output", "same"], in: place.folder)
    #expect(try place.bytes("same/model.safetensors") == place.bytes("a/model.safetensors"))
  }

  @Test func howWeightsAreDividedDoesNotMatter() throws {
    try place.writeModel("a")
    let options = ["--shard-size", "8KB", "--output", "shards"]
    #expect(try Program.run(["model", "convert", "a"] + options, in: place.folder).code == 0)
    #expect(try Program.run(["model", "average", "a", "shards", "--output", "one"], in: place.folder).code == 0)
    #expect(try place.bytes("one/model.safetensors") == place.bytes("a/model.safetensors"))
    #expect(try Program.run(["model", "average", "shards", "a", "--output", "many"], in: place.folder).code == 0)
    let files = try place.names("shards").filter { $0.hasPrefix("model") }
    #expect(try place.names("many").filter { $0.hasPrefix("model") } == files)
    for file in files { #expect(try place.bytes("many/\(file)") == place.bytes("shards/\(file)")) }
  }

  @Test func modelsThatDifferGetOneLine() throws {
    try writeWeights("a", [1, 2, 3, 4])
    try writeWeights("b", [1, 2, 3, 4])
    let average = ["model", "average", "a", "b", "--output", "bad"]
    try place.expectError(["model", "average", "a", "none", "--output", "bad"], ["/none: expected a model folder"])
    try place.expectError(
      ["model", "average", "a", "b", "--output", "b/x"], ["/b/x: expected a folder outside the model's"])
    #expect(try Program.run(["model", "average", "a", "--output", "bad"], in: place.folder).code == 64)
    var writer = SafetensorsWriter()
    writer.add("encoder.weight", shape: [4], [1, 2, 3, 4] as [Float])
    writer.add("embeddings.position_ids", shape: [1], [Int64(1)])
    try writer.write(to: place.url("b/model.safetensors"))
    try place.expectError(
      average, ["/b/model.safetensors: \"encoder.weight\": expected floats [2, 2] as in ", "found F32 [4]"])
    writer = SafetensorsWriter()
    writer.add("other.weight", shape: [2, 2], [1, 2, 3, 4] as [Float])
    try writer.write(to: place.url("b/model.safetensors"))
    try place.expectError(average, ["/b/model.safetensors: \"encoder.weight\": no such tensor, though "])
    // Whole numbers, which some versions keep and others don't, are the first one's.
    writer.add("encoder.weight", shape: [2, 2], [1, 2, 3, 4] as [Float])
    try writer.write(to: place.url("b/model.safetensors"))
    try place.expectError(average, ["/b/model.safetensors: \"other.weight\": a tensor that "])
    writer = SafetensorsWriter()
    writer.add("encoder.weight", shape: [2, 2], [1, 2, 3, 4] as [Float])
    try writer.write(to: place.url("b/model.safetensors"))
    #expect(try Program.run(["model", "average", "b", "a", "--output", "good"], in: place.folder).code == 0)
    try place.write("{\"labels\": [\"no\", \"yes\"]}", to: "a/encoders.json")
    try place.write("{\"labels\": [\"yes\", \"no\"]}", to: "b/encoders.json")
    try place.expectError(average, ["/b/encoders.json: \"labels\": expected what ", "found something else"])
    try FileManager.default.removeItem(at: place.url("b/tokenizer.json"))
    try FileManager.default.removeItem(at: place.url("b/encoders.json"))
    try FileManager.default.removeItem(at: place.url("a/encoders.json"))
    try place.expectError(average, ["/b/tokenizer.json: no such file, though "])
    #expect(try place.names().filter { $0.contains("bad") } == [])
  }
}
