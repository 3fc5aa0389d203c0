import Checkpoints
import Encoders
import Evaluation
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

/// Fine-tuning of a tiny BERT, from files to a model folder.
@Suite struct SentenceRunTests {
  let folder: TemporaryFolder
  var url: URL { folder.url }

  init() throws {
    folder = try TemporaryFolder()
    let things = ["film", "plot's", "cast", "acting,", "café", "sci-fi"]
    let (good, bad) = (["brilliant!", "great", "a masterpiece"], ["dull", "unwatchable", "naïve"])
    var pairs = "query\tpositive\tnegative\n"
    var scored = "first\tsecond\tscore\n"
    var labelled = "text\tlabel\n"
    for index in 0..<45 {
      let thing = things[index % 6]
      let (same, other) = index % 2 == 0 ? (good, bad) : (bad, good)
      pairs += "the \(thing) \(same[index % 3])\t\(same[index % 3]) \(thing) 8/10\ta \(other[index / 3 % 3]) \(thing)\n"
      scored +=
        "the \(thing) \(same[index % 3])\t\(index % 4 < 2 ? same[index / 3 % 3] : other[0]) film\t\(index % 4)\n"
      labelled += "the \(thing) \(same[index % 3]) \(things[index / 6 % 6])\t\(index % 2 == 0 ? "yes" : "no")\n"
    }
    try write(pairs, "pairs.tsv")
    try write(scored, "scored.tsv")
    try write(labelled, "labelled.tsv")
  }

  func write(_ text: String, _ name: String) throws {
    try Data(text.utf8).write(to: url.appendingPathComponent(name))
  }

  func run(
    _ data: String, _ objective: String, _ training: String, encode: String = "", rate: String = "0.002",
    model: String = "bert"
  ) throws -> any RecipeRun {
    let text = """
      encode: {pretrained: \(goldens.appendingPathComponent("Sentence/\(model)").path)\(encode)}
      data: {\(data)}
      objective: \(objective)
      training: {learning_rate: \(rate), \(training)}
      """
    return try RecipeFile(text, url.appendingPathComponent("recipe.yaml")).start()
  }

  func bits(_ name: String) throws -> Data {
    try Data(contentsOf: url.appendingPathComponent("\(name)/model.safetensors"))
  }

  @discardableResult
  func train(
    _ name: String, _ run: any RecipeRun, resume: Bool = false, observers: [any TrainerObserver] = []
  ) throws -> TrainingSummary? {
    try run.run(output: url.appendingPathComponent(name), resume: resume, observers: observers)
  }

