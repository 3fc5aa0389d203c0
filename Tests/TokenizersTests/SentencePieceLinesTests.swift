import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

private let golden = goldens.appendingPathComponent("SentencePiece")

@Suite struct SentencePieceLinesTests {
  /// What sentencepiece itself says of varied lines.
  @Test(arguments: ["t5", "fairseq", "albert", "llama", "symbols", "bpe", "bare"])
  func givesSentencepiecesIDs(model: String) throws {
    let tokenizer = try Tokenizer(sentencePiece: golden.appendingPathComponent("\(model).model"))
    let file = try String(contentsOf: golden.appendingPathComponent("lines.jsonl"), encoding: .utf8)
    var (count, wrong) = (0, 0)
    for line in file.utf8.split(separator: UInt8(ascii: "\n")) {
      let json = try Array(line).withUnsafeBytes { try JSON(parsing: $0) }
      let text = try #require(json["text"]?.string)
      guard let ids = json[model]?.elements?.compactMap({ $0.integer.map { Int32($0) } }) else { continue }
      count += 1
      let found = tokenizer.encode(text)
      if found != ids {
        wrong += 1
        Issue.record(
          "\(text.debugDescription): \(found.map { tokenizer.token(of: $0) ?? "" }), expected \(ids.map { tokenizer.token(of: $0) ?? "" })"
        )
      }
    }
    #expect(count > 400)
    #expect(wrong == 0)
  }
}
