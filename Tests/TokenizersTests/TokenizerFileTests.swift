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

/// The tokenizer of a folder of these files.
private func opened(_ files: [String: String]) throws -> Tokenizer {
  try withTokenizerFile { file in
    let folder = file.deletingLastPathComponent()
    for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
    return try Tokenizer(folder: folder)
  }
}

/// The `tokenizer.json` of a family without a post-processor and, if it is of SentencePiece, in the form of older files.
private func olderFile(_ family: String) throws -> String {
  let whole = try tokenizer(family)
  var (normalizer, preTokenizer) = (whole.normalizer, whole.preTokenizer)
  if case .unigram = whole.model, let map = normalizer {
    normalizer = .sequence([map, .replace(try TextPattern(regex: " {2,}"), " ")])
    preTokenizer = .metaspace(Metaspace())
  }
  return try withTokenizerFile { file in
    try Tokenizer(
      model: whole.model, normalizer: normalizer, preTokenizer: preTokenizer, decoder: whole.decoder,
      addedTokens: whole.addedTokens
    ).write(to: file)
    return try String(contentsOf: file, encoding: .utf8)
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

  /// The ids are those of transformers' AutoTokenizer.
  @Test(
    arguments: [
      (
        ["tokenizer_config.json": #"{"added_tokens_decoder": {"12": {"content": "<x>"}, "11": {"content": "<b>"}}}"#],
        "a <b> x<x>", [2, 5, 11, 10, 12, 3]
      ),
      (
        [
          "tokenizer_config.json":
            #"{"added_tokens_decoder": {"11": {"content": "rug", "single_word": true, "special": true}}}"#
        ],
        "a drug rug RUG", [2, 5, 8, 11, 1, 3]
      ),
      (
        ["tokenizer_config.json": #"{"added_tokens_decoder": {"11": {"content": "<drug>", "normalized": true}}}"#],
        "a <DRUG>", [2, 5, 11, 3]
      ),
      (["tokenizer_config.json": #"{"additional_special_tokens": ["<drug>"]}"#], "a <drug> b", [2, 5, 11, 6, 3]),
      (["added_tokens.json": #"{"<x>": 12, "<drug>": 11}"#], "a <drug> <X>", [2, 5, 11, 12, 3]),
      (["special_tokens_map.json": #"{"additional_special_tokens": ["<drug>"]}"#], "a <drug>", [2, 5, 11, 3]),
      (
        [
          "tokenizer_config.json": #"{"cls_token": "x"}"#,
          "special_tokens_map.json": #"{"cls_token": "b", "sep_token": {"content": "a"}}"#,
        ], "x", [6, 10, 5]
      ),
      (
        [
          "tokenizer_config.json": #"{"added_tokens_decoder": {}}"#, "added_tokens.json": #"{"<drug>": 11}"#,
          "special_tokens_map.json": #"{"cls_token": "b"}"#,
        ], "<drug>", [2, 7, 8, 9, 3]
      ),
    ] as [([String: String], String, [Int32])])
  func findsTheAddedTokensBesideWords(files: [String: String], text: String, ids: [Int32]) throws {
    let words = ["vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n<\ndrug\n>\nx\n"]
    #expect(try opened(words.merging(files) { $1 }).encode(text) == ids)
  }

  @Test func addedTokensThatAreNoneAreErrors() throws {
    for (name, text, expected) in [
      ("added_tokens.json", #"{"x": "y"}"#, #"added_tokens.json: "x": expected the token's id, found a string"#),
      (
        "tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "y"}}}"#,
        #""added_tokens_decoder.x": expected a token's id as the key"#
      ),
      (
        "tokenizer_config.json", #"{"added_tokens_decoder": {"7": {"content": 1}}}"#,
        #""added_tokens_decoder.7.content": expected a string, found a number"#
      ),
    ] {
      let error = #expect(throws: FileError.self) {
        try opened(["vocab.txt": "[UNK]\n[CLS]\n[SEP]\n", name: text])
      }
      #expect(error?.description.contains(expected) == true)
    }
  }

  @Test func anMPNetHasItsOwnSpecialTokens() throws {
    let words = ["vocab.txt": "<s>\n<pad>\n</s>\n[UNK]\n<mask>\na\nb\n"]
    for file in [
      ["config.json": #"{"model_type": "mpnet"}"#],
      ["tokenizer_config.json": #"{"tokenizer_class": "MPNetTokenizerFast", "mask_token": "<mask>"}"#],
    ] {
      let tokenizer = try opened(words.merging(file) { $1 })
      #expect(tokenizer.encode("A  <mask> ?") == [0, 5, 4, 3, 2])
      #expect(tokenizer.encode("a", pair: "b") == [0, 5, 2, 2, 6, 2])
      #expect(tokenizer.addedTokens.map(\.content) == ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"])
      #expect(tokenizer.addedTokens.map(\.stripsLeft) == [false, false, false, false, true])
    }
    #expect(throws: FileError.self) { try opened(words) }
  }

  /// Transformers' classes override what tokenizer.json says; the ids are its AutoTokenizer's.
  @Test(
    arguments: [
      (
        "bert-uncased", #"{"model_type": "gpt2"}"#, #"{"tokenizer_class": "BertTokenizer", "do_lower_case": false}"#,
        [2, 1, 47, 823, 822, 878, 1, 3]
      ),
      (
        "bert-uncased", #"{"model_type": "bert"}"#,
        #"{"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": false}"#,
        [2, 61, 805, 817, 47, 823, 822, 878, 46, 3]
      ),
      (
        "bert-uncased", #"{"model_type": "bert", "tokenizer_class": "PreTrainedTokenizerFast"}"#,
        #"{"do_lower_case": false}"#, [2, 61, 805, 817, 47, 823, 822, 878, 46, 3]
      ),
      (
        "bert-uncased", #"{"model_type": "distilbert"}"#, #"{"do_lower_case": false}"#,
        [2, 1, 47, 823, 822, 878, 1, 3]
      ),
      (
        "roberta", "{}", #"{"tokenizer_class": "RobertaTokenizer", "add_prefix_space": true}"#,
        [0, 375, 285, 327, 489, 346, 235, 2]
      ),
      ("roberta", #"{"model_type": "roberta"}"#, "{}", [0, 55, 285, 327, 489, 346, 235, 2]),
      ("roberta-prefix", #"{"model_type": "gpt2"}"#, "{}", [0, 55, 286, 318, 493, 332, 235, 2]),
    ] as [(String, String, String, [Int32])])
  func aClassOverridesFlags(family: String, model: String, settings: String, ids: [Int32]) throws {
    let file = try String(contentsOf: families.appendingPathComponent("\(family).json"), encoding: .utf8)
    let tokenizer = try opened(["tokenizer.json": file, "config.json": model, "tokenizer_config.json": settings])
    #expect(tokenizer.encode("The film É") == ids)
  }
  /// Transformers' classes build their parts anew; the ids are its AutoTokenizer's.
  @Test(
    arguments: [
      ("xlm-roberta", "{}", #"{"tokenizer_class": "XLMRobertaTokenizer"}"#, "film <mask> a ", [0, 149, 700, 33, 2]),
      (
        "xlm-roberta", "{}", #"{"tokenizer_class": "CamembertTokenizer", "add_prefix_space": false}"#,
        "film <mask> a ", [0, 10, 6, 223, 198, 700, 5, 2]
      ),
      (
        "xlm-roberta", #"{"model_type": "xlm-roberta"}"#, #"{"bos_token": "film"}"#, "film <mask> a ",
        [701, 701, 700, 33, 2]
      ),
      (
        "xlm-roberta", "{}", #"{"tokenizer_class": "AlbertTokenizer", "cls_token": "<s>", "sep_token": "</s>"}"#,
        "The film é", [0, 153, 149, 4, 7, 2]
      ),
      (
        "xlm-roberta", #"{"model_type": "albert"}"#,
        #"{"cls_token": "<s>", "sep_token": "</s>", "keep_accents": true, "do_lower_case": false}"#,
        "The film é", [0, 164, 8, 7, 149, 35, 2]
      ),
      (
        "bert-uncased", #"{"model_type": "bert"}"#, #"{"cls_token": "film"}"#, "The film É",
        [1487, 61, 805, 817, 1487, 46, 3]
      ),
      (
        "bert-uncased", #"{"model_type": "modernbert"}"#,
        #"{"tokenizer_class": "BertTokenizer", "do_lower_case": false}"#, "The film É",
        [61, 805, 817, 47, 823, 822, 878, 46]
      ),
      (
        "mpnet", "{}", #"{"tokenizer_class": "MPNetTokenizer"}"#, "The film É",
        [0, 60, 850, 844, 46, 839, 897, 907, 45, 2]
      ),
      (
        "roberta", "{}", #"{"tokenizer_class": "BartTokenizer", "add_prefix_space": true}"#, "The film É",
        [0, 375, 285, 327, 489, 346, 235, 2]
      ),
    ] as [(String, String, String, String, [Int32])])
  func aClassBuildsItsParts(family: String, model: String, settings: String, text: String, ids: [Int32]) throws {
    let files = ["tokenizer.json": try olderFile(family), "config.json": model, "tokenizer_config.json": settings]
    #expect(try opened(files).encode(text) == ids)
  }

  /// The same of classes that are rarely an encoder's.
  @Test(
    arguments: [
      (
        "xlm-roberta", "{}", #"{"tokenizer_class": "T5Tokenizer", "extra_ids": 0}"#,
        [149, 700, 33, 37, 4, 423, 231, 231, 2]
      ),
      ("xlm-roberta", #"{"model_type": "mt5"}"#, #"{"extra_ids": 0}"#, [149, 700, 33, 37, 4, 423, 231, 231, 2]),
      (
        "xlm-roberta", #"{"model_type": "umt5"}"#, #"{"tokenizer_class": "T5Tokenizer"}"#,
        [149, 700, 33, 37, 4, 423, 231, 231]
      ),
      (
        "xlm-roberta", "{}",
        #"{"tokenizer_class": "XLNetTokenizer", "cls_token": "<s>", "sep_token": "</s>", "unk_id": 3}"#,
        [149, 700, 33, 37, 4, 40, 45, 2, 0]
      ),
      (
        "xlm-roberta", "{}", #"{"tokenizer_class": "BigBirdTokenizer", "cls_token": "<s>", "sep_token": "</s>"}"#,
        [0, 149, 700, 33, 37, 3, 423, 231, 231, 2]
      ),
      (
        "xlm-roberta", "{}", #"{"tokenizer_class": "RemBertTokenizer", "do_lower_case": true}"#,
        [149, 700, 33, 37, 35, 45]
      ),
      (
        "xlm-roberta", "{}", #"{"tokenizer_class": "MBartTokenizer", "src_lang": "film"}"#,
        [149, 700, 33, 37, 4, 423, 231, 231, 2, 3]
      ),
      (
        "xlm-roberta", "{}", #"{"tokenizer_class": "BarthezTokenizer", "add_prefix_space": false}"#,
        [10, 6, 223, 198, 700, 33, 37, 4, 423, 231, 231]
      ),
      (
        "xlm-roberta", "{}",
        #"{"tokenizer_class": "DebertaV2Tokenizer", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "#
          + #""split_by_punct": true}"#, [0, 149, 700, 33, 37, 4, 423, 4, 231, 4, 231, 2]
      ),
      ("xlm-roberta", "{}", #"{"tokenizer_class": "XGLMTokenizer"}"#, [2, 149, 700, 33, 37, 4, 423, 231, 231]),
      (
        "llama2", "{}", #"{"tokenizer_class": "LlamaTokenizerFast", "add_prefix_space": false}"#,
        [311, 554, 318, 462, 282, 318, 572, 316, 284, 482, 432, 271, 259, 198, 140, 99, 99]
      ),
      (
        "llama2", "{}", #"{"tokenizer_class": "CodeLlamaTokenizer"}"#,
        [1, 507, 554, 318, 462, 282, 318, 572, 316, 284, 482, 432, 271, 259, 198, 140, 99, 99]
      ),
      (
        "llama2", "{}", #"{"tokenizer_class": "ReformerTokenizer"}"#,
        [507, 554, 318, 432, 432, 282, 318, 572, 316, 284, 482, 432, 271, 259, 0]
      ),
      (
        "llama3", "{}", #"{"tokenizer_class": "LlamaTokenizerFast"}"#,
        [72, 492, 223, 223, 30, 79, 404, 77, 32, 292, 223, 19, 200, 130, 234, 66, 66]
      ),
      (
        "roberta", "{}", #"{"tokenizer_class": "GPTNeoXTokenizer", "add_prefix_space": true}"#,
        [327, 489, 700, 292, 224, 20, 201, 131, 235, 67, 67]
      ),
      (
        "roberta", "{}", #"{"tokenizer_class": "DebertaTokenizer", "cls_token": "<s>", "sep_token": "</s>"}"#,
        [0, 73, 489, 700, 292, 224, 20, 201, 131, 235, 67, 67, 2]
      ),
      (
        "bert-uncased", #"{"model_type": "lxmert"}"#, #"{"do_lower_case": false}"#,
        [2, 47, 823, 822, 878, 32, 54, 806, 810, 824, 34, 42, 21, 1, 41, 41, 3]
      ),
      (
        "bert-uncased", #"{"model_type": "dpr"}"#, #"{"do_lower_case": false}"#,
        [2, 47, 823, 822, 878, 32, 54, 806, 810, 824, 34, 42, 21, 46, 41, 41, 3]
      ),
    ] as [(String, String, String, [Int32])])
  func otherClassesBuildTheirParts(family: String, model: String, settings: String, ids: [Int32]) throws {
    let files = ["tokenizer.json": try olderFile(family), "config.json": model, "tokenizer_config.json": settings]
    #expect(try opened(files).encode("film  <mask> a 1\tÉ``") == ids)
  }

  /// The last bit of a score decides how "aaa" is cut; the ids are those of tokenizers and of AutoTokenizer.
  @Test func aClassReadsScoresAsPythonDoes() throws {
    let file = #"""
      {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
      "model": {"type": "Unigram", "unk_id": 3, "vocab": [["<s>", 0], ["<pad>", 0], ["</s>", 0], ["<unk>", 0],
      ["▁", -4.209278197011611], ["a", -10.62690363243509], ["aa", -9.873971570789525]]}}
      """#
    let files = ["tokenizer.json": file]
    #expect(try opened(files).encode("aaa") == [4, 5, 6])
    let settings = ["tokenizer_config.json": #"{"tokenizer_class": "XLMRobertaTokenizer"}"#]
    #expect(try opened(files.merging(settings) { $1 }).encode("aaa") == [0, 4, 6, 5, 2])
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

  /// The ids are those of transformers' AutoTokenizer.
  @Test(
    arguments: [
      (["tokenizer_config.json": #"{"extra_special_tokens": ["<x>", "film"]}"#], "a <x> film", [2, 42, 1487, 1488, 3]),
      (
        ["tokenizer_config.json": #"{"added_tokens_decoder": {"9000": {"content": "<y>", "special": true}}}"#],
        "a <y>", [2, 42, 1487, 3]
      ),
      (
        [
          "special_tokens_map.json": #"{"additional_special_tokens": ["<x>"]}"#,
          "added_tokens.json": #"{"<y>": 9000}"#,
        ], "a <x> <y>", [2, 42, 1488, 1487, 3]
      ),
    ] as [([String: String], String, [Int32])])
  func findsTheAddedTokensBesideAFile(files: [String: String], text: String, ids: [Int32]) throws {
    let file = try String(contentsOf: families.appendingPathComponent("bert-uncased.json"), encoding: .utf8)
    let own = ["tokenizer.json": file, "config.json": #"{"model_type": "bert"}"#]
    #expect(try opened(own.merging(files) { $1 }).encode(text) == ids)
  }

  @Test func aBERTAlwaysCleansText() throws {
    let file = try olderFile("bert-uncased").replacingOccurrences(
      of: #""clean_text": *true"#, with: #""clean_text":false"#, options: .regularExpression)
    #expect(file.contains(#""clean_text":false"#))
    let bert = try opened(["tokenizer.json": file, "config.json": #"{"model_type": "bert"}"#])
    #expect(bert.encode("a\u{7}") == [2, 42, 3])
  }

  @Test func aTokenIsNamedAsItIsLookedFor() throws {
    #expect(try tokenizer("bert-processing").token(of: 1494) == "Zurich")
  }
}