  /// Killed in the first epoch before any checkpoint, in an epoch's middle, at its end.
  @Test(arguments: [2, 8, 12])
  func resumesToTheSameBits(killedAfter step: Int) throws {
    let data = "path: pairs.tsv, validation: scored.tsv"
    let objective = "{multiple_negatives_ranking: {learned_temperature: true}}"
    let training = "epochs: 3, batch_size: 8, no_duplicates: true, cached: 3, checkpoint_every: 3, clip_norm: 1"
    let whole = try train("whole", run(data, objective, training))
    #expect(throws: Kill.Killed.self) {
      try train("cut", run(data, objective, training), observers: [Kill(after: step)])
    }
    let resumed = try train("cut", run(data, objective, training), resume: true)
    #expect(try bits("cut") == bits("whole"))
    #expect(resumed?.fineTuning?.scores == whole?.fineTuning?.scores)
    #expect(resumed?.fineTuning?.before == whole?.fineTuning?.before)
    // The temperature is learnt, and starts at the scale.
    let scale = try #require(whole?.fineTuning?.scale)
    #expect(scale != 20 && abs(scale - 20) < 2)
  }

  /// Without dropout, minibatches give the gradients of the whole batch.
  @Test func cachedLearnsAsTheWholeBatch() throws {
    let model = url.appendingPathComponent("still")
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/bert"), to: model)
    let config = try String(contentsOf: model.appendingPathComponent("config.json"), encoding: .utf8)
    try write(config.replacingOccurrences(of: "dropout_prob\": 0.1", with: "dropout_prob\": 0.0"), "still/config.json")
    let runs = try ["", "cached: 3, "].map { cached in
      let text = """
        encode: {pretrained: still}
        data: {path: pairs.tsv}
        objective: multiple_negatives_ranking
        training: {\(cached)epochs: 1, batch_size: 16, learning_rate: 0.1, optimizer: sgd}
        """
      let run = try SentenceRun(SentenceRecipe(text, url.appendingPathComponent("recipe.yaml")))
      try train("cached\(cached.count)", run)
      return run.encoder.parameters
    }
    let start = try SentenceEncoder.open(model).parameters
    for ((a, b), before) in zip(zip(runs[0], runs[1]), start) {
      #expect(zip(a.scalars, b.scalars).allSatisfy { abs($0 - $1) < 2e-6 }, "\(a.name)")
      if a.name.hasSuffix("dense.weight"), !a.name.contains("pooler") {
        #expect(zip(a.scalars, before.scalars).contains { abs($0 - $1) > 1e-4 }, "\(a.name)")
      }
    }
  }

  @Test func learnsAndWritesAModelThatOpens() throws {
    let run = try run(
      "path: scored.tsv, validation: scored.tsv, test: {scored: scored.tsv}", "cosent", "epochs: 6, batch_size: 8")
    let summary = try #require(try train("model", run))
    let tuning = try #require(summary.fineTuning)
    let (before, after) = (tuning.before?["spearman_cosine"]?.value, tuning.scores?["spearman_cosine"]?.value)
    #expect(try #require(after) > #require(before) + 0.1)
    #expect(tuning.base == "bert" && tuning.objectives == ["cosent"])
    #expect(summary.trainSamples == 45 && summary.bestEpoch != nil)
    // The folder opens again and scores the same.
    let opened = try SentenceEncoder.open(url.appendingPathComponent("model"))
    let report = try ScoringData(.init(url.appendingPathComponent("scored.tsv"))).report(opened)
    #expect(report.score("spearman_cosine") == after)
    let card = try text("model/README.md")
    for part in ["base_model: \"bert\"", "pipeline_tag: sentence-similarity", "| spearman_cosine | ", "- loss:cosent"] {
      #expect(card.contains(part), "\(part)")
    }
    let page = try text("model/report.html")
    for part in ["spearman_cosine", "id=\"map\"", "id=\"curves\""] { #expect(page.contains(part), "\(part)") }
  }

  /// Pairs without scores are scored as retrieval, and the loss of those held out is known.
  @Test func pairsAreScoredAsRetrieval() throws {
    let run = try run(
      "path: pairs.tsv, columns: [query, positive], split: {random: {validation: 0.2, test: 0.2}}",
      "multiple_negatives_ranking", "epochs: 2, batch_size: 8")
    #expect(run.metric == "ndcg@10")
    let summary = try #require(try train("pairs", run))
    #expect(summary.trainSamples == 27 && summary.testSamples > 0)
    #expect(summary.fineTuning?.scores?["map@100"] != nil)
    let history = try text("pairs/history.jsonl")
    for part in ["\"mrr@10\"", "\"validationLoss\""] { #expect(history.contains(part), "\(part)") }
    #expect(!history.contains("precision@3"))
  }

  /// The loss on held-out rows is by what the set that they are from has learnt.
  @Test func setsAreValidatedByTheirOwnClassifiers() throws {
    let second = "{path: scored.tsv, split: {random: {validation: 0.2, test: 0}}}"
    let run = try #require(
      try run("sets: [{path: scored.tsv}, \(second)]", "softmax", "epochs: 1, batch_size: 64") as? SentenceRun)
    let set = try #require(run.held.first?.set)
    let losses = try run.losses.map {
      Double(try run.loss(of: set, Array(0..<set.count), $0, noise: Random(seed: 0)).scalar)
    }
    #expect(try run.validationMetrics()["loss"] == losses[1] && losses[0] != losses[1])
  }

  func text(_ name: String) throws -> String {
    try String(contentsOf: url.appendingPathComponent(name), encoding: .utf8)
  }

  /// Each objective takes its data, and changes what isn't frozen and nothing else.
  @Test(arguments: [
    ("path: scored.tsv", "cosent"), ("path: scored.tsv", "{adaptive_layers: {loss: cosent}}"),
    ("path: pairs.tsv", "{matryoshka: {dimensions: [32, 8], loss: triplet}}"),
    ("path: labelled.tsv", "batch_hard_triplet"), ("path: scored.tsv", "softmax"),
    ("path: pairs.tsv", "{gist_embed: {guide: GUIDE}}"), ("path: pairs.tsv", "{margin_mse: {teacher: GUIDE}}"),
    ("path: labelled.tsv, columns: [text]", "{embedding_mse: {teacher: GUIDE}}"),
    ("sets: [{path: scored.tsv, objective: cosent}, {path: pairs.tsv}], mixing: round_robin", "triplet"),
  ])
  func objectives(data: String, objective: String) throws {
    let guide = goldens.appendingPathComponent("Sentence/plain").path
    let run = try #require(
      try run(
        data, objective.replacingOccurrences(of: "GUIDE", with: guide), "epochs: 1, batch_size: 8",
        encode: ", freeze: [embeddings]") as? SentenceRun)
    let start = run.encoder.parameters.map(\.scalars)
    try train("model", run)
    for (parameter, before) in zip(run.encoder.parameters, start) {
      if parameter.name.contains("embeddings.") { #expect(parameter.scalars == before, "\(parameter.name)") }
      if parameter.name.hasSuffix("0.attention.self.query.weight") { #expect(parameter.scalars != before) }
    }
  }

  @Test func headsLearnOnFrozenAndFreeEncoders() throws {
    for (encode, rate) in [(", freeze: all", "0.05"), ("", "0.002")] {
      let run = try #require(
        try run(
          "path: labelled.tsv, split: {random: {validation: 0.4, test: 0}}", "classification",
          "epochs: 20, batch_size: 8", encode: encode, rate: rate) as? TrainingRun)
      let start = run.model.parameters.map(\.scalars)
      let summary = try train("head\(rate)", run)
      #expect((summary?.classification?.accuracy.value ?? 0) > 0.7)
      let changed = zip(run.model.parameters, start).filter { $0.scalars != $1 }.map(\.0.name)
      #expect(changed.contains("head.weight"))
      #expect(changed.contains { $0.contains("layer.1") } == encode.isEmpty)
      let opened = try Model.open(url.appendingPathComponent("head\(rate)"))
      #expect(opened.labels == ["no", "yes"])
    }
  }

  /// Additions alone are trained, a resumed run gives the same bits, and the folder has them merged.
  @Test func lowRankAdditionsAreTrainedAndMerged() throws {
    let encode = ", lora: {rank: 4, dropout: 0.1, targets: [query, value], adapter: true}"
    func started() throws -> SentenceRun {
      try #require(
        try run(
          "path: pairs.tsv, columns: [query, positive]", "multiple_negatives_ranking",
          "epochs: 4, batch_size: 8, no_duplicates: true, checkpoint_every: 3", encode: encode) as? SentenceRun)
    }
    let whole = try started()
    let start = whole.encoder.parameters.map(\.scalars)
    try train("lora", whole)
    for (parameter, before) in zip(whole.encoder.parameters, start) {
      #expect((parameter.scalars != before) == parameter.name.contains("lora_"), "\(parameter.name)")
    }
    #expect(throws: Kill.Killed.self) { try train("cut", started(), observers: [Kill(after: 8)]) }
    try train("cut", started(), resume: true)
    #expect(try bits("cut") == bits("lora"))
    let opened = try SentenceEncoder.open(url.appendingPathComponent("lora"))
    #expect(!opened.parameters.contains { $0.name.contains("lora_") })
    let texts = ["the film brilliant!", "a dull café 8/10"]
    let (trained, merged) = (try whole.encoder.encode(texts).scalars, try opened.encode(texts).scalars)
    let base = try SentenceEncoder.open(goldens.appendingPathComponent("Sentence/bert")).encode(texts).scalars
    #expect(zip(trained, merged).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(zip(trained, base).contains { abs($0 - $1) > 1e-3 })
    // The adapter beside the model finds the model that it changes; alone it has the mean of the tokens' vectors.
    let adapter = try SentenceEncoder.open(url.appendingPathComponent("lora/adapter"))
    #expect(zip(try adapter.encode(texts).normalized().scalars, merged).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  /// A head learns in full beside the additions.
  @Test func headsLearnBesideAdditions() throws {
    let run = try #require(
      try run(
        "path: labelled.tsv, split: {random: {validation: 0.2, test: 0}}", "classification",
        "epochs: 6, batch_size: 8", encode: ", lora: {rank: 2}", rate: "0.01") as? TrainingRun)
    let start = run.model.parameters.map(\.scalars)
    let summary = try #require(try train("head", run))
    let changed = zip(run.model.parameters, start).filter { $0.scalars != $1 }.map(\.0.name)
    #expect(changed.allSatisfy { $0.hasPrefix("head.") || $0.contains("lora_") } && changed.contains("head.weight"))
    let opened = try Model.open(url.appendingPathComponent("head"))
    let samples = run.data.validation
    #expect(try opened.classificationReport(samples).report.accuracy == summary.classification?.accuracy)
  }

  /// Layers computed twice give the same bits; slower lower layers and bfloat16 products give others.
  @Test func memoryRatesAndPrecision() throws {
    func weights(_ name: String, _ training: String = "", encode: String = "") throws -> Data {
      let text = "epochs: 2, batch_size: 8" + training
      try train(
        name, run("path: pairs.tsv, columns: [query, positive]", "multiple_negatives_ranking", text, encode: encode))
      return try bits(name)
    }
    let plain = try weights("plain")
    #expect(try weights("checkpointed", encode: ", gradient_checkpointing: true") == plain)
    #expect(try weights("decayed", ", layer_decay: 0.5") != plain)
    func change(_ name: String) throws -> Float {
      let key = "0.embeddings.word_embeddings.weight"
      let (before, after) = try (
        SentenceEncoder.open(goldens.appendingPathComponent("Sentence/bert")),
        SentenceEncoder.open(url.appendingPathComponent(name))
      )
      let a = try #require(before.parameters.first { $0.name == key }).scalars
      let b = try #require(after.parameters.first { $0.name == key }).scalars
      return zip(a, b).map { abs($0 - $1) }.max() ?? 0
    }
    #expect(try change("decayed") < change("plain") / 4)
  }

  /// A guide gets the texts as they are, whatever its default prompt; a teacher gets its prompt.
  @Test func guidesHaveNoPrompt() throws {
    let prompted = goldens.appendingPathComponent("Sentence/dense")
    let plain = url.appendingPathComponent("plain")
    try FileManager.default.copyItem(at: prompted, to: plain)
    let settings = try text("plain/config_sentence_transformers.json")
    try write(
      settings.replacingOccurrences(of: "\"default_prompt_name\": \"query\"", with: "\"default_prompt_name\": null"),
      "plain/config_sentence_transformers.json")
    func losses(_ objective: String) throws -> [Float] {
      try [prompted, plain].map { other in
        let objective = objective.replacingOccurrences(of: "OTHER", with: other.path)
        let started = try #require(try run("path: pairs.tsv", objective, "epochs: 1") as? SentenceRun)
        return try started.loss(of: started.sets[0], Array(0..<16), started.losses[0], noise: Random(seed: 0)).scalar
      }
    }
    let guided = try losses("{gist_embed: {guide: OTHER}}")
    #expect(guided[0] == guided[1])
    let taught = try losses("{matryoshka: {dimensions: [32, 8], loss: {margin_mse: {teacher: OTHER}}}}")
    #expect(taught[0] != taught[1])
  }

  /// A guide reads no more of a text than the encoder does, whether it has the same tokens or others.
  @Test func guidesReadWhatTheEncoderReads() throws {
    let encoder = try SentenceEncoder.open(goldens.appendingPathComponent("Sentence/bert"))
    let (same, other) = (goldens.appendingPathComponent("Sentence/plain"), url.appendingPathComponent("other"))
    try FileManager.default.copyItem(at: same, to: other)
    let tokenizer = try text("other/tokenizer.json")
    try write(tokenizer.replacingOccurrences(of: "\"spaces\"", with: "\"spacez\""), "other/tokenizer.json")
    // With the special tokens these are the 20 that the encoder reads.
    let start = Array(repeating: "film", count: 18).joined(separator: " ")
    for folder in [same, other] {
      let guide = try SentenceEncoder.open(folder)
      let read = try SentenceRun.Guide(guide, of: encoder)([start + " dull"]).scalars
      #expect(try read == guide.encode([start]).scalars, "\(folder.lastPathComponent)")
      #expect(try read != guide.encode([start + " dull"]).scalars)
    }
  }

  @Test func theCardOfASparseEncoderSaysSo() throws {
    let run = try run(
      "path: pairs.tsv", "{splade: {loss: {multiple_negatives_ranking: {similarity: dot, scale: 1}}}}",
      "epochs: 1, batch_size: 16", model: "splade")
    try train("sparse", run)
    let card = try text("sparse/README.md")
    for part in [
      "pipeline_tag: feature-extraction", "- sparse-encoder\n- sparse\n- splade\n",
      "model = SparseEncoder(\"recipe\")", "a sparse vector of 157 numbers, most of them 0, compared by dot product",
    ] {
      #expect(card.contains(part), "\(part)")
    }
    for part in ["dense", "SentenceTransformer", "cosine"] { #expect(!card.contains(part), "\(part)") }
  }
}
