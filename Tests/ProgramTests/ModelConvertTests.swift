import Checkpoints
import Foundation
import Testing

/// `model convert`.
@Suite(.serialized) struct ModelConvertTests {
  let place: Workplace

  init() throws { place = try Workplace() }

  func convert(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    let outcome = try Program.run(["model", "convert"] + arguments, in: place.folder)
    #expect(outcome.code == 0, "\(outcome.errors)", sourceLocation: sourceLocation)
    return outcome.errors
  }

  @Test(arguments: [("float16", ElementType.float16), ("bfloat16", .bfloat16)])
  func weightsGetAnotherType(_ name: String, _ type: ElementType) throws {
    try place.writeModel("model")
    let notes = try convert("model", "--dtype", name, "--output", "half")
    #expect(notes == "left out: pytorch_model.bin (weights that are not safetensors)\n")
    #expect(try place.names("half") == Workplace.modelFiles)
    // As if the floats had been written in that type at once.
    try place.writeModel("expected", type: type)
    #expect(try place.bytes("half/model.safetensors") == place.bytes("expected/model.safetensors"))
    let config = try place.json("half/config.json")
    #expect(config["torch_dtype"] as? String == name)
    #expect(config["eps"] as? Double == 1e-12 && config["hidden_size"] as? Int == 16)
    for file in ["tokenizer.json", "modules.json", "1_Pooling/config.json", "README.md"] {
      #expect(try place.bytes("half/\(file)") == place.bytes("model/\(file)"))
    }
    // And back: the rounded numbers, exactly.
    _ = try convert("half", "--dtype", "float32", "--output", "whole")
    let (half, whole) = (
      try SafetensorsFile(place.url("half/model.safetensors")),
      try SafetensorsFile(place.url("whole/model.safetensors"))
    )
    #expect(try whole.entry("encoder.weight") == (.float32, [16, 16]))
    #expect(try whole.floats("encoder.weight") == half.floats("encoder.weight"))
    #expect(try whole.int64s("embeddings.position_ids") == [0, 1, 2, 3])
    #expect(try place.json("whole/config.json")["torch_dtype"] as? String == "float32")
  }

  @Test func referenceVectorsStayWithTheirWeights() throws {
    try place.writeModel("model")
    try place.write("{}", to: "model/reference.json")
    #expect(try convert("model", "--dtype", "float16", "--output", "half").contains("left out: reference.json ("))
    #expect(!place.exists("half/reference.json"))
    _ = try convert("model", "--shard-size", "16KB", "--output", "shards")
    #expect(place.exists("shards/reference.json"))
  }

  @Test func theTypeIsSetWhereItStands() throws {
    try place.writeModel("model")
    try place.write(
      "{\"model_type\": \"x\", \"dtype\": \"float32\", \"text_config\": {\"torch_dtype\": \"float32\"}}",
      to: "model/config.json")
    _ = try convert("model", "--dtype", "float16", "--output", "half")
    let config = try place.json("half/config.json")
    #expect(config["dtype"] as? String == "float16")
    #expect(config["torch_dtype"] == nil)
    #expect((config["text_config"] as? [String: Any])?["torch_dtype"] as? String == "float16")
  }

