import Foundation
import Testing

@testable import Tokenizers

/// Seconds of this thread that `body` takes, the fastest of five: what else runs on the machine doesn't count.
private func seconds(_ body: () -> Void) -> Double {
  func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
  return (0..<5).map { _ in
    let start = now()
    body()
    return now() - start
  }.min() ?? 0
}

@Suite(.serialized) struct TokenizerLengthTests {
  /// Eight times the text takes about eight times as long, whatever the text: no step is quadratic.
  @Test(arguments: ["bert-uncased", "modernbert", "qwen3", "o200k", "xlm-roberta", "llama2", "nmt", "cut-regex"])
  func timeGrowsWithLength(name: String) throws {
    let tokenizer = try tokenizer(name)
    for unit in ["a", "xkcd", " ", "e\u{301}\u{316}", "\u{301}\u{316}", "字", "\n ", "👨‍👩‍👧"] {
      let short = String(repeating: unit, count: 20_000 / unit.utf8.count)
      let long = String(repeating: short, count: 8)
      let ratio = seconds { _ = tokenizer.encode(long) } / max(seconds { _ = tokenizer.encode(short) }, 1e-4)
      #expect(ratio < 40, "\(unit.debugDescription) takes \(ratio) times as long")
    }
  }

  @Test func longPiecesMergeLikeShortOnes() throws {
    // The same word by the three ways to merge: all pairs, a heap, and the cache.
    guard case .bpe(let model) = try tokenizer("llama2").model else { return }
    let word = Array("unbelievabletokenization".utf8)
    var work = BPEWorkspace()
    for count in [1, 2, 5, 40] {
      let text = Array(repeatElement(word, count: count).joined())
      var sinks = [TokenSink(), TokenSink()]
      text.withUnsafeBufferPointer { model.tokenize($0, byteIDs: [], &sinks[0], &work) }
      // One more scalar that never merges makes any piece long.
      let long = text + Array(repeating: 0x01, count: 40)
      long.withUnsafeBufferPointer { model.tokenize($0, byteIDs: [], &sinks[1], &work) }
      #expect(sinks[1].ids.starts(with: sinks[0].ids))
    }
  }
}
