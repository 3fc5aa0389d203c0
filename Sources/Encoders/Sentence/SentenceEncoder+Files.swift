import Checkpoints
import Evaluation
import Foundation
import Layers
import Tensors
import Tokenizers

extension SentenceEncoder {
  /// Opens a folder in sentence-transformers' form, or a plain Hugging Face folder: then the mean of the tokens' vectors (the last
  /// one of a causal language model) is the embedding, and `notes` says so. Where a folder has an adapter of PEFT, it's merged into its base.
  ///
  /// - Parameters:
  ///   - adapting: what is done to each file's scope before its layers are made, such as freezing or adapting.
  /// - Throws: `FileError` naming the file and key that is missing, damaged or of another shape.
  public static func open(_ folder: URL, adapting: (Scope) -> Scope = { $0 }) throws -> SentenceEncoder {
    guard isFolder(folder) else {
      let found = FileManager.default.fileExists(atPath: folder.path) ? "a file" : "nothing"
      throw FileError(.missing, folder, "expected a model folder, found \(found)")
    }
    var notes: [String] = []
    let entries = try ModuleEntry.read(folder)
    var stages: [Stage] = []
    var (tokens, width): (SentenceTokenizer?, Int) = (nil, 0)
    let listed = entries ?? [ModuleEntry(type: "Transformer", folder: folder, path: "", name: "0")]
    for (index, entry) in listed.enumerated() {
      let scope = adapting(try entry.weights())
      let module: SentenceModule
      if index == 0 {
        let first = try SentenceModule.first(entry, at: scope, &notes)
        (module, tokens, width) = (first.module, first.tokens, first.width)
      } else {
        module = try SentenceModule(entry, width: &width, tokenizer: tokens?.tokenizer, at: scope)
      }
      stages.append(
        Stage(module: module, entry: entry, parameters: scope.parameters, adaptation: scope.adaptation))
    }
    if entries == nil {
      var modes: [Pooling.Mode] = [.mean]
      if case .transformer(let transformer) = stages[0].module, transformer.configuration.isLanguageModel {
        modes = [.last]
      }
      let name = modes == [.mean] ? "the mean of the tokens' vectors" : "the last token's vector"
      notes.append("no modules.json: \(name) is taken as the embedding")
      let entry = ModuleEntry(
        type: "Pooling", folder: folder.appendingPathComponent("1_Pooling"), path: "1_Pooling", name: "1")
      stages.append(Stage(module: .pooling(modes, width: width, includesPrompt: true), entry: entry, parameters: []))
    }
    guard let tokens else { throw FileError(.malformed, folder.appendingPathComponent("modules.json"), "no modules") }
    let settings = try ConfigFile.ifPresent(folder.appendingPathComponent("config_sentence_transformers.json"))
    return try SentenceEncoder(
      folder: folder, tokens: tokens, stages: stages, moduleWidth: width, settings: settings, notes: notes)
  }

  /// The same with other modules.
  init(_ encoder: SentenceEncoder, stages: [Stage]) {
    (folder, prompts, defaultPromptName) = (encoder.folder, encoder.prompts, encoder.defaultPromptName)
    (similarity, width, truncation) = (encoder.similarity, encoder.width, encoder.truncation)
    (notes, tokens, self.stages) = (encoder.notes, encoder.tokens, stages)
    parameters = stages.flatMap(\.parameters)
  }

  private init(
    folder: URL, tokens: SentenceTokenizer, stages: [Stage], moduleWidth: Int, settings: ConfigFile?, notes: [String]
  ) throws {
    prompts = Dictionary(
      try (settings?["prompts"]?.members ?? []).compactMap { prompt in
        if prompt.value == .null { return nil }
        guard let text = prompt.value.string else {
          throw FileError(
            .malformed, settings?.url ?? folder, item: "prompts.\(prompt.name)",
            "expected a string, found \(prompt.value.kind)")
        }
        return (prompt.name, text)
      }
    ) { $1 }
    defaultPromptName = try settings?.string("default_prompt_name")
    if let name = defaultPromptName, prompts[name] == nil, let settings {
      throw FileError(
        .malformed, settings.url, item: "default_prompt_name", "expected the name of a prompt, found '\(name)'")
    }
    let name = try settings?.string("similarity_fn_name") ?? SimilarityFunction.cosine.rawValue
    // Encoders with a vector a token compare them by the sum of maxima (MaxSim) of dot products.
    guard let similarity = SimilarityFunction(rawValue: name.hasSuffix("maxsim") ? "dot" : name) else {
      throw FileError(
        .malformed, settings?.url ?? folder, item: "similarity_fn_name",
        "expected \(SimilarityFunction.allCases.map(\.rawValue).joined(separator: ", ")), found '\(name)'")
    }
    self.similarity = similarity
    let truncation = try settings?.integer("truncate_dim").flatMap { $0 < moduleWidth ? $0 : nil }
    if let truncation, truncation < 1 {
      throw FileError(.malformed, settings?.url ?? folder, item: "truncate_dim", "expected a size, found \(truncation)")
    }
    self.truncation = truncation
    width = truncation ?? moduleWidth
    parameters = stages.flatMap(\.parameters)
    (self.folder, self.tokens, self.stages, self.notes) = (folder, tokens, stages, notes)
  }
}

