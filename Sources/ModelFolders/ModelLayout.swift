import Checkpoints
import Foundation

/// How the vectors of a text's tokens become one; the names are those of the command line.
public enum PoolingName: String, Sendable, CaseIterable {
  /// The first token's.
  case cls
  /// Their mean.
  case mean
  /// The largest number of each column.
  case max
  /// The last token's.
  case last
  /// Their sum over the square root of their number.
  case meanSqrtLength = "mean-sqrt-length"
  /// Their mean, each weighted by its place, from 1.
  case weightedMean = "weighted-mean"

  /// What sentence-transformers' Pooling calls it, in the keys that all its versions know.
  var key: String {
    switch self {
    case .cls: "pooling_mode_cls_token"
    case .mean: "pooling_mode_mean_tokens"
    case .max: "pooling_mode_max_tokens"
    case .last: "pooling_mode_lasttoken"
    case .meanSqrtLength: "pooling_mode_mean_sqrt_len_tokens"
    case .weightedMean: "pooling_mode_weightedmean_tokens"
    }
  }
}

/// Which of a model's files go where in the layout asked for, and what is written besides.
struct ModelLayout {
  /// A file: its path in the model's folder, and in the new one.
  typealias File = (path: String, place: String)

  private(set) var files: [File]
  private(set) var additions: [(path: String, content: JSON)] = []

  /// - Throws: `FileError` if the model's files don't allow the layout.
  init(_ conversion: ModelConversion, _ model: URL, _ paths: [String], _ log: (String) -> Void) throws {
    // What a training left to go on with is no part of the model.
    var kept = paths.filter { !$0.hasPrefix("checkpoint/") }
    if kept.count < paths.count { log("left out: checkpoint (of a training that can be resumed)") }
    if conversion.type != nil || conversion.layout != nil, let index = kept.firstIndex(of: "reference.json") {
      kept.remove(at: index)
      log(
        "left out: reference.json (vectors that come out of the model as it was; `encoders verify --create` writes it anew)"
      )
    }
    files = kept.map { ($0, $0) }
    let isList = paths.contains("modules.json")
    switch conversion.layout {
    case nil: break
    case .sentenceTransformers where isList: log("\(model.path) is a sentence-transformers folder already")
    case .sentenceTransformers: additions = try ModelLayout.modules(conversion, model, kept, log)
    case .huggingFace where !isList: log("\(model.path) is a plain Hugging Face folder already")
    case .huggingFace: files = try ModelLayout.transformer(model, kept, log)
    }
    if isList, conversion.pooling != nil || conversion.normalizes {
      throw FileError(
        .mismatched, model.appendingPathComponent("modules.json"),
        "expected a plain Hugging Face folder for --pooling or --normalize, found one that has its modules")
    }
  }

  /// The files that make a plain folder one of sentence-transformers, in the form that versions 2 to 6 read.
  private static func modules(
    _ conversion: ModelConversion, _ model: URL, _ paths: [String], _ log: (String) -> Void
  ) throws -> [(String, JSON)] {
    let url = model.appendingPathComponent("config.json")
    let config = try JSON(contentsOf: url)
    let width = ["hidden_size", "dim", "d_model", "n_embd"].lazy.compactMap { config[$0]?.integer }.first
    guard config["model_type"]?.string != nil, let width else {
      throw FileError(.mismatched, url, "expected a Hugging Face model's settings, with model_type and hidden_size")
    }
    let vocabularies = ["tokenizer.json", "vocab.txt", "vocab.json"]
    guard paths.contains(where: { vocabularies.contains($0) || $0.hasSuffix(".model") && !$0.contains("/") }) else {
      throw FileError(.missing, model.appendingPathComponent("tokenizer.json"), "expected the model's tokenizer")
    }
    let pooling = conversion.pooling ?? .mean
    let hint = conversion.pooling == nil ? " (the folder doesn't say; --pooling names another)" : ""
    log("pooling: \(pooling.rawValue)\(hint)")
    let modes = PoolingName.allCases.map { JSON.Member($0.key, .bool($0 == pooling)) }
    let names =
      [("", "Transformer"), ("1_Pooling", "Pooling")] + (conversion.normalizes ? [("2_Normalize", "Normalize")] : [])
    let list = names.enumerated().map { index, module -> JSON in
      [
        "idx": .integer(index), "name": .string("\(index)"), "path": .string(module.0),
        "type": .string("sentence_transformers.models.\(module.1)"),
      ]
    }
    let length = try longestInput(config, model).map { JSON.integer($0) } ?? .null
    return [
      ("modules.json", .array(list)),
      ("1_Pooling/config.json", .object([JSON.Member("word_embedding_dimension", .integer(width))] + modes)),
      ("sentence_bert_config.json", ["max_seq_length": length, "do_lower_case": .bool(false)]),
      (
        "config_sentence_transformers.json",
        [
          "__version__": ["sentence_transformers": "2.2.0"], "prompts": [:], "default_prompt_name": .null,
          "similarity_fn_name": "cosine",
        ]
      ),
    ]
  }

  /// The positions that a model has, and no more than its tokenizer's limit; nil if there is no limit.
  private static func longestInput(_ config: JSON, _ model: URL) throws -> Int? {
    // The first positions of this family stand for padding.
    let offset = ["roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer", "data2vec-text"]
    let type = config["model_type"]?.string ?? ""
    let skipped = offset.contains(type) ? (config["pad_token_id"]?.integer ?? 1) + 1 : 0
    let positions = config["max_position_embeddings"]?.integer.map { $0 - skipped }
    let url = model.appendingPathComponent("tokenizer_config.json")
    var limit: Int?
    if FileManager.default.fileExists(atPath: url.path) {
      // Without a limit, the file has a number far beyond any text.
      limit = try JSON(contentsOf: url)["model_max_length"]?.integer.flatMap { $0 < 1 << 30 ? $0 : nil }
    }
    return [positions, limit].compactMap { $0 }.filter { $0 > 0 }.min()
  }

  /// The files of the transformer of a sentence-transformers folder.
  private static func transformer(_ model: URL, _ paths: [String], _ log: (String) -> Void) throws -> [File] {
    let url = model.appendingPathComponent("modules.json")
    let modules = try ModuleList(try JSON(contentsOf: url), url).modules
    guard let first = modules.first, first.type == "Transformer" else {
      let found = modules.map(\.type).joined(separator: ", ")
      throw FileError(.mismatched, url, "expected a model whose first module is a Transformer, found \(found)")
    }
    let others = modules.dropFirst()
    if !others.isEmpty {
      log("left out: " + others.map { $0.path.isEmpty ? $0.type : "\($0.path) (\($0.type))" }.joined(separator: ", "))
    }
    func isSetting(_ name: some StringProtocol) -> Bool {
      name == "modules.json" || name == "config_sentence_transformers.json"
        || name.hasPrefix("sentence_") && name.hasSuffix("_config.json")
    }
    let settings = paths.filter {
      isSetting($0) || $0.hasPrefix(first.path + "/") && isSetting($0.dropFirst(first.path.count + 1))
    }
    log("left out: " + settings.joined(separator: ", ") + " (length limit and prompts of sentence-transformers)")
    return paths.compactMap { path -> File? in
      if settings.contains(path) || others.contains(where: { !$0.path.isEmpty && path.hasPrefix($0.path + "/") }) {
        return nil
      }
      if first.path.isEmpty { return (path, path) }
      if path.hasPrefix(first.path + "/") { return (path, String(path.dropFirst(first.path.count + 1))) }
      return path == "README.md" || path.hasPrefix("LICENSE") ? (path, path) : nil
    }
  }
}
