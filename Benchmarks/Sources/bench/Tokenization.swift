import Foundation
import Tensors
import Tokenizers

/// Measures a tokenizer over the lines of a file: a JSON line a round. `ids` are the tokens' ids alone, `encodings` all that there is of
/// them (tokens, offsets, words, masks), as peers give it; in bytes of text a second.
///
///     bench tokenize FOLDER FILE [--rounds N] [--seconds S] [--threads T] [--wait 1]
func measureTokenizer(folder: String, file: String, options: [String: Double]) throws {
  let clock = ContinuousClock()
  let start = clock.now
  let tokenizer = try Tokenizer(folder: URL(fileURLWithPath: folder))
  let load = start.duration(to: clock.now) / .seconds(1)
  let texts = try String(contentsOfFile: file, encoding: .utf8).split(whereSeparator: \.isNewline).map(String.init)
  let bytes = texts.reduce(0) { $0 + $1.utf8.count }
  func rate(_ body: () -> Void) -> Double {
    let start = clock.now
    var passes = 0
    repeat {
      body()
      passes += 1
    } while start.duration(to: clock.now) < .seconds(options["--seconds"] ?? 3)
    return Double(bytes * passes) / (start.duration(to: clock.now) / .seconds(1))
  }
  rounds(options) {
    let ids = rate { _ = tokenizer.encode(batch: texts) { Workers.run(chunks: $0, $1) } }
    let encodings = rate { _ = tokenizer.encodings(batch: texts) { Workers.run(chunks: $0, $1) } }
    return String(format: "{\"ids\": %.4g, \"encodings\": %.4g, \"load\": %.4g}", ids, encodings, load)
  }
}