extension SentenceModule {
  /// The first module, with the tokenizer that feeds it and the width of its vectors.
  fileprivate static func first(_ entry: ModuleEntry, at scope: Scope, _ notes: inout [String]) throws -> (
    module: SentenceModule, tokens: SentenceTokenizer, width: Int
  ) {
    switch entry.type {
    case "Transformer", "MLMTransformer":
      let settings = try transformerSettings(entry)
      var configuration: TransformerConfiguration
      if FileManager.default.fileExists(atPath: try AdapterFolder.file("config.json", in: entry.folder).path) {
        configuration = try TransformerConfiguration(contentsOf: entry.folder)
      } else {
        configuration = try .bert(of: entry.folder)
        notes.append(
          "no config.json: taken for a BERT with \(configuration.heads) attention heads, which the weights don't tell")
      }
      let tokens = try SentenceTokenizer.transformer(
        entry.folder, settings: settings, configuration)
      switch try settings?.string("transformer_task")
        ?? (entry.type == "Transformer" ? "feature-extraction" : "fill-mask")
      {
      case "feature-extraction":
        let transformer = try Transformer(configuration, at: scope)
        try transformer.requireAllRead()
        return (.transformer(transformer), tokens, configuration.width)
      case "fill-mask":
        let model = try MaskedLanguageModel(configuration, at: scope)
        try model.transformer.requireAllRead()
        return (.maskedLanguageModel(model), tokens, configuration.vocabularySize)
      case let task:
        throw FileError(
          .mismatched, settings?.url ?? entry.folder, item: "transformer_task",
          "expected feature-extraction or fill-mask, found \(FileError.quoted(task))")
      }
    case "WordEmbeddings":
      let config = try entry.config("wordembedding_config.json")
      let table = try table(entry, "emb_layer", trainable: config.bool("update_embeddings") ?? false, at: scope)
      return (.wordEmbeddings(table), try .wordEmbeddings(entry.folder, config), table.weight.shape[1])
    case "StaticEmbedding":
      let table = try table(entry, "embedding", trainable: true, at: scope)
      var tokenizer = try Tokenizer(contentsOf: entry.file("tokenizer.json"))
      tokenizer.padding = nil
      return (.staticEmbedding(table), .pieces(tokenizer, specialTokens: false, limit: nil), table.weight.shape[1])
    case "BoW":
      let config = try entry.config()
      guard let all = try config.strings("vocab") else {
        throw FileError(.malformed, config.url, item: "vocab", "missing")
      }
      var seen = Set<String>()
      let vocabulary = all.filter { seen.insert($0).inserted }
      let unknown = Float(try config.number("unknown_word_weight") ?? 1)
      let given = Dictionary((config["word_weights"]?.members ?? []).map { ($0.name, $0.value.double) }) { $1 }
      let weights = vocabulary.map { word in
        (given[word] ?? given[word.lowercased()] ?? nil).map { Float($0) } ?? unknown
      }
      let module = SentenceModule.bagOfWords(
        weights: weights, cumulative: try config.bool("cumulative_term_frequency") ?? true)
      return (module, .words(WhitespaceTokenizer(vocabulary: vocabulary), limit: nil), vocabulary.count)
    default:
      throw FileError(
        .mismatched, entry.folder, item: entry.type,
        "expected a first module of Transformer, WordEmbeddings, StaticEmbedding or BoW")
    }
  }

  /// The file with `max_seq_length`, under any of the names that sentence-transformers knows.
  private static func transformerSettings(_ entry: ModuleEntry) throws -> ConfigFile? {
    for family in ["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"] {
      if let file = try ConfigFile.ifPresent(entry.file("sentence_\(family)_config.json")) { return file }
    }
    return nil
  }

  private static func table(_ entry: ModuleEntry, _ name: String, trainable: Bool, at scope: Scope) throws -> Embedding
  {
    let shape = try scope[name].shape("weight")
    guard shape.count == 2 else {
      throw FileError(
        .mismatched, scope.url ?? entry.folder, item: "\(name).weight", "expected a table, found shape \(shape)")
    }
    let table = try Embedding(shape[0], shape[1], trainable: trainable, at: scope[name])
    try scope.requireAllRead()
    return table
  }

  /// Whether a vector a text comes out of it.
  var givesSentence: Bool {
    switch self {
    case .pooling, .staticEmbedding, .bagOfWords, .spladePooling: true
    default: false
    }
  }
}
