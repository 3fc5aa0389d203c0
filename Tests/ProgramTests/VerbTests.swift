import Checkpoints
import Foundation
import TestSupport
import Testing

/// The verbs as they work when nothing is wrong.
@Suite(.serialized) struct VerbTests {
  let place: Workplace

  init() throws { place = try Workplace() }

  func train(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
    let outcome = try Program.run(["train"] + arguments, in: place.folder)
    #expect(outcome.code == 0, "\(outcome.errors)", sourceLocation: sourceLocation)
  }

  @Test func textsFromTrainingToUse() throws {
    try place.writeTexts(epochs: 6)
    let trained = try place.run("train", "recipe.yaml", "--output", "model", "--json")
    #expect(trained.code == 0, "\(trained.errors)")
    let summary = try #require(try JSONSerialization.jsonObject(with: Data(trained.output.utf8)) as? [String: Any])
    #expect(summary["trainSamples"] as? Int == 40)
    #expect(summary["testSamples"] as? Int == 10)
    // A convolutional encoder of texts is also a sentence-transformers folder.
    let expected = [
      "0_WordEmbeddings", "1_CNN", "2_Dense", "3_Pooling", "4_Dropout", "config.json",
      "config_sentence_transformers.json", "history.jsonl",
      "model.safetensors", "modules.json", "recipe.yaml", "report.html", "tokenizer.json", "training.json",
    ]
    let names = try place.names("model").filter { $0 != "checkpoint" }
    #expect(names == expected)
    // The recipe that the folder keeps gives the same model again.
    try train("model/recipe.yaml", "--output", "again")
    #expect(try place.bytes("again/model.safetensors") == place.bytes("model/model.safetensors"))
    #expect(try place.text("model/history.jsonl").split(separator: "\n").count == 6)
    #expect(try SafetensorsFile(place.url("model/model.safetensors")).keys.contains("head.weight"))
    #expect(try place.text("model/report.html").hasPrefix("<!"))
    // What `predict` says is what `evaluate` counts.
    let evaluated = try place.run("evaluate", "model", "--data", "reviews.tsv", "--split-column", "split", "--json")
    #expect(evaluated.code == 0, "\(evaluated.errors)")
    let scores = try #require(try JSONSerialization.jsonObject(with: Data(evaluated.output.utf8)) as? [String: Any])
    let accuracy = try #require(scores["accuracy"] as? [String: Any])
    #expect(scores["count"] as? Int == 10)
    let rows = try place.text("reviews.tsv").split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    let tests = rows.filter { $0[2] == "test" }
    let predicted = try place.run("predict", "model", "--input", "-", input: tests.map { $0[0] + "\n" }.joined())
    #expect(predicted.code == 0, "\(predicted.errors)")
    var right = 0
    for (line, row) in zip(predicted.output.split(separator: "\n"), tests) {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let probabilities = try #require(object["probabilities"] as? [String: Double])
      #expect(Set(probabilities.keys) == ["no", "yes"])
      #expect(abs(probabilities.values.reduce(0, +) - 1) < 1e-5)
      #expect(object["label"] as? String == probabilities.max { $0.value < $1.value }?.key)
      if object["label"] as? String == row[1] { right += 1 }
    }
    #expect(predicted.output.split(separator: "\n").count == 10)
    #expect(accuracy["value"] as? Double == Double(right) / 10)
    #expect(right >= 8, "an easy task, learnt badly: \(right) of 10")
    #expect(try place.run("evaluate", "model", "--data", "reviews.tsv").output.contains("accuracy"))
  }

  @Test func inspectShowsStepsAndParameters() throws {
    try place.writeTexts(epochs: 1)
    try train("recipe.yaml", "--output", "model")
    let outcome = try place.run("inspect", "model", "--json")
    let shown = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    #expect(shown["embeddingDimension"] as? Int == 16)
    #expect(shown["labels"] as? [String] == ["no", "yes"])
    let tensors = try #require(shown["tensors"] as? [[String: Any]])
    let file = try SafetensorsFile(place.url("model/model.safetensors"))
    #expect(Set(tensors.compactMap { $0["name"] as? String }) == Set(file.keys))
    #expect(shown["parameters"] as? Int == tensors.reduce(0) { $0 + ($1["parameters"] as? Int ?? 0) })
    let steps = try #require(shown["steps"] as? [[String: Any]])
    #expect(steps.first?["step"] as? String == "preprocess")
    #expect(steps.last?["step"] as? String == "head")
    let table = try place.run("inspect", "model")
    #expect(table.code == 0)
    #expect(table.output.contains("head.weight"))
    #expect(table.output.contains("[16]"))
  }

