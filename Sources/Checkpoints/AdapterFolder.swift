import Foundation

/// A folder of the PEFT library with changes to a model that is elsewhere: `adapter_config.json` and `adapter_model.safetensors`.
///
/// What it may hold: low-rank additions to linear layers and tables (LoRA, DoRA, with RSLoRA's scale), biases, and whole layers that were
/// trained besides.
/// Source: the PEFT library; Hu et al. 2021, Kalajdzievski 2023 (RSLoRA), Liu et al. 2024 (DoRA).
public struct AdapterFolder: Sendable {
  /// The folder.
  public let url: URL
  /// What it's for, as `SEQ_CLS` for classifiers; nil if it doesn't say.
  public let task: String?
  let weights: SafetensorsFile
  private let config: JSON
  private let settings: URL
  private let rank: Int, alpha: Double, isRankStabilized: Bool
  /// Ranks and alphas of single layers, by regular expressions of their names.
  private let ranks: [(pattern: String, value: Int)], alphas: [(pattern: String, value: Double)]

  /// Whether a folder holds an adapter, not a model.
  public static func isOne(_ folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent("adapter_config.json").path)
  }

  /// Opens the folder.
  ///
  /// - Throws: `FileError` naming the file and the key that is missing, malformed or says what isn't supported.
  public init(_ url: URL) throws {
    let settings = url.appendingPathComponent("adapter_config.json")
    let config = try JSON(contentsOf: settings)
    func value(_ key: String) -> JSON? { config[key].flatMap { $0 == .null ? nil : $0 } }
    func error(_ key: String, _ expected: String) -> FileError {
      let found = value(key)?.text().prefix(60) ?? "none"
      return FileError(.mismatched, settings, item: key, "expected \(expected), found \(found)")
    }
    guard value("peft_type")?.string == "LORA" else { throw error("peft_type", "\"LORA\"") }
    for key in Self.unsupported {
      guard let found = value(key), found != .bool(false), found.members?.isEmpty != true,
        found.elements?.isEmpty != true
      else { continue }
      throw error(key, "null, as nothing else is supported")
    }
    if let start = value("init_lora_weights")?.string, !["gaussian", "orthogonal", "eva", "loftq"].contains(start) {
      throw error("init_lora_weights", "a start that leaves the base model's weights as they are")
    }
    func asRank(_ json: JSON) -> Int? { json.integer.flatMap { (1...1 << 20).contains($0) ? $0 : nil } }
    guard let rank = asRank(value("r") ?? .integer(8)) else { throw error("r", "a rank from 1 to \(1 << 20)") }
    guard let alpha = (value("lora_alpha") ?? .integer(8)).double, alpha.isFinite else {
      throw error("lora_alpha", "a number")
    }
    func patterns<Number>(
      _ key: String, _ expected: String, _ read: (JSON) -> Number?
    ) throws -> [(pattern: String, value: Number)] {
      guard let found = value(key) else { return [] }
      guard let members = found.members else { throw error(key, "an object of numbers by layer") }
      return try members.map { member in
        let pattern = "(.*\\.)?(\(member.name))"
        guard let number = read(member.value), (try? Regex(pattern)) != nil else {
          throw error(key, "\(expected) by names of layers or regular expressions")
        }
        return (pattern, number)
      }
    }
    (self.url, self.settings, self.config, self.rank, self.alpha) = (url, settings, config, rank, alpha)
    task = value("task_type")?.string
    isRankStabilized = value("use_rslora")?.bool ?? false
    ranks = try patterns("rank_pattern", "ranks from 1 to \(1 << 20)", asRank)
    alphas = try patterns("alpha_pattern", "numbers above 0") { json in
      json.double.flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
    }
    let file = url.appendingPathComponent("adapter_model.safetensors")
    let pickled = url.appendingPathComponent("adapter_model.bin")
    if !FileManager.default.fileExists(atPath: file.path), FileManager.default.fileExists(atPath: pickled.path) {
      throw FileError(
        .mismatched, pickled, "expected adapter_model.safetensors, found a Python pickle, which can run code")
    }
    weights = try SafetensorsFile(file)
  }

  /// What changes the base model in other ways than by additions to its weights.
  private static let unsupported = [
    "layer_replication", "lora_bias", "trainable_token_indices", "target_parameters", "alora_invocation_tokens",
    "use_qalora", "use_bdlora", "arrow_config", "megatron_config",
  ]

  /// The folder of the model that it changes: the path that `base_model_name_or_path` gives, from the adapter's folder or from here, or
  /// a folder beside the adapter's with the last part of that name.
  ///
  /// - Throws: `FileError` naming the places where there is none.
  public func base() throws -> URL {
    let key = "base_model_name_or_path"
    guard let name = config[key]?.string, !name.isEmpty else {
      throw FileError(.missing, settings, item: key, "expected the folder of the base model, found none")
    }
    let last = URL(fileURLWithPath: name).lastPathComponent
    let places = [
      URL(fileURLWithPath: name, relativeTo: url.appendingPathComponent("")).standardizedFileURL,
      URL(fileURLWithPath: name).standardizedFileURL,
      url.standardizedFileURL.deletingLastPathComponent().appendingPathComponent(last),
    ]
    let own = url.standardizedFileURL.path
    guard let found = places.first(where: { isFolder($0) && $0.path != own && !AdapterFolder.isOne($0) }) else {
      var tried: [String] = []
      for place in places where !tried.contains(place.path) { tried.append(place.path) }
      throw FileError(
        .missing, settings, item: key,
        "expected the folder of the base model, found none at \(tried.joined(separator: ", "))")
    }
    return found
  }

  /// The place of a file of a model folder: where an adapter's folder has none, its base's.
  ///
  /// - Throws: `FileError` if the folder is an adapter's that can't be opened or whose base isn't there.
  public static func file(_ name: String, in folder: URL) throws -> URL {
    let own = folder.appendingPathComponent(name)
    guard isOne(folder), !FileManager.default.fileExists(atPath: own.path) else { return own }
    return try AdapterFolder(folder).base().appendingPathComponent(name)
  }

  /// Whether a tensor that the base model lacks has a place all the same: in a layer that was trained whole, as a classifier is, or in one
  /// that no encoder reads and that a base's file may leave out.
  func mayBring(_ name: String) -> Bool {
    var layers = (config["modules_to_save"]?.elements ?? []).compactMap(\.string) + ["pooler", "lm_head"]
    if task?.hasSuffix("_CLS") == true { layers += ["classifier", "score"] }
    return layers.contains { name.contains($0 + ".") }
  }

  /// What the addition to a layer is multiplied by.
  ///
  /// - Throws: `FileError` if its rank isn't the configuration's.
  func scale(_ layer: String, rank found: Int, item: String) throws -> Double {
    func value<Number>(_ patterns: [(pattern: String, value: Number)], _ standard: Number) throws -> Number {
      try patterns.first { try layer.wholeMatch(of: Regex($0.pattern)) != nil }?.value ?? standard
    }
    let rank = try value(ranks, self.rank)
    guard rank == found else {
      throw FileError(
        .mismatched, weights.url, item: item,
        "expected rank \(rank), as adapter_config.json has it, found \(found)")
    }
    return try value(alphas, alpha) / (isRankStabilized ? Double(rank).squareRoot() : Double(rank))
  }
}
