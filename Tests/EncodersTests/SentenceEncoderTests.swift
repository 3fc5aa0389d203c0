import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Encoders

/// Tiny folders of sentence-transformers against its own vectors.
@Suite struct SentenceEncoderTests {
  let golden = goldens.appendingPathComponent("Sentence")
  let file: SafetensorsFile
  let texts: [String]

  init() throws {
    file = try SafetensorsFile(golden.appendingPathComponent("vectors.safetensors"))
    texts = try sentenceTexts("texts.json")
  }

  func open(_ name: String) throws -> SentenceEncoder {
    try SentenceEncoder.open(golden.appendingPathComponent(name))
  }

  func expect(_ found: Tensor, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    try file.expect(found, name, sourceLocation: sourceLocation)
  }

  @Test(arguments: ["bert", "dense", "plain", "splade"]) func vectorsAreSentenceTransformers(_ name: String) throws {
    try expect(open(name).encode(texts), name)
  }

  @Test func promptsStandBeforeTexts() throws {
    let encoder = try open("bert")
    try expect(encoder.encode(texts, prompt: encoder.prompt(named: "query")), "bert.query")
    #expect(encoder.maximumLength == 20)
    #expect(throws: PromptError.self) { try encoder.prompt(named: "querry") }
    #expect { try encoder.prompt(named: "querry") } throws: {
      "\($0)".hasSuffix("no prompt 'querry'; it has document, query")
    }
  }

  @Test func crossEncodersScorePairs() throws {
    let encoder = try CrossEncoder.open(golden.appendingPathComponent("cross"))
    try expect(encoder.scores(texts.map { (texts[0], $0) }), "cross")
    #expect(try CrossEncoder.isOne(golden.appendingPathComponent("cross")))
    #expect(try !CrossEncoder.isOne(golden.appendingPathComponent("bert")))
  }

  /// transformers' tokenizers give the types of tokens by their class, where the settings don't say.
  @Test func typesAreGivenWhereTheTokenizerGivesThem() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("cross-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(at: golden.appendingPathComponent("cross"), to: folder)
    func scores(_ settings: String) throws -> Tensor {
      try AtomicFile.write("{\(settings)}", to: folder.appendingPathComponent("tokenizer_config.json"))
      return try CrossEncoder.open(folder).scores(texts.map { (texts[0], $0) })
    }
    for settings in ["", "\"tokenizer_class\": \"BertTokenizerFast\""] { try expect(scores(settings), "cross") }
    let without = try scores("\"model_input_names\": [\"input_ids\", \"attention_mask\"]").scalars
    for name in ["TokenizersBackend", "PreTrainedTokenizerFast", "RobertaTokenizer"] {
      #expect(try scores("\"tokenizer_class\": \"\(name)\"").scalars == without)
    }
    #expect(try scores("").scalars != without)
  }

  @Test(arguments: ["bert", "dense", "splade"]) func aTextHasTheSameBitsAloneAndInAnyBatch(_ name: String) throws {
    let encoder = try open(name)
    let all = try encoder.encode(texts).scalars
    let small = encoder.vectors(try encoder.batch(texts, prompt: encoder.prompt(named: nil)), tokens: 30).scalars
    #expect(small == all)
    for (place, text) in texts.enumerated() {
      #expect(
        try encoder.encode([text]).scalars == Array(all[place * encoder.width..<(place + 1) * encoder.width]), "\(text)"
      )
    }
  }

  @Test(arguments: ["bert", "dense", "plain"]) func aSavedFolderGivesTheSameBits(_ name: String) throws {
    let encoder = try open(name)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sentence-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try Model(encoder, task: .classification, labels: ["no", "yes"], at: .random(seed: 3))
    try model.save(to: folder)
    let opened = try Model.open(folder)
    #expect(opened.labels == ["no", "yes"] && opened.sentenceEncoder?.notes == [])
    #expect(opened.vectors(try opened.input(texts: texts)).scalars == (try encoder.encode(texts).scalars))
    #expect(opened.probabilities(try opened.input(texts: texts)) == model.probabilities(try model.input(texts: texts)))
    #expect(throws: FileError.self) { try opened.save(to: folder) }
  }

  @Test func labelsThatAreEqualAreNamed() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sentence-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try Model(open("bert"), task: .classification, labels: ["a", "b", "a"], at: .random(seed: 3))
    try model.save(to: folder)
    let expected = "\(folder.path)/encoders.json: \"labels\": expected different labels, found \"a\" twice"
    #expect { try Model.open(folder) } throws: { "\($0)" == expected }
  }

  @Test func referenceVectorsOfNoTextsAreRefused() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("reference-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try ReferenceVectors(files: [:], samples: []).write(to: folder)
    let expected = "\(folder.path)/reference.json: expected reference vectors, found none"
    #expect { try ReferenceVectors(contentsOf: folder) } throws: { "\($0)" == expected }
  }

  @Test func precisions() {
    let x = Tensor([1, -1, 0.5, 0, 3, 2, -0.5, 0, -1, 0.5, 0.25, 0], shape: [3, 4])
    // As NumPy computes them in float32: the floor of 255 levels between each column's ends; bits of the sign.
    #expect(EmbeddingPrecision.uint8.bytes(x) == [127, 0, 254, 0, 254, 255, 0, 0, 0, 127, 191, 0])
    #expect(
      EmbeddingPrecision.int8.bytes(x).map { Int8(bitPattern: $0) } == [
        -1, -128, 126, -128, 126, 127, -128, -128, -128, -1, 63, -128,
      ])
    #expect(EmbeddingPrecision.ubinary.bytes(x) == [0b1010_0000, 0b1100_0000, 0b0110_0000])
    #expect(EmbeddingPrecision.binary.bytes(x).map { Int8(bitPattern: $0) } == [32, 64, -32])
  }

  @Test func digestsAreOfWhatIsLinkedAndOfAnAdaptersBase() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("reference-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try AtomicFile.write("{}", to: folder.appendingPathComponent("artifact.metadata"))
    for (name, target) in [("model", golden.appendingPathComponent("bert").path), ("up", ".")] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.appendingPathComponent(name).path, withDestinationPath: target)
    }
    let digests = try ReferenceVectors.digests(golden.appendingPathComponent("bert"))
    #expect(digests["model.safetensors"] != nil && digests["1_Pooling/config.json"] != nil)
    #expect(try ReferenceVectors.digests(folder.appendingPathComponent("model")) == digests)
    let names = Set(digests.keys.map { "model/" + $0 })
    #expect(try Set(ReferenceVectors.digests(folder).keys) == names.union(["artifact.metadata"]))
    let adapter = try ReferenceVectors.digests(golden.appendingPathComponent("adapters/lora"))
    let base = try ReferenceVectors.digests(golden.appendingPathComponent("plain"))
    #expect(adapter["adapter_model.safetensors"] != nil && base["model.safetensors"] != nil)
    #expect(adapter["base/model.safetensors"] == base["model.safetensors"])
  }

  @Test(arguments: ["bert", "splade"]) func theLastLayerGivesTheEmbedding(_ name: String) throws {
    let encoder = try open(name)
    let batch = try encoder.batch(texts)
    let layers = encoder.layers(batch)
    #expect(layers.count == 1 + (encoder.transformer?.configuration.layers ?? 0))
    #expect(layers.allSatisfy { $0.width == encoder.width })
    #expect(layers.last?.scalars == encoder(batch).scalars)
    let checkpointing = encoder.checkpointingLayers()
    #expect(checkpointing.transformer?.checkpointsLayers == true)
    #expect(checkpointing(batch).scalars == encoder(batch).scalars)
  }
}
