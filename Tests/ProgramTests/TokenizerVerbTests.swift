import Foundation
import TestSupport
import Testing

/// `tokenizer train` and `tokenize`, from a corpus to tokens.
@Suite struct TokenizerVerbTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    let words = ["the", "film", "was", "dull", "brilliant", "unwatchable", "naïve", "masterpiece", "plot", "acting"]
    let lines = (0..<200).map { line -> String in
      let places = (0..<7).map { (word: Int) -> Int in (line * 7 + word * word + line / 10) % 10 }
      return places.map { words[$0] }.joined(separator: " ")
    }
    try place.write(lines.joined(separator: "\n") + "\n", to: "corpus.txt")
  }

  @Test(arguments: ["wordpiece", "bpe", "unigram"]) func trainedTokenizersCutTexts(_ type: String) throws {
    let trained = try place.run(
      "tokenizer", "train", "--type", type, "--size", "80", "--input", "corpus.txt", "--output", "vocabulary")
    #expect(trained.code == 0, "\(trained.errors)")
    let found = try place.run("tokenize", "vocabulary", input: "the film was unwatchable\n{\"text\": \"naïve 😀\"}\n")
    #expect(found.code == 0, "\(found.errors)")
    let lines = try found.output.split(separator: "\n").map {
      try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    #expect(lines.count == 2)
    for line in lines {
      let (ids, tokens) = (line["ids"] as? [Int] ?? [], line["tokens"] as? [String] ?? [])
      #expect(ids.count == tokens.count && !ids.isEmpty && ids.allSatisfy { $0 < 80 + 256 })
      let offsets = try #require(line["offsets"] as? [[Int]])
      #expect(offsets.allSatisfy { $0.count == 2 && $0[0] <= $0[1] && $0[1] <= 24 })
    }
    // Offsets count Unicode scalars: the whole of the text is covered.
    #expect(((lines[0]["offsets"] as? [[Int]])?.map { $0[1] }.max()) == 24)
  }

  @Test func aFolderWithFilesIsLeftAlone() throws {
    try place.write("{}", to: "tokenizer.json")
    let train = ["tokenizer", "train", "--type", "bpe", "--size", "80", "--output", "."]
    // Before the texts are read.
    try place.expectError(
      train + ["--input", "none.txt"], ["expected a new folder to write to", "2 files in it; --overwrite"])
    #expect(try place.text("tokenizer.json") == "{}")
    #expect(try Program.run(train + ["--input", "corpus.txt", "--overwrite"], in: place.folder).code == 0)
    #expect(try place.text("tokenizer.json") != "{}")
  }

  @Test(arguments: [
    ("wordpiece", ["--byte-level"], "--byte-level: expected --type bpe"),
    ("unigram", ["--min-frequency", "3"], "--min-frequency: expected --type wordpiece or bpe"),
    ("bpe", ["--limit-alphabet", "9"], "--limit-alphabet: expected --type wordpiece, or bpe and --no-byte-level"),
  ]) func optionsOfAnotherType(_ type: String, _ options: [String], _ problem: String) throws {
    let outcome = try Program.run(
      ["tokenizer", "train", "--type", type, "--input", "corpus.txt", "--output", "v"] + options, in: place.folder)
    #expect(outcome.code == 64 && outcome.errors.contains("\(problem)"), "\(outcome.errors)")
  }

  /// An adapter's folder may have no tokenizer of its own.
  @Test func adaptersHaveTheirBasesTokenizer() throws {
    for (source, name) in [("plain", "plain"), ("adapters/lora", "lora")] {
      try FileManager.default.copyItem(
        at: goldens.appendingPathComponent("Sentence/\(source)"), to: place.url(name))
    }
    let text = "the film was dull\n"
    let (base, adapter) = (
      try place.run("tokenize", "plain", input: text), try place.run("tokenize", "lora", input: text)
    )
    #expect(adapter.code == 0 && adapter.output == base.output, "\(adapter.errors)")
    let recipe = """
      encode: {pretrained: lora}
      data: {path: corpus.txt}
      objective: masked_language_model
      training: {epochs: 1, batch_size: 32, learning_rate: 0.001}
      """
    try place.write(recipe, to: "recipe.yaml")
    let trained = try place.run("train", "recipe.yaml", "--output", "model")
    #expect(trained.code == 0, "\(trained.errors)")
    #expect(try place.run("tokenize", "model", input: text).output == base.output)
    let over = try place.run("train", "recipe.yaml", "--output", "lora", "--overwrite")
    #expect(over.code == 1 && over.errors.contains("/lora: expected another folder than"), "\(over.errors)")
  }

  @Test func mistakes() throws {
    try place.expectError(
      ["tokenizer", "train", "--type", "bpe", "--size", "80", "--input", "none.txt", "--output", "vocabulary"],
      ["/none.txt"])
    #expect(!place.exists("vocabulary/tokenizer.json"))
    let wrong = try place.run(
      "tokenizer", "train", "--type", "bbpe", "--size", "80", "--input", "corpus.txt", "--output", "v")
    #expect(wrong.code == 64 && wrong.errors.contains("bbpe"))
    try place.expectError(["tokenize", "none"], ["/none: expected a model folder, found nothing"])
    try place.expectError(["tokenize", "corpus.txt"], ["/corpus.txt: expected a model folder, found a file"])
    let trained = try place.run(
      "tokenizer", "train", "--type", "bpe", "--input", "corpus.txt", "--output", "trained")
    #expect(trained.code == 0, "\(trained.errors)")
    for (text, expected) in [("null", "one that is null"), (#""\ud83d x""#, "half of a surrogate pair")] {
      try place.write(" \n\n{\"text\": \(text)}\n", to: "lines.jsonl")
      try place.expectError(
        ["tokenize", "trained", "--input", "lines.jsonl"], ["/lines.jsonl:3: expected an object", expected])
    }
    // Numbers and booleans are texts, as in data; blank lines are none, but among plain texts.
    let lines = "{\"text\": 5}\n\n{\"text\": true}\n \t\r\n{\"text\": 2.50}\n\n"
    let (found, plain) = (
      try place.run("tokenize", "trained", input: lines), try place.run("tokenize", "trained", input: "5\ntrue\n2.5\n")
    )
    #expect(found.code == 0 && found.output == plain.output, "\(found.errors)")
    #expect(try place.run("tokenize", "trained", input: "5\n\ntrue\n").output.split(separator: "\n").count == 3)
    try FileManager.default.createDirectory(at: place.url("broken"), withIntermediateDirectories: true)
    try place.write("{\"model\": ", to: "broken/tokenizer.json")
    try place.expectError(["tokenize", "broken"], ["/broken/tokenizer.json"])
  }
}
