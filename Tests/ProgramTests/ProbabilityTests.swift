import Foundation
import Testing

/// Data that give the probability of each label, which is learnt instead of the label.
@Suite struct ProbabilityTests {
  let place: Workplace
  let rows: [[String]]

  init() throws {
    place = try Workplace()
    try place.writeTexts()
    rows = try place.text("reviews.tsv").split(separator: "\n").dropFirst().map {
      $0.split(separator: "\t").map(String.init)
    }
  }

  /// The recipe with probabilities, which keeps the epoch of the least loss.
  func recipe(_ file: String, epochs: Int = 1) -> String {
    place.recipe(epochs: epochs, training: "  best: loss").replacingOccurrences(
      of: "path: reviews.tsv", with: "path: \(file)\n  probabilities: probabilities")
  }

  /// The share of the test texts that a model gets right.
  func accuracy(_ model: String) throws -> Double {
    let outcome = try place.run("evaluate", model, "--data", "reviews.tsv", "--split-column", "split", "--json")
    let scores = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    return try #require((scores?["accuracy"] as? [String: Any])?["value"] as? Double, "\(outcome.errors)")
  }

  @Test(arguments: ["classification", "binary_classification"])
  func areLearntInsteadOfTheLabels(objective: String) throws {
    // Each text is most probably what its label isn't.
    let lines = rows.map { row in
      let share = row[1] == "yes" ? 0.125 : 0.875
      return """
        {"text": "\(row[0])", "label": "\(row[1])", "split": "\(row[2])", "probabilities": {"no": \(1 - share), "yes": \(share)}}
        """
    }
    try place.write(lines.joined(separator: "\n"), to: "shares.jsonl")
    try place.write(
      recipe("shares.jsonl", epochs: 30).replacingOccurrences(of: ": classification", with: ": \(objective)"),
      to: "recipe.yaml")
    let outcome = try place.run("train", "recipe.yaml", "--output", "model")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try accuracy("model") <= 0.2)
    // The recipe that the folder keeps gives the same model again.
    let again = try place.run("train", "model/recipe.yaml", "--output", "again")
    #expect(again.code == 0, "\(again.errors)")
    #expect(try place.bytes("again/model.safetensors") == place.bytes("model/model.safetensors"))
  }

  @Test func whatIsWrongWithThemIsSaidWithItsLine() throws {
    func expectRefused(_ cell: String, _ parts: [String]) throws {
      let table = rows.enumerated().map { number, row in
        (row + [number == 3 ? cell : "{\"no\": 0.5, \"yes\": 0.5}"]).joined(separator: "\t")
      }
      try place.write((["text\tlabel\tsplit\tprobabilities"] + table).joined(separator: "\n"), to: "shares.tsv")
      try place.write(recipe("shares.tsv"), to: "bad.yaml")
      try place.expectError(["train", "bad.yaml", "--output", "model"], ["/shares.tsv:5: probabilities: "] + parts)
      #expect(!place.exists("model"))
    }
    try expectRefused("0.7", ["expected a JSON object of a number for each label", "'0.7'"])
    try expectRefused("{\"no\": 0.5", ["expected a JSON object"])
    try expectRefused("{\"maybe\": 1}", ["'maybe'", "never seen in training (no, yes)"])
    try expectRefused("{\"no\": 1.5}", ["'no'", "from 0 to 1", "1.5"])
    try expectRefused("{\"no\": \"all\"}", ["'no'", "from 0 to 1", "\"all\""])
    try expectRefused("{\"no\": 0.5, \"yes\": 0.25}", ["add up to 1", "0.75"])
    try expectRefused("{}", ["add up to 1"])
    try place.write(recipe("reviews.tsv"), to: "bad.yaml")
    try place.expectError(
      ["train", "bad.yaml", "--output", "model"], ["/reviews.tsv:1: no column 'probabilities' in the header"])
    try place.writeImages()
    try place.write(recipe("images"), to: "bad.yaml")
    try place.expectError(
      ["train", "bad.yaml", "--output", "model"],
      ["/bad.yaml:11:18: data.probabilities: a folder of texts has no columns"])
  }
}
