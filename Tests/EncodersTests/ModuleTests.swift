import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Encoders

/// Modules of sentence-transformers beside the usual ones, elementwise; and words as NLTK separates them.
@Suite struct ModuleTests {
  let golden = goldens.appendingPathComponent("Sentence/words")
  let file: SafetensorsFile
  let texts: [String]

  init() throws {
    file = try SafetensorsFile(goldens.appendingPathComponent("Sentence/words.safetensors"))
    texts = try sentenceTexts("words/texts.json")
  }

  /// A copy of a folder, with the files of `plain` that it leaves out, of a router's those of `splade`.
  func withCopy(of name: String, _ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("module-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(at: golden.appendingPathComponent(name), to: folder)
    for file in ["model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
      let base = name == "router" ? "splade" : "plain"
      let place = folder.appendingPathComponent(name == "router" ? "document_0_Transformer/\(file)" : file)
      if name != "phrases", !FileManager.default.fileExists(atPath: place.path) {
        try FileManager.default.copyItem(
          at: golden.deletingLastPathComponent().appendingPathComponent("\(base)/\(file)"), to: place)
      }
    }
    try body(folder)
  }

  @Test(arguments: ["phrases", "layers", "coder", "normalized", "static"]) func vectorsAreSentenceTransformers(
    _ name: String
  ) throws {
    try withCopy(of: name) { folder in
      let encoder = try SentenceEncoder.open(folder)
      #expect(encoder.isSparse == ["coder", "normalized", "static"].contains(name))
      let found = try encoder.encode(texts)
      try file.expect(found, name)
      for (place, text) in texts.enumerated() {
        let alone = try encoder.encode([text]).scalars
        #expect(alone == Array(found.scalars[place * encoder.width..<(place + 1) * encoder.width]))
      }
      let saved = folder.appendingPathExtension("saved")
      defer { try? FileManager.default.removeItem(at: saved) }
      try encoder.save(to: saved)
      #expect(try SentenceEncoder.open(saved).encode(texts).scalars == found.scalars)
    }
  }

  /// Queries and documents by modules of their own, saved too.
  @Test func routersLeadQueriesAnotherWay() throws {
    func check(_ folder: URL) throws {
      let encoder = try SentenceEncoder.open(folder)
      #expect(encoder.hasRoutes && encoder.isSparse && encoder.forQueries.isSparse)
      for (name, encoder) in [("router/document", encoder), ("router/query", encoder.forQueries)] {
        let (found, expected) = (try encoder.encode(texts), try file.floats(name))
        try #require(found.count == expected.count)
        let worst = zip(found.scalars, expected).map { abs($0 - $1) }.max() ?? 0
        #expect(worst <= 1e-5, "\(name): max |Δ| \(worst)")
      }
    }
    try withCopy(of: "router") { folder in
      try check(folder)
      let saved = folder.appendingPathExtension("saved")
      defer { try? FileManager.default.removeItem(at: saved) }
      try SentenceEncoder.open(folder).save(to: saved)
      try check(saved)
    }
  }

  @Test func wordsAreNLTKs() throws {
    let cases = try #require(JSON(contentsOf: golden.appendingPathComponent("treebank.json")).elements)
    #expect(cases.count > 300)
    for entry in cases {
      let (text, words) = (entry.elements?[0].string ?? "", entry.elements?[1].elements?.compactMap(\.string) ?? [])
      let found = TreebankWords.split(text)
      #expect(found.map { Array($0.utf8) } == words.map { Array($0.utf8) }, "\(text.debugDescription)")
    }
  }

  @Test func wordsAreToldApartAsPythonDoes() {
    let whitespace = WhitespaceTokenizer(vocabulary: ["film", "\u{E9}", "e\u{301}", "σας", "οδοσ"])
    #expect(whitespace.encode("\u{E9} e\u{301} Film ΣΑΣ ΟΔΟΣ") == [1, 2, 0, 3])
    let stopping = WhitespaceTokenizer(vocabulary: ["\u{E9}"], stopWords: ["e\u{301}"])
    #expect(stopping.encode("\u{E9} e\u{301}") == [0])
    let phrases = PhraseTokenizer(vocabulary: ["σας", "cafe\u{301}_noir", "e\u{301}"])
    #expect(phrases.encode("cafe\u{301} noir ΣΑΣ e\u{301}") == [1, 0, 2])
    #expect(phrases.encode("caf\u{E9} noir \u{E9}") == [])
  }

  /// Cases from CPython's `str.lower`.
  @Test(arguments: [
    ("ΣΑΣ", "σας"), ("Σ", "σ"), ("ΣΣ", "σς"), ("1Σ", "1σ"), ("ΑΣ. ΑΣ-Α", "ας. ας-α"), ("Α.Σ Β", "α.ς β"),
    ("ΑΣ'Α", "ασ'α"), ("A\u{3A3}\u{301}", "a\u{3C2}\u{301}"), ("\u{130}\u{3A3}", "i\u{307}\u{3C2}"), ("ÀB", "àb"),
  ]) func lowerCaseIsPythons(text: String, lower: String) {
    #expect(Array(text.pythonLowercased().utf8) == Array(lower.utf8))
  }

  @Test func aBagOfWordsHasAColumnForEachForm() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("module-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let module: JSON = ["idx": .integer(0), "name": "0", "path": "", "type": "sentence_transformers.models.BoW"]
    try AtomicFile.write(.array([module]), to: folder.appendingPathComponent("modules.json"))
    let weights: JSON = ["\u{E9}": .integer(2), "e\u{301}": .integer(3)]
    try AtomicFile.write(
      ["vocab": .array(["film", "\u{E9}", "e\u{301}"]), "word_weights": weights],
      to: folder.appendingPathComponent("config.json"))
    #expect(try SentenceEncoder.open(folder).encode(["e\u{301} film", "\u{E9}"]).scalars == [1, 0, 3, 0, 2, 0])
  }

  @Test func whatMakesNoSenseIsNamed() throws {
    func line(_ name: String, _ file: String, _ changes: [String: JSON]) throws -> String {
      var line = "opens"
      try withCopy(of: name) { folder in
        let url = folder.appendingPathComponent(file)
        let members = try #require(JSON(contentsOf: url).members).filter { changes[$0.name] == nil }
        try AtomicFile.write(.object(members + changes.map { .init($0, $1) }), to: url)
        do { _ = try SentenceEncoder.open(folder) } catch {
          line = "\(error)".replacing(folder.path + "/", with: "")
        }
      }
      return line
    }
    #expect(
      try line("phrases", "phrasetokenizer_config.json", ["vocab": .null])
        == #"phrasetokenizer_config.json: "vocab": missing"#)
    #expect(
      try line("phrases", "phrasetokenizer_config.json", ["stop_words": .null])
        == #"phrasetokenizer_config.json: "stop_words": missing; expected a list of words, [] for none"#)
    #expect(
      try line("phrases", "wordembedding_config.json", ["tokenizer_class": "x.OtherTokenizer"])
        == #"wordembedding_config.json: "tokenizer_class": expected WhitespaceTokenizer, PhraseTokenizer or TransformersTokenizerWrapper, found OtherTokenizer"#
    )
    #expect(
      try line("phrases", "wordembedding_config.json", ["max_seq_length": .integer(-5)])
        == #"wordembedding_config.json: "max_seq_length": expected a size, found -5"#)
    let router = "router_config.json"
    #expect(
      try line("router", router, ["structure": ["other": .array(["x"])]])
        == #"\#(router): "default_route": expected the name of a route, found "document""#)
    #expect(
      try line("router", router, ["structure": ["document": .array(["x"])]])
        == #"\#(router): "document": expected modules that have a type, found "x""#)
    let coder = "2_SparseAutoEncoder/config.json"
    #expect(try line("coder", coder, ["k": .integer(41)]) == #"\#(coder): "k": expected at most 40, found 41"#)
    #expect(
      try line("coder", coder, ["hidden_dim": .integer(39)])
        == #"2_SparseAutoEncoder/model.safetensors: "decoder.linear.weight": expected shape [39, 32], found [40, 32]"#)
    let layers = "1_WeightedLayerPooling/config.json"
    #expect(
      try line("layers", layers, ["layer_start": .integer(3)])
        == #"\#(layers): "layer_start": expected 0 to 2 layers, found 3"#)
    #expect(
      try line("layers", layers, ["num_hidden_layers": .integer(.max)])
        == #"\#(layers): "num_hidden_layers": expected a whole number from 0 to 65536, found 9223372036854775807"#)
    #expect(
      try line("layers", layers, ["num_hidden_layers": .integer(3), "layer_start": .integer(2)])
        == #"\#(layers): "num_hidden_layers": expected 2, as many as the Transformer has, found 3"#)
  }

