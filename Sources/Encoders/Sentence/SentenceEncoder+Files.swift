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
    let (documents, hasRoutes) = try open(folder, isQuery: false, adapting)
    var encoder = documents
    if hasRoutes { encoder.queries = [try open(folder, isQuery: true, adapting).0] }
    return encoder
  }

  /// The encoder of queries or documents, and whether they are two.
  private static func open(_ folder: URL, isQuery: Bool, _ adapting: (Scope) -> Scope) throws -> (SentenceEncoder, Bool)
  {
    guard isFolder(folder) else {
      let found = FileManager.default.fileExists(atPath: folder.path) ? "a file" : "nothing"
      throw FileError(.missing, folder, "expected a model folder, found \(found)")
    }
    var notes: [String] = []
    let settings = try ModuleEntry.settings(of: folder)
    let colBERT = try TokenRoles.settings(settings, of: folder)
    let named = try ModuleEntry.read(folder, isPyLate: colBERT != nil)
    let entries = try named?.flatMap { $0.isRouter ? try $0.route(isQuery: isQuery) : [$0] }
    var stages: [Stage] = []
    var (tokens, width): (SentenceTokenizer?, Int) = (nil, 0)
    var projection: Linear?
    let listed = entries ?? [ModuleEntry(type: "Transformer", folder: folder, path: "", name: "0", isListed: false)]
    for (index, entry) in listed.enumerated() {
      let scope = adapting(try entry.weights())
      let module: SentenceModule
      if index == 0 {
        let first = try SentenceModule.first(entry, at: scope, &notes)
        (module, tokens, width) = (first.module, first.tokens, first.width)
        if entries == nil, colBERT != nil {
          // Stanford's ColBERT has the weights of what makes the tokens' vectors narrower beside the Transformer's.
          let outputs = try scope["linear"].shape("weight")[0]
          projection = try Linear(width, outputs, bias: false, at: scope["linear"])
          width = outputs
        }
      } else {
        module = try SentenceModule(
          entry, after: stages.first?.module, width: &width, tokenizer: tokens?.tokenizer, at: scope, &notes)
        let hasSentence = stages.contains(where: \.module.givesSentence)
        if let taken = module.taken, (taken == .sentence) != hasSentence {
          throw FileError(
            .mismatched, entry.folder, item: entry.type,
            "expected it \(hasSentence ? "before" : "after") the module that gives one vector a text")
        }
      }
      stages.append(
        Stage(module: module, entry: entry, parameters: scope.parameters, adaptation: scope.adaptation))
    }
    if let projection {
      let entry = ModuleEntry(type: "Dense", folder: folder, path: "", name: "0")
      let module = SentenceModule.dense(projection, nil, on: .tokens, residual: .none)
      stages.append(Stage(module: module, entry: entry, parameters: []))
    } else if entries == nil {
      stages.append(pooling(stages[0], width, &notes))
      if try CrossEncoder.isOne(folder) {
        notes.append("the classifier is left out of the embedding: predict and rerank use it")
      }
    }
    guard let tokens else { throw FileError(.malformed, folder.appendingPathComponent("modules.json"), "no modules") }
    let roles = try roles(colBERT, &stages, tokens)
    let encoder = try SentenceEncoder(
      folder: folder, tokens: tokens, roles: roles, stages: stages, moduleWidth: width, settings: settings, notes: notes
    )
    return (encoder, named?.contains(where: \.isRouter) ?? false)
  }

  /// The embedding of a plain Hugging Face folder.
  private static func pooling(_ first: Stage, _ width: Int, _ notes: inout [String]) -> Stage {
    var modes: [Pooling.Mode] = [.mean]
    if case .transformer(let transformer) = first.module, transformer.configuration.isLanguageModel { modes = [.last] }
    let name = modes == [.mean] ? "the mean of the tokens' vectors" : "the last token's vector"
    notes.append("no modules.json: \(name) is taken as the embedding")
    let entry = ModuleEntry(
      type: "Pooling", folder: first.entry.folder.appendingPathComponent("1_Pooling"), path: "1_Pooling", name: "1")
    return Stage(module: .pooling(modes, width: width, includesPrompt: true), entry: entry, parameters: [])
  }

  /// What queries and documents differ in, and what a ColBERT does without naming modules for it.
  private static func roles(_ colBERT: ConfigFile?, _ stages: inout [Stage], _ tokens: SentenceTokenizer) throws
    -> TokenRoles?
  {
    guard let tokenizer = tokens.tokenizer, let first = stages.first?.entry else { return nil }
    let positions = stages[0].module.transformer?.configuration.positionLimit
    guard let colBERT, !stages.contains(where: \.module.givesSentence) else {
      var roles = try SentenceModule.transformerSettings(first).flatMap {
        try TokenRoles($0, tokenizer: tokenizer, positions: positions, in: first.folder)
      }
      let masks = stages.contains { if case .multiVectorMask = $0.module { true } else { false } }
      if let isSeen = roles?.expansion?.isSeen { roles?.expansion?.isKept = isSeen || masks }
      return roles
    }
    let (roles, skipped) = try TokenRoles.pyLate(
      colBERT, tokenizer: tokenizer, positions: positions, in: first.folder)
    for (type, module) in [
      ("MultiVectorMask", SentenceModule.multiVectorMask(skipped: skipped, documents: true, queries: false)),
      ("Normalize", .normalize(on: .tokens)),
    ] {
      let entry = ModuleEntry(type: type, folder: first.folder, path: "", name: "")
      stages.append(Stage(module: module, entry: entry, parameters: []))
    }
    return roles
  }

  /// The same with other modules.
  init(_ encoder: SentenceEncoder, stages: [Stage]) {
    (folder, prompts, similarity) = (encoder.folder, encoder.prompts, encoder.similarity)
    (moduleWidth, truncation, mostActive) = (encoder.moduleWidth, encoder.truncation, encoder.mostActive)
    (notes, tokens, roles, self.stages) = (encoder.notes, encoder.tokens, encoder.roles, stages)
    queries = encoder.queries
    parameters = stages.flatMap(\.parameters)
  }

  private init(
    folder: URL, tokens: SentenceTokenizer, roles: TokenRoles?, stages: [Stage], moduleWidth: Int,
    settings: ConfigFile?, notes: [String]
  ) throws {
    prompts = try Prompts(settings, in: folder)
    (self.folder, self.tokens, self.roles, self.stages, self.notes) = (folder, tokens, roles, stages, notes)
    let usual = SentenceEncoder.isSparse(stages) ? SimilarityFunction.dot : .cosine
    let name = try settings?.string("similarity_fn_name") ?? usual.rawValue
    // Encoders with a vector a token compare them by the sum of maxima (MaxSim) of dot products.
    guard let similarity = SimilarityFunction(rawValue: name.lowercased().hasSuffix("maxsim") ? "dot" : name) else {
      throw FileError(
        .malformed, settings?.url ?? folder, item: "similarity_fn_name",
        "expected \(SimilarityFunction.allCases.map(\.rawValue).joined(separator: ", ")), found '\(name)'")
    }
    self.similarity = similarity
    let truncation = try settings?.integer("truncate_dim").flatMap { $0 < moduleWidth ? $0 : nil }
    if let truncation, truncation < 1 {
      throw FileError(.malformed, settings?.url ?? folder, item: "truncate_dim", "expected a size, found \(truncation)")
    }
    (self.truncation, self.moduleWidth) = (truncation, moduleWidth)
    let most = try SentenceEncoder.isSparse(stages) ? settings?.integer("max_active_dims") : nil
    if let most, most < 1 {
      throw FileError(.malformed, settings?.url ?? folder, item: "max_active_dims", "expected a size, found \(most)")
    }
    mostActive = most
    parameters = stages.flatMap(\.parameters)
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
      let table = try staticTable(entry, at: scope)
      var tokenizer = try Tokenizer(contentsOf: entry.file("tokenizer.json"))
      tokenizer.padding = nil
      return (.staticEmbedding(table), .pieces(tokenizer, specialTokens: false, limit: nil), table.weight.shape[1])
    case "SparseStaticEmbedding":
      let shape = try scope.shape("weight")
      let weights = try scope.parameter("weight", [shape.reduce(1, *)], .ones, trainable: false)
      try scope.requireAllRead()
      let limits = try ConfigFile.ifPresent(entry.file("tokenizer_config.json"))?.number("model_max_length")
      var tokenizer = try Tokenizer(folder: entry.folder)
      (tokenizer.padding, tokenizer.truncation) = (nil, nil)
      let limit = limits.flatMap { $0 >= 1 && $0 < 1e9 ? Int($0) : nil }
      return (
        .bagOfWords(weights: weights.scalars, cumulative: false),
        .pieces(tokenizer, specialTokens: false, limit: limit), weights.count
      )
    case "BoW":
      let config = try entry.config()
      let all = try config.vocabulary()
      guard !all.isEmpty else { throw FileError(.malformed, config.url, item: "vocab", "expected words, found none") }
      var seen = Set<ExactText>()
      let vocabulary = all.filter { seen.insert(ExactText($0)).inserted }
      let module = SentenceModule.bagOfWords(
        weights: try config.weights(of: vocabulary),
        cumulative: try config.bool("cumulative_term_frequency") ?? true)
      return (module, .words(WhitespaceTokenizer(vocabulary: vocabulary), limit: nil), vocabulary.count)
    default:
      throw FileError(
        .mismatched, entry.folder, item: entry.type,
        "expected a first module of Transformer, WordEmbeddings, StaticEmbedding, SparseStaticEmbedding or BoW")
    }
  }

  /// The file with `max_seq_length`, under any of the names that sentence-transformers knows; one that says nothing is passed over.
  static func transformerSettings(_ entry: ModuleEntry) throws -> ConfigFile? {
    guard entry.isListed else { return nil }
    for family in ["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"] {
      let file = try ConfigFile.ifPresent(entry.file("sentence_\(family)_config.json"))
      if let file, file.json.members?.isEmpty == false { return file }
    }
    return nil
  }

  /// The table of `StaticEmbedding`: stored as such, or in model2vec's form, rows that several ids may share (`mapping`) and that each id
  /// takes by its own weight.
  private static func staticTable(_ entry: ModuleEntry, at scope: Scope) throws -> Embedding {
    if scope.contains("embedding.weight") || !scope.contains("embeddings") {
      return try table(entry, "embedding", trainable: true, at: scope)
    }
    let file = scope.url ?? entry.folder
    let shape = try scope.shape("embeddings")
    guard shape.count == 2 else {
      throw FileError(.mismatched, file, item: "embeddings", "expected a table, found shape \(shape)")
    }
    let (rows, width) = (try scope.floats("embeddings"), shape[1])
    let mapping = try scope.contains("mapping") ? scope.integers("mapping") : (0..<shape[0]).map { Int64($0) }
    if let place = mapping.firstIndex(where: { !(0..<Int64(shape[0])).contains($0) }) {
      throw FileError(
        .mismatched, file, item: "mapping", "expected rows below \(shape[0]), found \(mapping[place]) for id \(place)")
    }
    let weights = try scope.contains("weights") ? scope.floats("weights") : nil
    if let weights, weights.count != mapping.count {
      throw FileError(.mismatched, file, item: "weights", "expected \(mapping.count), found \(weights.count)")
    }
    var values: [Float] = []
    values.reserveCapacity(mapping.count * width)
    for (id, row) in mapping.enumerated() {
      let weight = weights?[id] ?? 1
      for value in rows[Int(row) * width..<(Int(row) + 1) * width] { values.append(value * weight) }
    }
    try scope.requireAllRead { ["embeddings", "mapping", "weights"].contains($0) }
    return Embedding(
      weight: scope["embedding"].parameter("weight", Tensor(values, shape: [mapping.count, width])))
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

  /// The Transformer, if it is one.
  var transformer: Transformer? {
    switch self {
    case .transformer(let transformer): transformer
    case .maskedLanguageModel(let model): model.transformer
    default: nil
    }
  }

  /// The vectors that must be there for it, as it changes their width or makes others of them.
  fileprivate var taken: FeatureName? {
    switch self {
    case .pooling, .spladePooling, .cnn, .lstm: .tokens
    case .sparseCoder: .sentence
    case .dense(_, _, let name, _): name
    default: nil
    }
  }

  /// Whether a vector a text comes out of it.
  var givesSentence: Bool {
    switch self {
    case .pooling, .staticEmbedding, .bagOfWords, .spladePooling: true
    default: false
    }
  }
}
