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

  func data(_ section: String) throws -> TrainingData {
    let text = RecipeSamples.text.replacingOccurrences(of: "path: reviews.tsv", with: section)
    return try TrainingData(Recipe(text, folder.url.appendingPathComponent("recipe.yaml")))
  }

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
}
