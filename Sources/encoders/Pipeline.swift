import Foundation
import Tensors

/// Reads, computes and writes at the same time: `read` gives batches on a thread of its own, `compute` takes them on the
/// caller's, and `write` has a third. Each is a batch ahead of the next one at most, so what is in memory is bounded.
///
/// Whatever one of them throws comes after all that was given before it has been written.
func overlapped<Read: Sendable, Computed: Sendable>(
  read: @escaping @Sendable (Handover<Read>) throws -> Void, compute: (Read) throws -> Computed,
  write: @escaping @Sendable (Computed) throws -> Void
) throws {
  let (inputs, outputs, end) = (Handover<Read>(), Handover<Computed>(), Handover<Never>())
  startThread { inputs.end(Result { try read(inputs) }) }
  startThread {
    let result = Result { while let batch = try outputs.take() { try write(batch) } }
    outputs.refuse()
    end.end(result)
  }
  let result = Result { while let batch = try inputs.take(), outputs.give(try compute(batch)) {} }
  // A reader that waits for standard input is left to itself: the program ends without it.
  inputs.refuse()
  outputs.end(result)
  _ = try end.take()
}

private func startThread(_ body: @escaping @Sendable () -> Void) {
  let thread = Thread(block: body)
  // As the main thread has.
  thread.stackSize = 8 << 20
  thread.start()
}

/// Hands elements from one thread to another, in order, one at a time.
final class Handover<Element: Sendable>: @unchecked Sendable {  // everything is behind `condition`
  private let condition = NSCondition()
  private var element: Element?
  private var result: Result<Void, any Error>?
  private var isRefused = false
  private var isTaking = false

  /// Whether the taker has nothing to do until an element comes.
  var isAwaited: Bool { condition.withLock { isTaking && element == nil } }

  /// Gives an element once the one before is taken; false if no more are wanted.
  func give(_ next: Element) -> Bool {
    condition.withLock {
      while element != nil, !isRefused { condition.wait() }
      guard !isRefused else { return false }
      element = next
      condition.broadcast()
      return true
    }
  }

  /// Says that no more come, and why.
  func end(_ result: Result<Void, any Error>) {
    condition.withLock {
      self.result = result
      condition.broadcast()
    }
  }

  /// The next element; nil after the last one, or the giver's error.
  func take() throws -> Element? {
    try condition.withLock {
      isTaking = true
      while element == nil, result == nil { condition.wait() }
      isTaking = false
      guard let next = element else {
        try result?.get()
        return nil
      }
      element = nil
      condition.broadcast()
      return next
    }
  }

  /// Says that no more are wanted.
  func refuse() {
    condition.withLock {
      isRefused = true
      condition.broadcast()
    }
  }
}

/// Runs `body` without help from the worker threads, which are computing for someone else.
func withoutWorkers<R>(_ body: () throws -> R) throws -> R {
  var result: Result<R, any Error>?
  // Whoever runs a chunk runs its own chunks alone.
  Workers.run(chunks: 1) { _ in result = Result { try body() } }
  guard let result else { preconditionFailure("withoutWorkers: the only chunk didn't run") }
  return try result.get()
}
