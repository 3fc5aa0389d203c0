import Foundation
import Tensors
import Training

/// Measures training steps (forward, backward, Adam) of one case: a JSON line a round, as peers/speed.py prints.
///
///     bench CASE [--rounds N] [--seconds S] [--threads T]
@main
struct Bench {
  static func main() throws {
    var options = ["--rounds": 5.0, "--seconds": 3, "--threads": 2]
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
    for _ in 0..<Int(options["--rounds"] ?? 5) {
      let speed = train(seconds: options["--seconds"] ?? 3)
      var usage = rusage()
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      let line = String(
        format: "{\"case\": \"%@\", \"samplesPerSecond\": %.1f, \"peakMemoryMB\": %.0f}\n", name, speed,
        Double(usage.ru_maxrss) / 1024)
      FileHandle.standardOutput.write(Data(line.utf8))
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

/// Lengths of texts in random batches, the same as peers/speed.py draws.
enum Lengths {
  /// Long reviews: log-normal with median 174 and deviation 0.65, from 10 to 500 words, as IMDB's are; batches of 64.
  static func reviews(_ step: Int) -> [Int] { draw(step, 64, median: 174, deviation: 0.65, 10...500) }

  /// Sentences: log-normal with median 20 and deviation 0.5, from 3 to 60 words, as the movie-review sentences are.
  static func sentences(_ step: Int, count: Int) -> [Int] { draw(step, count, median: 20, deviation: 0.5, 3...60) }

  private static func draw(_ step: Int, _ count: Int, median: Double, deviation: Double, _ range: ClosedRange<Int>)
    -> [Int]
  {
    let random = Random(seed: 5, stream: UInt64(step % 16))
    return (0..<count).map { place in
      let (u, v) = (Double(random.uniform(at: UInt64(2 * place))), Double(random.uniform(at: UInt64(2 * place + 1))))
      let normal = (-2 * log(1 - u)).squareRoot() * cos(2 * .pi * v)
      return min(range.upperBound, max(range.lowerBound, Int(median * exp(deviation * normal))))
    }
  }
}
