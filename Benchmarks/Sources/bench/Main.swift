import Foundation
import Tensors
import Training

/// Measures training steps (forward, backward, Adam) of one case: a JSON line a round, as peers/speed.py prints.
///
///     bench CASE [--rounds N] [--seconds S] [--threads T] [--wait 1]
///
/// With --wait a round starts when a line arrives on standard input, so that two programs can take turns.
@main
struct Bench {
  static func main() throws {
    var options = ["--rounds": 5.0, "--seconds": 3, "--threads": 2, "--wait": 0]
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard let name = arguments.first, arguments.count % 2 == 1 else {
      print("usage: bench CASE [--rounds N] [--seconds S] [--threads T]\ncases: \(cases.joined(separator: ", "))")
      exit(64)
    }
    for place in stride(from: 1, to: arguments.count, by: 2) {
      options[arguments[place]] = Double(arguments[place + 1])
    }
    Workers.count = Int(options["--threads"] ?? 2)
    guard let workload = try workload(name) else {
      print("unknown case \(name); expected one of \(cases.joined(separator: ", "))")
      exit(64)
    }
    let optimizer = Optimizer(Adam())
    var step = 0
    func train(seconds: Double) -> Double {
      let clock = ContinuousClock()
      let start = clock.now
      var samples = 0
      repeat {
        let gradients = training(Random(seed: UInt64(step))) {
          let (loss, count) = workload.loss(step)
          samples += count
          return loss.gradients()
        }
        optimizer.step(gradients, learningRate: 0.001)
        step += 1
      } while start.duration(to: clock.now) < .seconds(seconds)
      return Double(samples) / (start.duration(to: clock.now) / .seconds(1))
    }
    _ = train(seconds: 1)  // warm-up
    let waits = options["--wait"] != 0
    func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
    if waits { say("ready") }
    for _ in 0..<Int(options["--rounds"] ?? 5) {
      if waits, readLine() == nil { break }
      let speed = train(seconds: options["--seconds"] ?? 3)
      var usage = rusage()
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      say(
        String(
          format: "{\"case\": \"%@\", \"samplesPerSecond\": %.1f, \"peakMemoryMB\": %.0f}", name, speed,
          Double(usage.ru_maxrss) / 1024))
    }
  }

  static let cases = ["lstm", "gru", "lstm-mixed", "gru-mixed", "mnist-cnn", "text-cnn", "transformer"]

  static func workload(_ name: String) throws -> Workload? {
    switch name {
    case "lstm": try .recurrent(.lstm) { _ in Array(repeating: 200, count: 64) }
    case "gru": try .recurrent(.gru) { _ in Array(repeating: 200, count: 64) }
    case "lstm-mixed": try .recurrent(.lstm, lengths: Lengths.reviews)
    case "gru-mixed": try .recurrent(.gru, lengths: Lengths.reviews)
    case "text-cnn": try .textCNN { Lengths.sentences($0, count: 50) }
    case "transformer": try .transformer { Lengths.sentences($0, count: 64) }
    case "mnist-cnn": try .mnistCNN()
    default: nil
    }
  }
}

/// Lengths of texts in random batches: those that peers/speed.py reads too.
enum Lengths {
  /// Long reviews, as IMDB's are; batches of 64.
  static func reviews(_ step: Int) -> [Int] { batch(mixed, step, 64) }
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
