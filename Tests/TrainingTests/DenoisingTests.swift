import Checkpoints
import Foundation
import Layers
import TestSupport
import Tensors
import Testing

@testable import Encoders
@testable import Training

/// TSDAE: the decoder, and training from plain texts.
@Suite struct DenoisingTests {
  let folder: TemporaryFolder
  var url: URL { folder.url }
  static let bert = goldens.appendingPathComponent("Sentence/bert")

  init() throws {
    folder = try TemporaryFolder()
    let (things, kinds) = (["film", "plot's", "cast", "café"], ["brilliant!", "dull", "great"])
    let texts = (0..<41).map { "the \(things[$0 % 4]) and the \(things[$0 / 4 % 4]) \(kinds[$0 % 3]) 8/10" }
    try Data(texts.joined(separator: "\n\n").utf8).write(to: url.appendingPathComponent("texts.txt"))
  }

  /// Attention to one key is the key's value, in value, derivatives and dropout, whatever the queries are.
  @Test func attentionToOneKeyIsItsValue() throws {
    let random = Random(seed: 3)
    func values(_ shape: [Int], _ place: UInt64) -> Tensor {
      let random = random.split(place)
      return Tensor((0..<shape.reduce(1, *)).map { random.uniform(at: UInt64($0)) - 0.5 }, shape: shape)
    }
    let (queries, keys, value) = (values([7, 8], 0), values([7, 8], 1), Parameter("value", values([7, 8], 2)))
    let weights = values([7, 8], 3)
    let (out, gradient) = recording {
      let rows = Ragged(queries, Offsets(lengths: Array(repeating: 1, count: 7)))
      let out = rows.attention(keys: keys, values: value.tensor, heads: 2, keyHeads: 2).rows
      return (out.scalars, (out * weights).sum().gradients()[value])
    }
    #expect(out == value.scalars && gradient?.scalars == weights.scalars)
  }

  /// Whole heads of values are dropped, and the others scaled: in training alone.
  @Test func probabilitiesAreDropped() throws {
    let json: JSON = [
      "model_type": "bert", "vocab_size": .integer(9), "hidden_size": .integer(8), "num_hidden_layers": .integer(1),
      "num_attention_heads": .integer(2),
      "intermediate_size": .integer(8), "attention_probs_dropout_prob": .number(0.5),
      "hidden_dropout_prob": .number(0.0),
    ]
    let configuration = try TransformerConfiguration(json, url: url)
    let scope = Scope.random(seed: 5)
    let attention = try EmbeddingAttention(configuration, at: scope)
    let texts = IDs([0, 0, 0, 1, 1, 1, 1, 1])
    let (x, embeddings) = (Tensor.zeros([8, 8]), Tensor((0..<16).map { Float($0 * 7 % 5) - 2 }, shape: [2, 8]))
    let calm = attention(x, embeddings, texts).scalars
    #expect(calm[0..<8] == calm[8..<16] && calm[0..<8] != calm[24..<32])
    let dropped = training(Random(seed: 1)) { attention(x, embeddings, texts).scalars }
    let kinds = Set((3..<8).map { Array(dropped[$0 * 8..<$0 * 8 + 8]) })
    #expect(kinds.count > 1 && kinds.count <= 4)
  }

  func run(_ training: String, encode: String = "", data: String = "path: texts.txt") throws -> SentenceRun {
    let text = """
      encode: {pretrained: \(Self.bert.path)\(encode)}
      data: {\(data)}
      objective: denoising_auto_encoder
      training: {learning_rate: 0.003, batch_size: 8, \(training)}
      """
    return try SentenceRun(SentenceRecipe(text, url.appendingPathComponent("recipe.yaml")))
  }

