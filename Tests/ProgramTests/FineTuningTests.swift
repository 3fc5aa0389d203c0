import Foundation
import TestSupport
import Testing

/// Fine-tuning as a user runs it, on a tiny encoder.
@Suite(.serialized) struct FineTuningTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/bert"), to: place.url("bert"))
    let words = ["the film", "dull plot's", "GREAT café", "a masterpiece", "unwatchable acting,", "naïve 好看"]
    var rows = "anchor\tpositive\n"
    for index in 0..<60 {
      rows += "\(words[index % 6]) \(words[index / 6 % 6])\t\(words[index / 6 % 6]) \(words[index % 5])\n"
    }
    try place.write(rows, to: "pairs.tsv")
    try place.write(
      """
      encode: {pretrained: bert}
      data: {path: pairs.tsv, split: {random: {validation: 0.2, test: 0.2}}}
      objective: {multiple_negatives_ranking: {learned_temperature: true}}
      training: {epochs: 30, batch_size: 6, learning_rate: 0.0005, no_duplicates: true, cached: 4, checkpoint_every: 2}
      """, to: "recipe.yaml")
  }

  @Test func killedAndResumedHasTheSameBits() throws {
    #expect(try place.run("train", "recipe.yaml", "--output", "whole").code == 0)
    for epochs in [1, 6] {
      let running = try Program.start(
        ["train", "recipe.yaml", "--output", "cut"] + (epochs == 1 ? [] : ["--resume", "--threads", "1"]),
        in: place.folder)
      let reached = running.runs {
        ((try? place.text("cut/history.jsonl")) ?? "").split(separator: "\n").count >= epochs
          && place.exists("cut/checkpoint/last.safetensors")
      }
      #expect(reached, "the run ended too soon to be interrupted")
      kill(running.process.processIdentifier, SIGKILL)
      #expect(try running.wait().code == 128 + SIGKILL)
      #expect(!place.exists("cut/modules.json"))
    }
    let resumed = try place.run("train", "recipe.yaml", "--output", "cut", "--resume")
    #expect(resumed.code == 0, "\(resumed.errors)")
    for name in ["model.safetensors", "config.json", "modules.json", "1_Pooling/config.json", "tokenizer.json"] {
      #expect(try place.bytes("cut/\(name)") == place.bytes("whole/\(name)"), "\(name)")
    }
    #expect(try place.names("cut") == place.names("whole"))
  }

  @Test func trainedModelsAreScoredAndMined() throws {
    let trained = try place.run("train", "recipe.yaml", "--output", "model")
    #expect(trained.output.contains("mrr@10") && trained.output.contains("before"), "\(trained.output)")
    let scored = try place.run("evaluate", "model", "--data", "pairs.tsv", "--json")
    #expect(scored.code == 0 && scored.output.contains("\"ndcg\""), "\(scored.errors)")
    let mined = try place.run(
      "mine", "model", "--data", "pairs.tsv", "--negatives", "2", "--min-score", "-1",
      "--output", "triplets.tsv")
    #expect(mined.code == 0, "\(mined.errors)")
    let lines = try place.text("triplets.tsv").split(separator: "\n")
    #expect(lines[0] == "query\tpositive\tnegative" && lines.count > 60)
    #expect(try place.run("evaluate", "model", "--data", "triplets.tsv").output.contains("cosine_accuracy"))
    #expect(try place.run("inspect", "model").code == 0)
    let same = try place.run("train", "recipe.yaml", "--output", "bert", "--overwrite")
    #expect(same.code == 1)
    #expect(same.errorLines.last?.contains("/bert: expected another folder") == true, "\(same.errors)")
    let inside = try place.run("train", "recipe.yaml", "--output", "bert/tuned")
    #expect(inside.code == 1 && !place.exists("bert/tuned"))
    #expect(inside.errorLines.last?.contains("/bert/tuned: expected another folder") == true, "\(inside.errors)")
    try place.expectError(["train", "recipe.yaml", "--output", "model"], ["a model is already there"])
  }
}
