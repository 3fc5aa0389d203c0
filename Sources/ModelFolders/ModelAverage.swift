import Checkpoints
import Foundation

/// The mean of models' weights: trained from one model with other seeds or settings, together they can be better than each of them.
///
/// Source: Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference
/// time", the uniform soup.
public enum ModelAverage {
  /// Writes a model with the mean of the models' weights, whole or not at all; everything else is the first one's.
  ///
  /// - Parameter log: Gets a line about what is left out.
  /// - Throws: `FileError` for a file that is missing, damaged or can't be written, for models that differ in settings, vocabulary or in the
  ///   names and shapes of their weights, and for a folder within a model's.
  public static func write(of models: [URL], to output: URL, log: (String) -> Void) throws {
    precondition(!models.isEmpty, "ModelAverage.write: no models")
    for model in models {
      guard isFolder(model) else { throw FileError(.missing, model, "expected a model folder") }
      guard !AdapterFolder.isOne(model) else {
        throw FileError(
          .mismatched, model,
          "expected a whole model, as `encoders model convert --adapter` makes it, found an adapter alone")
      }
      guard !isWithin(output, model) else {
        throw FileError(.unwritable, output, "expected a folder outside the model's")
      }
    }
    try AtomicFolder.requireFree(output)
    let (first, others) = (models[0], models.dropFirst())
    let all = try ModelFiles.list(first)
    try ModelCheck.requireModel(all, first)
    let paths = try ModelFiles.needed(of: all, in: first).filter { !isOfOneModel($0) }
    let settings = paths.filter { !$0.contains(".safetensors") }
    for other in others { try requireSameSettings(settings, first, other) }
    let weights = try self.weights(paths, first, Array(others))
    let left = all.filter { !paths.contains($0) }
    if !left.isEmpty { log("left out: \(left.joined(separator: ", ")) (the first model's alone)") }
    try AtomicFolder.write(to: output) { folder in
      let bytes = weights.flatMap(\.shards).reduce(0) { $0 + $1.writer.byteCount }
      try ModelFiles.requireSpace(bytes, for: output, in: folder)
      for path in settings {
        try ModelFiles.copy(first.appendingPathComponent(path), to: folder.appendingPathComponent(path))
      }
      for set in weights { try set.write(to: folder) }
    }
  }

  /// Whether a file tells how one of the models came to be, or what comes out of it.
  private static func isOfOneModel(_ path: String) -> Bool {
    ["README.md", "training.json", "reference.json"].contains(path)
      || ["checkpoint/", "adapter/"].contains { path.hasPrefix($0) }
  }

  private static func weights(_ paths: [String], _ first: URL, _ others: [URL]) throws -> [ShardedWeights] {
    let sets = try ShardedWeights.sets(paths.map { ($0, $0) }) { path, place in
      let folder = String(ModelFiles.parent(of: path))
      // A folder stands for its weights, however they are divided.
      let isModel = ["model.safetensors", "model.safetensors.index.json"].contains(String(path.dropFirst(folder.count)))
      let same = try others.map { try Checkpoint($0.appendingPathComponent(isModel ? folder : path)) }
      return try ShardedWeights(first, path, place: place, others: same)
    }
    guard !sets.isEmpty else { throw FileError(.missing, first, "expected weights as safetensors, found none") }
    return sets
  }

  /// - Throws: `FileError` for a settings file of the first model that another doesn't have, or in which it says something else.
  private static func requireSameSettings(_ paths: [String], _ first: URL, _ other: URL) throws {
    for path in paths {
      let (ours, theirs) = (first.appendingPathComponent(path), other.appendingPathComponent(path))
      let name = path.split(separator: "/").last.map(String.init) ?? path
      guard decisive.contains(name) else { continue }
      guard FileManager.default.fileExists(atPath: theirs.path) else {
        throw FileError(.missing, theirs, "no such file, though \(first.path) has it")
      }
      guard name.hasSuffix(".json"), name != "vocab.json" else {
        guard try bytes(ours) == bytes(theirs) else {
          throw FileError(.mismatched, theirs, "expected what \(ours.path) has, found something else")
        }
        continue
      }
      if let key = difference(try JSON(contentsOf: ours), try JSON(contentsOf: theirs)) {
        throw FileError(
          .mismatched, theirs, item: key.isEmpty ? nil : key, "expected what \(ours.path) has, found something else")
      }
    }
  }

  /// The files that decide what the weights mean; others, as limits and prompts, are the first model's to say.
  private static let decisive: Set = [
    "config.json", "modules.json", "encoders.json", "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt",
  ]

  /// Keys that say how a file came to be, or that are no matter of the weights.
  private static let ignored: Set = [
    "_name_or_path", "transformers_version", "__version__", "dtype", "torch_dtype", "use_cache",
    "gradient_checkpointing",
    "truncation", "padding",
  ]

  /// The first key in which two files differ; nil if they don't.
  private static func difference(_ ours: JSON, _ theirs: JSON) -> String? {
    guard let left = ours.members, let right = theirs.members else { return ours == theirs ? nil : "" }
    let names = (left + right).map(\.name).filter { !ignored.contains($0) }
    return names.first { ours[$0] ?? .null != theirs[$0] ?? .null }
  }

  private static func bytes(_ url: URL) throws -> [UInt8] { try MappedFile(url).withBytes { Array($0) } }
}
