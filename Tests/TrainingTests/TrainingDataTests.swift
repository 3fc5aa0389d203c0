import Encoders
import Foundation
import Testing

@testable import Training

/// Samples as the section `data` of a recipe says.
@Suite struct TrainingDataTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for (part, count) in [("train", 10), ("test", 1)] {
      for label in ["no", "yes"] {
        for number in 0..<count { try file("reviews/\(part)/\(label)/\(number).txt", "\(label) \(part) \(number)") }
      }
    }
    try file("a.tsv", "text\tlabel\nfine\tyes\ndull\tno\n")
    try file("a.csv", "label,text\nno,poor\n")
    try file("a.jsonl", "{\"text\": \"good\", \"label\": \"yes\"}\n")
  }

  func file(_ name: String, _ text: String) throws {
    let url = folder.url.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  func recipe(_ section: String, _ replacements: (String, String)...) throws -> Recipe {
    let text = replacements.reduce(RecipeSamples.text.replacingOccurrences(of: "path: reviews.tsv", with: section)) {
      $0.replacingOccurrences(of: $1.0, with: $1.1)
    }
    return try Recipe(text, folder.url.appendingPathComponent("recipe.yaml"))
  }

  func data(_ section: String) throws -> TrainingData { try TrainingData(recipe(section)) }

  /// The error, without the folder's path.
  func message(_ section: String) -> String {
    do {
      _ = try data(section)
      return "no error"
    } catch {
      return "\(error)".replacingOccurrences(of: folder.url.path + "/", with: "")
    }
  }

  func counts(_ section: String) throws -> [Int] {
    let data = try data(section)
    return [data.train.count, data.validation.count, data.test.count]
  }

  @Test func labelsThatAreEqualAsNumbersComeByTheirTexts() {
    #expect(
      TrainingData.sorted(["10", "1", "01", "+1", "001", "+01", "0001", "2", "-1"])
        == ["-1", "+01", "+1", "0001", "001", "01", "1", "2", "10"])
  }

  @Test func labelsOfOtherBytesAreOthers() throws {
    try file("forms.tsv", "text\tlabel\na\t\u{E9}\nb\te\u{301}\nc\t\u{E9}\n")
    let data = try data("split: {train: forms.tsv, validation: forms.tsv}")
    #expect(data.labels.map { Array($0.utf8) } == [Array("e\u{301}".utf8), Array("\u{E9}".utf8)])
    #expect((data.train.labels, data.validation.labels) == ([1, 0, 1], [1, 0, 1]))
  }

  @Test func idsOfOtherBytesAreOthers() throws {
    for name in ["queries", "corpus"] { try file("r/\(name).tsv", "id\ttext\n\u{E9}\ta\ne\u{301}\tb\n") }
    try file("r/relevant.tsv", "query\tcorpus\n\u{E9}\te\u{301}\ne\u{301}\t\u{E9}\n")
    try file("forms.tsv", "text\tlabel\na\t\u{E9}\nb\te\u{301}\nc\t\u{E9}\n")
    // The corpus is sorted by its ids' bytes.
    guard case .retrieval(_, _, [[0], [1]]) = try ScoringData(.init(folder.url.appendingPathComponent("r"))),
      case .clustering(_, [1, 0, 1]) = try ScoringData(.init(folder.url.appendingPathComponent("forms.tsv")))
    else {
      Issue.record("other numbers")
      return
    }
  }

  @Test func longLabelsAreCutInMessages() throws {
    let long = String(repeating: "x", count: 1000)
    try file("long.tsv", "text\tlabel\na\t\(long)1\nb\t\(long)2\n")
    try file("other.tsv", "text\tlabel\na\t\(long)3\n")
    let (found, cut) = (message("split: {train: long.tsv, test: other.tsv}"), String(long.prefix(60)) + "…")
    #expect(found == "other.tsv:2: the label '\(cut)' was never seen in training (\(cut), \(cut))")
  }

  @Test func eachFormOfAWordGetsItsVector() throws {
    try file("forms.tsv", "text\tlabel\n\u{E9} e\u{301}\tyes\n\u{E9}\tno\n")
    try file("vectors.txt", "\u{E9} 1 2\ne\u{301} 3 4\n")
    let run = try TrainingRun(
      recipe(
        "split: {train: forms.tsv, validation: forms.tsv}", ("dimension: 100", "dimension: 2, vectors: vectors.txt")))
    #expect(run.notes.contains("2 of them have a vector in vectors.txt"))
  }

  @Test func aBatchOfLabelsWithoutWeightIsNamed() throws {
    let run = try TrainingRun(
      recipe(
        "split: {train: a.tsv, validation: a.tsv}", ("batch_size: 50", "batch_size: 1"),
        ("objective: classification", "objective: {classification: {class_weights: [1, 0]}}")))
    let output = folder.url.appendingPathComponent("model")
    let error = #expect(throws: ConfigurationError.self) { try run.run(output: output) }
    #expect(
      error.map { "\($0)" }?.hasSuffix(
        "objective.class_weights: expected a label of weight above 0 in each batch, "
          + "found only labels of weight 0 in one of epoch 1") == true)
  }

  @Test func aFolderWithPartsTakesNoOtherSplit() throws {
    #expect(try counts("path: reviews") == [18, 2, 2])
    #expect(try counts("path: reviews\n  split: {random: {validation: 0.25, test: 0}}") == [15, 5, 2])
    for format in ["auto", "imdb"] {
      for split in ["sha256", "{column: part}", "{random: {test: 0.1}}"] {
        #expect(
          message("format: \(format)\n  split: \(split)\n  path: reviews")
            == "recipe.yaml:11:10: data.split: the data come with test samples of their own; expected only random: "
            + "{validation: 0.1, test: 0}")
      }
    }
  }

  @Test func aFolderWithoutPartsIsDivided() throws {
    #expect(try counts("path: reviews/train") == [16, 2, 2])
    #expect(try counts("path: reviews/train\n  split: {random: {validation: 0.1, test: 0.4}}") == [10, 2, 8])
    #expect(try counts("split: {train: reviews/train, validation: reviews/test, test: reviews}") == [20, 2, 2])
  }

  @Test(arguments: ["text: x", "label: x", "probabilities: x", "split: {column: x}"])
  func aFolderHasNoColumns(_ option: String) throws {
    let found = message("path: reviews/train\n  \(option)")
    #expect(found.hasPrefix("recipe.yaml:11:"), "\(found)")
    #expect(found.hasSuffix(": a folder of texts has no columns; expected a file: tsv, csv or jsonl"), "\(found)")
    #expect(message("path: reviews/train\n  text: text\n  label: label") == "no error")
  }

  @Test func theFormatFitsWhatIsThere() {
    #expect(
      message("path: reviews\n  format: tsv")
        == "reviews: expected a file, as the recipe's format 'tsv' says, found a folder")
    #expect(
      message("path: a.tsv\n  format: imdb")
        == "a.tsv: expected a folder of texts, as the recipe's format 'imdb' says, found a file")
    #expect(message("path: none\n  format: imdb").hasPrefix("none: "))
  }

  @Test func eachFileOfASplitHasAFormatOfItsOwn() throws {
    let data = try data("split: {train: a.tsv, validation: a.csv, test: a.jsonl}")
    guard case .texts(["fine", "dull"], _) = data.train, case .texts(["poor"], _) = data.validation,
      case .texts(["good"], _) = data.test
    else {
      Issue.record("other texts")
      return
    }
    #expect((data.validation.labels, data.test.labels) == ([0], [1]))
  }

  @Test func whatIsDrawnForValidationIsSaid() throws {
    try file("many.tsv", "text\tlabel\n" + (0..<20).map { "text \($0)\t\(["no", "yes"][$0 % 2])\n" }.joined())
    let drawn = try TrainingRun(recipe("split: {train: many.tsv, test: a.csv}")).notes
    #expect(
      drawn.first
        == "18 samples for training, 2 for validation (10 % of the training part, drawn at random), 1 for test")
    let given = try TrainingRun(recipe("split: {train: many.tsv, validation: a.tsv}")).notes
    #expect(given.first == "20 samples for training, 2 for validation, 0 for test")
  }

  @Test func theBestEpochNeedsValidation() throws {
    try file("parts.tsv", "text\tlabel\tpart\nfine\tyes\ttrain\ndull\tno\ttrain\n")
    let error = #expect(throws: ConfigurationError.self) {
      try TrainingRun(recipe("path: parts.tsv\n  split: {column: part}", ("epochs: 8", "best: f1")))
    }
    let problem = "training.best: expected data.validation or data.split to find the best epoch, found none"
    #expect(error?.description.hasSuffix(problem) == true, "\(error?.description ?? "")")
  }
}
