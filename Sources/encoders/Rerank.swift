import ArgumentParser
import Encoders
import Foundation
import Tensors

struct RerankCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rerank", abstract: "Order texts by how well they answer a query.",
    discussion: """
      The model is a cross-encoder with one label, which reads the query together with each text, or any encoder of texts, \
      by similarity. Input is one text a line, or JSON lines {"text": …} if the first line begins with a brace (then blank lines are skipped). Output is a JSON line a text, best first:
        {"index":…,"score":…,"text":…}
      The index counts the texts from 0.

      Example:
        encoders rerank models/ms-marco-MiniLM-L6-v2 \\
          --query "how many legs has a spider" --input passages.txt --top 10
      """)

  @Argument(help: "The model folder.") var model: String
  @Option(name: .long, parsing: .unconditional, help: "The query.") var query: String
  @Option(name: .long, help: "The file of texts, - for standard input.") var input = "-"
  @Option(name: .shortAndLong, help: "The JSON lines file to write, - for standard output.") var output = "-"
  @Option(name: .long, parsing: .unconditional, help: "How many texts to print; else all.") var top: Int?
  @OptionGroup var compute: InferenceOptions

  private struct Result: Encodable { let index: Int, score: Float, text: String }

  func validate() throws {
    if let top, top < 1 { throw ValidationError("--top: expected at least 1, found \(top)") }
  }

  func run() throws {
    try reporting {
      try requireOther(output, than: input)
      compute.apply()
      let score = try scorer(path(model))
      let lines = try OutputLines(output)
      var (texts, scores): ([String], [Float]) = ([], [])
      try InputLines(source: input).forEachBatch { batch in
        let more = try score(batch)
        try requireFinite(more, from: path(model))
        scores += more
        texts += batch
      }
      let order = texts.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      for index in order.prefix(top ?? order.count) {
        let result = Result(index: index, score: scores[index], text: texts[index])
        try lines.write(String(decoding: try encoder.encode(result), as: UTF8.self))
      }
      try lines.finish()
    }
  }

  /// What gives a batch of texts their scores.
  private func scorer(_ folder: URL) throws -> ([String]) throws -> [Float] {
    if try CrossEncoder.isOne(folder) {
      let encoder = try CrossEncoder.open(folder)
      guard encoder.labels.count == 1 else {
        throw InputError(
          description:
            "\(folder.path): expected a cross-encoder with one label, found \(encoder.labels.count); use predict")
      }
      return { texts in try encoder.scores(texts.map { (query, $0) }).scalars }
    }
    let model = try openModel(folder)
    try model.requireTexts(folder)
    // Models trained for retrieval have a prompt for queries, and maybe one for documents.
    let (question, document) = (model.sentenceEncoder?.prompts.query, model.sentenceEncoder?.prompts.document)
    if let encoder = model.sentenceEncoder, encoder.isMultiVector {
      guard let query = encoder.tokenEmbeddings(try encoder.batch([query], prompt: question, isQuery: true))
      else {
        throw InputError(description: "\(folder.path): no module gives a vector for each token")
      }
      return { texts in
        let vectors = encoder.tokenEmbeddings(try encoder.batch(texts, prompt: document))
        return vectors.map { maximumSimilarity(query.rows, $0) } ?? []
      }
    }
    let asking = model.forQueries()
    let vector = asking.vectors(try asking.input(texts: [query], prompt: question))
    let function = model.sentenceEncoder?.similarity ?? .cosine
    return { texts in function.all(vector, model.vectors(try model.input(texts: texts, prompt: document))).scalars }
  }
}

/// MaxSim: the sum over the query's tokens of their largest dot product with a token of the document.
private func maximumSimilarity(_ query: Tensor, _ documents: Ragged<Tensor>) -> [Float] {
  let (products, count) = (query.linear(documents.rows, nil).scalars, documents.rows.rows)
  return (0..<documents.count).map { document in
    (0..<query.rows).reduce(0) { sum, token in
      sum + (documents.offsets[document].map { products[token * count + $0] }.max() ?? 0)
    }
  }
}
