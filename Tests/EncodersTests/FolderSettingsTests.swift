import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Tokenizers

@testable import Encoders

/// What the settings of a folder change, beside the weights.
@Suite struct FolderSettingsTests {
  let texts: [String]

  init() throws { texts = try sentenceTexts("texts.json") }

  /// A copy of a golden folder in which a JSON file has other members.
  private func with<R>(_ name: String, _ file: String, _ members: JSON, _ body: (URL) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(at: goldens.appendingPathComponent("Sentence/\(name)"), to: folder)
    let url = folder.appendingPathComponent(file)
    let known = FileManager.default.fileExists(atPath: url.path) ? try JSON(contentsOf: url).members ?? [] : []
    let changed = members.members ?? []
    let kept = known.filter { member in !changed.contains { $0.name == member.name } }
    try AtomicFile.write(.object(kept + changed), to: url)
    return try body(folder)
  }

  @Test func problemsSayHowLogitsAreRead() throws {
    func predictions(_ problem: JSON) throws -> (found: [Float], logits: Tensor) {
      try with("cross", "config.json", ["problem_type": problem]) { folder in
        let encoder = try CrossEncoder.open(folder)
        return (try encoder.predictions(texts).scalars, try encoder.logits(texts.map { ($0, nil) }))
      }
    }
    let numbers = try predictions("regression")
    #expect(numbers.found == numbers.logits.scalars)
    for problem in ["multi_label_classification", .null] as [JSON] {
      let each = try predictions(problem)
      #expect(each.found == each.logits.activated(.sigmoid).scalars)
    }
    #expect(throws: FileError.self) { try predictions("ranking") }
  }

