import Foundation
import Tensors
import Training

/// Measures training steps (forward, backward, AdamW) of one case: a JSON line a round, as peers/speed.py prints; or a tokenizer.
///
///     bench CASE [--rounds N] [--seconds S] [--threads T] [--wait 1] [--profile 1] [--bfloat16 1]
///     bench tokenize FOLDER FILE [--rounds N] [--seconds S] [--threads T] [--wait 1]
///
/// With --wait a round starts when a line arrives on standard input, so that two programs can take turns; with --profile each says where
/// its time went.
@main
struct Bench {
  static func main() throws {
    var options = ["--rounds": 5.0, "--seconds": 3, "--threads": 2, "--wait": 0, "--profile": 0, "--bfloat16": 0]
    var arguments = Array(CommandLine.arguments.dropFirst())
    var tokenizer: (folder: String, file: String)?
    if arguments.first == "tokenize", arguments.count >= 3 {
      tokenizer = (arguments[1], arguments[2])
      arguments.removeSubrange(1...2)
    }
    guard let name = arguments.first, arguments.count % 2 == 1 else {
      print(
        "usage: bench CASE | tokenize FOLDER FILE [--rounds N] [--seconds S] [--threads T]\ncases: \(cases.joined(separator: ", "))"
      )
      exit(64)
    }
    for place in stride(from: 1, to: arguments.count, by: 2) {
      options[arguments[place]] = Double(arguments[place + 1])
    }
    Workers.count = Int(options["--threads"] ?? 2)
    if let tokenizer { return try measureTokenizer(folder: tokenizer.folder, file: tokenizer.file, options: options) }
    if options["--bfloat16"] != 0 { Precision.default = .bfloat16 }
    guard let workload = try workload(name) else {
      print("unknown case \(name); expected one of \(cases.joined(separator: ", "))")
      exit(64)
    }
    let optimizer = Optimizer(AdamW())
    var step = 0
    // Whole rounds of the batches where these differ much.
    func train(seconds: Double, cycle: Int = 1) -> (samples: Double, tokens: Double) {
      let clock = ContinuousClock()
      let start = clock.now
      let first = step
      var (samples, tokens) = (0, 0)
      repeat {
        let gradients = training(Random(seed: UInt64(step))) {
          let batch = workload.loss(step)
          (samples, tokens) = (samples + batch.samples, tokens + batch.tokens)
          return batch.loss.gradients()
        }
        optimizer.step(gradients, learningRate: 0.001)
        step += 1
      } while start.duration(to: clock.now) < .seconds(seconds) || (step - first) % cycle != 0
      let time = start.duration(to: clock.now) / .seconds(1)
      return (Double(samples) / time, Double(tokens) / time)
    }
    _ = train(seconds: 1)  // warm-up
    let profiles = options["--profile"] != 0
    let ceiling = Ceiling.operationsPerSecond(Precision.default)
    rounds(options) {
      if profiles { Profile.start() }
      let speed = train(seconds: options["--seconds"] ?? 3, cycle: mixedCases.contains(name) ? Lengths.cycle : 1)
      for entry in Profile.stop() {
        say(
          String(
            format: "%@ %.3f s, %d calls, %.0f GFLOP/s", entry.name, entry.seconds, entry.calls,
            entry.operations / entry.seconds * 1e-9))
      }
      var usage = rusage()
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return String(
        format:
          "{\"case\": \"%@\", \"samplesPerSecond\": %.1f, \"peakMemoryMB\": %.0f, \"ceiling\": %.4g, \"share\": %.3f}",
        name,
        speed.samples, Double(usage.ru_maxrss) / 1024, ceiling,
        speed.tokens * Double(workload.operationsPerToken) / ceiling)
    }
  }

  static let mixedCases = ["minilm-mixed", "minilm-grouped"]
  static let cases =
    [
      "lstm", "gru", "lstm-mixed", "gru-mixed", "mnist-cnn", "text-cnn", "transformer", "minilm", "minilm-no-dropout",
      "bert-base", "bert-base-no-dropout",
    ] + mixedCases
  private static let miniLM = (width: 384, layers: 6, heads: 12), bertBase = (width: 768, layers: 12, heads: 12)

  static func workload(_ name: String) throws -> Workload? {
    switch name {
    case "lstm": try .recurrent(.lstm) { _ in Array(repeating: 200, count: 64) }
    case "gru": try .recurrent(.gru) { _ in Array(repeating: 200, count: 64) }
    case "lstm-mixed": try .recurrent(.lstm, lengths: Lengths.reviews)
    case "gru-mixed": try .recurrent(.gru, lengths: Lengths.reviews)
    case "text-cnn": try .textCNN { Lengths.sentences($0, count: 50) }
    case "transformer": try .transformer { Lengths.sentences($0, count: 64) }
    case "mnist-cnn": try .mnistCNN()
    case "minilm": try .bert(miniLM, dropout: 0.1) { _ in Array(repeating: 128, count: 32) }
    case "minilm-no-dropout": try .bert(miniLM, dropout: 0) { _ in Array(repeating: 128, count: 32) }
    // Ours take no notice of lengths: only the peer's batches differ.
    case "minilm-mixed", "minilm-grouped": try .bert(miniLM, dropout: 0.1, lengths: Lengths.few)
    case "bert-base": try .bert(bertBase, dropout: 0.1) { _ in Array(repeating: 128, count: 8) }
    case "bert-base-no-dropout": try .bert(bertBase, dropout: 0) { _ in Array(repeating: 128, count: 8) }
    default: nil
    }
  }
}

func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// A line for each round; with --wait each begins when a line arrives on standard input.
func rounds(_ options: [String: Double], _ measure: () -> String) {
  let waits = options["--wait"] != 0
  if waits { say("ready") }
  for _ in 0..<Int(options["--rounds"] ?? 5) {
    if waits, readLine() == nil { break }
    say(measure())
  }
}

/// Lengths of texts in random batches: those that peers/speed.py reads too.
enum Lengths {
  /// Long reviews, as IMDB's are; batches of 64.
  static func reviews(_ step: Int) -> [Int] { batch(mixed, step, 64) }
  /// The first of these in four batches of 32, again and again.
  static func few(_ step: Int) -> [Int] { batch(mixed, step % cycle, 32) }
  static let cycle = 4
  /// The movie-review sentences.
  static func sentences(_ step: Int, count: Int) -> [Int] { batch(short, step, count) }

  private static let mixed = read("mixed")
  private static let short = read("reviews")

  private static func read(_ name: String) -> [Int] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../lengths")
    let text = (try? String(contentsOf: folder.appendingPathComponent("\(name).txt"), encoding: .utf8)) ?? ""
    return text.split(whereSeparator: \.isNewline).compactMap { Int($0) }
  }

  private static func batch(_ lengths: [Int], _ step: Int, _ count: Int) -> [Int] {
    let batches = min(64, lengths.count / count)
    precondition(batches > 0, "no lengths: expected Benchmarks/lengths beside the sources")
    let start = step % batches * count
    return Array(lengths[start..<start + count])
  }
}
