import CKernels
import Synchronization

/// Threads that share work cut into chunks of a fixed size.
///
/// The cut never depends on the number of threads, and whatever is summed across chunks is added in chunk order, so results are the
/// same bits on any number of threads.
public enum Workers {
  private static let threads = Atomic<Int>(Int(enc_processors()))

  /// How many threads compute, the caller among them. Starts as the number of processors available.
  public static var count: Int {
    get { threads.load(ordering: .relaxed) }
    set { threads.store(max(1, newValue), ordering: .relaxed) }
  }

  /// Whether the calling thread runs a chunk, whose own chunks it runs alone.
  static var isInside: Bool { enc_workers_inside() }

  /// Runs `body` for each chunk index; returns when all are done. Chunks run in any order, at the same time.
  public static func run(chunks: Int, _ body: (Int) -> Void) {
    guard chunks > 0 else { return }
    withoutActuallyEscaping(body) { body in
      var body = body
      withUnsafeMutablePointer(to: &body) { pointer in
        enc_workers_run(
          count, chunks,
          { context, chunk in
            context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(chunk)
          }, UnsafeMutableRawPointer(pointer))
      }
    }
  }

  /// Runs `body` for ranges of `size` that together cover 0 ..< `total`.
  public static func run(_ total: Int, by size: Int, _ body: (Range<Int>) -> Void) {
    run(chunks: (total + size - 1) / size) { chunk in
      body(chunk * size..<min(total, (chunk + 1) * size))
    }
  }

  /// Runs `body` on the calling thread as workers run it: denormals flushed, OpenMP held to one thread.
  static func alone<R>(_ body: () throws -> R) rethrows -> R {
    let entered = enc_enter()
    defer { enc_leave(entered) }
    return try body()
  }
}