  @Test(arguments: [
    ("Dropout", "config.json", #"{"dropout": 1.0}"#, #""dropout": expected a number from 0 to below 1, found 1.0"#),
    (
      "LSTM", "lstm_config.json", #"{"embedding_dimension": 12, "hidden_dim": 3, "num_layers": -1}"#,
      #""num_layers": expected a whole number from 1 to 1024, found -1"#
    ),
    (
      "LSTM", "lstm_config.json", #"{"embedding_dimension": 12, "hidden_dim": 3, "num_layers": 2, "dropout": 1.0}"#,
      #""dropout": expected a number from 0 to below 1, found 1.0"#
    ),
    (
      "CNN", "cnn_config.json", #"{"in_embedding_dimension": 12, "out_channels": 3, "kernel_sizes": []}"#,
      #""kernel_sizes": expected odd sizes, found none"#
    ),
    ("WordWeights", "config.json", "{}", #""vocab": missing"#),
    (
      "WordWeights", "config.json", #"{"vocab": ["a", "b"], "word_weights": {"a": 2}}"#,
      #""vocab": expected 29 words, one a token, found 2"#
    ),
  ]) func modulesAreChecked(type: String, file: String, config: String, problem: String) throws {
    try withCopy(of: "phrases") { folder in
      let list = folder.appendingPathComponent("modules.json")
      let first = try #require(JSON(contentsOf: list).elements?.first)
      let module: JSON = ["path": "1_Pooling", "type": .string("sentence_transformers.models.\(type)")]
      try AtomicFile.write(.array([first, module]), to: list)
      let place = folder.appendingPathComponent("1_Pooling")
      try Data(config.utf8).write(to: place.appendingPathComponent(file))
      var writer = SafetensorsWriter()
      writer.add("weight", shape: [1], [1] as [Float])
      try writer.write(to: place.appendingPathComponent("model.safetensors"))
      let error = #expect(throws: FileError.self) { try SentenceEncoder.open(folder) }
      #expect(error?.description.hasSuffix(problem) == true, "\(error?.description ?? "none")")
    }
  }

  /// As in sentence-transformers, which keeps them in a file of weights too.
  @Test func wordWeightsAreTheConfigurations() throws {
    try withCopy(of: "phrases") { folder in
      let plain = try SentenceEncoder.open(folder)
      let tokenizer = folder.appendingPathComponent("phrasetokenizer_config.json")
      let words = try #require(JSON(contentsOf: tokenizer)["vocab"])
      let list = folder.appendingPathComponent("modules.json")
      let modules = try #require(JSON(contentsOf: list).elements)
      let weights: JSON = ["path": "2_WordWeights", "type": "sentence_transformers.models.WordWeights"]
      try AtomicFile.write(.array([modules[0], weights, modules[1]]), to: list)
      let place = folder.appendingPathComponent("2_WordWeights")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      let config: JSON = [
        "vocab": words, "word_weights": ["great": .integer(1), "plot": .number(0)], "unknown_word_weight": .integer(0),
      ]
      try AtomicFile.write(config, to: place.appendingPathComponent("config.json"))
      let found = try SentenceEncoder.open(folder).encode(["GREAT dull plot"]).scalars
      let expected = try plain.encode(["GREAT"]).scalars
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 } && expected.contains { $0 != 0 })
    }
  }

