import CKernels

/// The fastest that this machine's products can be, to measure the real ones by.
public enum Ceiling {
  /// Multiplications and additions a second on `Workers.count` threads, as chains of multiply-add in registers have them: the best of a few
  /// tries of some milliseconds each.
  ///
  /// - Parameter precision: of the products.
  public static func operationsPerSecond(_ precision: Precision) -> Double {
    let (threads, steps) = (Workers.count, 2_000_000)
    let clock = ContinuousClock()
    let best = (0..<5).map { _ in
      clock.measure {
        // As many chunks as threads, each of them long enough for every thread to take one.
        Workers.run(chunks: threads) { _ in
          var (floats, bytes) = ([Float](repeating: 0.5, count: 16), [Int32](repeating: 0x0101_0101, count: 16))
          switch precision {
          case .float32: enc_float_peak(steps, &floats)
          case .float16: enc_half_peak(steps, &floats)
          case .bfloat16: enc_pair_peak(steps, &floats)
          case .int8: enc_byte_peak(steps, &bytes)
          }
        }
      }
    }.min()
    let each: [Precision: Int] = [.float32: 32, .float16: 64, .bfloat16: 64, .int8: 128]
    let operations = Double(threads * steps * 12 * (each[precision] ?? 0))
    return best.map { operations / ($0 / .seconds(1)) } ?? 0
  }
}
