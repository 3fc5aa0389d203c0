import ArgumentParser
import Encoders
import Foundation

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check that a model's reference vectors still come out.",
    discussion: """
      With --create, some texts are kept in the model's folder (reference.json), with the tokens and vectors (of a cross-encoder, logits) that it gives \
      for them. Without, they are computed anew: if they no longer come out, the exit code is 1, and the output says what changed: files, tokens, vectors. \
      Models of images, and those with a vector for each token (ColBERT), are refused.

      Example:
        encoders verify models/all-MiniLM-L6-v2 --create
        encoders verify models/all-MiniLM-L6-v2
      """)

  @Argument(help: "The model folder.") var model: String
  @Flag(name: .long, help: "Write the reference vectors, in place of any that are there.") var create = false
  @Flag(name: .long, help: "Print the comparison as JSON.") var json = false
  @OptionGroup var compute: ComputeOptions

  func run() throws {
    try reporting {
      compute.apply()
      let folder = path(model)
      let source = try source(folder)
      if create {
        let reference = try ReferenceVectors(folder: folder, of: source)
        try reference.write(to: folder)
        return try printLine(
          "\(reference.samples.count) reference vectors in \(folder.path)/\(ReferenceVectors.fileName)")
      }
      guard FileManager.default.fileExists(atPath: folder.appendingPathComponent(ReferenceVectors.fileName).path) else {
        throw InputError(
          description:
            "\(folder.path): no \(ReferenceVectors.fileName); `encoders verify \(self.model) --create` writes it")
      }
      let comparison = try ReferenceVectors(contentsOf: folder).compare(folder: folder, with: source)
      if json { try printJSON(comparison) } else { try printLine(text(comparison)) }
      if !comparison.isSame { throw ExitCode(1) }
    }
  }

  private func source(_ folder: URL) throws -> ReferenceVectors.Source {
    if try CrossEncoder.isOne(folder) { return try CrossEncoder.open(folder).reference }
    let model = try openModel(folder)
    try model.requireTexts(folder)
    return model.reference
  }

  private func text(_ comparison: ReferenceVectors.Comparison) -> String {
    var lines: [String] = []
    if !comparison.changedFiles.isEmpty {
      lines.append("changed files: " + comparison.changedFiles.joined(separator: ", "))
    }
    if comparison.changedTokens > 0 {
      lines.append("\(comparison.changedTokens) of \(comparison.count) texts have other tokens")
    }
    let difference = comparison.maximumDifference.map { "max |Δ| \($0)" } ?? "the vectors have another width"
    let verdict = comparison.isSame ? "the reference vectors come out" : "the reference vectors do NOT come out"
    return (lines + ["\(verdict): \(comparison.count) texts, \(difference)"]).joined(separator: "\n")
  }
}