  @Test func inspectNamesThePartThatWasScored() throws {
    try place.writeTexts(epochs: 1)
    for (part, name) in [("test", "tested"), ("train", "validated")] {
      try place.write(place.text("reviews.tsv").replacing("\ttest\n", with: "\t\(part)\n"), to: "reviews.tsv")
      try train("recipe.yaml", "--output", name)
    }
    let (tested, validated) = (try place.run("inspect", "tested").output, try place.run("inspect", "validated").output)
    #expect(tested.contains("  test: accuracy ") && !tested.contains("validation:"), "\(tested)")
    #expect(validated.contains("  validation: accuracy ") && !validated.contains("test:"), "\(validated)")
  }

  @Test(arguments: [
    "cnn: {widths: [2, 3], channels: 8}", "lstm: {hidden: 6, bidirectional: true}",
    "transformer: {layers: 1, heads: 2}",
  ])
  func aTextAloneAndInABatchHaveTheSameBits(_ encode: String) throws {
    try place.writeTexts(epochs: 1, encode: encode)
    try train("recipe.yaml", "--output", "model")
    let texts = [
      "a good film", "a moving plot and a great ending of a very long film with words never seen before", "bad", "",
    ]
    try place.write(texts.map { $0 + "\n" }.joined(), to: "texts.txt")
    let all = try place.run("embed", "model", "--input", "texts.txt", "--output", "all.npy")
    #expect(all.code == 0, "\(all.errors)")
    let together = try NumpyFile(place.url("all.npy"))
    #expect(together.shape.first == 4)
    let width = try #require(together.shape.last)
    for (index, text) in texts.enumerated() {
      let alone = try place.run(
        "embed", "model", "--input", "-", "--output", "one.npy", "--threads", "2", input: text + "\n")
      #expect(alone.code == 0, "\(alone.errors)")
      let row = try NumpyFile(place.url("one.npy")).floats()
      #expect(
        row.map(\.bitPattern) == (try together.floats()[index * width..<(index + 1) * width]).map(\.bitPattern),
        "\(text)")
    }
    // The same numbers as JSON lines, in a file and on standard output.
    #expect(try place.run("embed", "model", "--input", "texts.txt", "--output", "all.jsonl").code == 0)
    let printed = try place.run("embed", "model", "--input", "texts.txt")
    #expect(try printed.output == place.text("all.jsonl"))
    struct Line: Decodable { let embedding: [Float] }
    let lines = try printed.output.split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    #expect(try lines.flatMap(\.embedding) == together.floats())
  }

  @Test func inputMayBeJSONLines() throws {
    try place.writeTexts(epochs: 1)
    try train("recipe.yaml", "--output", "model")
    let plain = try place.run("embed", "model", "--input", "-", input: "a \"good\" film\r\nbad\r\n")
    let json = try place.run(
      "embed", "model", "--input", "-", input: "{\"text\": \"a \\\"good\\\" film\"}\n{\"text\": \"bad\"}")
    #expect(plain.output == json.output)
    #expect(plain.output.split(separator: "\n").count == 2)
    let marked = try place.run(
      "embed", "model", "--input", "-", input: "\u{FEFF}{\"text\": \"a \\\"good\\\" film\"}\r\n{\"text\": \"bad\"}\r\n")
    #expect(marked.output == json.output, "\(marked.errors)")
    let blank = try place.run(
      "embed", "model", "--input", "-", input: "{\"text\": \"a \\\"good\\\" film\"}\n\n{\"text\": \"bad\"}\n \n")
    #expect(blank.output == json.output, "\(blank.errors)")
    // Texts may begin with a brace, where the first one doesn't.
    let braces = try place.run("embed", "model", "--input", "-", input: "bad\n{a film\n")
    #expect(braces.output.split(separator: "\n").count == 2, "\(braces.errors)")
    let empty = try place.run("embed", "model", "--input", "-", "--output", "none.npy")
    #expect(empty.code == 0, "\(empty.errors)")
    #expect(try NumpyFile(place.url("none.npy")).shape == [0, 16])
  }

  @Test func blankJSONLinesAreNoRowsToGoOnAfter() throws {
    try place.writeTexts(epochs: 1)
    try train("recipe.yaml", "--output", "model")
    // A batch of texts, then a bad line.
    let lines = (0..<512).map { "{\"text\": \"film \($0)\"}\n" + ($0 % 3 == 0 ? "\n" : "") }.joined()
    try place.write(lines + "\n{}\n", to: "lines.jsonl")
    let embed = ["embed", "model", "--input", "lines.jsonl", "--output"]
    try place.expectError(embed + ["x.npy", "--resume"], ["/lines.jsonl:685: expected an object"])
    let again = try Program.run(embed + ["x.npy", "--resume"], in: place.folder)
    #expect(again.code == 1 && again.errors.hasPrefix("going on after 512 rows\n"), "\(again.errors)")
    #expect(again.errors.contains("/lines.jsonl:685: expected an object"), "\(again.errors)")
    try place.write(lines + "\n{\"text\": \"dull\"}\n", to: "lines.jsonl")
    let resumed = try Program.run(embed + ["x.npy", "--resume"], in: place.folder)
    #expect(resumed.code == 0 && resumed.errors == "going on after 512 rows\n", "\(resumed.errors)")
    #expect(try Program.run(embed + ["whole.npy"], in: place.folder).code == 0)
    #expect(try NumpyFile(place.url("x.npy")).shape == [513, 16])
    #expect(try place.bytes("x.npy") == place.bytes("whole.npy"))
  }

  @Test func imagesFromTrainingToUse() throws {
    try place.writeImages()
    try train("images.yaml", "--output", "model")
    let scores = try place.run("evaluate", "model", "--data", "images", "--json")
    #expect(scores.code == 0, "\(scores.errors)")
    try place.expectError(
      ["evaluate", "model", "--data", "images.yaml"], ["/images.yaml: expected a folder of IDX or CIFAR-10 files"])
    try place.expectError(["predict", "model"], input: Data("\n".utf8), ["line 1", "found nothing"])
    for label in 0...1 { try place.writePGM("\(label).pgm", label: label) }
    let predicted = try place.run("predict", "model", "--input", "-", input: "0.pgm\n1.pgm\n")
    #expect(predicted.code == 0, "\(predicted.errors)")
    let labels = try predicted.output.split(separator: "\n").map {
      try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])["label"] as? String
    }
    #expect(labels == ["0", "1"])
    try place.expectError(
      ["predict", "model", "--input", "-"], input: Data("nowhere.pgm\n".utf8), ["/nowhere.pgm: ", "No such file"])
    try place.expectError(
      ["predict", "model", "--input", "-"], input: Data("images.yaml\n".utf8), ["/images.yaml: expected an image"])
  }

  @Test func theSeedDecidesTheBits() throws {
    try place.writeTexts()
    try train("recipe.yaml", "--output", "a")
    try train("recipe.yaml", "--output", "b", "--seed", "0")
    try train("recipe.yaml", "--output", "c", "--seed", "1")
    #expect(try place.bytes("a/model.safetensors") == place.bytes("b/model.safetensors"))
    #expect(try place.bytes("a/model.safetensors") != place.bytes("c/model.safetensors"))
    #expect(try place.json("c/training.json")["seed"] as? Int == 1)
  }

  @Test(arguments: [
    "bag:", "cnn: {widths: [2, 3], channels: 8}", "gru: {hidden: 6, layers: 2}",
    "lstm: {hidden: 6, bidirectional: true}",
    "transformer: {layers: 1, heads: 2}",
  ]) func theNumberOfThreadsDoesNotMatter(_ encode: String) throws {
    try place.writeTexts(encode: encode)
    try train("recipe.yaml", "--output", "one", "--threads", "1")
    try train("recipe.yaml", "--output", "two", "--threads", "2")
    #expect(try place.bytes("one/model.safetensors") == place.bytes("two/model.safetensors"))
  }

  @Test func aModelIsNotReplacedUnasked() throws {
    try place.writeTexts(epochs: 1)
    try train("recipe.yaml", "--output", "model")
    let before = try place.bytes("model/model.safetensors")
    try place.expectError(
      ["train", "recipe.yaml", "--output", "model", "--seed", "5"],
      ["/model: ", "a model is already there", "--overwrite"])
    #expect(try place.bytes("model/model.safetensors") == before)
    try train("recipe.yaml", "--output", "model", "--seed", "5", "--overwrite")
    #expect(try place.bytes("model/model.safetensors") != before)
  }

  @Test func aModelOfAnotherKindIsReplacedWhole() throws {
    try place.writeTexts(epochs: 1)
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/bert"), to: place.url("model"))
    for name in ["reference.json", "notes.txt"] { try place.write("{}", to: "model/\(name)") }
    try train("recipe.yaml", "--output", "model", "--overwrite")
    try train("recipe.yaml", "--output", "new")
    #expect(try place.names("model") == (place.names("new") + ["notes.txt"]).sorted())
  }

  @Test(arguments: ["model.safetensors", "vocab.txt", "encoders.json"])
  func partsOfAModelAreNotReplacedUnasked(_ name: String) throws {
    try place.writeTexts(epochs: 1)
    try FileManager.default.createDirectory(at: place.url("model"), withIntermediateDirectories: true)
    try place.write("theirs", to: "model/\(name)")
    try place.expectError(
      ["train", "recipe.yaml", "--output", "model"],
      ["/model: expected a new folder or one of a run, found \(name)", "--overwrite"])
    #expect(try place.text("model/\(name)") == "theirs")
  }

  @Test func theInputIsNotReplaced() throws {
    try place.write("{\"text\": \"a film\"}\n", to: "x.jsonl")
    try FileManager.default.createSymbolicLink(at: place.url("link.jsonl"), withDestinationURL: place.url("x.jsonl"))
    for arguments in [["embed"], ["predict"], ["rerank", "--query", "film"], ["tokenize"]] {
      for output in ["x.jsonl", "link.jsonl"] {
        try place.expectError(
          arguments + ["model", "--input", "x.jsonl", "--output", output],
          ["/\(output): --output: expected another file than the input"])
      }
    }
    try place.expectError(
      ["mine", "model", "--data", "x.jsonl", "--output", "x.jsonl"],
      ["/x.jsonl: --output: expected another file than the input"])
  }

  @Test(arguments: [
    ("embd tiny", "'embd' (did you mean 'embed'?)"), ("trian r.yaml --output x", "'trian' (did you mean 'train'?)"),
    ("model gte x", "'gte' (did you mean 'get'?)"), ("help embd", "'embd' (did you mean 'embed'?)"),
    ("data xyz", "'xyz' (expected one of get, list)"), ("data unknown", "'unknown' (expected one of get, list)"),
  ]) func misspeltVerbsNameTheNearest(_ arguments: String, _ problem: String) throws {
    let outcome = try Program.run(arguments.split(separator: " ").map(String.init), in: place.folder)
    #expect(outcome.code == 64)
    #expect(outcome.errors == "Error: Unknown verb \(problem)\n")
  }

  @Test(arguments: [
    "train", "evaluate", "predict", "embed", "inspect", "data", "data get", "data list", "model", "model get",
    "model convert",
  ])
  func everyVerbHasHelpWithAnExample(_ verb: String) throws {
    let outcome = try Program.run(verb.split(separator: " ").map(String.init) + ["--help"], in: place.folder)
    #expect(outcome.code == 0)
    #expect(outcome.output.contains("USAGE: encoders \(verb)"))
    #expect(outcome.output.contains("Example"), "\(outcome.output)")
  }
}
