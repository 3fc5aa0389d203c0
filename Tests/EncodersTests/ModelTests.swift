import Checkpoints
import Encoders
import Foundation
import Layers
import Tensors
import Testing
import Tokenizers

@Suite struct ModelTests {
  static let networks = [
    "bag: {}", "cnn: {widths: [2, 3], channels: 8}", "rnn: {hidden: 8}", "lstm: {hidden: 8, bidirectional: true}",
    "gru: {hidden: 8, layers: 2}", "transformer: {layers: 1, heads: 2}",
  ]

  func model(_ network: String, labels: [String] = ["no", "yes"], isBinary: Bool = false) throws -> Model {
    let text = """
      preprocess: {text: {max_length: 20}}
      encode: {embedding: {dimension: 12}, \(network)}
      pool: [mean, max, attention]
      project: [{linear: 6}, tanh, normalize]
      """
    let root = try Section(Value(parsing: text, file: "recipe.yaml"))
    let tokenizer = WordTokenizer.train(texts: ["one two three four five six seven"], maximumLength: 20)
    return try Model(
      EncoderConfiguration(root), task: isBinary ? .binaryClassification : .classification, labels: labels,
      tokenizer: tokenizer, at: .random(seed: 1))
  }

  @Test(arguments: networks) func aTextsVectorDoesNotDependOnItsBatch(_ network: String) throws {
    let model = try model(network)
    let texts = ["one two three", "", "seven", "six six six one unheard four", "two five"]
    let all = model.embed(try model.input(texts: texts)).scalars
    let finite = all.filter(\.isFinite).count
    #expect(finite == all.count)
    for (place, text) in texts.enumerated() {
      let alone = model.embed(try model.input(texts: [text])).scalars
      #expect(alone == Array(all[place * 6..<(place + 1) * 6]), "\(text)")
    }
  }

  @Test(arguments: networks) func aSavedModelGivesTheSameBits(_ network: String) throws {
    let model = try model(network)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try model.save(to: folder)
    let opened = try Model.open(folder)
    let texts = ["one two three", "six unheard"]
    let probabilities = model.probabilities(try model.input(texts: texts))
    #expect(opened.probabilities(try opened.input(texts: texts)) == probabilities)
    #expect(opened.labels == model.labels && opened.steps == model.steps)
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
      let file = folder.appendingPathComponent(name)
      let bytes = try Data(contentsOf: file)
      try bytes.prefix(bytes.count / 2).write(to: file)
      #expect { try Model.open(folder) } throws: { "\($0)".contains(name) && !"\($0)".contains("\n") }
      try FileManager.default.removeItem(at: file)
      #expect { try Model.open(folder) } throws: { "\($0)".contains(name) && !"\($0)".contains("\n") }
      try bytes.write(to: file)
    }
  }

  @Test func aModelOfImagesTakesNoTexts() throws {
    let text = """
      preprocess: {image: {size: [6, 6]}}
      encode: {layers: [{convolution: {channels: 2, kernel: 3}}, relu]}
      pool: flatten
      project: [{linear: 4}]
      """
    let root = try Section(Value(parsing: text, file: "recipe.yaml"))
    let model = try Model(
      EncoderConfiguration(root), task: .classification, labels: ["no", "yes"], tokenizer: nil, at: .random(seed: 1))
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try model.save(to: folder)
    let opened = try Model.open(folder)
    for (model, place) in [(model, "model"), (opened, folder.path)] {
      let expected = "\(place): expected a model of texts, found one of images"
      #expect { try model.input(texts: ["a film"]) } throws: { "\($0)" == expected }
    }
  }

  @Test func labelsThatMakeNoSenseAreNamed() throws {
    for (labels, isBinary, problem) in [
      (["no", "yes", "no"], false, "expected different labels, found \"no\" twice"),
      (["yes"], true, "expected two labels for binary_classification, found 1"),
    ] {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: folder) }
      try model("bag: {}", labels: labels, isBinary: isBinary).save(to: folder)
      let expected = "\(folder.path)/config.json: \"labels\": \(problem)"
      #expect { try Model.open(folder) } throws: { "\($0)" == expected }
    }
  }

  @Test func aClassifierHasLabels() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try model("bag: {}").save(to: folder)
    let file = folder.appendingPathComponent("config.json")
    let members = try #require(JSON(contentsOf: file).members).filter { $0.name != "labels" }
    try AtomicFile.write(.object(members + [.init("labels", .array([]))]), to: file)
    let expected = "\(file.path): \"labels\": expected a label for classification, found none"
    #expect { try Model.open(folder) } throws: { "\($0)" == expected }
  }

  @Test func onlyPretrainedEncodersHavePrompts() throws {
    let model = try model("bag: {}")
    let expected = "model: expected no prompt, as only pretrained encoders of texts have them, found \"two \""
    #expect { try model.input(texts: ["one"], prompt: "two ") } throws: { "\($0)" == expected }
    #expect(try model.input(texts: ["one"], prompt: "").count == 1)
  }

  @Test func aLastStepThatNormalizesIsLeftOut() throws {
    let model = try model("bag: {}")
    let input = try model.input(texts: ["one two three", "six"])
    let (vectors, longer) = (model.embed(input), model.withoutNormalization().embed(input))
    #expect(longer.scalars != vectors.scalars && longer.normalized().scalars == vectors.scalars)
  }
}
