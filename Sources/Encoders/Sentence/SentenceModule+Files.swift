import Checkpoints
import Foundation
import Layers
import Tensors
import Tokenizers

/// An entry of `modules.json`: what the module is and where its files are.
struct ModuleEntry: Sendable {
  /// The last part of the Python class' name: Transformer, Pooling, Dense, …
  let type: String
  /// The folder of its files.
  let folder: URL
  /// The same from the model's folder; empty if it is that one.
  let path: String
  /// The name under which its parameters are listed.
  let name: String
  /// Which vectors it changes if its own file doesn't say.
  var feature = FeatureName.sentence
  /// Whether modules.json names it: sentence-transformers reads settings of its own only then.
  var isListed = true

  static let known = [
    "Transformer", "MLMTransformer", "WordEmbeddings", "StaticEmbedding", "SparseStaticEmbedding", "BoW", "WordWeights",
    "CNN", "LSTM", "Pooling", "WeightedLayerPooling", "Dense", "LayerNorm", "Dropout", "Normalize", "SpladePooling",
    "SparseAutoEncoder", "MultiVectorMask", "Router", "Asym",
  ]

  /// Whether a model folder has a modules.json.
  static func hasModules(_ folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent("modules.json").path)
  }

  /// The prompts and other settings that a model folder has beside modules.json; without that sentence-transformers reads none.
  ///
  /// - Throws: `FileError` if the file is malformed.
  static func settings(of folder: URL) throws -> ConfigFile? {
    guard hasModules(folder) else { return nil }
    return try ConfigFile.ifPresent(folder.appendingPathComponent("config_sentence_transformers.json"))
  }

  /// The entries of a model folder in their order; nil if it has no modules.json.
  ///
  /// - Throws: `FileError` if the file is malformed or an entry names a folder outside the model's.
  static func read(_ folder: URL, isPyLate: Bool = false) throws -> [ModuleEntry]? {
    guard hasModules(folder) else { return nil }
    let url = folder.appendingPathComponent("modules.json")
    guard let entries = try JSON(contentsOf: url).elements, !entries.isEmpty else {
      throw FileError(.malformed, url, "expected a list of modules")
    }
    return try entries.enumerated().map { index, entry in
      let name = entry["type"]?.string ?? ""
      guard let type = name.split(separator: ".").last else {
        throw FileError(.malformed, url, item: "\(index)", "expected a module with a type and a path")
      }
      guard let path = entry["path"]?.string else {
        let found = entry["path"]?.kind ?? "none"
        throw FileError(.malformed, url, item: "[\(index)].path", "expected a string, found \(found)")
      }
      guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
        throw FileError(.malformed, url, item: path, "expected a path within the model's folder")
      }
      return ModuleEntry(
        type: String(type), folder: path.isEmpty ? folder : folder.appendingPathComponent(path), path: path,
        name: "\(index)", feature: isPyLate || name.hasPrefix("pylate.") ? .tokens : .sentence)
    }
  }

  func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
  func config(_ name: String = "config.json") throws -> ConfigFile { try ConfigFile(file(name)) }

  /// The module's own weights; an empty place if it's of a type that has none.
  ///
  /// - Throws: `FileError` for an unknown type, and files that are missing or damaged.
  func weights() throws -> Scope {
    guard ModuleEntry.known.contains(type) else {
      let known = ModuleEntry.known.joined(separator: ", ")
      throw FileError(.mismatched, folder, item: type, "an unknown module (known: \(known))")
    }
    let bare = ["Pooling", "Dropout", "Normalize", "BoW", "WordWeights", "SpladePooling", "MultiVectorMask"]
    if bare.contains(type) { return .random(seed: 0) }
    if type == "Transformer" || type == "MLMTransformer" { return try Scope.open(folder, name: name) }
    let safetensors = file("model.safetensors")
    if !FileManager.default.fileExists(atPath: safetensors.path),
      FileManager.default.fileExists(atPath: file("pytorch_model.bin").path)
    {
      throw FileError(
        .mismatched, file("pytorch_model.bin"), "expected model.safetensors, found a Python pickle, which can run code")
    }
    return try Scope.open(safetensors, name: name)
  }
}

