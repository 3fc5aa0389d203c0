import Checkpoints
import Foundation
import TestSupport
import Testing

/// The verbs on pretrained encoders: tiny folders of sentence-transformers.
@Suite struct PretrainedTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    for name in ["bert", "splade", "cross", "plain"] {
      try FileManager.default.copyItem(
        at: goldens.appendingPathComponent("Sentence/\(name)"), to: place.url(name))
    }
  }

  func run(_ arguments: String..., input: String = "", sourceLocation: SourceLocation = #_sourceLocation) throws
    -> String
  {
    let outcome = try Program.run(arguments, input: Data(input.utf8), in: place.folder)
    #expect(outcome.code == 0, "\(outcome.errors)", sourceLocation: sourceLocation)
    return outcome.output
  }

  func rows(_ output: String) throws -> [[String: Any]] {
    try output.split(separator: "\n").map {
      try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test func embed() throws {
    let texts = "A masterpiece\ndull plot\n"
    let plain = try rows(run("embed", "bert", input: texts)).compactMap { $0["embedding"] as? [Double] }
    #expect(plain.map(\.count) == [32, 32])
    let prompted = try rows(run("embed", "bert", "--prompt", "query", input: texts)).compactMap {
      $0["embedding"] as? [Double]
    }
    #expect(prompted != plain)
    let written = try rows(run("embed", "bert", "--prompt-text", "find the film: ", input: texts))
    #expect(written.compactMap { $0["embedding"] as? [Double] } == prompted)
    let short = try rows(run("embed", "bert", "--dimensions", "5", "--normalize", input: texts))
    for row in short.compactMap({ $0["embedding"] as? [Double] }) {
      #expect(row.count == 5 && abs(row.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
    }
    let bits = try rows(run("embed", "bert", "--precision", "ubinary", input: texts)).compactMap {
      $0["embedding"] as? [Int]
    }
    #expect(bits.map(\.count) == [4, 4])
    let raw = try rows(run("embed", "bert", "--no-normalize", input: texts)).compactMap { $0["embedding"] as? [Double] }
    #expect(raw[0].reduce(0) { $0 + $1 * $1 } > 1.01)
    let tokens = try rows(run("embed", "bert", "--tokens", input: "a\n")).compactMap { $0["embeddings"] as? [[Double]] }
    #expect(tokens.first?.count == 3 && tokens.first?.first?.count == 32)
    let sparse = try rows(run("embed", "splade", input: texts))
    let (indices, values) = (sparse[0]["indices"] as? [Int], sparse[0]["values"] as? [Double])
    #expect(indices?.count == values?.count && values?.contains(0) == false)
  }

  @Test func queriesGetTheirPrompt() throws {
    let asked = try run("embed", "bert", "--queries", input: "A masterpiece\n")
    #expect(try asked == run("embed", "bert", "--prompt", "query", input: "A masterpiece\n"))
    #expect(try asked != run("embed", "bert", input: "A masterpiece\n"))
  }

  @Test func whatWasAssumedIsSaid() throws {
    let outcome = try place.run("embed", "plain", input: "a\n")
    #expect(outcome.code == 0 && outcome.errors.contains("/plain: no modules.json: the mean of the tokens' vectors"))
    #expect(try run("inspect", "plain").contains("no modules.json: the mean of the tokens' vectors"))
    let cross = try place.run("embed", "cross", input: "a\n")
    #expect(cross.errors.contains("/cross: the classifier is left out of the embedding"), "\(cross.errors)")
  }

  @Test func crossEncodersAreShownAndVerifiedAsSuch() throws {
    let shown = try run("inspect", "cross")
    #expect(shown.contains("classification, a cross-encoder") && shown.contains("classifier.weight"), "\(shown)")
    _ = try run("verify", "cross", "--create")
    #expect(try run("verify", "cross").contains("the reference vectors come out"))
    let kept = try JSONSerialization.jsonObject(with: Data(place.text("cross/reference.json").utf8)) as? [String: Any]
    let samples = try #require(kept?["samples"] as? [[String: Any]])
    #expect(samples.allSatisfy { ($0["embedding"] as? [Double])?.count == 1 })
  }

  @Test func rangesNeedTwoVectors() throws {
    try place.expectError(
      ["embed", "bert", "--precision", "int8"], input: Data("a\n".utf8), ["--precision int8: ", "found one"])
    _ = try run("embed", "bert", "--precision", "int8", input: "a\nthe film\n")
  }

  @Test func numbersThatAreNotFiniteAreAnError() throws {
    let url = place.url("cross/model.safetensors")
    var bytes = try Data(contentsOf: url)
    // The last bytes of the file are weights.
    bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xC0, 0x7F])
    try bytes.write(to: url)
    let input = Data("a\nthe film\n".utf8)
    for verb in [["predict", "cross"], ["rerank", "cross", "--query", "film"]] {
      try place.expectError(verb, input: input, ["/cross: the model gives numbers that aren't finite"])
    }
  }

  @Test func unknownModulesAreNamed() throws {
    let modules = try place.text("bert/modules.json")
    try #require(modules.contains(".Normalize\""))
    try place.write(
      modules.replacingOccurrences(of: ".Normalize\"", with: ".Whiten\""), to: "bert/modules.json")
    try place.expectError(
      ["embed", "bert"], ["/bert/2_Normalize: \"Whiten\": an unknown module (known: Transformer, "])
  }

  @Test func similarity() throws {
    #expect(
      try Float(run("similarity", "bert", "dull", "dull").trimmingCharacters(in: .newlines)).map { abs($0 - 1) < 1e-5 }
        == true)
    try place.write("dull\nmasterpiece\n", to: "a.txt")
    try place.write("masterpiece\ndull\nplot\n", to: "b.txt")
    #expect(try run("similarity", "bert", "a.txt", "b.txt", "--matrix").split(separator: "\n").count == 2)
    try place.expectError(["similarity", "bert", "a.txt", "b.txt"], ["found 2 and 3"])
    try place.expectError(["similarity", "bert", "a.txt", "none.txt"], ["'none.txt', which is no file"])
    // Neither is a file, though the first is a folder's name and the second that of this one.
    #expect(try Float(run("similarity", "bert", "bert", "").trimmingCharacters(in: .newlines)) != nil)
  }

  @Test(arguments: ["bert", "cross"]) func rerank(_ model: String) throws {
    let texts = "dull plot\nGREAT film\nthe the the\n"
    let found = try rows(run("rerank", model, "--query", "GREAT film", "--top", "2", input: texts))
    let scores = found.compactMap { $0["score"] as? Double }
    #expect(scores.count == 2 && scores[0] >= scores[1])
    if model == "bert" { #expect(found[0]["index"] as? Int == 1 && found[0]["text"] as? String == "GREAT film") }
  }

  /// Pairs, scored pairs, triplets and labelled texts; the last two rows are for training.
  @Test(arguments: [
    ["a\tb", "the film\tGREAT film", "dull plot\tthe plot", "the the\tdull", "acting\tfilm", "plot\tacting"],
    [
      "a\tb\tscore", "the film\tGREAT film\t0.9", "dull plot\tthe film\t0.2", "the the\tdull\t0.4", "acting\tfilm\t1",
      "plot\tacting\t0",
    ],
    ["a\tb\tc", "the film\tGREAT film\tdull", "dull plot\tthe plot\tfilm", "acting\tfilm\ta", "plot\tacting\tb"],
    ["text\tlabel", "the film\tx", "dull plot\ty", "GREAT film\tx", "the plot\ty", "acting\tz"],
  ]) func onlyTheNamedPartIsScored(_ table: [String]) throws {
    try place.write(table.dropLast(2).map { $0 + "\n" }.joined(), to: "own.tsv")
    let parts = ["part"] + Array(repeating: "test", count: table.count - 3) + ["train", "train"]
    try place.write(zip(table, parts).map { "\($0)\t\($1)\n" }.joined(), to: "parts.tsv")
    let own = try run("evaluate", "bert", "--data", "own.tsv", "--json")
    #expect(try run("evaluate", "bert", "--data", "parts.tsv", "--split-column", "part", "--json") == own)
    let name = ["--split", "test"]
    let arguments = ["evaluate", "bert", "--data", "parts.tsv", "--json", "--split-column", "part"] + name
    #expect(try Program.run(arguments, in: place.folder).output == own)
  }

  @Test func partsAndColumnsThatAreNotThere() throws {
    try place.write("text\tlabel\tother\nthe film\tx\tdull\ndull plot\ty\tGREAT film\n", to: "texts.tsv")
    let evaluate = ["evaluate", "bert", "--data", "texts.tsv"]
    for name in ["--split-column", "--text"] {
      try place.expectError(evaluate + [name, "zz"], ["/texts.tsv:1: no column 'zz' in text, label, other"])
    }
    try place.expectError(
      evaluate + ["--split-column", "label", "--split", "z"], ["/texts.tsv: no row has 'z' in the column 'label'"])
    let both = try place.run("evaluate", "bert", "--data", "texts.tsv", "--text", "text", "--columns", "text")
    #expect(both.code == 64, "\(both.errors)")
    #expect(try run("evaluate", "bert", "--data", "texts.tsv", "--text", "other").contains("v_measure"))
    for option in [["--split", "test"], ["--split-column", "split"], ["--text", "text"]] {
      try place.expectError(
        ["evaluate", "bert", "--data", "cross"] + option, ["/cross: \(option[0]): expected a table, found a folder"])
    }
  }

  @Test func minedTablesHaveNoTabsInTheirTexts() throws {
    let pairs = """
      {"query": "the film", "answer": "GREAT\\tfilm"}
      {"query": "dull plot", "answer": "the\\nplot"}

      """
    try place.write(pairs, to: "pairs.jsonl")
    let mine = ["mine", "bert", "--data", "pairs.jsonl", "--negatives", "1", "--output"]
    try place.expectError(
      mine + ["x.tsv"], ["/pairs.jsonl: expected texts without tabs", "found \"GREAT\\tfilm\"; a .jsonl file"])
    #expect(!place.exists("x.tsv"))
    #expect(try Program.run(mine + ["x.jsonl"], in: place.folder).code == 0)
    #expect(try place.text("x.jsonl").split(separator: "\n").count == 2)
    for option in ["--margin", "--absolute-margin", "--max-score", "--min-score"] {
      let outcome = try Program.run(mine + ["y.jsonl", option, "nan"], in: place.folder)
      #expect(outcome.code == 64 && outcome.errors.contains("\(option): expected a finite number, found nan"))
    }
  }

  /// What is looked at grows with a query's rows, repeated ones too.
  @Test func repeatedPairsAreMinedFromMore() throws {
    let words = ["a", "dull", "plot", "the", "film", "masterpiece"]
    let answers = (0..<36).map { "\(words[$0 / 6]) \(words[$0 % 6])" }
    let ranked = try rows(run("rerank", "bert", "--query", "GREAT film", input: answers.joined(separator: "\n")))
    let texts = ranked.compactMap { $0["text"] as? String }
    let scores = ranked.compactMap { $0["score"] as? Double }
    // Rank 15 is the first low enough.
    let limit = String((scores[14] + scores[15]) / 2)
    let pairs = texts.map { "\($0 == texts[0] ? "GREAT film" : $0)\t\($0)\n" }
    for (repeats, expected) in [(1, nil), (2, nil), (3, texts[15])] as [(Int, String?)] {
      let table = ["query\tanswer\n"] + Array(repeating: pairs[0], count: repeats) + pairs.dropFirst()
      try place.write(table.joined(), to: "pairs.tsv")
      _ = try run(
        "mine", "bert", "--data", "pairs.tsv", "--negatives", "1", "--max-score", limit, "--output", "mined.tsv")
      let row = try place.text("mined.tsv").split(separator: "\n").first { $0.hasPrefix("GREAT film\t") }
      #expect(row?.split(separator: "\t").last.map(String.init) == expected, "\(repeats) rows")
    }
  }

  @Test func predictionsOfACrossEncoderWithOneLabel() throws {
    let found = try rows(run("predict", "cross", input: "dull plot\n"))
    #expect(found[0]["label"] as? String == "LABEL_0")
  }

  @Test func verify() throws {
    try place.expectError(["verify", "bert"], ["no reference.json", "--create"])
    _ = try run("verify", "bert", "--create")
    #expect(try run("verify", "bert").contains("come out"))
    // Another limit changes the tokens of long texts.
    try place.write("{\"max_seq_length\": 6, \"do_lower_case\": false}", to: "bert/sentence_bert_config.json")
    let outcome = try place.run("verify", "bert")
    #expect(outcome.code == 1)
    #expect(outcome.output.contains("changed files: sentence_bert_config.json"))
    #expect(outcome.output.contains("have other tokens") && outcome.output.contains("do NOT come out"))
  }

  /// Queries and documents of a ColBERT, and PyLate's scores of one for the other.
  @Test func matricesByRole() throws {
    let golden = goldens.appendingPathComponent("Sentence")
    try FileManager.default.copyItem(at: golden.appendingPathComponent("colbert"), to: place.url("colbert"))
    let list = try Data(contentsOf: golden.appendingPathComponent("colbert/texts.json"))
    let texts = try #require(JSONSerialization.jsonObject(with: list) as? [String])
    let file = try SafetensorsFile(golden.appendingPathComponent("colbert.safetensors"))
    let lines = try texts.map { String(decoding: try JSONEncoder().encode(["text": $0]), as: UTF8.self) + "\n" }
      .joined()
    for (role, flags) in [("query", ["--tokens", "--queries"]), ("document", [])] {
      let outcome = try Program.run(["embed", "colbert"] + flags, input: Data(lines.utf8), in: place.folder)
      let found = try rows(outcome.output).compactMap { $0["embeddings"] as? [[Double]] }
      let lengths = try file.int32s("default/\(role)/lengths")
      #expect(found.map { Int32($0.count) } == lengths)
      let pairs = zip(found.joined().joined(), try file.floats("default/\(role)"))
      #expect(pairs.allSatisfy { abs($0 - Double($1)) <= 1e-5 })
    }
    let scores = try file.floats("default/scores")
    let ranked = try rows(run("rerank", "colbert", "--query", texts[1], input: lines))
    for row in ranked {
      let (index, score) = try (#require(row["index"] as? Int), #require(row["score"] as? Double))
      #expect(abs(score - Double(scores[texts.count + index])) <= 1e-4)
    }
    #expect(ranked.count == texts.count)
  }

  /// An adapter opens by itself, and merged into its base.
  @Test func adapters() throws {
    try FileManager.default.copyItem(
      at: goldens.appendingPathComponent("Sentence/adapters/lora"), to: place.url("adapters/lora"))
    let texts = "A masterpiece\ndull plot\n"
    let own = try run("embed", "adapters/lora", input: texts)
    let merged = try run("model", "convert", "plain", "--adapter", "adapters/lora", "--output", "merged")
    #expect(merged.hasSuffix("/merged\n"))
    #expect(try run("embed", "merged", input: texts) == own)
    #expect(try run("embed", "plain", input: texts) != own)
    // Where the base is one of sentence-transformers, its modules stay.
    _ = try run("model", "convert", "bert", "--adapter", "adapters/lora", "--dtype", "float16", "--output", "half")
    #expect(try run("inspect", "half").contains("length 1"))
    try place.expectError(
      ["model", "convert", "adapters/lora", "--dtype", "float16", "--output", "x"],
      ["/adapters/lora: expected the base model, and --adapter with this folder"])
    try place.expectError(
      ["model", "convert", "plain", "--adapter", "bert", "--output", "x"], ["/bert/adapter_config.json"])
  }

  @Test func mistakes() throws {
    try place.expectError(["embed", "bert", "--prompt", "querry"], ["no prompt 'querry'; it has document, query"])
    try place.expectError(["embed", "bert", "--dimensions", "64"], ["at most 32, found 64"])
    try place.expectError(["predict", "bert"], ["it has no labels to predict; use embed"])
    try place.expectError(["rerank", "none", "--query", "a"], ["/none: expected a model folder"])
    try place.write("", to: "empty.txt")
    try place.expectError(
      ["bench", "bert", "--input", "empty.txt"], ["\(place.folder.path)/empty.txt: expected texts, found none"])
    try FileManager.default.removeItem(at: place.url("plain/tokenizer.json"))
    try place.expectError(
      ["embed", "plain"], ["/plain: expected a tokenizer.json, a vocab.txt or a SentencePiece model"])
    try place.write("{}", to: "bert/1_Pooling/config.json")
    #expect(try place.run("embed", "bert", input: "a\n").code == 0)
    try place.write("{\"word_embedding_dimension\": 31}", to: "bert/1_Pooling/config.json")
    try place.expectError(["embed", "bert"], ["/bert/1_Pooling/config.json: ", "expected 32", "found 31"])
  }
}
