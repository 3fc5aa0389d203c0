import Checkpoints
import Foundation
import Layers
import Tensors
import Testing

@testable import Encoders

/// Tiny models of every family against transformers' numbers, and the same bits however a text is batched.
@Suite(.serialized) struct PretrainedParityTests {
  @Test(arguments: PretrainedGolden.families) func hiddenStatesAreTransformers(_ name: String) throws {
    let golden = try PretrainedGolden(name)
    let model = try Transformer.open(golden.folder)
    let (ids, types) = (try golden.ids(), try golden.types())
    try model.check(ids, typeIDs: types)
    let hidden = model(ids, typeIDs: types)
    try golden.expect(hidden.rows, "hidden")
    let layers = model.layers(ids, typeIDs: types)
    #expect(layers.count == model.configuration.layers + 1)
    #expect(layers.last?.rows.scalars == hidden.rows.scalars)
  }

  @Test(arguments: PretrainedGolden.families) func classifiersAreTransformers(_ name: String) throws {
    let golden = try PretrainedGolden(name)
    guard golden.file.contains("classifier") else { return }
    let model = try SequenceClassifier.open(golden.folder.appendingPathComponent("classifier"))
    #expect(model.labels == ["LABEL_0", "LABEL_1", "LABEL_2"])
    try golden.expect(model(golden.ids(), typeIDs: golden.types()), "classifier")
  }

  /// The last token that isn't padding counts, and one that sees both ways sees the padding behind it.
  @Test func paddingAtATextsEndDoesNotCount() throws {
    let folder = PretrainedGolden.root.appendingPathComponent("qwen3/classifier")
    let json = try JSON(contentsOf: folder.appendingPathComponent("config.json"))
    let texts: [[Int32]] = [[7, 8, 9], [10]]
    for isCausal in [true, false] {
      let members = (json.members ?? []) + [JSON.Member("is_causal", .bool(isCausal))]
      let model = try SequenceClassifier.open(
        folder, configuration: TransformerConfiguration(.object(members), url: folder))
      let plain = model(Ragged(texts)).scalars
      let padded = model(Ragged(texts.map { $0 + [0, 0] })).scalars
      #expect(zip(plain, padded).allSatisfy { abs($0 - $1) < 1e-5 } == isCausal)
    }
  }

  @Test(arguments: PretrainedGolden.families) func maskedLanguageModelsAreTransformers(_ name: String) throws {
    let golden = try PretrainedGolden(name)
    guard golden.file.contains("masked") else { return }
    let model = try MaskedLanguageModel.open(golden.folder.appendingPathComponent("masked"))
    let logits = try model(golden.ids(), typeIDs: golden.types()).rows
    // The golden file has every fifth column.
    let columns = stride(from: 0, to: logits.width, by: 5).map { logits.columns($0..<$0 + 1) }
    try golden.expect(Tensor.concatenated(columns), "masked")
    // The same file opens as an encoder alone, whatever its prefix.
    let encoder = try Transformer.open(golden.folder.appendingPathComponent("masked"))
    #expect(try encoder(golden.ids(), typeIDs: golden.types()).rows.isFinite)
  }

  @Test(arguments: ["bert", "mpnet", "modernbert", "qwen3"]) func gradientsArePyTorchs(_ name: String) throws {
    let golden = try PretrainedGolden(name)
    let model = try Transformer.open(golden.folder)
    let cotangent = try golden.tensor("cotangent")
    let gradients = try recording {
      let hidden = try model(golden.ids(), typeIDs: golden.types()).rows
      return ((hidden * cotangent).mean() * Float(cotangent.count)).gradients()
    }
    var checked = 0
    for parameter in model.parameters where golden.file.contains("grad/" + parameter.name) {
      let expected = try golden.tensor("grad/" + parameter.name).scalars
      let found = try #require(gradients[parameter]?.scalars, "no gradient by \(parameter.name)")
      let scale = max(1, expected.map { abs($0) }.max() ?? 0)
      let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
      #expect(worst <= 1e-4 * scale, "\(name) \(parameter.name): differs by \(worst) of \(scale)")
      checked += 1
    }
    #expect(checked == golden.file.keys.count { $0.hasPrefix("grad/") })
    #expect(checked == model.parameters.count)
  }

  /// As in transformers: what is stored twice is shared where it's equal, and what is stored once is used twice.
  @Test func decodersShareTheWordsWhereTheyAreEqual() throws {
    let (words, decoder) = ("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight")
    let ids = try PretrainedGolden("bert").ids()
    func open(_ change: (inout [String: Tensor]) -> Void) throws -> (names: [String], logits: Tensor) {
      var result: (names: [String], logits: Tensor) = ([], Tensor(0))
      try withCopy(of: "bert/masked") { folder in
        let url = folder.appendingPathComponent("model.safetensors")
        let file = try SafetensorsFile(url)
        var tensors: [String: Tensor] = [:]
        for key in file.keys { tensors[key] = Tensor(try file.floats(key), shape: try file.entry(key).shape) }
        change(&tensors)
        var writer = SafetensorsWriter()
        for (name, tensor) in tensors { writer.add(name, shape: tensor.shape, tensor.scalars) }
        try writer.write(to: url)
        let model = try MaskedLanguageModel.open(folder)
        result = (model.parameters.map(\.name), model(ids).rows)
      }
      return result
    }
    let plain = try open { _ in }
    for found in [
      try open { $0[decoder] = $0[words] }, try open { $0[decoder] = $0.removeValue(forKey: words) },
    ] { #expect(found.names == plain.names && found.logits.scalars == plain.logits.scalars) }
    let doubled = try open { $0[decoder] = $0[words].map { $0 * 2 } }
    #expect(Set(doubled.names) == Set(plain.names + [decoder]))
    let bias = Tensor(repeating: 0.5, shape: [plain.logits.width])
    let moved = try open { $0["cls.predictions.decoder.bias"] = bias }
    let own = try open { $0["cls.predictions.bias"] = bias }
    #expect(moved.logits.scalars == own.logits.scalars && own.logits.scalars != plain.logits.scalars)
    let none = try open { $0["cls.predictions.bias"] = Tensor(repeating: 0, shape: bias.shape) }.logits.scalars
    let twice = try open {
      $0["cls.predictions.bias"] = Tensor(repeating: 0, shape: bias.shape)
      $0[decoder] = $0[words].map { $0 * 2 }
    }.logits.scalars
    #expect(zip(none, twice).allSatisfy { abs($0 * 2 - $1) < 1e-4 })
    let error = #expect(throws: FileError.self) {
      try open {
        $0[words] = nil
        $0[decoder] = bias
      }
    }
    #expect(error?.description.hasSuffix(#""\#(decoder)": expected shape [60, 16], found [60]"#) == true)
  }

