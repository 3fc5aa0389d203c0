import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Encoders

/// Tiny adapters of the PEFT library against what it computes with them in sentence-transformers.
@Suite struct AdapterTests {
  let golden = goldens.appendingPathComponent("Sentence")
  let file: SafetensorsFile
  let texts: [String]

  init() throws {
    file = try SafetensorsFile(golden.appendingPathComponent("adapters.safetensors"))
    texts = try sentenceTexts("texts.json")
  }

  func folder(_ name: String) -> URL { golden.appendingPathComponent("adapters/\(name)") }

  func expect(_ found: Tensor, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    try file.expect(found, name, within: 2e-5, sourceLocation: sourceLocation)
  }

  /// A temporary folder, gone afterwards.
  func temporary(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("adapter-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test(arguments: ["lora", "dora", "sentence"]) func vectorsArePEFTs(_ name: String) throws {
    let encoder = try SentenceEncoder.open(folder(name))
    try expect(encoder.encode(texts), name)
    #expect(encoder.notes.isEmpty == (name == "sentence"))
  }

  @Test func crossEncodersArePEFTs() throws {
    #expect(try CrossEncoder.isOne(folder("cross")) && !CrossEncoder.isOne(folder("lora")))
    try expect(CrossEncoder.open(folder("cross")).scores(texts.map { (texts[0], $0) }), "cross")
  }

  /// PEFT names layers as transformers has them in memory, whose files keep some under other names, and several as one tensor.
  @Test(arguments: ["gte", "nomic_bert"]) func partsOfFusedTensorsArePEFTs(_ name: String) throws {
    let base = try PretrainedGolden(name)
    let folder = base.folder.appendingPathComponent("adapter")
    let file = try SafetensorsFile(folder.appendingPathComponent("golden.safetensors"))
    let hidden = try Transformer.open(folder)(base.ids(), typeIDs: base.types()).rows
    try PretrainedGolden(folder: folder, file: file).expect(hidden, "hidden")
  }

  /// What is saved needs neither the adapter nor its base any more.
  @Test(arguments: ["lora", "dora", "sentence"]) func aSavedFolderGivesTheSameBits(_ name: String) throws {
    let encoder = try SentenceEncoder.open(folder(name))
    try temporary { output in
      try encoder.save(to: output)
      #expect(!AdapterFolder.isOne(output))
      #expect(try SentenceEncoder.open(output).encode(texts).scalars == encoder.encode(texts).scalars)
    }
  }

  /// A copy of an adapter with some members of its configuration changed, and its base beside it.
  func opened(_ name: String, _ changes: [String: JSON], base: Bool = true) throws -> String {
    var line = ""
    try temporary { place in
      let adapter = place.appendingPathComponent("adapter")
      try FileManager.default.copyItem(at: folder(name), to: adapter)
      if base {
        try FileManager.default.copyItem(
          at: golden.appendingPathComponent("plain"), to: place.appendingPathComponent("base"))
      }
      let url = adapter.appendingPathComponent("adapter_config.json")
      let members = try #require(JSON(contentsOf: url).members).filter { changes[$0.name] == nil }
      try AtomicFile.write(.object(members + changes.map { .init($0, $1) }), to: url)
      do {
        try expect(SentenceEncoder.open(adapter).encode(texts), name)
        line = "opens"
      } catch {
        #expect(!"\(error)".contains("\n"))
        line = "\(error)".replacing(place.path, with: "")
      }
    }
    return line
  }

  @Test func theBaseIsFoundBesideTheAdapter() throws {
    let key = "base_model_name_or_path"
    #expect(try opened("lora", [key: "../base"]) == "opens")
    #expect(try opened("lora", [key: "someone/base"]) == "opens")
    #expect(try opened("lora", [key: .string(golden.appendingPathComponent("plain").path)], base: false) == "opens")
    let line = try opened("lora", [key: "someone/base"], base: false)
    #expect(
      line.hasPrefix(
        #"/adapter/adapter_config.json: "base_model_name_or_path": expected the folder of the base model, found none at "#
      )
        && line.contains("/adapter/someone/base, ") && line.hasSuffix(", /base"), "\(line)")
    #expect(
      try opened("lora", [key: .null])
        == #"/adapter/adapter_config.json: "base_model_name_or_path": expected the folder of the base model, found none"#
    )
  }

  @Test func whatIsNotSupportedIsNamed() throws {
    func line(_ changes: [String: JSON]) throws -> String {
      let found = try opened("lora", changes.merging(["base_model_name_or_path": "../base"]) { $1 })
      let prefix = "/adapter/adapter_config.json: "
      #expect(found.hasPrefix(prefix), "\(found)")
      return String(found.dropFirst(prefix.count))
    }
    #expect(try line(["peft_type": "IA3"]) == #""peft_type": expected "LORA", found "IA3""#)
    #expect(
      try line(["lora_bias": true]) == #""lora_bias": expected null, as nothing else is supported, found true"#)
    #expect(try line(["init_lora_weights": "pissa"]).contains("leaves the base model's weights as they are, found"))
    for rank in [0, .max] {
      #expect(try line(["r": .integer(rank)]) == #""r": expected a rank from 1 to 1048576, found \#(rank)"#)
    }
    for rank in [.integer(0), .number(8.5), .number(1e300)] as [JSON] {
      let found = try line(["rank_pattern": ["query": rank]])
      #expect(found.hasPrefix(#""rank_pattern": expected ranks from 1 to 1048576 by names of layers"#), "\(found)")
    }
    #expect(try line(["alpha_pattern": ["(": .integer(3)]]).hasPrefix(#""alpha_pattern": expected numbers above 0"#))
  }

  @Test func whatDoesNotFitIsNamed() throws {
    let base: [String: JSON] = ["base_model_name_or_path": "../base"]
    let key = "base_model.model.encoder.layer.0.attention.self.query.lora_A.weight"
    #expect(
      try opened("lora", base.merging(["rank_pattern": [:]]) { $1 })
        == "/adapter/adapter_model.safetensors: \"\(key)\": expected rank 4, as adapter_config.json has it, found 2")
    try temporary { place in
      let fused = goldens.appendingPathComponent("pretrained/gte/adapter")
      let weights = try SafetensorsFile(fused.appendingPathComponent("adapter_model.safetensors"))
      let key = "base_model.model.layers.0.self_attn.v_proj.base_layer.bias"
      var writer = SafetensorsWriter()
      for other in weights.keys where other != key { try writer.add(other, of: weights) }
      writer.add(key, shape: [3], [1, 2, 3] as [Float])
      try writer.write(to: place.appendingPathComponent("adapter_model.safetensors"))
      try FileManager.default.copyItem(
        at: fused.appendingPathComponent("adapter_config.json"),
        to: place.appendingPathComponent("adapter_config.json"))
      #expect {
        _ = try Checkpoint(goldens.appendingPathComponent("pretrained/gte"), adapter: AdapterFolder(place))
      } throws: {
        "\($0)".hasSuffix(
          "\"\(key)\": expected shape [16] of block 3 of 3 of encoder.layer.0.attention.qkv_proj.bias, found [3]")
      }
    }
    // An adapter of a wider model.
    let narrow = goldens.appendingPathComponent("pretrained/bert")
    let adapter = try AdapterFolder(folder("cross"))
    #expect {
      _ = try Checkpoint(narrow, adapter: adapter)
    } throws: {
      "\($0)".contains(
        #""base_model.model.bert.encoder.layer.0.attention.self.value.lora_A.weight": expected an addition to "#
          + "encoder.layer.0.attention.self.value.weight of shape [16, 16], found shapes [2, 32] and [32, 2]")
    }
  }

  /// The base model's tensors changed by an adapter that keeps some of its tensors and has zeros besides.
  func merged(
    keeping isKept: (String) -> Bool = { _ in true }, _ zeros: [String: [Int]] = [:],
    _ body: (Checkpoint) throws -> Void
  ) throws {
    try temporary { adapter in
      let weights = try SafetensorsFile(folder("lora").appendingPathComponent("adapter_model.safetensors"))
      var writer = SafetensorsWriter()
      for key in weights.keys where isKept(key) { try writer.add(key, of: weights) }
      for (name, shape) in zeros { writer.add(name, shape: shape, [Float](repeating: 0, count: shape.reduce(1, *))) }
      try writer.write(to: adapter.appendingPathComponent("adapter_model.safetensors"))
      let settings = "adapter_config.json"
      try FileManager.default.copyItem(
        at: folder("lora").appendingPathComponent(settings), to: adapter.appendingPathComponent(settings))
      try body(Checkpoint(golden.appendingPathComponent("plain"), adapter: AdapterFolder(adapter)))
    }
  }

  @Test func tensorsWithoutTheirPlaceOrShapeAreNamed() throws {
    func line(keeping isKept: (String) -> Bool = { _ in true }, _ zeros: [String: [Int]] = [:]) throws -> String {
      do {
        try merged(keeping: isKept, zeros) { _ in }
        return "opens"
      } catch { return "\(error)".split(separator: "/adapter_model.safetensors: ").last.map(String.init) ?? "" }
    }
    #expect(try line() == "opens")
    #expect(try line(["base_model.model.pooler.dense.bias": [32]]) == "opens")
    let norm = "base_model.model.embeddings.LayerNorm.bias"
    #expect(try line([norm: [3]]) == "\"\(norm)\": expected shape [32] of embeddings.LayerNorm.bias, found [3]")
    #expect(
      try line(["base_model.model.encoder.extra.bias": [32]])
        == #""base_model.model.encoder.extra.bias": the base model has no encoder.extra.bias"#)
    let query = "base_model.model.encoder.layer.0.attention.self.query."
    #expect(
      try line { $0 != query + "lora_A.weight" }
        == "\"\(query)lora_B.weight\": expected lora_A.weight beside it, found none")
    #expect(try line { $0 != query + "lora_B.weight" }.hasPrefix("\"\(query)lora_B.weight\": "))
    #expect(try line { _ in false }.hasSuffix("expected an adapter's tensors, found none"))
  }

  /// PEFT keeps whole tables of some models beside the additions to them.
  @Test func anAdditionMayBeToATensorOfTheAdapters() throws {
    func values(_ checkpoint: Checkpoint) throws -> [Float] {
      var values = [Float](repeating: 0, count: 157 * 32)
      try values.withUnsafeMutableBufferPointer { try checkpoint.read("embeddings.word_embeddings.weight", into: $0) }
      return values
    }
    let plain = try values(Checkpoint(golden.appendingPathComponent("plain")))
    var added: [Float] = []
    try merged { added = try values($0) }
    let table = "base_model.model.embeddings.word_embeddings"
    try merged([table + ".base_layer.weight": [157, 32]]) { checkpoint in
      let found = try values(checkpoint)
      #expect(found.contains { $0 != 0 })
      #expect(found.indices.allSatisfy { abs(found[$0] - (added[$0] - plain[$0])) < 1e-6 })
    }
    #expect(throws: FileError.self) { try merged([table + ".weight": [157, 32]]) { _ in } }
  }
}
