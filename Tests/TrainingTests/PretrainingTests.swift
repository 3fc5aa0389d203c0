import Checkpoints
import Encoders
import Foundation
import TestSupport
import Tensors
import Testing
import Tokenizers

@testable import Training

/// Transformers that learn to guess masked tokens.
@Suite struct PretrainingTests {
  let folder: TemporaryFolder
  var url: URL { folder.url }

  init() throws {
    folder = try TemporaryFolder()
    let lines = (0..<60).map { "the \(["film", "plot", "cast"][$0 % 3]) is \(["great", "dull"][$0 % 2]) \($0)" }
    try Data(lines.joined(separator: "\n").utf8).write(to: url.appendingPathComponent("texts.txt"))
  }

  func train(_ name: String, resume: Bool = false, observers: [any TrainerObserver] = []) throws -> TrainingSummary? {
    let text = """
      encode: {new: {tokenizer: \(goldens.appendingPathComponent("Sentence/bert").path), hidden_size: 32,
        num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32}}
      data: {path: texts.txt, validation: 0.2}
      objective: masked_language_model
      training: {epochs: 3, batch_size: 8, learning_rate: 0.003, checkpoint_every: 3}
      """
    return try train(recipe: text, as: name, resume: resume, observers: observers)
  }

  @discardableResult
  func train(
    recipe: String, as name: String, resume: Bool = false, observers: [any TrainerObserver] = []
  ) throws -> TrainingSummary? {
    let run = try RecipeFile(recipe, url.appendingPathComponent("recipe.yaml")).start()
    return try run.run(output: url.appendingPathComponent(name), resume: resume, observers: observers)
  }

  @Test func resumesToTheSameBitsAndOpens() throws {
    let summary = try #require(try train("whole"))
    #expect(summary.trainSamples + summary.validationSamples == 60 && summary.validationSamples > 0)
    #expect(throws: Kill.Killed.self) { _ = try train("cut", observers: [Kill(after: 8)]) }
    _ = try train("cut", resume: true)
    func bits(_ name: String) throws -> Data {
      try Data(contentsOf: url.appendingPathComponent("\(name)/model.safetensors"))
    }
    #expect(try bits("cut") == bits("whole"))
    #expect(try SentenceEncoder.open(url.appendingPathComponent("whole")).encode(["the film"]).shape == [1, 32])
  }

  @Test func aModelOfAnotherKindIsReplacedWhole() throws {
    let output = url.appendingPathComponent("over")
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/dense"), to: output)
    for name in ["encoders.json", "notes.txt"] { try Data("{}".utf8).write(to: output.appendingPathComponent(name)) }
    func names() throws -> Set<String> { try Set(FileManager.default.contentsOfDirectory(atPath: output.path)) }
    let before = try names()
    #expect(throws: Kill.Killed.self) { _ = try train("over", observers: [Kill(after: 2)]) }
    #expect(try names().isSuperset(of: before))
    _ = try train("over")
    let parts = ["modules.json", "1_Pooling", "2_Dense", "sentence_bert_config.json", "encoders.json"]
    let after = try names()
    #expect(after.isDisjoint(with: parts) && after.contains("notes.txt"), "\(after)")
    #expect(try SentenceEncoder.open(output).encode(["the film"]).shape == [1, 32])
  }

  /// A model's card goes with the model, a README of somebody's own doesn't.
  @Test func aCardIsAPartOfItsModel() throws {
    let model = url.appendingPathComponent("model")
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/dense"), to: model)
    let card = model.appendingPathComponent("README.md")
    for (text, isPart) in [("# Mine\n", false), ("---\nlibrary_name: x\n---\n# A model\n", true)] {
      try Data(text.utf8).write(to: card)
      #expect(ModelParts.names(in: model).contains("README.md") == isPart)
    }
    try ModelParts.remove(from: model)
    #expect(!FileManager.default.fileExists(atPath: card.path))
    try Data("---\n".utf8).write(to: card)
    #expect(ModelParts.names(in: model) == [])
  }

  @Test func theCardSaysHowItWasMade() throws {
    let summary = try #require(try train("carded"))
    let card = try String(contentsOf: url.appendingPathComponent("carded/README.md"), encoding: .utf8)
    for part in [
      "---\nlibrary_name: transformers\npipeline_tag: fill-mask\ntags:\n- fill-mask\n- bert\n",
      "- loss:masked_language_model\n---\n", "- Longest text: 32 tokens", "| perplexity | ",
      "- texts.txt: \(summary.trainSamples) samples of 1 text\n", "max_position_embeddings: 32",
    ] {
      #expect(card.contains(part), "\(part)")
    }
  }

