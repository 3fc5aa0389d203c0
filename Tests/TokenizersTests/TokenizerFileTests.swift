import Checkpoints
import Foundation
import Testing

@testable import Tokenizers

/// What reading a file with this text says, or nil if it is read.
private func message(_ text: some Sequence<UInt8>) throws -> String? {
  try withTokenizerFile { file in
    try Data(text).write(to: file)
    do {
      _ = try Tokenizer(contentsOf: file)
      return nil
    } catch let error as FileError {
      #expect(error.path == file.path)
      return error.description.replacingOccurrences(of: file.path, with: "FILE")
    }
  }
}

@Suite struct TokenizerFileTests {
  /// Cut anywhere: one clear line, never a crash.
  @Test(arguments: ["bert-uncased", "llama3", "xlm-roberta", "cut-regex"])
  func truncatedFilesAreErrors(name: String) throws {
    let bytes = [UInt8](try Data(contentsOf: families.appendingPathComponent("\(name).json")))
    let step = max(1, bytes.count / 150)
    for length in Array(stride(from: 0, to: bytes.count - 1, by: step)) + [1, 2, 3, bytes.count - 1] {
      let found = try #require(try message(bytes[..<length]), "\(length) bytes of \(name) are read")
      #expect(found.hasPrefix("FILE:"))
      #expect(!found.contains("\n"))
    }
  }