extension SentenceModule {
  /// A module after the first; `width` is that of the vectors that arrive, and becomes that of those that leave. `notes` get what was
  /// assumed.
  ///
  /// - Throws: `FileError` for a file that is missing, malformed, of another width or not for the first module, and for an unknown type.
  init(
    _ entry: ModuleEntry, after first: SentenceModule?, width: inout Int, tokenizer: Tokenizer?, at scope: Scope,
    _ notes: inout [String]
  ) throws {
    func check(_ found: Int, _ key: String, _ file: ConfigFile) throws {
      guard found == width else {
        throw FileError(
          .mismatched, file.url, item: key, "expected \(width), the width of the module before, found \(found)")
      }
    }
    switch entry.type {
    case "Pooling":
      let file = try entry.config()
      let dimension = try file.integer("embedding_dimension") ?? file.integer("word_embedding_dimension") ?? width
      try check(dimension, "embedding_dimension", file)
      let modes = try Self.poolingModes(file)
      self = .pooling(modes, width: width, includesPrompt: try file.bool("include_prompt") ?? true)
      width *= modes.count
    case "SpladePooling":
      let file = try entry.config()
      let strategy = try file.string("pooling_strategy") ?? "max"
      let activation = try file.string("activation_function") ?? "relu"
      guard ["max", "sum"].contains(strategy), ["relu", "log1p_relu"].contains(activation) else {
        throw FileError(
          .mismatched, file.url, "expected max or sum of relu or log1p_relu, found \(strategy) of \(activation)")
      }
      self = .spladePooling(sums: strategy == "sum", twice: activation == "log1p_relu")
    case "SparseAutoEncoder":
      let file = try entry.config()
      try check(file.size("input_dim"), "input_dim", file)
      let coder = try SparseCoder(file, inputs: width, at: scope)
      self = .sparseCoder(coder)
      width = coder.width
    case "WeightedLayerPooling":
      let file = try entry.config()
      let dimension = try file.integer("embedding_dimension") ?? file.integer("word_embedding_dimension") ?? width
      try check(dimension, "embedding_dimension", file)
      let layers = try file.integer("num_hidden_layers", in: 0...1 << 16) ?? 12
      let start = try file.integer("layer_start") ?? 4
      guard start >= 0, layers >= start else {
        throw FileError(.mismatched, file.url, item: "layer_start", "expected 0 to \(layers) layers, found \(start)")
      }
      if case .transformer(let transformer)? = first, transformer.configuration.keepsLayers,
        transformer.configuration.layers != layers
      {
        throw FileError(
          .mismatched, file.url, item: "num_hidden_layers",
          "expected \(transformer.configuration.layers), as many as the Transformer has, found \(layers)")
      }
      let weights = try scope.parameter("layer_weights", [layers + 1 - start], .ones, trainable: false)
      self = .weightedLayers(weights.scalars, from: start)
    case "MultiVectorMask":
      let file = try entry.config()
      let ids = try file.strings("skiplist_words")?.compactMap { tokenizer?.id(of: $0) } ?? []
      let tasks = try file.strings("skiplist_tasks") ?? ["document"]
      if file["keep_only_token_ids"] != nil {
        throw FileError(.mismatched, file.url, item: "keep_only_token_ids", "images in texts are not supported")
      }
      self = .multiVectorMask(
        skipped: Set(ids), documents: tasks.contains("document"), queries: tasks.contains("query"))
    case "Dense":
      let file = try entry.config()
      try check(file.size("in_features"), "in_features", file)
      let outputs = try file.size("out_features")
      let linear = try Linear(width, outputs, bias: file.bool("bias") ?? true, at: scope["linear"])
      var residual = Residual.none
      if try file.bool("use_residual") ?? false {
        residual =
          width == outputs ? .input : .projected(try Linear(width, outputs, bias: false, at: scope["residual"]))
      }
      try scope.requireAllRead()
      let name = try Self.feature(file, entry.feature)
      self = .dense(linear, try Self.activation(file, entry, &notes), on: name, residual: residual)
      width = outputs
    case "LayerNorm":
      let file = try entry.config()
      try check(file.size("dimension"), "dimension", file)
      self = .layerNorm(try LayerNorm(width, at: scope["norm"]))
    case "Dropout": self = .dropout(Dropout(try entry.config().rate("dropout") ?? 0.2))
    case "Normalize":
      let file = try ConfigFile.ifPresent(entry.file("config.json"))
      self = .normalize(on: try file.map { try Self.feature($0, entry.feature) } ?? entry.feature)
    case "WordWeights":
      let file = try entry.config()
      let vocabulary = try file.vocabulary()
      // No id is beyond the tokenizer's, nor beyond the first module's table.
      let ids = [first?.entries, tokenizer?.vocabularySize].compactMap(\.self).min() ?? 0
      guard vocabulary.count >= ids else {
        throw FileError(
          .mismatched, file.url, item: "vocab", "expected \(ids) words, one a token, found \(vocabulary.count)")
      }
      self = .wordWeights(try file.weights(of: vocabulary))
    case "CNN":
      let file = try entry.config("cnn_config.json")
      try check(
        file.integer("in_embedding_dimension") ?? file.size("in_word_embedding_dimension"), "in_embedding_dimension",
        file)
      let (kernels, channels) = (try file.integers("kernel_sizes") ?? [1, 3, 5], try file.size("out_channels"))
      guard !kernels.isEmpty else {
        throw FileError(.mismatched, file.url, item: "kernel_sizes", "expected odd sizes, found none")
      }
      if let even = kernels.first(where: { $0 % 2 == 0 || $0 < 1 || $0 > 1 << 16 }) {
        throw FileError(.mismatched, file.url, item: "kernel_sizes", "expected odd sizes, found \(even)")
      }
      if let stride = try file.integers("stride_sizes")?.first(where: { $0 != 1 }) {
        throw FileError(.mismatched, file.url, item: "stride_sizes", "expected 1, found \(stride)")
      }
      let inputs = width
      self = .cnn(
        try kernels.enumerated().map { try Convolution1D(inputs, channels, .same($1), at: scope["convs"]["\($0)"]) })
      try scope.requireAllRead()
      width = channels * kernels.count
    case "LSTM":
      let file = try entry.config("lstm_config.json")
      try check(
        file.integer("embedding_dimension") ?? file.size("word_embedding_dimension"), "embedding_dimension", file)
      let recurrence = try Recurrence(
        .lstm, width, file.size("hidden_dim"), layers: file.integer("num_layers", in: 1...1024) ?? 1,
        bidirectional: file.bool("bidirectional") ?? true, dropout: file.rate("dropout") ?? 0, at: scope["encoder"])
      try scope.requireAllRead()
      self = .lstm(recurrence)
      width = recurrence.width
    default:
      throw FileError(.mismatched, entry.folder, item: entry.type, "expected this module to be the first one")
    }
  }

