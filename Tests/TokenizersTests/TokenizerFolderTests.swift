import Checkpoints
import Foundation
import Testing

@testable import Tokenizers

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

/// What a folder's other files add to its tokenizer or change, as transformers' classes do it.
@Suite struct TokenizerFolderTests {
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
