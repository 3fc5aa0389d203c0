import Encoders
import Foundation
import TestSupport
import Testing

@testable import Training

/// Recipes that fine-tune: what they say, and the line for each kind of mistake.
@Suite struct SentenceRecipeTests {
  static let text = """
    encode: {pretrained: bert}
    data:
      path: pairs.tsv
    objective: multiple_negatives_ranking
    training:
      epochs: 2

    """

  static func parse(_ old: String = "", _ new: String = "") throws -> RecipeFile {
    let changed = old.isEmpty ? text : text.replacingOccurrences(of: old, with: new)
    return try RecipeFile(changed, URL(fileURLWithPath: "/recipes/recipe.yaml"))
  }

  @Test(arguments: [
    ("path: pairs.tsv", "pth: pairs.tsv", "recipe.yaml:3:3: unknown key 'pth' in 'data' (did you mean 'path'?)"),
    (
      "multiple_negatives_ranking", "multiple_negative_ranking",
      "recipe.yaml:4:12: objective: unknown objective 'multiple_negative_ranking' "
        + "(did you mean 'multiple_negatives_ranking'?)"
    ),
    (
      "multiple_negatives_ranking", "{cosent: {scal: 3}}",
      "recipe.yaml:4:22: unknown key 'scal' in 'objective.cosent' (did you mean 'scale'?)"
    ),
    (
      "multiple_negatives_ranking", "{matryoshka: {dimensions: [8], loss: {triplet: {margin: -1}}}}",
      "recipe.yaml:4:68: objective.matryoshka.loss.triplet.margin: expected a number from 0, found '-1'"
    ),
    ("multiple_negatives_ranking", "gist_embed", "recipe.yaml:4:12: objective: 'guide' is missing"),
    (
      "epochs: 2", "cached: 4\n  no_duplicate: true",
      "recipe.yaml:7:3: unknown key 'no_duplicate' in 'training' (did you mean 'no_duplicates'?)"
    ),
    (
      "multiple_negatives_ranking", "{matryoshka: {dimensions: [8], loss: denoising_auto_encoder}}",
      "recipe.yaml:4:49: objective.matryoshka.loss: denoising_auto_encoder can't be wrapped: its loss is of tokens"
    ),
    (
      "multiple_negatives_ranking", "{denoising_auto_encoder: {deletion: 1}}",
      "recipe.yaml:4:48: objective.denoising_auto_encoder.deletion: expected a number from 0 to below 1, found '1'"
    ),
    (
      "multiple_negatives_ranking\ntraining:", "denoising_auto_encoder\ntraining:\n  cached: 4",
      "recipe.yaml:6:11: training.cached: not with denoising_auto_encoder, whose loss is of each text by itself; "
        + "expected 'accumulate'"
    ),
    (
      "epochs: 2", "best: spearman_cosin",
      "recipe.yaml:6:9: training.best: unknown metric 'spearman_cosin' (did you mean 'spearman_cosine'?) of fine-tuning"
    ),
    (
      "data:", "pool: mean\ndata:",
      "recipe.yaml:2:1: pool: a pretrained encoder has its own modules; expected no such section"
    ),
    (
      "{pretrained: bert}", "{pretrained: bert, frezze: all}",
      "recipe.yaml:1:28: unknown key 'frezze' in 'encode' (did you mean 'freeze'?)"
    ),
    (
      "{pretrained: bert}", "{pretrain: bert}",
      "recipe.yaml:1:10: unknown key 'pretrain' in 'encode' (did you mean 'pretrained'?)"
    ),
    ("{pretrained: bert}", "bert", "recipe.yaml:1:9: encode: expected a section of keys, found 'bert'"),
    ("{pretrained: bert}", "{}", "recipe.yaml:1:9: encode: 'pretrained' is missing"),
    ("{pretrained: bert}", "", "recipe.yaml:1:1: 'encode' is missing"),
    (
      "path: pairs.tsv", "sets: [{path: a.tsv}]\n  label: x",
      "recipe.yaml:4:3: data: both 'sets' and 'label'; expected 'label' in each of the sets"
    ),
  ])
  func mistakes(old: String, new: String, expected: String) {
    #expect(throws: ConfigurationError.self) { try Self.parse(old, new) }
    do { _ = try Self.parse(old, new) } catch { #expect("\(error)" == "/recipes/" + expected) }
  }

  /// A misspelt key or objective is no missing section.
  @Test(arguments: [
    ("{pretrain: x}", "classification", "1:10: unknown key 'pretrain' in 'encode' (did you mean 'pretrained'?)"),
    (
      "{pretraind: x}", "masked_language_model",
      "1:10: unknown key 'pretraind' in 'encode' (did you mean 'pretrained'?)"
    ),
    (
      "{new: x}", "masked_language_modl",
      "3:12: objective: unknown objective 'masked_language_modl' (did you mean 'masked_language_model'?)"
    ),
    ("{lstm: {}}", "classification", "1:1: the section 'preprocess' is missing"),
  ])
  func whatIsMeantIsSaid(encode: String, objective: String, expected: String) {
    let text = "encode: \(encode)\ndata: {path: a.tsv}\nobjective: \(objective)\ntraining: {epochs: 1}\n"
    let error = #expect(throws: ConfigurationError.self) {
      try RecipeFile(text, URL(fileURLWithPath: "/recipes/recipe.yaml"))
    }
    #expect(error?.description == "/recipes/recipe.yaml:" + expected)
  }

