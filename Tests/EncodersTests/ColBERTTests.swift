import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Encoders

/// Encoders with a vector a token: PyLate's matrices and sentence-transformers', by role.
@Suite struct ColBERTTests {
  static let golden = goldens.appendingPathComponent("Sentence")

  static func cases(_ name: String) -> [String] {
    ((try? JSON(contentsOf: golden.appendingPathComponent("\(name).json")))?.members ?? []).map(\.name)
  }

  /// A copy of a folder, whose `file` has some members changed.
  func withCopy(
    of name: String, _ file: String, _ changes: [JSON.Member], _ body: (URL) throws -> Void
  ) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colbert-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(at: Self.golden.appendingPathComponent(name), to: folder)
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
      let place = folder.appendingPathComponent(file)
      guard !FileManager.default.fileExists(atPath: place.path) else { continue }
      try FileManager.default.copyItem(at: Self.golden.appendingPathComponent("plain/\(file)"), to: place)
    }
    let url = folder.appendingPathComponent(file)
    let members = try #require(JSON(contentsOf: url).members)
    let kept = members.filter { member in !changes.contains { $0.name == member.name } }
    try AtomicFile.write(.object(kept + changes), to: url)
    try body(folder)
  }

  func matrices(_ encoder: SentenceEncoder, _ texts: [String], isQuery: Bool) throws -> Ragged<Tensor> {
    let prompt = encoder.prompts[isQuery ? "query" : "document"]
    return try #require(encoder.tokenEmbeddings(encoder.batch(texts, prompt: prompt, isQuery: isQuery)))
  }

  /// Both roles' matrices, and the same bits for a text alone.
  func expectMatrices(
    _ name: String, _ settings: String, _ label: String, _ changes: [JSON.Member]? = nil, in golden: String? = nil
  ) throws {
    let golden = golden ?? name
    let texts = try sentenceTexts(golden == "colbert" ? "colbert/texts.json" : "texts.json")
    let file = try SafetensorsFile(Self.golden.appendingPathComponent("\(golden).safetensors"))
    let found = try changes ?? JSON(contentsOf: Self.golden.appendingPathComponent("\(golden).json"))[label]?.members
    let changes = try #require(found)
    try withCopy(of: name, settings, changes) { folder in
      let encoder = try SentenceEncoder.open(folder)
      #expect(encoder.isMultiVector)
      for (role, isQuery) in [("query", true), ("document", false)] {
        let found = try matrices(encoder, texts, isQuery: isQuery)
        #expect(
          found.offsets.lengths == (try file.int32s("\(label)/\(role)/lengths").map(Int.init)), "\(label) \(role)")
        let (expected, width) = (try file.floats("\(label)/\(role)"), found.rows.width)
        try #require(expected.count == found.rows.count, "\(label) \(role)")
        let worst = zip(found.rows.scalars, expected).map { abs($0 - $1) }.max() ?? 0
        #expect(worst <= 1e-5, "\(label) \(role): max |Δ| \(worst)")
        for (place, text) in texts.enumerated() {
          let rows = found.offsets[place]
          let alone = try matrices(encoder, [text], isQuery: isQuery).rows.scalars
          #expect(alone == Array(found.rows.scalars[rows.lowerBound * width..<rows.upperBound * width]))
        }
      }
    }
  }

  @Test(arguments: cases("colbert")) func matricesArePyLates(_ label: String) throws {
    try expectMatrices("colbert", "config_sentence_transformers.json", label)
  }

  @Test(arguments: cases("multi_vector")) func matricesAreSentenceTransformers(_ label: String) throws {
    try expectMatrices("multi_vector", "sentence_bert_config.json", label)
  }

  /// Stanford's own folders, which name no modules.
  @Test func matricesOfStanfordsFoldersArePyLates() throws {
    let architecture: JSON = .array(["HF_ColBERT"])
    try expectMatrices("stanford", "config.json", "stanford", [.init("architectures", architecture)], in: "colbert")
    try withCopy(of: "stanford", "config.json", [.init("architectures", architecture)]) { folder in
      let (encoder, saved) = (try SentenceEncoder.open(folder), folder.appendingPathExtension("saved"))
      defer { try? FileManager.default.removeItem(at: saved) }
      try encoder.save(to: saved)
      let texts = try sentenceTexts("colbert/texts.json")
      #expect(
        try matrices(SentenceEncoder.open(saved), texts, isQuery: true).rows.scalars
          == matrices(encoder, texts, isQuery: true).rows.scalars)
    }
  }

  /// How many vectors documents and queries have in Stanford's folder with other settings.
  func lengths(_ changes: [JSON.Member], _ texts: [String]) throws -> (documents: [Int], queries: [Int]) {
    var lengths: (documents: [Int], queries: [Int]) = ([], [])
    try withCopy(of: "stanford", "config.json", [.init("architectures", .array(["HF_ColBERT"]))]) { folder in
      let url = folder.appendingPathComponent("artifact.metadata")
      let kept = try #require(JSON(contentsOf: url).members).filter { member in
        !changes.contains { $0.name == member.name }
      }
      try AtomicFile.write(.object(kept + changes), to: url)
      let encoder = try SentenceEncoder.open(folder)
      lengths.documents = try matrices(encoder, texts, isQuery: false).offsets.lengths
      lengths.queries = try matrices(encoder, texts, isQuery: true).offsets.lengths
    }
    return lengths
  }

  @Test func punctuationCountsWhereStanfordsFolderSaysSo() throws {
    let texts = ["the film, a film", "the film a film"]
    let skipping = try lengths([], texts).documents
    #expect(skipping[0] == skipping[1])
    #expect(try lengths([.init("mask_punctuation", false)], texts).documents == [skipping[0] + 1, skipping[1]])
  }

  /// The model has 64 positions.
  @Test func lengthsEndAtTheModelsPositions() throws {
    let texts = [String](repeating: "film", count: 90).joined(separator: " ")
    let changes: [JSON.Member] = [.init("doc_maxlen", .integer(180)), .init("query_maxlen", .integer(70))]
    let found = try lengths(changes, [texts, "film"])
    #expect(found.documents[0] == 64 && found.documents[1] < 64)
    #expect(found.queries == [64, 64])
  }

  /// As in sentence-transformers, whose attention mask then leaves out what queries would be filled up with.
  @Test func withoutAMaskQueriesAreNotFilledUp() throws {
    let url = Self.golden.appendingPathComponent("multi_vector/modules.json")
    let modules = try JSON(contentsOf: url).elements ?? []
    let expansion: JSON = ["strategy": "fixed", "length": .integer(12), "attend": .bool(false)]
    func count(_ expansion: JSON?, masks: Bool) throws -> Int {
      var count = 0
      let members = expansion.map { [JSON.Member("query_expansion", $0)] } ?? []
      try withCopy(of: "multi_vector", "sentence_bert_config.json", members) { folder in
        let kept = modules.filter { masks || $0["type"]?.string?.hasSuffix("MultiVectorMask") != true }
        try AtomicFile.write(.array(kept), to: folder.appendingPathComponent("modules.json"))
        count = try matrices(SentenceEncoder.open(folder), ["film"], isQuery: true).offsets[0].count
      }
      return count
    }
    #expect(try count(expansion, masks: true) == 12)
    #expect(try count(expansion, masks: false) == count(nil, masks: false))
  }

  @Test func textsHaveNoSingleVector() throws {
    let folder = Self.golden.appendingPathComponent("colbert")
    let encoder = try SentenceEncoder.open(folder)
    let expected = "\(folder.path): expected an encoder with one vector a text, found one with a vector for each token"
    let ways: [([String]) throws -> Tensor] = [
      { try encoder.encode($0) }, { try encoder.encodeQueries($0) }, { try encoder.encodeDocuments($0) },
    ]
    for encode in ways {
      #expect { try encode(["the film"]) } throws: { "\($0)" == expected }
    }
    let model = try Model.open(folder)
    #expect { try model.input(texts: ["the film"]) } throws: { "\($0)" == expected }
  }

  @Test func thereAreCases() { #expect(Self.cases("colbert").count == 4 && Self.cases("multi_vector").count == 4) }

  /// The folder's files go with it.
  @Test func aSavedFolderGivesTheSameBits() throws {
    let texts = try sentenceTexts("colbert/texts.json")
    let encoder = try SentenceEncoder.open(Self.golden.appendingPathComponent("colbert"))
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colbert-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try encoder.save(to: folder)
    let opened = try SentenceEncoder.open(folder)
    for isQuery in [true, false] {
      #expect(
        try matrices(opened, texts, isQuery: isQuery).rows.scalars
          == matrices(encoder, texts, isQuery: isQuery).rows.scalars)
    }
  }

  @Test func whatMakesNoSenseIsNamed() throws {
    func line(_ name: String, _ file: String, _ changes: [String: JSON]) throws -> String {
      var line = "opens"
      try withCopy(of: name, file, changes.map { .init($0, $1) }) { folder in
        do { _ = try SentenceEncoder.open(folder) } catch {
          line = "\(error)".replacing(folder.path + "/", with: "")
          #expect(!line.contains("\n"))
        }
      }
      return line
    }
    let pyLate = "config_sentence_transformers.json"
    #expect(
      try line("colbert", pyLate, ["query_prefix": "[X] "])
        == #"\#(pyLate): "query_prefix": expected a token of the tokenizer, found "[X] ""#)
    #expect(
      try line("colbert", pyLate, ["document_length": .integer(2)])
        == #"\#(pyLate): "document_length": expected a number of tokens, at least 4, found 2"#)
    #expect(
      try line("colbert", "tokenizer_config.json", ["padding_side": "left"])
        == #"tokenizer_config.json: "padding_side": expected right where queries are filled up, found left"#)
    #expect(
      try line("colbert", "tokenizer_config.json", ["mask_token": .null])
        == #"\#(pyLate): "do_query_expansion": expected a mask token, or one for the end of a text, in the tokenizer, found none"#
    )
    let settings = "sentence_bert_config.json"
    #expect(
      try line("multi_vector", settings, ["query_expansion": ["strategy": "most"]])
        == #"\#(settings): "query_expansion": expected a strategy, fixed or min, and a length, found {"strategy":"most"}"#
    )
    #expect(
      try line(
        "multi_vector", settings, ["query_expansion": ["strategy": "min", "length": .integer(9), "token": "x y"]])
        == #"\#(settings): "query_expansion": expected "x y" in the tokenizer, found none"#)
  }
}
