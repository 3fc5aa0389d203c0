import ArgumentParser
import Encoders
import Foundation
import Tensors

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure how fast a model computes vectors here, and how exactly.",
    discussion: """
      Real tokens a second (padding doesn't exist), the share of the fastest products this machine can do, the time of \
      one short text, and how near the vectors are to float32's. Without --input, sentences of mixed length.

      Example:
        encoders bench models/all-MiniLM-L6-v2 --input sentences.txt \\
          --compute float32 int8
      """)

  @Argument(help: "The model folder: a model of texts.") var model: String
  @Option(name: .long, help: "A file of texts, one a line, or JSON lines {\"text\": …}; - for standard input.")
  var input: String?
  @Option(name: .long, parsing: .upToNextOption, help: "One or several.")
  var compute = Precision.allCases
  @Option(name: .long, parsing: .unconditional, help: "How often all texts are computed; the median counts.")
  var rounds = 5
  @Flag(name: .long, help: "Print JSON.") var json = false
  @OptionGroup var options: ComputeOptions

  private struct Report: Encodable {
    let model: String, texts: Int, tokens: Int, threads: Int
    /// Multiplications and additions a second, in thousands of millions.
    let ceiling: [String: Double]
    let results: [InferenceBenchmark.Result]
  }

  func validate() throws {
    if rounds < 1 { throw ValidationError("--rounds: expected at least 1, found \(rounds)") }
  }

  func run() throws {
    try reporting {
      options.apply()
      let model = try openModel(path(model))
      try model.requireTexts(path(self.model))
      var texts: [String] = []
      if let input {
        let lines = InputLines(source: input)
        try lines.forEachBatch { texts += $0 }
        guard !texts.isEmpty else { throw InputError(description: "\(lines.name): expected texts, found none") }
      } else {
        texts = BenchCommand.sentences
      }
      let benchmark = try InferenceBenchmark(model, texts: texts)
      let kinds = Precision.allCases.filter { $0 == .float32 || compute.contains($0) }
      let ceilings = Dictionary(uniqueKeysWithValues: kinds.map { ($0, Ceiling.operationsPerSecond($0)) })
      let shown = kinds.compactMap { kind in ceilings[kind].map { "\(kind.rawValue) \(whole($0 / 1e9))" } }
      let results = try benchmark.results(compute, rounds: rounds) { ceilings[$0] ?? 0 }
      if json {
        return try printJSON(
          Report(
            model: self.model, texts: benchmark.count, tokens: benchmark.tokens, threads: Workers.count,
            ceiling: Dictionary(uniqueKeysWithValues: ceilings.map { ($0.rawValue, $1 / 1e9) }), results: results))
      }
      try printLine(
        "\(benchmark.count) texts, \(benchmark.tokens) tokens, \(Workers.count) threads; the ceiling, in billion operations "
          + "a second: \(shown.joined(separator: ", "))")
      try printLine("compute     tokens/s    of ceiling   short text, ms (p95)   cosine to float32 (Spearman)")
      for result in results { try printLine(line(result)) }
    }
  }

  private func line(_ result: InferenceBenchmark.Result) -> String {
    let share = result.shareOfCeiling.map { "\(whole(100 * $0)) %" } ?? "–"
    let latency = String(format: "%.2f (%.2f)", result.latency.p50, result.latency.p95)
    let fidelity =
      result.fidelity.map { fidelity in
        String(format: "%.5f", fidelity.meanCosine) + (fidelity.spearman.map { String(format: " (%.5f)", $0) } ?? "")
      } ?? ""
    return [(result.compute, 12), (whole(result.tokensPerSecond), 12), (share, 13), (latency, 23), (fidelity, 0)]
      .map { $0.0.padding(toLength: max($0.0.count, $0.1), withPad: " ", startingAt: 0) }.joined()
  }

  private func whole(_ number: Double) -> String { String(format: "%.0f", number) }

  /// 512 texts of one to twelve sentences.
  private static var sentences: [String] {
    let parts = [
      "The river had risen in the night.", "Nobody in the village remembered a spring as late as this one.",
      "She counted the boats again, and again there was one too many.", "It was a small blue boat with a broken oar.",
      "On the following morning the council met in the school, since the town hall stood under water.",
      "“We shall wait,” said the miller, who had the most to lose.", "Rain fell.",
      "An engineer came from the capital with instruments that nobody understood, measured for two days and left again.",
      "By June the fields were dry enough to plough.", "The blue boat was never claimed.",
      "Years later a child found a letter under its seat, addressed to a house that no longer stood.",
      "They read it aloud at the inn, twice, and then it was kept behind the bar with the maps and the good glasses.",
    ]
    return (0..<512).map { text in
      (0...(text * text) % 12).map { parts[(text + 5 * $0) % parts.count] }.joined(separator: " ")
    }
  }
}