  /// Saves a folder after changes to it, and expects what is saved to be the same encoder.
  private func saved(_ name: String, changing change: (URL) throws -> Void, check: (URL) throws -> Void) throws {
    let place = FileManager.default.temporaryDirectory.appendingPathComponent("module-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: place) }
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let (folder, output) = (place.appendingPathComponent("model"), place.appendingPathComponent("saved"))
    try FileManager.default.copyItem(at: golden.deletingLastPathComponent().appendingPathComponent(name), to: folder)
    try change(folder)
    let encoder = try SentenceEncoder.open(folder)
    try encoder.save(to: output)
    let opened = try SentenceEncoder.open(output)
    #expect(try opened.encode(texts).scalars == encoder.encode(texts).scalars)
    #expect(opened.prompts == encoder.prompts && opened.similarity == encoder.similarity)
    try check(output)
  }

  /// They weren't read, as modules.json wasn't there; once it is, they must not be either.
  @Test func aPlainFoldersSettingsAreNotSaved() throws {
    try saved("plain") { folder in
      let settings: JSON = [
        "prompts": ["film": "The film: "], "default_prompt_name": "film", "similarity_fn_name": "dot",
      ]
      try AtomicFile.write(settings, to: folder.appendingPathComponent("config_sentence_transformers.json"))
      let limits: JSON = ["max_seq_length": .integer(9), "do_lower_case": true]
      for name in ["bert", "roberta"] {
        try AtomicFile.write(limits, to: folder.appendingPathComponent("sentence_\(name)_config.json"))
      }
    } check: { output in
      let opened = try SentenceEncoder.open(output)
      let plain = try SentenceEncoder.open(golden.deletingLastPathComponent().appendingPathComponent("plain"))
      #expect(opened.prompts.usual == nil && opened.similarity == .cosine)
      #expect(opened.maximumLength == plain.maximumLength && opened.maximumLength != 9)
    }
  }

  /// The table of words, stored under the decoder's name too: trained, it would differ from what is left of that.
  @Test func whatIsSharedIsSavedOnce() throws {
    let decoder = "cls.predictions.decoder.weight"
    try saved("splade") { folder in
      let url = folder.appendingPathComponent("model.safetensors")
      let file = try SafetensorsFile(url)
      var writer = SafetensorsWriter()
      for key in file.keys { writer.add(key, shape: try file.entry(key).shape, try file.floats(key)) }
      let words = "bert.embeddings.word_embeddings.weight"
      writer.add(decoder, shape: try file.entry(words).shape, try file.floats(words))
      try writer.write(to: url)
    } check: { output in
      let file = try SafetensorsFile(output.appendingPathComponent("model.safetensors"))
      #expect(!file.contains(decoder))
    }
  }

  @Test func whatIsNoFileIsLeftOut() throws {
    try saved("bert") { folder in
      for (name, target) in [("gone", "nowhere"), ("up", ".")] {
        try FileManager.default.createSymbolicLink(
          atPath: folder.appendingPathComponent(name).path, withDestinationPath: target)
      }
      #expect(mkfifo(folder.appendingPathComponent("pipe").path, 0o600) == 0)
      try Data("weights".utf8).write(to: folder.appendingPathComponent("model.onnx_data"))
    } check: { output in
      let names = try FileManager.default.contentsOfDirectory(atPath: output.path)
      #expect(Set(names).isDisjoint(with: ["gone", "up", "pipe", "model.onnx_data"]), "\(names)")
    }
  }

  @Test func aModelOfAnotherKindIsReplacedButNotTheSource() throws {
    try withCopy(of: "layers") { folder in
      let output = folder.appendingPathExtension("out")
      defer { try? FileManager.default.removeItem(at: output) }
      try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
      let source = output.appendingPathComponent("0_Transformer")
      try FileManager.default.copyItem(at: folder, to: source)
      for name in ["encoders.json", "adapter_config.json", "notes.txt"] {
        try Data("{}".utf8).write(to: output.appendingPathComponent(name))
      }
      try SentenceEncoder.open(source).save(to: output)
      let exists = { FileManager.default.fileExists(atPath: output.appendingPathComponent($0).path) }
      #expect(!exists("encoders.json") && !exists("adapter_config.json") && exists("notes.txt"))
      let (saved, opened) = (try SentenceEncoder.open(output), try SentenceEncoder.open(source))
      #expect(try saved.encode(texts).scalars == opened.encode(texts).scalars)
    }
  }

  @Test func nothingIsSavedIntoTheModelsOwnFolder() throws {
    try withCopy(of: "layers") { folder in
      let link = folder.appendingPathExtension("link")
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: folder)
      defer { try? FileManager.default.removeItem(at: link) }
      #expect(isWithin(folder, link) && !isWithin(folder.appendingPathExtension("new"), folder))
      let encoder = try SentenceEncoder.open(folder)
      for place in [folder, link] {
        #expect(throws: FileError.self) { try encoder.save(to: place.appendingPathComponent("new/model")) }
      }
    }
  }

