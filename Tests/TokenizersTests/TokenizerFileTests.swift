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
      (#""version":"1.0""#, #""version":"2.0""#, #""version": expected 1.0, found "2.0""#),
      (#""[PAD]":0"#, #""[PAD]":-1"#, "\"model.vocab.[PAD]\": expected a whole number from 0 to 16777216, found -1"),
      (
        #""[PAD]":0"#, #""[PAD]":"x""#,
        "\"model.vocab.[PAD]\": expected a whole number from 0 to 16777216, found a string"
      ),
      (
        #""[PAD]":0"#, #""[PAD]":99999999999999999999"#,
        "\"model.vocab.[PAD]\": expected a whole number from 0 to 16777216, found 99999999999999999999"
      ),
      (#""[PAD]":0"#, #""[PAD]":1.5"#, "\"model.vocab.[PAD]\": expected a whole number from 0 to 16777216, found 1.5"),
      (#""[PAD]":0"#, #""[PA\qD]":0"#, "not JSON: an unknown escape"),
      (#""id":"[CLS]","type_id":0"#, #""id":"[XXX]","type_id":0"#, #"no such special token: "[XXX]""#),
      (#""single_word":false"#, #""single_word":null"#, #""added_tokens[0].single_word": expected true or false"#),
      (#""model":"#, #""molde":"#, #""molde": unknown key; expected version, "#),
      (#""id":"[CLS]","ids""#, #""ids""#, #""post_processor.special_tokens.[CLS].id": expected a string"#),
      (
        #"{"SpecialToken":{"id":"[CLS]","type_id":0}}"#, #"{"SpecialToken":{"id":"[CLS]","type_id":0},"x":1}"#,
        #""post_processor.single[0]": expected a SpecialToken or a Sequence"#
      ),
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
      (
        #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[{"x":1}]}}"#,
        #""model.merges[0]": expected a string, found an object"#
      ),
      (
        #"{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b","a b c"]}}"#,
        #""model.merges[1]": expected a merge of two tokens, a space between, found "a b c""#
      ),
      (#"{"model":{"type":"WordLevel","vocab":null}}"#, #""model.vocab": expected an object, found null"#),
      (#"{"model":1}"#, #""model": expected an object, found 1"#),
      (#"{"model":{"type":"WordLevel","vocab":{"a":1"#, "not JSON: the file ends early"),
      (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":null}}"#, #""model.merges": expected a list, found none"#),
      (
        #"{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b",["a","b"]]}}"#,
        #""model.merges[1]": expected a merge in the form of the first, a string"#
      ),
      (#"{"model":{"type":null,"vocab":[["a",0]],"unk_id":0}}"#, #""model.type": expected a string, found none"#),
      (
        #"{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"},"normalizer":{"type":"Replace","#
          + #""pattern":{"String":"a","x":"b"},"content":""}}"#,
        #""normalizer.pattern": expected {"String": "…"} or {"Regex": "…"}, found an object of 2 members"#
      ),
      (
        #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":"x"}}"#,
        #""model.dropout": expected a number from 0 to 1, found a string"#
      ),
      (
        #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":1.5}}"#,
        #""model.dropout": expected a number from 0 to 1, found 1.5"#
      ),
      (
        #"{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"},"added_tokens":null}"#,
        #""added_tokens": expected an array, found none"#
      ),
      (#"{"model":{"type":"BPE","vocab":{"a":0}}}"#, #""model.merges": expected a list, found none"#),
      (#"{"model":{"type":"Unigram","vocab":[["a",0]],"unk_id":1}}"#, "expected a whole number from 0 to 0, found 1"),
      (
        #"{"model":{"type":"Unigram","vocab":[["a"]],"unk_id":0}}"#,
        #""model.vocab[0]": expected [token, score], found a list of 1"#
      ),
      (#"{"model":{"type":"Unigram","vocab":[["a",1e999]],"unk_id":0}}"#, "a number is out of range"),
      (#"{"model":{"type":"Unigram","vocab":[],"unk_id":0}}"#, #"the vocabulary has no "<unk>""#),
      (#"{"model":{"type":"WordPiece","vocab":[["a",0]],"unk_token":"a"}}"#, "expected an object of tokens and ids"),
      (
        #"{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"},"pre_tokenizer":{"type":"Split","#
          + #""pattern":{"Regex":"(?x)a"},"behavior":"Isolated","invert":false}}"#,
        #""pre_tokenizer.pattern.Regex": in the expression "(?x)a""#
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

  @Test(
    arguments: [
      (#""padding":{"direction":"Sideways""#, #""padding.direction": expected Left or Right, found "Sideways""#),
      (
        #""padding":{"direction":"Left","pad_to_multiple_of":"*""#,
        #""padding.pad_to_multiple_of": expected a whole number from 0 to 2147483647, found a string"#
      ),
      (#""padding":{"direction":"Left""#, #""padding.pad_type_id": expected a whole number"#),
      (#""truncation":{"max_length":3,"stride":0"#, #""truncation.strategy": expected a string, found none"#),
      (
        #""truncation":{"max_length":3,"strategy":"LongestFirst""#,
        #""truncation.stride": expected a whole number from 0 to 2147483647, found none"#
      ),
      (
        #""post_processor":{"type":"BertProcessing","sep":["a",0],"cls":["a",0]},"#
          + #""truncation":{"max_length":4,"strategy":"LongestFirst","stride":2"#,
        #""truncation.stride": expected less than the 2 tokens that special ones leave of max_length, found 2"#
      ),
    ])
  func settingsOfLengthsAreChecked(setting: String, expected: String) throws {
    let rest = setting.contains("padding") ? #","strategy":"BatchLongest","pad_id":0,"pad_token":"a""# : ""
    let text = #"{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"},\#(setting)\#(rest)}}"#
    let found = try #require(try message(text.utf8))
    #expect(found.contains(expected), "\(found)")
  }

  @Test func aLimitThatLeavesNoRoomLeavesSpecialTokensOnly() throws {
    var bert = try tokenizer("bert-processing")
    for strategy in [Truncation.Strategy.longestFirst, .onlyFirst, .onlySecond] {
      bert.truncation = Truncation(maximumLength: 2, strategy: strategy)
      #expect(bert.encode("a film").count == 2)
      #expect(bert.encoding("a film").count == 2)
    }
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

  /// The reference opens such files, and refuses texts with unknown words; here those are dropped.
  @Test(arguments: [
    #"{"type":"WordLevel","vocab":{"a":0,"b":1},"unk_token":"[UNK]"}"#,
    #"{"type":"WordPiece","vocab":{"a":0,"b":1},"unk_token":"[UNK]","continuing_subword_prefix":"\u0023\u0023","#
      + #""max_input_chars_per_word":5}"#,
  ])
  func unknownTokensMayBeMissing(model: String) throws {
    let text = #"{"model":\#(model),"pre_tokenizer":{"type":"WhitespaceSplit"}}"#
    try withTokenizerFile { file in
      try Data(text.utf8).write(to: file)
      let tokenizer = try Tokenizer(contentsOf: file)
      #expect(tokenizer.encode("a ab aaaaaaaa b") == [0, 1])
      #expect(tokenizer.encoding("a ab b").offsets == [0..<1, 5..<6])
    }
  }

  @Test func numbersAreTheNearestOrAsRustReadsThem() throws {
    var differing = 0
    for text in ["-3.234106294535408", "10.385526229065519", "0.1", "-0", "7", "1e-7", "1e22", "2.5e-30"] {
      for nearest in [true, false] {
        let value = try Array("\(text) ".utf8).withUnsafeBytes { bytes in
          var cursor = JSONCursor(bytes)
          return try cursor.number(nearest: nearest)
        }
        let isNearest = value == Double(text)
        #expect(isNearest || !nearest, "\(text)")
        if !isNearest { differing += 1 }
      }
    }
    #expect(differing == 2)
  }
}