  @Test func weightsAreDividedAndJoined() throws {
    try place.writeModel("model")
    _ = try convert("model", "--shard-size", "16.1KB", "--output", "shards")
    let files = try place.names("shards").filter { $0.hasPrefix("model") }
    #expect(
      files == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"])
    let index = try place.json("shards/model.safetensors.index.json")
    #expect((index["metadata"] as? [String: Any])?["total_size"] as? Int == 4 * 4256 + 32)
    // Sharded weights keep their files, in another type.
    _ = try convert("shards", "--dtype", "float16", "--output", "half")
    #expect(try place.names("half").filter { $0.hasPrefix("model") } == files)
    #expect(
      try (place.json("half/model.safetensors.index.json")["metadata"] as? [String: Any])?["total_size"] as? Int == 2
        * 4256 + 32)
    _ = try convert("half", "--shard-size", "5GB", "--output", "one")
    #expect(try place.names("one").filter { $0.hasPrefix("model") } == ["model.safetensors"])
    _ = try convert("model", "--dtype", "float16", "--output", "direct")
    #expect(try place.bytes("one/model.safetensors") == place.bytes("direct/model.safetensors"))
    // A shard that is missing, damaged, or has other tensors.
    let shard = place.url("shards/\(files[1])")
    let whole = try Data(contentsOf: shard)
    for share in 0..<8 {
      try whole.prefix(whole.count * share / 8).write(to: shard)
      try place.expectError(
        ["model", "convert", "shards", "--dtype", "float16", "--output", "bad"], [shard.path + ": "])
    }
    try place.bytes("shards/\(files[0])").write(to: shard)
    try place.expectError(
      ["model", "convert", "shards", "--dtype", "float16", "--output", "bad"], [shard.path + ": \"", "no such tensor"])
    try FileManager.default.removeItem(at: shard)
    try place.expectError(
      ["model", "convert", "shards", "--dtype", "float16", "--output", "bad"], [shard.path + ": no such shard"])
    #expect(try place.names().filter { $0.contains("bad") } == [])
  }

  @Test func aPlainFolderGetsModulesAndLosesThem() throws {
    try place.writeModel("plain", modules: false)
    let notes = try convert("plain", "--to", "sentence-transformers", "--output", "sentences")
    #expect(notes.contains("pooling: mean (the folder doesn't say"))
    #expect(
      try place.names("sentences") == [
        "1_Pooling", "README.md", "config.json", "config_sentence_transformers.json", "model.safetensors",
        "modules.json",
        "sentence_bert_config.json", "tokenizer.json", "tokenizer_config.json",
      ])
    #expect(try place.json("sentences/sentence_bert_config.json")["max_seq_length"] as? Int == 48)
    let pooling = try place.json("sentences/1_Pooling/config.json")
    #expect(pooling["word_embedding_dimension"] as? Int == 16)
    #expect(pooling.filter { $0.value as? Bool == true }.map(\.key) == ["pooling_mode_mean_tokens"])
    #expect(try place.bytes("sentences/model.safetensors") == place.bytes("plain/model.safetensors"))
    _ = try convert("plain", "--to", "sentence-transformers", "--pooling", "cls", "--normalize", "--output", "cls")
    #expect(try place.json("cls/1_Pooling/config.json")["pooling_mode_cls_token"] as? Bool == true)
    #expect(try place.text("cls/modules.json").contains("sentence_transformers.models.Normalize"))
    try place.expectFailure(
      ["model", "convert", "cls", "--to", "sentence-transformers", "--pooling", "max", "--output", "bad"],
      "/cls/modules.json: expected a plain Hugging Face folder")
    let back = try convert("cls", "--to", "huggingface", "--output", "back")
    #expect(back.contains("left out: 1_Pooling (Pooling), 2_Normalize (Normalize)\n"), "\(back)")
    #expect(
      try place.names("back") == [
        "README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
      ])
    #expect(try place.bytes("back/config.json") == place.bytes("plain/config.json"))
    // A transformer in a folder of its own.
    try FileManager.default.createDirectory(at: place.url("apart/0_Transformer"), withIntermediateDirectories: true)
    for name in ["config.json", "model.safetensors", "tokenizer.json", "sentence_bert_config.json"] {
      try place.bytes("sentences/\(name)").write(to: place.url("apart/0_Transformer/\(name)"))
    }
    try place.write(
      "[{\"path\": \"0_Transformer\", \"type\": \"sentence_transformers.models.Transformer\"}]",
      to: "apart/modules.json")
    try place.write("# Card\n", to: "apart/README.md")
    _ = try convert("apart", "--to", "huggingface", "--dtype", "float16", "--output", "taken")
    #expect(try place.names("taken") == ["README.md", "config.json", "model.safetensors", "tokenizer.json"])
    #expect(try place.json("taken/config.json")["torch_dtype"] as? String == "float16")
  }

  @Test func mistakesGetOneLine() throws {
    try place.writeModel("model")
    let half = ["--dtype", "float16", "--output"]
    try place.expectError(["model", "convert", "none"] + half + ["bad"], ["/none: expected a model folder"])
    try FileManager.default.createDirectory(at: place.url("empty"), withIntermediateDirectories: true)
    try place.expectError(
      ["model", "convert", "empty"] + half + ["bad"], ["/empty: expected a model folder, with a config.json"])
    try place.expectError(
      ["model", "convert", "model"] + half + ["model"], ["/model: expected a folder outside the model's"])
    try place.expectError(
      ["model", "convert", "model"] + half + ["model/half"], ["expected a folder outside the model's"])
    try place.write("", to: "file")
    try place.expectError(
      ["model", "convert", "model"] + half + ["file"], ["/file: expected a folder to write to, found a file"])
    try place.writeModel("other")
    try place.expectError(
      ["model", "convert", "model"] + half + ["other"], ["/other: expected a new folder to write to"])
    try FileManager.default.removeItem(at: place.url("other/model.safetensors"))
    try place.expectFailure(
      ["model", "convert", "other"] + half + ["bad"], "expected weights as safetensors, found only pytorch_model.bin")
    try FileManager.default.removeItem(at: place.url("other/pytorch_model.bin"))
    try place.expectError(["model", "convert", "other"] + half + ["bad"], ["/other: expected weights in the folder"])
    var writer = SafetensorsWriter()
    writer.add("large.weight", shape: [2], [1, 70_000] as [Float])
    try writer.write(to: place.url("other/model.safetensors"))
    try place.expectError(
      ["model", "convert", "other"] + half + ["bad"],
      ["/other/model.safetensors: \"large.weight\": expected numbers that F16 can hold, found 70000.0"])
    try place.write("{\"hidden_size\": 16}", to: "other/config.json")
    try FileManager.default.removeItem(at: place.url("other/modules.json"))
    let layout = ["--to", "sentence-transformers", "--output", "bad"]
    try place.expectError(
      ["model", "convert", "other"] + layout, ["/other/config.json: expected a Hugging Face model's settings"])
    try place.write("{\"model_type\": \"bert\", \"hidden_size\": 16}", to: "other/config.json")
    try FileManager.default.removeItem(at: place.url("other/tokenizer.json"))
    try place.expectError(
      ["model", "convert", "other"] + layout, ["/other/tokenizer.json: expected the model's tokenizer"])
    try place.write("[{\"path\": \"\", \"type\": \"sentence_transformers.models.BoW\"}]", to: "other/modules.json")
    try place.expectError(
      ["model", "convert", "other", "--to", "huggingface", "--output", "bad"],
      ["first module is a Transformer, found BoW"])
    #expect(try place.names().filter { $0.contains("bad") } == [])
    for arguments in [
      [], ["--dtype", "int8"], ["--to", "onnx"], ["--pooling", "cls", "--dtype", "float16"], ["--shard-size", "5XB"],
      ["--shard-size", "0"], ["--to", "sentence-transformers", "--pooling", "avg"],
    ] {
      #expect(
        try Program.run(["model", "convert", "model", "--output", "bad"] + arguments, in: place.folder).code == 64)
    }
  }

  @Test func diskThatIsFull() throws {
    try place.writeModel("model")
    try FileManager.default.createDirectory(at: place.url("disk"), withIntermediateDirectories: true)
    guard mount("tmpfs", place.url("disk").path, "tmpfs", 0, "size=16384") == 0 else {
      // Only root may mount.
      return
    }
    defer { umount(place.url("disk").path) }
    try place.expectFailure(
      ["model", "convert", "model", "--dtype", "float32", "--output", "disk/half"], "No space left on device")
    try place.expectFailure(
      ["model", "get", "x", "--from", "model", "--output", "disk/half"], "No space left on device")
    #expect(try place.names("disk") == [])
  }
}
