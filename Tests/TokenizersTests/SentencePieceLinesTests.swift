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

  /// Half-width katakana with its mark is one key, though longer than the graphemes that Hugging Face looks up.
  @Test func takesTheLongestKeyOfTheCharacterMap() throws {
    let tokenizer = try Tokenizer(sentencePiece: golden.appendingPathComponent("t5.model"))
    let pieces = tokenizer.pieces("ｶﾞｲﾄﾞ A\u{323}\u{301}")
    #expect(pieces.map(\.scalars) == ["▁\u{30AC}\u{30A4}\u{30C9}▁\u{1EA0}\u{301}".scalars])
  }

  /// Symbols are found, and text that looks like a control, an unknown, an unused or a byte piece stays text.
  @Test func textNeverBecomesWhatItOnlyLooksLike() throws {
    let unigram: [Piece] = [
      ("<unk>", 0, .unknown), ("<s>", 0, .control), ("</s>", 0, .control), ("▁the", 0, .userDefined),
      ("lm", 0, .userDefined), ("▁", -3, .normal), ("▁t", -2, .normal), ("h", -4, .normal), ("he", -2.5, .normal),
      ("t", -3, .normal), ("e", -3, .normal), ("l", -3, .normal), ("m", -3, .normal), ("fi", -3, .normal),
      ("unu", -0.5, .unused), ("u", -3, .normal), ("n", -3, .normal),
    ]
    try expect(
      [
        "film the": [13, 4, 3], "▁the": [3], "</s>": [0], "a</s>b": [0], "<s>film": [0, 13, 4], "unu": [15, 16, 15],
        "<unk>": [0, 15, 16, 0],
      ], unigram, .unigram)
    let bpe: [Piece] = [
      ("<unk>", 0, .unknown), ("<s>", 0, .control), ("</s>", 0, .control), ("ab", 0, .userDefined), ("a", -2, .normal),
      ("b", -2, .normal), ("<", -1, .normal), ("/", -1, .normal), ("s", -1, .normal), (">", -1, .normal),
    ]
    try expect(["ab</s>ab": [3, 6, 7, 8, 9, 3], "</s>ab": [6, 7, 8, 9, 3], "ab<unk>": [3, 6, 0, 9]], bpe, .bpe)
    let short: [Piece] = [("<unk>", 0, .unknown), ("x", 0, .control), ("a", -2, .normal), ("b", -2, .normal)]
    try expect(["axb": [2, 0, 3]], short, .bpe)
    var bytes: [Piece] = [("<unk>", 0, .unknown), ("<s>", 0, .control), ("</s>", 0, .control)]
    for byte in 0..<256 { bytes.append((String(format: "<0x%02X>", byte), 0, .byte)) }
    bytes.append(("a", -2, .normal))
    try expect(
      ["a<0x41>": [259, 63, 51, 123, 55, 52, 65], "<s>": [63, 118, 65]], bytes, .unigram, fallsBackToBytes: true)
  }

  private typealias Piece = (text: String, score: Float, kind: SentencePieceModel.Kind)

  /// Compares the ids of texts by a model of these pieces, which adds no space before a text.
  private func expect(
    _ ids: [String: [Int32]], _ pieces: [Piece], _ algorithm: SentencePieceModel.Algorithm,
    fallsBackToBytes: Bool = false
  ) throws {
    func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
    var file: [UInt8] = []
    for piece in pieces {
      let score = (0..<4).map { UInt8(truncatingIfNeeded: piece.score.bitPattern >> (8 * $0)) }
      let text = field(1, Array(piece.text.utf8))
      file += field(1, text + [0x15] + score + [0x18, UInt8(piece.kind.rawValue)])
    }
    file += field(2, [0x18, UInt8(algorithm.rawValue), 0x98, 0x02, fallsBackToBytes ? 1 : 0])
    file += field(3, [0x18, 0])
    try withTokenizerFile("plain.model") { url in
      try Data(file).write(to: url)
      let tokenizer = try Tokenizer(sentencePiece: url)
      for (text, ids) in ids { #expect(tokenizer.encode(text) == ids, "\(text)") }
    }
  }
}
