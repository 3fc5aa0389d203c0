import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

private let golden = goldens.appendingPathComponent("SentencePiece")

private func model(_ name: String) -> URL { golden.appendingPathComponent("\(name).model") }

/// Calls `body` with a new folder, removed afterwards.
private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sentencepiece-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The value with the members of objects by name, and without character maps.
private func normalized(_ json: JSON) -> JSON {
  switch json {
  case .object(let members):
    .object(
      members.map { JSON.Member($0.name, $0.name == "precompiled_charsmap" ? "" : normalized($0.value)) }
        .sorted { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) })
  case .array(let elements): .array(elements.map(normalized))
  case .integer(let value): .number(Double(value))
  default: json
  }
}

@Suite struct SentencePieceTests {
  @Test(arguments: [
    ("T5Tokenizer", "t5", #"{"tokenizer_class": "T5Tokenizer", "extra_ids": 10}"#),
    ("XLMRobertaTokenizer", "fairseq", #"{"tokenizer_class": "XLMRobertaTokenizerFast"}"#),
    ("CamembertTokenizer", "fairseq", #"{"tokenizer_class": "CamembertTokenizer"}"#),
    ("AlbertTokenizer", "albert", #"{"tokenizer_class": "AlbertTokenizer", "do_lower_case": true}"#),
    ("LlamaTokenizer", "llama", #"{"tokenizer_class": "LlamaTokenizer"}"#),
  ])
  func makesTheReferencesTokenizer(name: String, file: String, configuration: String) throws {
    let reference = try JSON(contentsOf: golden.appendingPathComponent("\(name).json"))
    try withFolder { folder in
      let settings = folder.appendingPathComponent("tokenizer_config.json")
      try configuration.write(to: settings, atomically: true, encoding: .utf8)
      let tokenizer = try Tokenizer(sentencePiece: model(file), configuration: settings)
      let written = folder.appendingPathComponent("tokenizer.json")
      try tokenizer.write(to: written)
      let (found, expected) = (normalized(try JSON(contentsOf: written)), normalized(reference))
      for key in ["added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder"] {
        #expect(found[key] == expected[key], "\(name): \(key)")
      }
      for member in expected["model"]?.members ?? [] {
        #expect(found["model"]?[member.name] == member.value, "\(name): model.\(member.name)")
      }
    }
  }

  @Test func readsWhatTheFileSays() throws {
    let llama = try SentencePieceModel(contentsOf: model("llama"))
    #expect(llama.algorithm == .bpe && llama.fallsBackToBytes && !llama.removesExtraSpaces)
    #expect(llama.addsDummyPrefix && llama.characterMap == nil)
    #expect(llama.pieces.prefix(4).map(\.text) == ["<unk>", "<s>", "</s>", "<0x00>"])
    #expect(llama.pieces.prefix(4).map(\.kind) == [.unknown, .control, .control, .byte])
    let bare = try SentencePieceModel(contentsOf: model("bare"))
    #expect(!bare.addsDummyPrefix)
    let t5 = try SentencePieceModel(contentsOf: model("t5"))
    #expect(t5.unknownID == 2 && t5.algorithm == .unigram && t5.characterMap != nil)
  }

  @Test func refusesClassesItDoesNotKnow() throws {
    try withFolder { folder in
      let settings = folder.appendingPathComponent("tokenizer_config.json")
      try #"{"tokenizer_class": "XLNetTokenizer"}"#.write(to: settings, atomically: true, encoding: .utf8)
      let error = #expect(throws: FileError.self) {
        try Tokenizer(sentencePiece: model("t5"), configuration: settings)
      }
      #expect(error?.path == settings.path && error?.item == "tokenizer_class")
      #expect(error?.description.contains("XLNetTokenizer") == true)
      try #"{"tokenizer_class": "T5Tokenizer"}"#.write(to: settings, atomically: true, encoding: .utf8)
      #expect(throws: FileError.self) { try Tokenizer(sentencePiece: model("llama"), configuration: settings) }
    }
  }

  /// Where tokenizer_config.json names no class, config.json does, or its model's type.
  @Test(arguments: [
    ("t5", "T5Tokenizer", "t5"), ("xlm-roberta", "XLMRobertaTokenizer", "fairseq"),
    ("camembert", "CamembertTokenizer", "fairseq"), ("albert", "AlbertTokenizer", "albert"),
  ])
  func takesTheClassOfTheModel(type: String, name: String, file: String) throws {
    try withFolder { folder in
      try FileManager.default.copyItem(at: model(file), to: folder.appendingPathComponent("spiece.model"))
      let text = "the License, a </s> b"
      func open(_ configuration: String, _ settings: String = "{}") throws -> Tokenizer {
        try Data(configuration.utf8).write(to: folder.appendingPathComponent("config.json"))
        try Data(settings.utf8).write(to: folder.appendingPathComponent("tokenizer_config.json"))
        return try Tokenizer(folder: folder)
      }
      let expected = try open(#"{"model_type": "bert"}"#, #"{"tokenizer_class": "\#(name)"}"#)
      for configuration in [
        #"{"model_type": "\#(type)"}"#, #"{"model_type": "bert", "tokenizer_class": "\#(name)Fast"}"#,
      ] {
        let found = try open(configuration)
        #expect(found.encode(text) == expected.encode(text) && found.addedTokens == expected.addedTokens)
      }
      #expect(try open("{}").encode(text) == Tokenizer(sentencePiece: model(file)).encode(text))
      let error = #expect(throws: FileError.self) { try open(#"{"model_type": "deberta-v2"}"#) }
      #expect(error?.item == "model_type" && error?.description.contains("deberta-v2") == true)
    }
  }

  /// Cut anywhere or with any byte changed, a file is an error of one line or another valid model, never a crash.
  @Test func damagedFilesAreErrors() throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent("damaged.model")
      let bytes = [UInt8](try Data(contentsOf: model("fairseq")))
      func open(_ bytes: [UInt8]) throws {
        try Data(bytes).write(to: file)
        do {
          let tokenizer = try Tokenizer(sentencePiece: file)
          _ = tokenizer.encode("ＡＢ e\u{301} ﬁne… \u{3000}中文 the License, a\u{308}")
        } catch let error as FileError {
          #expect(error.path == file.path && !error.description.contains("\n"))
          throw error
        }
      }
      try open(bytes)
      for length in stride(from: 0, to: bytes.count - 1, by: 211) {
        #expect(throws: FileError.self, "cut at \(length)") { try open(Array(bytes[..<length])) }
      }
      var refused = 0
      for position in stride(from: 0, to: bytes.count, by: 67) {
        for value in [UInt8(0xFF), 0, bytes[position] ^ 0x40] {
          var damaged = bytes
          damaged[position] = value
          do { try open(damaged) } catch is FileError { refused += 1 }
        }
      }
      #expect(refused > 150)
      #expect(throws: FileError.self) { try open(Array("not a model".utf8)) }
      // A piece that says it has 2^63 bytes.
      #expect(throws: FileError.self) { try open([0x0A] + [UInt8](repeating: 0xFF, count: 8) + [0x7F]) }
    }
  }
}
