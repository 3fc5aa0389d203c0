import Foundation
import TestSupport
import Testing

@testable import Training

/// What can't be trained: data, recipes and models that don't fit.
extension SentenceRunTests {
  @Test(arguments: [
    (
      "path: pairs.tsv, columns: [query, positive]", "cosent",
      "pairs.tsv: objective cosent: expected samples of first, second and a score, found 2 columns and no label"
    ),
    (
      "path: pairs.tsv, columns: [query, posit]", "triplet",
      "pairs.tsv:1: no column 'posit' in query, positive, negative"
    ),
    (
      "path: scored.tsv, label: second, columns: [first, first]", "cosent",
      "scored.tsv:1: expected 2 columns 'first', found 1"
    ),
    (
      "path: labelled.tsv, label: text, columns: [label, text]", "cosent",
      "labelled.tsv:2: expected a number as score, found 'the film brilliant! film'"
    ),
    ("path: none.tsv", "triplet", "none.tsv"),
    (
      "path: scored.tsv", "{matryoshka: {dimensions: [8], loss: online_contrastive}}",
      "scored.tsv:4: objective matryoshka: expected 0 or 1 as score, found '2'"
    ),
    ("path: scored.tsv", "contrastive", "scored.tsv:4: objective contrastive: expected 0 or 1 as score, found '2'"),
    (
      "path: pairs.tsv, columns: [query, positive]", "angle",
      "pairs.tsv: objective angle: labels of pairs: expected a score, found none"
    ),
    (
      "path: pairs.tsv, columns: [query, positive]", "{margin_mse: {teacher: none}}",
      "query, positive, negative… and a list of scores or a score, found 2 columns and a teacher"
    ),
  ])
  func badData(data: String, objective: String, expected: String) {
    do {
      _ = try run(data, objective, "epochs: 1")
      Issue.record("no error")
    } catch {
      #expect("\(error)".contains(expected), "\(error)")
    }
  }

  @Test(arguments: [1, 4]) func scoresAreCounted(scores: Int) throws {
    let list = Array(repeating: "1", count: scores).joined(separator: ",")
    let row = "{\"query\": \"a\", \"positive\": \"b\", \"negative\": [\"c\", \"d\"], \"score\": [\(list)]}\n"
    try write(row, "margins.jsonl")
    do {
      _ = try run("path: margins.jsonl", "margin_mse", "epochs: 1")
      Issue.record("no error")
    } catch {
      let expected = "objective margin_mse: labels: expected 2 margins or 3 scores a sample, found \(scores)"
      #expect("\(error)".hasSuffix("margins.jsonl: \(expected)"), "\(error)")
    }
  }

  @Test func freezingIsChecked() {
    for (frozen, expected) in [
      ("all", "encode.freeze: nothing of the encoder is left to learn"),
      ("[encoder.layer.9]", "encode.freeze: no parameter matches the part \"encoder.layer.9\"; there are: embeddings."),
      (
        "null, lora: {targets: [quary]}",
        "encode.lora.targets: no linear layer matches the target \"quary\"; there are: encoder."
      ),
      ("all, lora: {rank: 4}", "expected no 'all' beside lora, whose additions are what is trained"),
    ] {
      do {
        _ = try run("path: pairs.tsv", "triplet", "epochs: 1", encode: ", freeze: \(frozen)")
        Issue.record("no error")
      } catch {
        #expect("\(error)".contains(expected), "\(error)")
      }
    }
  }

  /// Each is one line with its place in the recipe, and no folder is left.
  @Test(arguments: [
    (
      "path: labelled.tsv", "batch_all_triplet", "batch_size: 3",
      ":3:1: objective batch_all_triplet: training.batch_size: expected an even number from 4, found 3"
    ),
    (
      "path: labelled.tsv, columns: [text]", "{embedding_mse: {teacher: SPLADE}}", "batch_size: 4",
      ":3:1: objective embedding_mse: width of the teacher SPLADE: expected 32, the encoder's, found 157"
    ),
    (
      "path: pairs.tsv", "{matryoshka: {dimensions: [64, 8], loss: triplet}}", "batch_size: 4",
      ":3:1: objective matryoshka: dimensions: expected numbers from 1 to 32, the encoder's width, found 64"
    ),
    (
      "sets: [{path: pairs.tsv, objective: {matryoshka: {dimensions: [33], loss: triplet}}}]", "triplet", "epochs: 1",
      ":2:8: objective matryoshka: dimensions: expected numbers from 1 to 32, the encoder's width, found 33"
    ),
    (
      "path: pairs.tsv", "triplet", "early_stopping: {patience: 2}",
      ":4:34: training.early_stopping: expected data.validation or data.split to find the best epoch, found none"
    ),
    (
      "path: pairs.tsv", "triplet", "best: spearman_cosine",
      ":4:34: training.best: expected data.validation or data.split to find the best epoch, found none"
    ),
    (
      "path: pairs.tsv, validation: scored.tsv", "triplet", "best: mrr@10",
      ":4:34: training.best: expected one of pearson_cosine, spearman_cosine, which the validation gives, "
        + "found 'mrr@10'"
    ),
    (
      "path: pairs.tsv, validation: scored.tsv", "triplet", "early_stopping: {metric: loss}",
      ":4:51: training.early_stopping.metric: expected one of pearson_cosine, spearman_cosine, which the validation "
        + "gives, found 'loss'"
    ),
  ])
  func whatDoesNotFitIsSaidFirst(data: String, objective: String, training: String, expected: String) {
    let splade = goldens.appendingPathComponent("Sentence/splade").path
    do {
      try train("model", run(data, objective.replacingOccurrences(of: "SPLADE", with: splade), training))
      Issue.record("no error")
    } catch {
      #expect("\(error)".contains(expected.replacingOccurrences(of: "SPLADE", with: splade)), "\(error)")
    }
    #expect(!FileManager.default.fileExists(atPath: url.appendingPathComponent("model").path))
  }

  @Test func encodersWithAVectorATokenAreRefused() {
    let colbert = goldens.appendingPathComponent("Sentence/colbert").path
    let expected = "\(colbert): expected an encoder with one vector a text, found one with a vector for each token"
    for (model, objective) in [("colbert", "triplet"), ("bert", "{margin_mse: {teacher: \(colbert)}}")] {
      do {
        _ = try run("path: pairs.tsv", objective, "epochs: 1", model: model)
        Issue.record("no error")
      } catch {
        #expect("\(error)" == expected)
      }
    }
  }
}