  /// How many ids a first module has vectors for.
  private var entries: Int? {
    if case .wordEmbeddings(let table) = self { return table.entries }
    return transformer?.configuration.vocabularySize
  }

  /// The names of the ways to pool in Pooling's config.json, the older true-or-false keys too.
  static func poolingModes(_ file: ConfigFile) throws -> [Pooling.Mode] {
    let names: [(String, String, Pooling.Mode)] = [
      ("cls", "cls_token", .cls), ("max", "max_tokens", .max), ("mean", "mean_tokens", .mean),
      ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens", .meanSqrtLength),
      ("weightedmean", "weightedmean_tokens", .weightedMean), ("lasttoken", "lasttoken", .last),
    ]
    if let mode = file["pooling_mode"] {
      let found = try mode.string.map { [$0] } ?? file.strings("pooling_mode") ?? []
      guard !found.isEmpty else {
        throw FileError(.mismatched, file.url, item: "pooling_mode", "expected a way of pooling, found none")
      }
      return try found.map { name in
        guard let known = names.first(where: { $0.0 == name }) else {
          throw FileError(
            .mismatched, file.url, item: "pooling_mode",
            "expected \(names.map(\.0).joined(separator: ", ")), found \(FileError.quoted(name))")
        }
        return known.2
      }
    }
    let modes = try names.filter { try file.bool("pooling_mode_\($0.1)") ?? false }.map(\.2)
    return modes.isEmpty ? [.mean] : modes
  }