  @Test(arguments: PretrainedGolden.families) func aTextsBitsDependOnNothingElse(_ name: String) throws {
    let golden = try PretrainedGolden(name)
    let model = try Transformer.open(golden.folder)
    let (ids, types) = (try golden.ids(), try golden.types())
    let width = model.configuration.width
    let before = Workers.count
    defer { Workers.count = before }
    Workers.count = 1
    let all = model(ids, typeIDs: types).rows.scalars
    for threads in [2, 5] {
      Workers.count = threads
      #expect(model(ids, typeIDs: types).rows.scalars == all, "\(threads) threads")
    }
    for text in 0..<ids.count {
      let rows = ids.offsets[text]
      func alone(_ ids: Ragged<IDs>) -> Ragged<IDs> { Ragged([Array(ids.rows.values[rows])]) }
      let found = model(alone(ids), typeIDs: alone(types)).rows.scalars
      #expect(found == Array(all[rows.lowerBound * width..<rows.upperBound * width]), "text \(text)")
    }
    // Empty texts and empty batches have no rows.
    #expect(model(Ragged([[], [7], []])).rows.shape == [1, width])
    #expect(model(Ragged([[Int32]]())).rows.shape == [0, width])
  }

  @Test(arguments: ["bert", "modernbert", "qwen3"]) func dropoutAndGradientsDoNotDependOnThreads(_ name: String) throws
  {
    let golden = try PretrainedGolden(name)
    let model = try Transformer.open(golden.folder)
    let before = Workers.count
    defer { Workers.count = before }
    func run(_ threads: Int) throws -> [[Float]] {
      Workers.count = threads
      let gradients = try training(Random(seed: 5)) {
        try model(golden.ids(), typeIDs: golden.types()).pooled(.mean).mean().gradients()
      }
      return model.parameters.map { gradients[$0]?.scalars ?? [] }
    }
    let one = try run(1)
    #expect(one.allSatisfy { !$0.isEmpty })
    #expect(try run(2) == one)
    #expect(try run(7) == one)
  }

  /// A new model has the library's names, so that its file opens there; saved and opened it computes the same bits.
  @Test(arguments: ["bert", "distilbert", "albert", "modernbert", "roberta"]) func newModelsHaveTheSameNames(
    _ name: String
  ) throws {
    let folder = try PretrainedGolden(name).folder.appendingPathComponent("masked")
    let configuration = try TransformerConfiguration(contentsOf: folder)
    let new = try MaskedLanguageModel(configuration, at: .random(seed: 1))
    let stored = try MaskedLanguageModel.open(folder)
    #expect(new.parameters.map(\.name) == stored.parameters.map(\.name))
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("new-\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: file) }
    var writer = SafetensorsWriter()
    for parameter in new.parameters { writer.add(parameter.name, shape: parameter.shape, parameter.scalars) }
    try writer.write(to: file)
    let again = try MaskedLanguageModel(configuration, at: Scope.open(file))
    let ids = Ragged<IDs>([[7, 8, 9], [10]])
    #expect(again(ids).rows.scalars == new(ids).rows.scalars)
  }

  /// The real all-MiniLM-L6-v2, with and without its `config.json`: `ENCODERS_MINILM` names its folder.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["ENCODERS_MINILM"] != nil)) func miniLMOpensFast() throws {
    let folder = URL(fileURLWithPath: ProcessInfo.processInfo.environment["ENCODERS_MINILM"] ?? "")
    let configuration = try TransformerConfiguration.bert(of: folder, heads: 12)
    #expect(configuration.layers == 6 && configuration.width == 384 && configuration.intermediate == 1536)
    let clock = ContinuousClock()
    let opening = try (0..<5).map { _ in
      try clock.measure { _ = try Transformer.open(folder, configuration: configuration) }
    }
    #expect(opening.min() ?? .zero < .milliseconds(100), "\(opening)")
    let golden = PretrainedGolden(
      folder: folder,
      file: try SafetensorsFile(PretrainedGolden.root.appendingPathComponent("minilm.safetensors")))
    let hidden = try Transformer.open(folder)(golden.ids()).rows
    let rows = IDs(stride(from: 0, to: Int32(hidden.rows), by: 11).map { $0 })
    try golden.expect(hidden.rows(at: rows), "hidden")
  }
}
