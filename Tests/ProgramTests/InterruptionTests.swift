import Foundation
import Testing

/// Training that is cut off and goes on.
@Suite(.serialized) struct InterruptionTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try place.writeTexts(
      epochs: 100, training: "  checkpoint_every: 1\n  ema: 0.9\n  schedule: {cosine: {warmup: 0.1}}")
    #expect(try place.run("train", "recipe.yaml", "--output", "whole").code == 0)
  }

  /// Starts or resumes the run into `cut`, and sends a signal once so many epochs are in its history.
  func cut(after epochs: Int, _ arguments: [String] = [], by number: Int32) throws -> Program.Outcome {
    let running = try Program.start(["train", "recipe.yaml", "--output", "cut"] + arguments, in: place.folder)
    let reached = running.runs {
      ((try? place.text("cut/history.jsonl")) ?? "").split(separator: "\n").count >= epochs
        && place.exists("cut/checkpoint/last.safetensors")
    }
    #expect(reached, "the run ended too soon to be interrupted")
    kill(running.process.processIdentifier, number)
    return try running.wait()
  }

  func expectSameAsWhole() throws {
    for name in ["model.safetensors", "config.json", "tokenizer.json"] {
      #expect(try place.bytes("cut/\(name)") == place.bytes("whole/\(name)"), "\(name)")
    }
    #expect(try place.names("cut") == place.names("whole"))
    #expect(try place.names("cut/checkpoint") == place.names("whole/checkpoint"))
  }

  @Test func killedAndResumedHasTheSameBits() throws {
    #expect(try cut(after: 1, by: SIGKILL).code == 128 + SIGKILL)
    #expect(!place.exists("cut/config.json"))
    // And again, twice, in the middle of what was resumed.
    #expect(try cut(after: 12, ["--resume"], by: SIGKILL).code == 128 + SIGKILL)
    #expect(try cut(after: 30, ["--resume", "--threads", "1"], by: SIGKILL).code == 128 + SIGKILL)
    let resumed = try place.run("train", "recipe.yaml", "--output", "cut", "--resume")
    #expect(resumed.code == 0, "\(resumed.errors)")
    try expectSameAsWhole()
  }

  @Test func aFolderHasOneRunAtATime() throws {
    let running = try Program.start(["train", "recipe.yaml", "--output", "cut"], in: place.folder)
    #expect(running.runs { place.exists("cut/checkpoint/last.safetensors") })
    let second = try place.run("train", "recipe.yaml", "--output", "cut", "--resume")
    #expect(
      second.code == 1 && second.errorLines.last?.hasSuffix("/cut/checkpoint: another process is using it") == true)
    kill(running.process.processIdentifier, SIGKILL)
    _ = try running.wait()
  }

  @Test func controlCLeavesACheckpoint() throws {
    let outcome = try cut(after: 3, by: SIGINT)
    #expect(outcome.code == 130)
    #expect(outcome.errorLines.last?.contains("--resume") == true, "\(outcome.errors)")
    #expect(!place.exists("cut/config.json"))
    try place.expectError(["embed", "cut", "--input", "reviews.tsv"], ["/cut/config.json: ", "unfinished"])
    // Without --resume the checkpoint isn't thrown away.
    try place.expectError(["train", "recipe.yaml", "--output", "cut"], ["/cut: ", "--resume"])
    let resumed = try place.run("train", "recipe.yaml", "--output", "cut", "--resume")
    #expect(resumed.code == 0, "\(resumed.errors)")
    try expectSameAsWhole()
  }

  @Test func anotherRunIsNotResumed() throws {
    #expect(try cut(after: 2, by: SIGTERM).code == 128 + SIGTERM)
    let reviews = try place.text("reviews.tsv")
    try place.write(reviews.replacingOccurrences(of: "film", with: "movie"), to: "reviews.tsv")
    let other = try place.run("train", "recipe.yaml", "--output", "cut", "--resume")
    #expect(
      other.errorLines.last?.contains("of another run: expected data with the SHA-256 ") == true, "\(other.errors)")
    try place.write(reviews, to: "reviews.tsv")
    let outcome = try place.run("train", "recipe.yaml", "--output", "cut", "--resume", "--seed", "9")
    #expect(outcome.code == 1)
    #expect(outcome.errorLines.last?.contains("expected the seed 9, found 0") == true, "\(outcome.errors)")
    let (recipe, kept) = (try place.text("recipe.yaml"), try place.text("cut/recipe.yaml"))
    try place.write(recipe.replacingOccurrences(of: "ema: 0.9", with: "ema: 0.8"), to: "recipe.yaml")
    let changed = try place.run("train", "recipe.yaml", "--output", "cut", "--resume")
    #expect(
      changed.errorLines.last?.contains("of another run: expected training.ema 0.8, found 0.9") == true,
      "\(changed.errors)")
    // What is refused changes nothing.
    #expect(try place.text("cut/recipe.yaml") == kept)
    try place.write(recipe, to: "recipe.yaml")
    let whole = try place.bytes("cut/checkpoint/last.safetensors")
    try whole.prefix(whole.count / 2).write(to: place.url("cut/checkpoint/last.safetensors"))
    let broken = try place.run("train", "recipe.yaml", "--output", "cut", "--resume")
    #expect(broken.code == 1)
    #expect(broken.errorLines.last?.contains("/cut/checkpoint/last.safetensors: ") == true, "\(broken.errors)")
  }
}
