import Foundation
import Tensors

@main
struct Bench {
  static func main() throws {
    let w: Workload = switch CommandLine.arguments[1] {
      case "lstm": try .recurrent(.lstm) { _ in Array(repeating: 200, count: 64) }
      case "gru": try .recurrent(.gru) { _ in Array(repeating: 200, count: 64) }
      case "text-cnn": try .textCNN { s in (0..<50).map { 5 + ($0 * 7 + s) % 35 } }
      case "transformer": try .transformer { s in (0..<64).map { 5 + ($0 * 7 + s) % 35 } }
      default: try .mnistCNN()
    }
    for round in 0..<4 {
      let start = Date()
      var samples = 0, step = 0
      var fwd = 0.0
      while Date().timeIntervalSince(start) < 2 {
        let t = Date()
        let g = training(Random(seed: UInt64(step))) { let (l, n) = w.loss(step); samples += n; fwd += Date().timeIntervalSince(t); return l.gradients() }
        step += 1
        _ = g
      }
      let s = Date().timeIntervalSince(start)
      print(round, Double(samples) / s, "fwd ms", fwd / Double(step) * 1000, "step ms", s / Double(step) * 1000)
    }
  }
}