  /// Written with all defaults and read again, every objective says the same.
  @Test(arguments: [
    "multiple_negatives_ranking",
    "{multiple_negatives_ranking: {scale: 30, symmetric: true, learned_temperature: true}}",
    "{gist_embed: {guide: other, margin: 0.1, relative_margin: true}}", "{cosent: {similarity: dot}}", "angle",
    "cosine_similarity", "contrastive", "{online_contrastive: {distance: manhattan}}", "{triplet: {margin: 0.5}}",
    "batch_all_triplet", "{batch_hard_triplet: {distance: cosine}}", "batch_hard_soft_margin_triplet",
    "batch_semi_hard_triplet", "{softmax: {product: true}}", "{embedding_mse: {teacher: other}}",
    "{margin_mse: {teacher: other}}", "{denoising_auto_encoder: {deletion: 0.5}}",
    "{splade: {loss: cosent, query_weight: 0.1}}",
    "{matryoshka: {dimensions: [8, 4], weights: [1, 0.5], loss: {margin_mse: {similarity: cosine}}}}",
    "{adaptive_layers: {loss: {matryoshka: {dimensions: [8], loss: cosent}}, per_step: all, weighting: log}}",
  ])
  func roundTrip(objective: String) throws {
    guard case .sentences(let recipe) = try Self.parse("multiple_negatives_ranking", objective) else {
      Issue.record("not a recipe of fine-tuning")
      return
    }
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("recipe.yaml")
    try recipe.write(to: file)
    let read = try SentenceRecipe(contentsOf: file)
    let root = URL(fileURLWithPath: "/")
    #expect(read.json(relativeTo: root) == recipe.json(relativeTo: root))
    #expect(read.objective == recipe.objective)
    #expect(read.objective?.teacher?.path == recipe.objective?.teacher?.path)
  }

  @Test func everySettingIsRead() throws {
    let recipe = try SentenceRecipe(
      """
      encode: {pretrained: bert, freeze: [embeddings, encoder.layer.0], gradient_checkpointing: true,
        lora: {rank: 4, alpha: 9, dropout: 0.1, targets: [query]}}
      data:
        sets:
          - {path: a.tsv, columns: [x, y], label: z, objective: {cosent: {scale: 10}}}
          - {split: {train: b.tsv, validation: c.tsv}}
        mixing: round_robin
        validation: {retrieval: {queries: q.tsv, corpus: c.tsv, relevant: r.tsv}}
        test: {scored: s.tsv, label: z}
      objective: triplet
      training: {cached: 7, layer_decay: 0.9, shuffle: false, best: mrr@10, learning_rate: 3e-5, precision: bfloat16}
      """, URL(fileURLWithPath: "/recipes/recipe.yaml"))
    #expect(recipe.encoder.freezing == .parts(["embeddings", "encoder.layer.0"]))
    #expect(recipe.encoder.lowRank == .init(rank: 4, alpha: 9, dropout: 0.1, targets: ["query"]))
    #expect(recipe.encoder.checkpointing)
    #expect(recipe.data.sets.map(\.url.path) == ["/recipes/a.tsv", "/recipes/b.tsv"])
    #expect(recipe.data.sets.map(\.objective.name) == ["cosent", "triplet"])
    #expect(recipe.data.sets[0].columns == ["x", "y"] && recipe.data.sets[0].label == "z")
    #expect(recipe.data.mixing == .roundRobin)
    guard case .retrieval(_, let corpus, _)? = recipe.data.validation, case .table(_, _, nil, "z")? = recipe.data.test
    else {
      Issue.record("\(String(describing: recipe.data.validation))")
      return
    }
    #expect(corpus.path == "/recipes/c.tsv")
    #expect(recipe.tuning.cached == 7 && recipe.training.layerDecay == 0.9 && !recipe.tuning.shuffle)
    #expect(recipe.training.options.earlyStopping == EarlyStopping("mrr@10", .maximize))
    #expect(recipe.training.schedule.peak == 3e-5 && recipe.training.options.epochs == 1)
    #expect(recipe.training.optimizer == .adamW && recipe.training.options.precision == .bfloat16)
  }

  @Test func classificationIsARecipeOfSamples() throws {
    guard case .samples(let recipe) = try Self.parse("multiple_negatives_ranking", "classification") else {
      Issue.record("expected a recipe of samples")
      return
    }
    #expect(recipe.pretrained?.model.path == "/recipes/bert" && recipe.configuration == nil)
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("recipe.yaml")
    try recipe.write(to: file)
    #expect(try Recipe(contentsOf: file) == recipe)
  }
}
