import ArgumentParser
import Checkpoints
import Encoders
import Foundation
import Training

/// The lines of an input on their way to the rows of an output: read, computed and written at the same time, with what is needed to
/// go on after an interruption.
struct EmbedStream {
  let input: InputLines
  let checkpoint: EmbedCheckpoint?
  let progress: EmbedProgress

  /// The file to go on with.
  var partial: AtomicWriter? { checkpoint?.writer }

  private struct Batch<Content: Sendable>: Sendable {
    let content: Content
    let tokens: Int
    /// Where its lines end.
    let end: InputPosition
  }

  private struct Interrupted: Error {}

  /// Turns lines (after so many others) into what `compute` takes, and writes what it gives.
  func run<Prepared: Sendable, Output: EmbedOutput>(
    to output: Output, by size: Int = 512, prepare: @escaping @Sendable ([String], Int) throws -> Prepared,
    tokens: @escaping @Sendable (Prepared) -> Int, compute: (Prepared) throws -> Output.Rows
  ) throws {
    let start = checkpoint?.position ?? InputPosition()
    if start.lines > 0 { note("going on after \(ProgressLine.count(start.lines)) rows") }
    progress.start(at: start)
    // Only the writing thread has these until it has ended.
    nonisolated(unsafe) let (output, checkpoint, progress) = (output, checkpoint, progress)
    let input = input
    do {
      try overlapped(
        read: { (queue: Handover<Batch<Prepared>>) in
          try input.forEachBatch(of: size, after: start) { lines, end in
            let before = end.lines - lines.count
            let content =
              queue.isAwaited ? try prepare(lines, before) : try withoutWorkers { try prepare(lines, before) }
            return queue.give(Batch(content: content, tokens: tokens(content), end: end))
          }
        },
        compute: { batch in
          if Interruption.happened { throw Interrupted() }
          return Batch(content: try compute(batch.content), tokens: batch.tokens, end: batch.end)
        },
        write: { batch in
          try output.write(batch.content)
          try checkpoint?.wrote(upTo: batch.end)
          progress.wrote(upTo: batch.end, tokens: batch.tokens)
        })
      try checkpoint?.save()
      try output.finish()
      progress.end()
      checkpoint?.remove()
    } catch {
      progress.clear()
      // The error that stopped the run says more than one of saving what was done.
      try? checkpoint?.save()
      output.discard()
      guard error is Interrupted else { throw error }
      if checkpoint != nil { note("interrupted; the rows done are kept: the same command goes on") }
      throw Interruption.exitCode
    }
  }
}
