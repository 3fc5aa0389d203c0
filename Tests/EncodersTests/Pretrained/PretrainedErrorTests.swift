import Checkpoints
import Foundation
import Layers
import Tensors
import Testing

@testable import Encoders

/// Whatever is wrong with a model folder gives one line with the file, the key, what was expected and what was found.
@Suite struct PretrainedErrorTests {
  /// Opens a copy of the tiny BERT whose configuration has these members changed, and returns the error's line after the file's path.
  func line(of name: String = "bert", _ changes: [String: JSON], file: String = "config.json") throws -> String {
    var line = ""
    try withCopy(of: name) { folder in
      let url = folder.appendingPathComponent("config.json")
      var members = try JSON(contentsOf: url).members ?? []
      members.removeAll { changes[$0.name] != nil }
      members += changes.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }
      try JSON.object(members).text().write(to: url, atomically: true, encoding: .utf8)
      do {
        _ = try Transformer.open(folder)
        line = "opens"
      } catch {
        let prefix = folder.appendingPathComponent(file).path + ": "
        #expect("\(error)".hasPrefix(prefix), "\(error)")
        #expect(!"\(error)".contains("\n"))
        line = String("\(error)".dropFirst(prefix.count))
      }
    }
    return line
  }

  @Test func whatIsNotSupportedIsNamed() throws {
    #expect(
      try line(["model_type": "gpt2"]).hasPrefix(#""model_type": "gpt2" is not supported; supported: bert, roberta"#))
    #expect(try line(["model_type": .null]).hasPrefix(#""model_type": no such key; expected one of bert,"#))
    #expect(
      try line(["hidden_act": "mish"]).hasPrefix(#""hidden_act": "mish" is not supported; supported: gelu, "#))
    #expect(
      try line(["position_embedding_type": "relative_key"])
        == #""position_embedding_type": "relative_key" is not supported; supported: absolute"#)
    #expect(try line(["is_decoder": .bool(true)]) == #""is_decoder": decoders are not supported"#)
    #expect(try line(["is_causal": .bool(true)]) == #""is_causal": expected false for an encoder, found true"#)
    #expect(try line(["is_causal": .bool(false)]) == "opens")
    #expect(try line(of: "mpnet", ["is_causal": .bool(true)]) == "opens")
    #expect(try line(of: "qwen3", ["is_causal": "no"]) == #""is_causal": expected true or false, found a string"#)
    #expect(
      try line(of: "modernbert", ["layer_types": .array(["chunked", "chunked", "chunked", "chunked"])])
        .hasPrefix(#""layer_types": "chunked" is not supported"#))
    #expect(
      try line(of: "nomic_bert-hub", ["moe_every_n_layers": .integer(2)]).hasPrefix(#""moe_every_n_layers": 2 is not"#))
  }

  @Test func whatMakesNoSenseIsNamed() throws {
    #expect(
      try line(["hidden_size": "wide"]) == #""hidden_size": expected a whole number from 1 to 1073741824, found "wide""#
    )
    #expect(try line(["hidden_size": .null]) == #""hidden_size": no such key"#)
    #expect(
      try line(of: "nomic_bert-hub", ["rotary_scaling_factor": .integer(0)])
        == #""rotary_scaling_factor": expected a number above 0, found 0"#)
    #expect(
      try line(of: "nomic_bert-hub", ["rotary_scaling_factor": .integer(2), "rotary_emb_fraction": .number(0.25)])
        == #""rotary_scaling_factor": needs more than 2 turned columns, found 2"#)
    #expect(try line(["num_hidden_layers": .integer(-1)]).contains("found -1"))
    #expect(try line(["num_hidden_layers": .integer(1 << 40)]).contains("from 1 to 4096, found 1099511627776"))
    #expect(try line(of: "albert", ["num_hidden_groups": .integer(5)]).contains("from 1 to 4, found 5"))
    #expect(try line(["hidden_dropout_prob": .number(1.5)]).contains("expected a number in [0, 1), found 1.5"))
    #expect(try line(["num_attention_heads": .integer(3)]).contains("3 heads do not divide a width of 16"))
    #expect(try line(of: "roberta", ["max_position_embeddings": .integer(2)]).contains("leave no position"))
    #expect(try line(of: "qwen3", ["num_key_value_heads": .integer(3)]).contains("expected a divisor of 2 heads"))
    #expect(try line(["id2label": ["0": "a", "2": "b"]]).contains(#"expected the numbers 0 ..< 2, found "2""#))
    #expect(try line(["layer_norm_eps": "tiny"]).contains("expected a number"))
  }

  @Test func aConfigurationThatDisagreesWithTheShapesNamesBoth() throws {
    let weights = "model.safetensors"
    #expect(
      try line(["intermediate_size": .integer(25)], file: weights)
        == #""encoder.layer.0.intermediate.dense.weight": expected shape [25, 16], found [24, 16]"#)
    #expect(
      try line(["vocab_size": .integer(61)], file: weights)
        == #""embeddings.word_embeddings.weight": expected shape [61, 16], found [60, 16]"#)
    #expect(
      try line(["num_hidden_layers": .integer(3)], file: weights)
        == #""encoder.layer.2.attention.self.query.weight": no such tensor in the file"#)
    #expect(
      try line(["num_hidden_layers": .integer(1)], file: weights).hasPrefix(
        "16 tensors belong to no layer of this model: encoder.layer.1.attention.output.LayerNorm.bias, "))
  }

  @Test func missingFilesAreNamed() throws {
    try withCopy(of: "bert") { folder in
      let config = folder.appendingPathComponent("config.json")
      try FileManager.default.removeItem(at: config)
      #expect { try Transformer.open(folder) } throws: {
        "\($0)"
          == "\(config.path): no such file: the number of attention heads can't be told from the weights alone"
      }
      // Everything else can be told.
      let configuration = try TransformerConfiguration.bert(of: folder, heads: 2)
      let golden = try PretrainedGolden("bert")
      let model = try Transformer.open(folder, configuration: configuration)
      try golden.expect(model(golden.ids(), typeIDs: golden.types()).rows, "hidden")

      let weights = folder.appendingPathComponent("model.safetensors")
      try FileManager.default.removeItem(at: weights)
      #expect { try Transformer.open(folder, configuration: configuration) } throws: {
        "\($0)" == "\(folder.path): expected model.safetensors or model.safetensors.index.json in the folder"
      }
    }
  }

  /// The same model from shards, and from the names that TensorFlow's checkpoints had.
  @Test func shardsAndOldNamesOpen() throws {
    let golden = try PretrainedGolden("bert")
    try withCopy(of: "bert") { folder in
      let file = try SafetensorsFile(folder.appendingPathComponent("model.safetensors"))
      var writers = [SafetensorsWriter(), SafetensorsWriter()]
      var map: [JSON.Member] = []
      for (place, key) in file.keys.enumerated() {
        let old = key.contains("LayerNorm")
        let name = !old ? key : key.replacing("weight", with: "gamma").replacing("bias", with: "beta")
        writers[place % 2].add("bert." + name, shape: try file.entry(key).shape, try file.floats(key))
        map.append(.init("bert." + name, .string("model-\(place % 2).safetensors")))
      }
      for (place, writer) in writers.enumerated() {
        try writer.write(to: folder.appendingPathComponent("model-\(place).safetensors"))
      }
      try JSON.object([.init("weight_map", .object(map))]).text().write(
        to: folder.appendingPathComponent("model.safetensors.index.json"), atomically: true, encoding: .utf8)
      try FileManager.default.removeItem(at: folder.appendingPathComponent("model.safetensors"))
      let model = try Transformer.open(folder)
      try golden.expect(model(golden.ids(), typeIDs: golden.types()).rows, "hidden")
      #expect(model.parameters.contains { $0.name == "bert.embeddings.LayerNorm.gamma" })
    }
  }

  /// Configurations written by older libraries say the same with other keys.
  @Test func oldSpellingsMeanTheSame() throws {
    func configuration(_ name: String, without keys: [String], with others: [String: JSON]) throws
      -> TransformerConfiguration
    {
      let url = PretrainedGolden.root.appendingPathComponent("\(name)/config.json")
      let members = try #require(try JSON(contentsOf: url).members).filter { !keys.contains($0.name) }
      return try TransformerConfiguration(.object(members + others.map { .init($0.key, $0.value) }), url: url)
    }
    let modern = try configuration("modernbert", without: [], with: [:])
    #expect(modern.layerForms.map(\.window) == [nil, 8, 8, nil])
    let old = try configuration(
      "modernbert", without: ["rope_parameters", "layer_types"],
      with: [
        "global_attn_every_n_layers": .integer(3), "global_rope_theta": .number(160000.0),
        "local_rope_theta": .number(10000.0),
      ])
    #expect(old.layerForms == modern.layerForms && old.rotary == modern.rotary)
    #expect(modern.rotary.map(\.theta) == [160_000, 10_000])

    let qwen = try configuration("qwen3", without: [], with: [:])
    let oldQwen = try configuration(
      "qwen3", without: ["rope_parameters", "layer_types"],
      with: ["rope_theta": .integer(1_000_000), "rope_scaling": .null])
    #expect(oldQwen.layerForms == qwen.layerForms && oldQwen.rotary == qwen.rotary)
    #expect(qwen.layerForms.map(\.window) == [nil, 7] && qwen.layerForms.allSatisfy(\.causal))
    let both = try configuration("qwen3", without: [], with: ["is_causal": .bool(false)])
    #expect(both.layerForms.map(\.window) == [nil, 8] && !both.layerForms.contains(where: \.causal))

    let linear: JSON = ["type": "linear", "factor": .number(4)]
    let scaled = try configuration(
      "gte", without: ["rope_parameters"], with: ["rope_theta": .integer(500), "rope_scaling": linear])
    #expect(scaled.rotary == [RotaryForm(theta: 500, width: 8, scaling: .linear(4))])
  }

  @Test func idsThatTheModelDoesNotTakeAreNamed() throws {
    let model = try Transformer.open(PretrainedGolden("bert").folder)
    func problem(_ ids: [[Int32]], _ types: [[Int32]]? = nil) -> String {
      do {
        try model.check(Ragged(ids), typeIDs: types.map { Ragged($0) })
        return ""
      } catch {
        let (text, file) = ("\(error)", model.configuration.url.path + ": ")
        return text.hasPrefix(file) ? String(text.dropFirst(file.count)) : "no file: " + text
      }
    }
    #expect(problem([[1, 2], [3]]) == "")
    #expect(
      problem([[1, 2], [3, 60]]) == "text 1: token 1 has the id 60, outside 0 ..< 60: the tokenizer isn't the model's")
    #expect(problem([[-1]]) == "text 0: token 0 has the id -1, outside 0 ..< 60: the tokenizer isn't the model's")
    #expect(problem([[1], Array(repeating: 1, count: 49)]) == "text 1: 49 tokens, the model takes 48")
    #expect(problem([[1, 2]], [[0, 2]]) == "text 0: type id 2 is outside 0 ..< 2")
    #expect(problem([[1, 2]], [[0]]) == "text 0: the type ids are not one for each token")
    #expect(problem([Array(repeating: 1, count: 48)]) == "")
  }

  @Test func tablesHaveTwoAxesWhereTheConfigurationIsMissing() throws {
    try withCopy(of: "bert") { folder in
      var writer = SafetensorsWriter()
      writer.add("embeddings.word_embeddings.weight", shape: [3], [1, 2, 3] as [Float])
      try writer.write(to: folder.appendingPathComponent("model.safetensors"))
      #expect {
        try TransformerConfiguration.bert(of: folder)
      } throws: {
        "\($0)".hasSuffix(#""embeddings.word_embeddings.weight": expected a table, found shape [3]"#)
      }
    }
  }
}
