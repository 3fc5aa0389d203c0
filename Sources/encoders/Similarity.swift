import ArgumentParser
import Checkpoints
import Encoders
import Evaluation
import Foundation
import Tensors

extension SimilarityFunction: ExpressibleByArgument {}

struct SimilarityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "similarity", abstract: "Say how alike two texts are, or the lines of two files.",
    discussion: """
      Where both are files, each line of the first is compared with the same line of the second (--matrix: with every \
      line). A line of output is a number (--matrix: a row of numbers, with tabs between).

      Example:
        encoders similarity models/all-MiniLM-L6-v2 \\
          "A cat sits outside." "A kitten is on the lawn."
      """)

  @Argument(help: "The model folder.") var model: String
  @Argument(help: "A text, or a file of texts.") var first: String
  @Argument(help: "Another, or a file of texts.") var second: String
  @Option(name: .long, help: "cosine, dot, euclidean or manhattan (distances count negatively); else the model's own.")
  var function: SimilarityFunction?
  @Flag(name: .long, help: "Compare every line of the first file with every line of the second.") var matrix = false
  @Flag(name: .long, help: "Print JSON: the function and a list of numbers (--matrix: of lists).") var json = false
  @OptionGroup var prompts: PromptOptions
  @OptionGroup var compute: InferenceOptions

  private struct Result: Encodable { let function: String, similarities: [Float] }
  private struct Matrix: Encodable { let function: String, similarities: [[Float]] }

  func run() throws {
    try reporting {
      compute.apply()
      let model = try openModel(path(model))
      try model.requireTexts(path(self.model))
      let areFiles = [first, second].map { text in
        !text.isEmpty && FileManager.default.fileExists(atPath: path(text).path) && !isFolder(path(text))
      }
      guard areFiles[0] == areFiles[1] else {
        let missing = areFiles[0] ? second : first
        throw InputError(
          description: "expected two texts or two files, found a file and '\(missing)', which is no file")
      }
      let a = try vectors(model, first, isFile: areFiles[0])
      let b = try vectors(model, second, isFile: areFiles[0])
      for vectors in [a, b] { try vectors.withUnsafeBuffer { try requireFinite($0, from: path(self.model)) } }
      let function = function ?? model.sentenceEncoder?.similarity ?? .cosine
      if matrix {
        var rows: [[Float]] = []
        // A block at a time: there may be more pairs than the memory has room for.
        for start in stride(from: 0, to: a.rows, by: 256) {
          let block = a.rows(at: IDs((start..<min(start + 256, a.rows)).map { Int32($0) }))
          let values = function.all(block, b).scalars
          for row in 0..<block.rows {
            let row = values[row * b.rows..<(row + 1) * b.rows]
            if json { rows.append(Array(row)) } else { try printLine(row.map { "\($0)" }.joined(separator: "\t")) }
          }
        }
        if json { try printJSON(Matrix(function: function.rawValue, similarities: rows)) }
        return
      }
      guard a.rows == b.rows else {
        throw InputError(
          description: "expected as many lines in both files, found \(a.rows) and \(b.rows); --matrix compares all")
      }
      let pairs = function.pairs(a, b)
      if json { return try printJSON(Result(function: function.rawValue, similarities: pairs)) }
      for value in pairs { try printLine("\(value)") }
    }
  }

  private func vectors(_ model: Model, _ source: String, isFile: Bool) throws -> Tensor {
    let prompt = try prompts.text(model)
    guard isFile else { return model.vectors(try model.input(texts: [source], prompt: prompt)) }
    var (parts, count): ([Tensor], Int) = ([], 0)
    try InputLines(source: source).forEachBatch { batch in
      parts.append(model.vectors(try model.input(lines: batch, after: count, prompt: prompt)))
      count += batch.count
    }
    guard !parts.isEmpty else {
      throw InputError(description: "\(path(source).path): expected lines of text, found none")
    }
    return Tensor.stacked(parts)
  }
}