  /// The shards of a language model become one file, with what no layer reads.
  @Test func shardsAreSaved() throws {
    try saved("splade") { folder in
      let modules = folder.appendingPathComponent("modules.json")
      let text = try String(contentsOf: modules, encoding: .utf8)
      try Data(text.replacing(".Transformer", with: ".MLMTransformer").utf8).write(to: modules)
      let whole = folder.appendingPathComponent("model.safetensors")
      var map = try SafetensorsFile(whole).keys.map { JSON.Member($0, "first.safetensors") }
      try FileManager.default.moveItem(at: whole, to: folder.appendingPathComponent("first.safetensors"))
      map.append(.init("bert.embeddings.position_ids", "second.safetensors"))
      var writer = SafetensorsWriter()
      writer.add("bert.embeddings.position_ids", shape: [3], [0, 1, 2] as [Int64])
      try writer.write(to: folder.appendingPathComponent("second.safetensors"))
      let index: JSON = ["weight_map": .object(map)]
      try AtomicFile.write(index, to: folder.appendingPathComponent("model.safetensors.index.json"))
    } check: { output in
      let file = try SafetensorsFile(output.appendingPathComponent("model.safetensors"))
      #expect(try file.int64s("bert.embeddings.position_ids") == [0, 1, 2])
    }
  }

