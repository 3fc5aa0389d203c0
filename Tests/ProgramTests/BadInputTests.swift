import Foundation
import TestSupport
import Testing

/// Bad recipes and data: one line that says what is wrong and where, code 1, and nothing half-written.
@Suite struct BadInputTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try place.writeTexts(epochs: 1)
  }

  /// Training with a recipe fails with a line that has some parts, and writes no folder.
  func expectRefused(_ recipe: String, _ parts: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
    try place.write(recipe, to: "bad.yaml")
    try place.expectError(["train", "bad.yaml", "--output", "model"], parts, sourceLocation: sourceLocation)
    #expect(!place.exists("model"), sourceLocation: sourceLocation)
  }

  /// The recipe with a part replaced.
  func recipe(_ part: String, _ replacement: String) throws -> String {
    let recipe = place.recipe()
    try #require(recipe.contains(part))
    return recipe.replacingOccurrences(of: part, with: replacement)
  }

  @Test func missingFiles() throws {
    try place.expectError(
      ["train", "nowhere.yaml", "--output", "model"], ["\(place.folder.path)/nowhere.yaml: cannot open: No such file"])
    try expectRefused(recipe("reviews.tsv", "nowhere.tsv"), ["\(place.folder.path)/nowhere.tsv: ", "No such file"])
    try expectRefused(
      recipe("dimension: 12", "dimension: 12, vectors: none.txt"), ["\(place.folder.path)/none.txt: ", "No such file"])
    #expect(try place.names().filter { $0.hasSuffix(".partial") } == [])
  }

  @Test func filesOfOthersStay() throws {
    let recipe = try place.text("recipe.yaml")
    for arguments in [[], ["--resume"]] {
      try place.expectError(
        ["train", "recipe.yaml", "--output", "."] + arguments, ["found recipe.yaml", "--overwrite"])
    }
    #expect(try place.text("recipe.yaml") == recipe && !place.exists("model.safetensors"))
    // A mark of the encoding begins what some programs write.
    try place.write("\u{FEFF}" + recipe, to: "marked.yaml")
    #expect(try place.run("train", "marked.yaml", "--output", "marked").code == 0)
    // A link stays one, and a file keeps who may read it.
    try place.write("", to: "real.jsonl")
    #expect(chmod(place.url("real.jsonl").path, 0o600) == 0)
    try FileManager.default.createSymbolicLink(at: place.url("link.jsonl"), withDestinationURL: place.url("real.jsonl"))
    #expect(try place.run("predict", "marked", "--output", "link.jsonl", input: "a good film\n").code == 0)
    let kept = try FileManager.default.attributesOfItem(atPath: place.url("link.jsonl").path)
    #expect(kept[.type] as? FileAttributeType == .typeSymbolicLink)
    #expect(try place.text("real.jsonl").contains("probabilities"))
    let mode = try FileManager.default.attributesOfItem(atPath: place.url("real.jsonl").path)[.posixPermissions]
    #expect(mode as? Int == 0o600)
    try place.expectError(
      ["evaluate", "marked", "--data", "reviews.tsv", "--split", "test"], ["--split test: ", "--split-column"])
  }

  @Test func numbersInQuotesAreTexts() throws {
    try expectRefused(recipe("epochs: 2", "epochs: \"2\""), ["expected a whole number", "a number has no quotes"])
  }

  @Test func brokenYAML() throws {
    try expectRefused(recipe("pool: max", "pool: [max"), ["/bad.yaml:", "not valid YAML"])
    try expectRefused("preprocess:\n  text: {}\n bad\n", ["/bad.yaml:3:2: not valid YAML"])
    try expectRefused("", ["/bad.yaml: the file is empty"])
    try expectRefused("a: 1\n---\nb: 2\n", ["/bad.yaml:2:1: not valid YAML: expected a single document", "another"])
    try expectRefused("a: 1\nb: \u{1}\n", ["/bad.yaml:2: not valid YAML: control characters are not allowed"])
    try expectRefused("just a text", ["/bad.yaml:1:1: expected a section"])
    let long = String(repeating: "long ", count: 20)
    try expectRefused(long + long, ["/bad.yaml:1:1: expected a section of keys, found '\(long.prefix(60))…'"])
    try expectRefused(recipe("pool: max", "pool: max\npool: mean"), ["/bad.yaml", "'pool'", "twice"])
  }

  @Test func misspeltKeysNameTheNearest() throws {
    try expectRefused(
      recipe("learning_rate", "learning_rat"), ["/bad.yaml:17:", "'learning_rat'", "did you mean 'learning_rate'"])
    try expectRefused(recipe("pool: max", "pol: max"), ["/bad.yaml", "'pol'", "'pool'"])
    try expectRefused(recipe("objective", "objectiv"), ["/bad.yaml:12:", "'objectiv'", "did you mean 'objective'"])
    try expectRefused(
      recipe("dimension", "dimensions"), ["/bad.yaml:4:", "did you mean 'dimension'", "encode.embedding"])
    try expectRefused(recipe("cnn:", "cn:"), ["/bad.yaml:5:", "did you mean 'cnn'"])
    try expectRefused(recipe("pool: max", "POOL: max"), ["/bad.yaml:6:", "did you mean 'pool'"])
    try expectRefused(recipe("pool: max", "polo: max"), ["/bad.yaml:6:", "did you mean 'pool'"])
    try expectRefused(recipe("pool: max", "pool: maxi"), ["/bad.yaml:6:", "'maxi'", "'max'"])
    try expectRefused(recipe("dropout: 0.3", "dropot: 0.3"), ["/bad.yaml:8:", "'dropot'", "did you mean 'dropout'"])
    try expectRefused(recipe("optimizer: adam", "optimizer: adm"), ["/bad.yaml:16:", "'adm'", "did you mean 'adam'"])
    try expectRefused(recipe("column", "colum"), ["/bad.yaml:11:", "'colum'", "'column'"])
  }

  @Test func wrongTypesAndValues() throws {
    try expectRefused(
      recipe("epochs: 2", "epochs: many"), ["/bad.yaml:14:11: training.epochs: expected a whole number, found 'many'"])
    try expectRefused(
      recipe("epochs: 2", "epochs: 0"), ["/bad.yaml:14:11: training.epochs: ", "from 1 to 1000000, found 0"])
    try expectRefused(recipe("epochs: 2", "epochs: [2]"), ["/bad.yaml:14:11: training.epochs: ", "found a list"])
    try expectRefused(recipe("learning_rate: 0.01", "learning_rate: -1"), ["/bad.yaml:17:", "above 0"])
    try expectRefused(recipe("dropout: 0.3", "dropout: 1.5"), ["/bad.yaml:8:", "'1.5'"])
    try expectRefused(
      recipe("text: {tokens: words, max_length: 16}", "text: 5"),
      ["/bad.yaml:2:9: preprocess.text: takes no value here, found '5'"])
    try expectRefused(recipe("objective: classification", "objective: clustering"), ["/bad.yaml:12:", "clustering"])
  }

  @Test func aModelLargerThanTheMemory() throws {
    try expectRefused(
      recipe("cnn: {widths: [2, 3], channels: 8}", "gru: {hidden: 1000000}"),
      ["weight_hh_l0\" of shape [3000000, 1000000] makes the model larger than this machine's memory"])
  }

  @Test func stepsThatDoNotFit() throws {
    try expectRefused(
      recipe("pool: max", "pool: flatten"),
      ["/bad.yaml:6:7: pool: flatten gets [length, 16], expected inputs of a fixed size"])
    try expectRefused(
      recipe("- dropout: 0.3", "- truncate: 64"),
      ["/bad.yaml:8:5: project[0]: truncate 64 gets [16], expected at least 64 columns"])
    try expectRefused(recipe("cnn: {widths: [2, 3], channels: 8}", "layers: [relu]"), ["/bad.yaml", "encode"])
    try expectRefused(
      recipe("cnn: {widths: [2, 3], channels: 8}", "transformer: {heads: 5}"), ["/bad.yaml:5:", "5 heads", "12"])
    try place.writeImages()
    let images = try place.text("images.yaml")
    try expectRefused(
      images.replacingOccurrences(of: "kernel: 3}", with: "kernel: 9, padding: 0}"),
      ["/bad.yaml:5:7: encode.layers[0]: convolution 4 × 9 gets [6, 6, 1], expected at least 9 × 9"])
    try expectRefused(
      images.replacingOccurrences(of: "size: [6, 6]", with: "size: [8, 8]"),
      ["/images", "expected images of 8 × 8 × 1", "found 6 × 6 × 1"])
  }

  @Test func dataWithoutSamples() throws {
    try place.write("text\tlabel\tsplit\n", to: "reviews.tsv")
    try expectRefused(place.recipe(), ["/reviews.tsv: ", "at least one row"])
    try place.write("text\tlabel\tsplit\na\tyes\ttest\n", to: "reviews.tsv")
    try expectRefused(place.recipe(), ["/reviews.tsv: ", "no samples for training"])
    try place.write("text\tlabel\tsplit\na\tyes\ttrain\nb\tno\ttrian\n", to: "reviews.tsv")
    try expectRefused(place.recipe(), ["/reviews.tsv:3: ", "'trian'"])
    try place.write("text\tlabel\tsplit\na\tyes\ttrain\nb\tno\ttrain\nc\tmaybe\ttest\n", to: "reviews.tsv")
    try expectRefused(place.recipe(), ["/reviews.tsv:4: ", "'maybe'", "never seen in training"])
    try place.write("text\tlabel\tsplit\na\tyes\ttrain\nb\tyes\ttrain\n", to: "reviews.tsv")
    try expectRefused(place.recipe(), ["/reviews.tsv", "one label", "'yes'"])
  }

  @Test func encodersOfTokensAreNotScored() throws {
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/colbert"), to: place.url("colbert"))
    try place.write("query\tanswer\nthe film\tGREAT film\ndull plot\tthe plot\n", to: "pairs.tsv")
    for verb in [["evaluate", "colbert"], ["mine", "colbert", "--negatives", "1", "--output", "mined.tsv"]] {
      try place.expectError(
        verb + ["--data", "pairs.tsv"],
        ["/colbert: expected an encoder with one vector a text, found one with a vector for each token"])
    }
    #expect(!place.exists("mined.tsv"))
  }

  @Test func lossThatIsNoNumber() throws {
    try place.write(
      place.recipe(epochs: 3, training: "  checkpoint_every: 1").replacingOccurrences(of: "adam", with: "sgd")
        .replacingOccurrences(of: "0.01", with: "1.0e+25"), to: "bad.yaml")
    let outcome = try place.run("train", "bad.yaml", "--output", "model")
    #expect(outcome.code == 1)
    let line = try #require(outcome.errorLines.last)
    #expect(line.hasPrefix("encoders: training: "), "\(line)")
    #expect(line.contains("in epoch 1, step "))
    #expect(line.contains("/model/checkpoint/last.safetensors keeps the last good checkpoint"), "\(line)")
    #expect(try place.names("model/checkpoint") == ["last.safetensors"])
    #expect(!place.exists("model/config.json"))
  }
}