  private static func feature(_ file: ConfigFile, _ standard: FeatureName) throws -> FeatureName {
    let name = try file.string("module_input_name") ?? standard.rawValue
    guard let feature = FeatureName(rawValue: name), try file.string("module_output_name") ?? name == name else {
      throw FileError(
        .mismatched, file.url, item: "module_input_name",
        "expected token_embeddings or sentence_embedding, changed in place, found \(FileError.quoted(name))")
    }
    return feature
  }

  private static func activation(_ file: ConfigFile, _ entry: ModuleEntry, _ notes: inout [String]) throws
    -> Activation?
  {
    let name = try file.string("activation_function") ?? "torch.nn.modules.activation.Tanh"
    guard name.hasPrefix("torch.") else {
      let quoted = FileError.quoted(name)
      notes.append("\(entry.path): \(quoted) isn't of PyTorch: Tanh is taken, as in sentence-transformers")
      return .tanh
    }
    switch name.split(separator: ".").last.map(String.init) ?? name {
    case "Identity": return nil
    case "Tanh": return .tanh
    case "ReLU": return .relu
    case "GELU": return .gelu
    case "Sigmoid": return .sigmoid
    case "SiLU": return .silu
    default:
      throw FileError(
        .mismatched, file.url, item: "activation_function",
        "expected Identity, Tanh, ReLU, GELU, Sigmoid or SiLU of torch.nn, found \(FileError.quoted(name))")
    }
  }
}

extension ConfigFile {
  /// The words of `vocab`.
  func vocabulary() throws -> [String] {
    guard let words = try strings("vocab") else { throw FileError(.malformed, url, item: "vocab", "missing") }
    return words
  }

  /// The words of `stop_words`; without the key sentence-transformers takes a list of its own.
  func stopWords() throws -> [String] {
    guard let words = try strings("stop_words") else {
      throw FileError(.malformed, url, item: "stop_words", "missing; expected a list of words, [] for none")
    }
    return words
  }

  /// What `word_weights` says of each word, or else of its lower-case form, or else `unknown_word_weight`.
  func weights(of words: [String]) throws -> [Float] {
    let unknown = Float(try number("unknown_word_weight") ?? 1)
    let members = self["word_weights"]?.members ?? []
    let given = Dictionary(members.map { (ExactText($0.name), $0.value.double) }) { $1 }
    return words.map { word in
      (given[ExactText(word)] ?? given[ExactText(word.pythonLowercased())] ?? nil).map { Float($0) } ?? unknown
    }
  }

  /// A whole number in a range.
  fileprivate func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
    try value(key, "a whole number from \(range.lowerBound) to \(range.upperBound)") { json in
      json.integer.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A share in [0, 1), such as a dropout rate.
  fileprivate func rate(_ key: String) throws -> Float? {
    try value(key, "a number from 0 to below 1") { json in
      json.double.map { Float($0) }.flatMap { $0 >= 0 && $0 < 1 ? $0 : nil }
    }
  }
}