  /// The first positions of a RoBERTa stand for padding: its texts are shorter than its table of positions.
  @Test(arguments: [("1e30", 32), ("32", 32), ("20", 20)])
  func theTokenizerSaysHowLongATextMayBe(given: String, expected: Int) throws {
    let config = """
      {"model_type": "roberta", "vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
       "intermediate_size": 64, "max_position_embeddings": 34, "pad_token_id": 1}
      """
    let model = url.appendingPathComponent("roberta")
    try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: goldens.appendingPathComponent("Sentence/bert/tokenizer.json"),
      to: model.appendingPathComponent("tokenizer.json"))
    let settings = "{\"model_max_length\": \(given), \"tokenizer_class\": \"PreTrainedTokenizerFast\"}"
    for (name, text) in [("config.json", config), ("tokenizer_config.json", settings)] {
      try Data(text.utf8).write(to: model.appendingPathComponent(name))
    }
    let text = """
      encode: {new: roberta}
      data: {path: texts.txt, validation: 0}
      objective: masked_language_model
      training: {epochs: 1, batch_size: 64}
      """
    let output = url.appendingPathComponent("trained")
    try train(recipe: text, as: "trained")
    let written = try JSON(contentsOf: output.appendingPathComponent("tokenizer_config.json"))
    #expect(written["model_max_length"]?.integer == expected)
    #expect(written["tokenizer_class"]?.string == "PreTrainedTokenizerFast")
  }

  /// Sentence encoders have lost the head that they were pretrained with.
  @Test func anEncoderWithoutHeadGetsOne() throws {
    func run(_ model: String) throws -> PretrainingRun {
      let text = """
        encode: {pretrained: \(model)}
        data: {path: texts.txt, validation: 0.2}
        objective: masked_language_model
        training: {epochs: 1, batch_size: 8, learning_rate: 0.001}
        """
      return try #require(RecipeFile(text, url.appendingPathComponent("recipe.yaml")).start() as? PretrainingRun)
    }
    let encoder = goldens.appendingPathComponent("Sentence/bert").path
    let first = try run(encoder)
    #expect(first.model.hasNewHead && first.notes.contains { $0.contains("no head") })
    _ = try first.run(output: url.appendingPathComponent("first"))
    let second = try run("first")
    #expect(!second.model.hasNewHead && !second.notes.contains { $0.contains("no head") })
    func values(_ model: MaskedLanguageModel) -> [String: [Float]] {
      Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.scalars) })
    }
    #expect(values(first.model) == values(second.model))
  }

  @Test func theProbabilityFitsIntoFloat32() {
    let text = """
      encode: {pretrained: x}
      data: {path: texts.txt}
      objective: {masked_language_model: {probability: 1e-50}}
      training: {epochs: 1}
      """
    let error = #expect(throws: ConfigurationError.self) { try RecipeFile(text, url.appendingPathComponent("r.yaml")) }
    let problem = "expected a number between 0 and 1 that float32 can hold, found '1e-50'"
    #expect(error?.description.hasSuffix(problem) == true, "\(error?.description ?? "")")
  }

  @Test func masksByChance() throws {
    let tokenizer = try Tokenizer(folder: goldens.appendingPathComponent("Sentence/bert"))
    let masking = try #require(TokenMasking(tokenizer))
    let free = try #require((0..<Int32(tokenizer.vocabularySize)).first { !masking.special.contains($0) })
    let special = try #require(masking.special.first { $0 != masking.mask })
    let texts = Array(repeating: [special] + Array(repeating: free, count: 99), count: 200)
    let (masked, places, hidden) = masking(texts, Random(seed: 1))
    #expect(abs(Double(places.count) / 19800 - 0.15) < 0.01)
    #expect(hidden.allSatisfy { $0 == free } && places.allSatisfy { $0 % 100 != 0 })
    let masks = masked.joined().count { $0 == masking.mask }
    #expect(abs(Double(masks) / Double(places.count) - 0.8) < 0.03)
    #expect(masking([[special, free]], Random(seed: 2)).hidden == [free])
  }

  @Test func theTokenizersFilesAreCopied() throws {
    let (tokens, bert) = (url.appendingPathComponent("tokens"), goldens.appendingPathComponent("Sentence/bert"))
    try FileManager.default.createDirectory(at: tokens, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: bert.appendingPathComponent("tokenizer.json"), to: tokens.appendingPathComponent("tokenizer.json"))
    let names = ["spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "spm.model", "sentencepiece.model"]
    for name in names { try Data("pieces".utf8).write(to: tokens.appendingPathComponent(name)) }
    let text = """
      encode: {new: {tokenizer: tokens, hidden_size: 32, num_hidden_layers: 1, max_position_embeddings: 32}}
      data: {path: texts.txt, validation: 0}
      objective: masked_language_model
      training: {epochs: 1, batch_size: 32}
      """
    let output = url.appendingPathComponent("copied")
    try train(recipe: text, as: "copied")
    #expect(try Set(FileManager.default.contentsOfDirectory(atPath: output.path)).isSuperset(of: names))
  }

  @Test(arguments: [("early_stopping", "{patience: 2}"), ("best", "accuracy")])
  func theBestEpochNeedsTextsHeldOut(key: String, value: String) {
    let text = """
      encode: {new: {tokenizer: \(goldens.appendingPathComponent("Sentence/bert").path), hidden_size: 32}}
      data: {path: texts.txt, validation: 0}
      objective: masked_language_model
      training: {epochs: 1, \(key): \(value)}
      """
    let error = #expect(throws: ConfigurationError.self) {
      _ = try RecipeFile(text, url.appendingPathComponent("recipe.yaml")).start()
    }
    let problem = "training.\(key): expected data.validation or data.split to find the best epoch, found none"
    #expect(error?.description.hasSuffix(problem) == true, "\(error?.description ?? "")")
  }
}