  @Test(
    arguments: [
      (#""BertNormalizer""#, #""Klingon""#, #""normalizer.type": expected a known normalizer, found "Klingon""#),
      (#""BertPreTokenizer""#, #""Cut""#, #""pre_tokenizer.type": expected a known pre-tokenizer, found "Cut""#),
      (#""TemplateProcessing""#, #""X""#, #""post_processor.type": expected a known post-processor, found "X""#),
      (
        #"{"type":"WordPiece","prefix""#, #"{"type":"Y","prefix""#,
        #""decoder.type": expected a known decoder, found "Y""#
      ),
      (#"{"type":"WordPiece","unk"#, #"{"type":"Z","unk"#, #""model.type": expected a known model, found "Z""#),
      (#""lowercase":true"#, #""lowercase":1"#, #""normalizer.lowercase": expected true or false, found a number"#),
      (#""unk_token":"[UNK]""#, #""unk_token":"[?]""#, #""model.vocab": the vocabulary has no "[?]""#),
      (#""version":"1.0""#, #""version":"2.0""#, #""version": expected 1.0, found "2.0""#),
      (#""[PAD]":0"#, #""[PAD]":-1"#, "\"model.vocab.[PAD]\": expected a whole number from 0 to 16777216"),
      (
        #""[PAD]":0"#, #""[PAD]":99999999999999999999"#,
        "\"model.vocab.[PAD]\": expected a whole number from 0 to 16777216"
      ),
      (#""[PAD]":0"#, #""[PAD]":1.5"#, "\"model.vocab.[PAD]\": expected a whole number from 0 to 16777216"),
      (#""[PAD]":0"#, #""[PA\qD]":0"#, "not JSON: an unknown escape"),
      (#""id":"[CLS]","type_id":0"#, #""id":"[XXX]","type_id":0"#, #"no such special token: "[XXX]""#),
      (#""single_word":false"#, #""single_word":null"#, #""added_tokens[0].single_word": expected true or false"#),
      (#""model":"#, #""molde":"#, #""model": expected a model, found none"#),
    ])
  func whatIsWrongIsNamed(old: String, new: String, expected: String) throws {
    let text = try String(contentsOf: families.appendingPathComponent("bert-uncased.json"), encoding: .utf8)
    let range = try #require(text.range(of: old))
    let found = try #require(try message(text.replacingCharacters(in: range, with: new).utf8))
    #expect(found.contains(expected), "\(found)")
  }

  @Test(
    arguments: [
      ("[", "expected an object"), ("{}", "expected a model"), ("[]", "expected an object"), ("", "expected an object"),
      (#"{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}}"#, #"the vocabulary has no "ab""#),
      (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}}"#, "expected a merge of two tokens"),
      (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}}"#, "expected a merge of two tokens"),
      (#"{"model":{"type":"BPE","vocab":{"a":0}}}"#, #""model.merges": expected a list, found none"#),
      (#"{"model":{"type":"Unigram","vocab":[["a",0]],"unk_id":1}}"#, "expected a whole number from 0 to 0, found 1"),
      (#"{"model":{"type":"Unigram","vocab":[["a"]],"unk_id":0}}"#, "expected [token, score]"),
      (#"{"model":{"type":"Unigram","vocab":[["a",1e999]],"unk_id":0}}"#, "a number is out of range"),
      (#"{"model":{"type":"Unigram","vocab":[],"unk_id":0}}"#, #"the vocabulary has no "<unk>""#),
      (#"{"model":{"type":"WordPiece","vocab":[["a",0]],"unk_token":"a"}}"#, "expected an object of tokens and ids"),
      (
        #"{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"},"pre_tokenizer":{"type":"Split","#
          + #""pattern":{"Regex":"(?<x>a)"},"behavior":"Isolated","invert":false}}"#,
        #""pre_tokenizer.pattern.Regex": in the expression "(?<x>a)""#
      ),
      (
        #"{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"},"normalizer":{"type":"Precompiled","#
          + #""precompiled_charsmap":"AAAA"}}"#,
        "expected a compiled character map"
      ),
      (#"{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}} x"#, "expected the end, found more"),
      ("{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"\u{1}\":0},\"unk_token\":\"a\"}}", "a control character"),
    ])
  func malformedFilesAreErrors(text: String, expected: String) throws {
    let found = try #require(try message(text.utf8))
    #expect(found.contains(expected), "\(found)")
  }

  @Test func bytesThatAreNoTextAreAnError() throws {
    let text =
      Array(#"{"model":{"type":"WordLevel","vocab":{"a":0,""#.utf8) + [0xED, 0xA0, 0x80] + Array(#"":1}}}"#.utf8)
    #expect(try message(text)?.contains("not valid UTF-8") == true)
  }

  /// Ids with holes, in any order, and a token listed twice: the last one counts.
  @Test func vocabulariesMayHaveHoles() throws {
    let text = #"{"model":{"type":"WordLevel","vocab":{"b":7,"a":2,"c":0,"a":5},"unk_token":"c"}}"#
    try withTokenizerFile { file in
      try Data(text.utf8).write(to: file)
      let tokenizer = try Tokenizer(contentsOf: file)
      #expect(tokenizer.encode("a") == [5])
      #expect(tokenizer.encode("b") == [7])
      #expect(tokenizer.encode("?") == [0])
      #expect(tokenizer.decode([7, 5, 3]) == "b a")
    }
  }

  @Test func opensAFolderWithWordsOnly() throws {
    let reference = try tokenizer("bert-uncased")
    try withTokenizerFile("vocab.txt") { file in
      let words = (0..<Int32(reference.model.vocabulary.idLimit)).map { reference.model.vocabulary[$0] ?? "" }
      try Data((words.joined(separator: "\n") + "\n").utf8).write(to: file)
      let folder = file.deletingLastPathComponent()
      let tokenizer = try Tokenizer(folder: folder)
      for golden in try TokenizerGolden.all("bert-uncased") where golden.options == nil {
        #expect(tokenizer.encode(golden.text, pair: golden.pair) == golden.ids)
      }
      try Data(#"{"do_lower_case": false, "unk_token": "[none]"}"#.utf8)
        .write(to: folder.appendingPathComponent("tokenizer_config.json"))
      #expect(throws: FileError.self) { try Tokenizer(folder: folder) }
      try Data(#"{"do_lower_case": false, "cls_token": {"content": "[CLS]"}}"#.utf8)
        .write(to: folder.appendingPathComponent("tokenizer_config.json"))
      #expect(try Tokenizer(folder: folder).normalizer != tokenizer.normalizer)
      try FileManager.default.removeItem(at: file)
      #expect(throws: FileError.self) { try Tokenizer(folder: folder) }
    }
  }
}