  /// A table as model2vec stores it: rows that several ids share, and weights of the ids.
  @Test func staticTablesOfModel2VecOpen() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("static-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let tokenizer = goldens.appendingPathComponent("Sentence/plain/tokenizer.json")
    try FileManager.default.copyItem(at: tokenizer, to: folder.appendingPathComponent("tokenizer.json"))
    let module: JSON = [
      "idx": .integer(0), "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding",
    ]
    try AtomicFile.write(.array([module]), to: folder.appendingPathComponent("modules.json"))
    let count = 1 + Int(try Tokenizer(contentsOf: tokenizer).model.vocabulary.idLimit)
    func vectors(_ add: (inout SafetensorsWriter) -> Void) throws -> [Float] {
      var writer = SafetensorsWriter()
      add(&writer)
      try writer.write(to: folder.appendingPathComponent("model.safetensors"))
      return try SentenceEncoder.open(folder).encode(texts).scalars
    }
    let rows: [Float] = [1, 2, 3, -1, 0.5, 0.25]
    let mapping = (0..<count).map { Int64($0 * 7 % 3) }
    let weights = (0..<count).map { Float($0 % 5) * 0.25 }
    let table = (0..<count).flatMap { id in (0..<2).map { rows[Int(mapping[id]) * 2 + $0] * weights[id] } }
    let expected = try vectors { $0.add("embedding.weight", shape: [count, 2], table) }
    let found = try vectors {
      $0.add("embeddings", shape: [3, 2], rows)
      $0.add("mapping", shape: [count], mapping)
      $0.add("weights", shape: [count], weights)
    }
    #expect(found == expected && Set(found).count > 4)
    #expect(try vectors { $0.add("embeddings", shape: [count, 2], table) } == expected)
    #expect(throws: FileError.self) {
      try vectors {
        $0.add("embeddings", shape: [2, 2], [1, 2, 3, 4] as [Float])
        $0.add("mapping", shape: [count], mapping)
      }
    }
  }

  @Test func poolingNeedsAWay() throws {
    try with("bert", "1_Pooling/config.json", ["pooling_mode": .array([])]) { folder in
      _ = #expect(throws: FileError.self) { try SentenceEncoder.open(folder) }
    }
  }

  /// What a plain folder needs for settings of sentence-transformers to count.
  private func writeModules(_ folder: URL) throws {
    let module: JSON = ["path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"]
    try AtomicFile.write(.array([module]), to: folder.appendingPathComponent("modules.json"))
  }

  /// As in sentence-transformers, which reads its own settings beside modules.json alone.
  @Test func foldersWithoutModulesHaveNoSettings() throws {
    let general: JSON = [
      "model_type": "CrossEncoder", "prompts": ["q": "find: "], "default_prompt_name": "q", "truncate_dim": .integer(5),
      "similarity_fn_name": "dot", "activation_fn": "torch.nn.modules.linear.Identity", "query_prefix": "[Q] ",
    ]
    let limits: JSON = ["max_seq_length": .integer(6), "do_lower_case": true]
    let pairs = texts.map { (first: texts[0], second: String?.some($0)) }
    for name in ["plain", "cross"] {
      let folder = goldens.appendingPathComponent("Sentence/\(name)")
      try with(name, "config_sentence_transformers.json", general) { changed in
        try AtomicFile.write(limits, to: changed.appendingPathComponent("sentence_bert_config.json"))
        let (found, expected) = (try SentenceEncoder.open(changed), try SentenceEncoder.open(folder))
        #expect(found.maximumLength == expected.maximumLength && found.similarity == expected.similarity)
        #expect(try found.encode(texts).scalars == expected.encode(texts).scalars)
        guard name == "cross" else { return }
        #expect(try CrossEncoder.open(changed).scores(pairs).scalars == CrossEncoder.open(folder).scores(pairs).scalars)
      }
    }
  }

  /// As in sentence-transformers, which runs no code that a folder names.
  @Test func activationsThatAreNotPyTorchsAreNotTaken() throws {
    let tanh = try SentenceEncoder.open(goldens.appendingPathComponent("Sentence/dense")).encode(texts).scalars
    for name in ["my_package.activations.ReLU", "Identity"] {
      try with("dense", "2_Dense/config.json", ["activation_function": .string(name)]) { folder in
        let encoder = try SentenceEncoder.open(folder)
        #expect(try encoder.encode(texts).scalars == tanh)
        #expect(encoder.notes == ["2_Dense: \"\(name)\" isn't of PyTorch: Tanh is taken, as in sentence-transformers"])
      }
    }
    func activation(_ name: JSON, beside other: JSON = .null) throws -> Activation? {
      try with("cross", "config.json", ["sentence_transformers": ["activation_fn": name]]) { folder in
        try writeModules(folder)
        let settings: JSON = ["model_type": "CrossEncoder", "activation_fn": other]
        try AtomicFile.write(settings, to: folder.appendingPathComponent("config_sentence_transformers.json"))
        return try CrossEncoder.open(folder).activation
      }
    }
    #expect(try activation("my.Identity") == .sigmoid)
    #expect(try activation("torch.nn.modules.linear.Identity") == nil)
    #expect(try activation("torch.nn.Tanh", beside: "my.Identity") == .tanh)
    #expect(try activation("torch.nn.Tanh", beside: "torch.nn.modules.linear.Identity") == nil)
    #expect(throws: FileError.self) { try activation("torch.nn.ReLU") }
  }

  @Test func emptySettingsArePassedOver() throws {
    try with("bert", "sentence_roberta_config.json", ["max_seq_length": .integer(9)]) { folder in
      #expect(try SentenceEncoder.open(folder).maximumLength == 20)
      try AtomicFile.write(Data("{}".utf8), to: folder.appendingPathComponent("sentence_bert_config.json"))
      #expect(try SentenceEncoder.open(folder).maximumLength == 9)
    }
  }

  @Test func crossEncodersHaveADefaultPrompt() throws {
    let plain = try CrossEncoder.open(goldens.appendingPathComponent("Sentence/cross"))
    let settings: JSON = ["model_type": "CrossEncoder", "prompts": ["q": "find: "], "default_prompt_name": "q"]
    try with("cross", "config_sentence_transformers.json", settings) { folder in
      try writeModules(folder)
      let encoder = try CrossEncoder.open(folder)
      let pairs = texts.map { (first: texts[0], second: String?.some($0)) }
      let expected = try plain.scores(pairs.map { ("find: " + $0.first, $0.second) }).scalars
      #expect(try encoder.scores(pairs).scalars == expected)
      #expect(expected != (try plain.scores(pairs).scalars))
    }
  }

  @Test func sparseEncodersAreComparedByDotAndKeepTheirLargest() throws {
    let all = try SentenceEncoder.open(goldens.appendingPathComponent("Sentence/splade")).encode(texts)
    let settings: JSON = ["similarity_fn_name": .null, "max_active_dims": .integer(5)]
    try with("splade", "config_sentence_transformers.json", settings) { folder in
      let encoder = try SentenceEncoder.open(folder)
      #expect(encoder.similarity == .dot)
      let (some, whole, width) = (try encoder.encode(texts).scalars, all.scalars, all.width)
      for text in texts.indices {
        let (row, before) = (some[text * width..<(text + 1) * width], whole[text * width..<(text + 1) * width])
        let kept = row.indices.filter { row[$0] != 0 }
        #expect(kept.count == min(5, before.count { $0 != 0 }))
        #expect(kept.allSatisfy { row[$0] == before[$0] })
        let least = kept.map { row[$0] }.min() ?? 0
        #expect(before.indices.allSatisfy { row[$0] != 0 || before[$0] <= least })
      }
    }
  }

  /// What sentence-transformers hands on to transformers.
  @Test func optionsOfTheTransformerAreFollowedOrNamed() throws {
    let file = "sentence_bert_config.json"
    func length(_ settings: JSON) throws -> Int? {
      try with("bert", file, settings) { try SentenceEncoder.open($0).maximumLength }
    }
    let text: JSON = ["text": ["max_length": .integer(7), "truncation": true]]
    let opening: JSON = ["model_max_length": .integer(11)]
    #expect(try length(["max_seq_length": .integer(13)]) == 13)
    #expect(try length(["max_seq_length": .integer(13), "tokenizer_args": opening]) == 11)
    #expect(try length(["processor_kwargs": opening, "processing_kwargs": text]) == 7)
    #expect(try length(["processing_kwargs": ["text": ["max_length": .integer(900)]]]) == 64)
    #expect(try length(["model_args": ["add_pooling_layer": false], "config_args": [:]]) == 20)
    func line(_ settings: JSON) throws -> String {
      do { return "opens at \(try length(settings) ?? 0)" } catch {
        return "\(error)".split(separator: "/\(file): ").last.map(String.init) ?? ""
      }
    }
    #expect(
      try line(["config_args": ["hidden_act": "relu"]]) == #""config_args": expected no options, found "hidden_act""#)
    #expect(
      try line(["tokenizer_args": ["use_fast": false]])
        == #""tokenizer_args": expected only model_max_length, found "use_fast""#)
    #expect(
      try line(["processing_kwargs": ["text": ["truncation": false]]]) == #""truncation": expected true, found false"#)
    #expect(
      try line(["model_kwargs": ["num_hidden_layers": .integer(1)]]).hasPrefix(#""model_kwargs": expected only add_"#))
  }

  /// Learned positions end; rotary angles are there for as many as the settings say.
  @Test(arguments: [("bert", 48), ("modernbert", 900), ("nomic_bert", 900), ("gte", 900), ("qwen3", 900)])
  func positionsLimitTextsWhereTheyAreLearned(_ model: String, _ expected: Int) throws {
    let folder = goldens.appendingPathComponent("Sentence/plain")
    let configuration = try TransformerConfiguration(
      contentsOf: PretrainedGolden.root.appendingPathComponent(model))
    func length(_ settings: JSON) throws -> Int? {
      let file = ConfigFile(folder.appendingPathComponent("sentence_bert_config.json"), settings)
      let tokens = try SentenceTokenizer.transformer(folder, settings: file, configuration)
      return tokens.tokenizer?.truncation?.maximumLength
    }
    #expect(try length(["max_seq_length": .integer(900)]) == expected)
    #expect(try length(["max_seq_length": .integer(30)]) == 30)
    #expect(try length([:]) == configuration.maximumLength)
  }

  @Test func queriesAndDocumentsHaveTheirPrompts() throws {
    let settings: JSON = [
      "prompts": ["query": "find: ", "passage": "text: ", "usual": "x "], "default_prompt_name": "usual",
    ]
    try with("bert", "config_sentence_transformers.json", settings) { folder in
      let encoder = try SentenceEncoder.open(folder)
      func plain(_ prompt: String) throws -> [Float] { try encoder.encode(texts, prompt: prompt).scalars }
      #expect(try encoder.encodeQueries(texts).scalars == plain("find: "))
      #expect(try encoder.encodeDocuments(texts).scalars == plain("text: "))
      #expect(try encoder.encode(texts).scalars == plain("x "))
    }
    #expect(throws: FileError.self) {
      try with("bert", "config_sentence_transformers.json", ["prompts": .array([.string("query: ")])]) {
        try SentenceEncoder.open($0)
      }
    }
  }

  @Test func allColumnsAreThereWhateverTheFolderKeeps() throws {
    try with("bert", "config_sentence_transformers.json", ["truncate_dim": .integer(7)]) { folder in
      let encoder = try SentenceEncoder.open(folder)
      let all = try encoder.withoutTruncation().encode(texts)
      #expect(encoder.width == 7 && all.width > 7)
      #expect(try encoder.encode(texts).scalars == all.columns(0..<7).scalars)
    }
  }

  @Test func theVectorOfPaddingIsNotLearnt() throws {
    let transformer = try Transformer.open(goldens.appendingPathComponent("Sentence/bert"))
    let padding = try #require(transformer.configuration.paddingID)
    let words = transformer.parameters[0]
    let target = Tensor(
      (0..<3 * transformer.configuration.width).map { Float($0 % 7) }, shape: [3, transformer.configuration.width])
    let gradients = training(Random(seed: 1)) {
      transformer(Ragged([[5, Int32(padding), 6]] as [[Int32]])).rows.meanSquaredError(target).gradients()
    }
    let (found, width) = (try #require(gradients[words]).scalars, words.shape[1])
    #expect(found[padding * width..<(padding + 1) * width].allSatisfy { $0 == 0 })
    #expect(found[5 * width..<6 * width].contains { $0 != 0 })
  }

  @Test func rotaryAnglesDoNotLimitTheLengthsOfDocuments() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rotary-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(at: PretrainedGolden.root.appendingPathComponent("modernbert"), to: folder)
    try FileManager.default.copyItem(
      at: goldens.appendingPathComponent("Sentence/plain/tokenizer.json"),
      to: folder.appendingPathComponent("tokenizer.json"))
    let length = try TransformerConfiguration(contentsOf: folder).maximumLength + 50
    try writeModules(folder)
    try AtomicFile.write(
      ["document_length": .integer(length)], to: folder.appendingPathComponent("sentence_bert_config.json"))
    #expect(try SentenceEncoder.open(folder).roles?.document.maximumLength == length)
  }
}
