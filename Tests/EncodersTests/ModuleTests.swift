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
      try line("phrases", "wordembedding_config.json", ["tokenizer_class": "x.OtherTokenizer"])
        == #"wordembedding_config.json: "tokenizer_class": expected WhitespaceTokenizer, PhraseTokenizer or TransformersTokenizerWrapper, found OtherTokenizer"#
    )
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
  }
}