  @Test func learnsResumesAndOpens() throws {
    let training = "epochs: 5, checkpoint_every: 3, best: loss"
    let data = "path: texts.txt, split: {random: {validation: 0.2, test: 0}}"
    func train(_ name: String, encode: String = "", kill: Int? = nil, resume: Bool = false) throws -> [EpochRecord] {
      let run = try run(training, encode: encode, data: data)
      #expect(run.metric == "loss")
      let folder = url.appendingPathComponent(name)
      let summary = try run.run(output: folder, resume: resume, observers: kill.map { [Kill(after: $0)] } ?? [])
      #expect(summary?.fineTuning?.objectives == ["denoising_auto_encoder"])
      let lines = try String(contentsOf: folder.appendingPathComponent("history.jsonl"), encoding: .utf8)
      return try lines.split(separator: "\n").map { try JSONDecoder().decode(EpochRecord.self, from: Data($0.utf8)) }
    }
    func bits(_ name: String) throws -> Data { try Data(contentsOf: url.appendingPathComponent(name)) }
    let history = try train("whole")
    #expect(try #require(history.last).trainLoss < history[0].trainLoss - 0.5)
    #expect(try #require(history.last?.validationLoss) < #require(history[0].validationLoss) - 0.2)
    #expect(throws: Kill.Killed.self) { _ = try train("cut", kill: 11) }
    _ = try train("cut", resume: true)
    _ = try train("again", encode: ", gradient_checkpointing: true")
    for name in ["cut", "again"] {
      #expect(try bits("\(name)/model.safetensors") == bits("whole/model.safetensors"))
    }
    // The decoder's own parameters are the checkpoint's alone.
    let checkpoint = try SafetensorsFile(url.appendingPathComponent("whole/checkpoint/last.safetensors"))
    for name in ["cls.predictions.bias", "encoder.layer.1.crossattention.self.value.weight"] {
      #expect(checkpoint.contains("model.loss.\(name)"), "\(name)")
    }
    let model = try SafetensorsFile(url.appendingPathComponent("whole/model.safetensors"))
    #expect(model.keys.allSatisfy { !$0.contains("crossattention") && !$0.hasPrefix("cls") })
    let opened = try SentenceEncoder.open(url.appendingPathComponent("whole"))
    let (ours, theirs) = try (opened.encode(["the film"]), SentenceEncoder.open(Self.bert).encode(["the film"]))
    #expect(ours.scalars != theirs.scalars)
  }

  @Test func everyEpochHasItsOwnNoise() throws {
    let set = try run("epochs: 1").sets[0]
    let text = { (epoch: UInt64, row: Int) in set.input(0, row, noise: Random(seed: 0).split(epoch)) }
    let rows = 0..<set.count
    #expect(set.count == 41 && rows.contains { text(0, $0) != text(1, $0) })
    #expect(rows.allSatisfy { text(0, $0) == text(0, $0) && !text(0, $0).isEmpty })
  }

  /// A head that the encoder's file has is where the decoder's starts.
  @Test func theHeadMayBePretrained() throws {
    let masked = goldens.appendingPathComponent("pretrained/bert/masked")
    let transformer = try Transformer.open(masked)
    let decoder = try SentenceDecoder(
      transformer, stored: Scope.open(masked, name: "loss"), at: .random(seed: 1)["loss"])
    let bias = try #require(decoder.parameters.first { $0.name == "loss.cls.predictions.bias" })
    #expect(
      try bias.scalars
        == SafetensorsFile(masked.appendingPathComponent("model.safetensors")).floats("cls.predictions.bias"))
    #expect(Set(decoder.parameters.map(\.name)).count == decoder.parameters.count && decoder.parameters.count == 17)
  }

  @Test func whatHasNoDecoderSaysSo() throws {
    func line(_ body: () throws -> SentenceDecoder) -> String {
      do {
        _ = try body()
        return ""
      } catch { return "\(error)" }
    }
    let pretrained = goldens.appendingPathComponent("pretrained")
    #expect(
      line {
        try SentenceDecoder(Transformer.open(pretrained.appendingPathComponent("distilbert")), at: .random(seed: 0))
      }
      .hasSuffix(
        "\"distilbert\" has no decoder; expected one of bert, roberta, xlm-roberta, camembert, electra"))
    let folder = goldens.appendingPathComponent("Sentence")
    for (name, expected) in [
      ("dense", "expected embeddings of 32 numbers, as many as the decoder's hidden states have, found 12"),
      ("splade", "expected an encoder whose first module is a Transformer"),
    ] {
      #expect(
        line { try SentenceDecoder(.open(folder.appendingPathComponent(name)), at: .random(seed: 0)) }
          .hasSuffix(expected), "\(name)")
    }
  }
}