  /// Model2vec's tensors are one table once it has been opened, which may have been trained.
  @Test func tablesMadeUpFromOthersAreSaved() throws {
    try saved("plain") { folder in
      let module: JSON = ["path": "", "type": "sentence_transformers.models.StaticEmbedding"]
      try AtomicFile.write(.array([module]), to: folder.appendingPathComponent("modules.json"))
      let (mapping, weights) = ((0..<200).map { Int64($0 * 7 % 3) }, (0..<200).map { Float($0 % 5) })
      var writer = SafetensorsWriter()
      writer.add("embeddings", shape: [3, 2], [1, 2, 3, -1, 0.5, 0.25] as [Float])
      writer.add("mapping", shape: [200], mapping)
      writer.add("weights", shape: [200], weights)
      try writer.write(to: folder.appendingPathComponent("model.safetensors"))
    } check: { output in
      let file = try SafetensorsFile(output.appendingPathComponent("model.safetensors"))
      #expect(file.keys == ["embedding.weight"])
    }
  }

  @Test func aBagOfWordsIsChecked() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("module-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    func problem(_ words: [JSON], _ types: String...) throws -> String {
      let modules = types.map { type -> JSON in
        ["path": "", "type": .string("sentence_transformers.models.\(type)")]
      }
      try AtomicFile.write(.array(modules), to: folder.appendingPathComponent("modules.json"))
      try AtomicFile.write(["vocab": .array(words)], to: folder.appendingPathComponent("config.json"))
      let error = #expect(throws: FileError.self) { try SentenceEncoder.open(folder) }
      return error?.description.replacing(folder.path, with: "") ?? "none"
    }
    #expect(try problem([], "BoW") == #"/config.json: "vocab": expected words, found none"#)
    #expect(
      try problem(["film"], "BoW", "Pooling")
        == #": "Pooling": expected it before the module that gives one vector a text"#)
  }
}
