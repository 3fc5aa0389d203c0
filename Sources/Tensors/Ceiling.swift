import CKernels

/// The fastest that this machine's products can be, to measure the real ones by.
public enum Ceiling {
  /// Multiplications and additions a second on `Workers.count` threads, as chains of multiply-add in registers have them: the best of a few
  /// tries of some milliseconds each.
  ///
  /// - Parameter precision: of the products; the 16-bit ones have float32's ceiling, in which they are computed.
  public static func operationsPerSecond(_ precision: Precision) -> Double {
    let (threads, steps) = (Workers.count, 2_000_000)
    let clock = ContinuousClock()
    let best = (0..<5).map { _ in
      clock.measure {
        // As many chunks as threads, each of them long enough for every thread to take one.
        Workers.run(chunks: threads) { _ in
          if precision == .int8 {
            var numbers = [Int32](repeating: 0x0101_0101, count: 16)
            enc_byte_peak(steps, &numbers)
          } else {
            var numbers = [Float](repeating: 0.5, count: 16)
            enc_float_peak(steps, &numbers)
          }
        }
      }
    }.min()
    let operations = Double(threads * steps * 12) * (precision == .int8 ? 128 : 32)
    return best.map { operations / ($0 / .seconds(1)) } ?? 0
  }
}
