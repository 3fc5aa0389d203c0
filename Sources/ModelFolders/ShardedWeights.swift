import Checkpoints
import Foundation

/// A set of weights, one file or several with an index, as it is to be written.
struct ShardedWeights {
  /// A file to write.
  struct Shard {
    var writer: SafetensorsWriter
    var names: [String]
  }

  /// The paths of the files that it comes from, in the model's folder.
  let used: [String]
  private(set) var shards: [Shard] = []
  /// Where the first file goes: its folder, with the slash, and its name without the ending.
  private let folder: String
  private let stem: String
  /// The names of the files that are written as they were; nil if the tensors are divided anew.
  private let names: [String]?

  /// The sets among a model's files, each made by `set`: every index with its shards, every other file for itself.
  static func sets(
    _ files: [ModelLayout.File], _ set: (ModelLayout.File) throws -> ShardedWeights
  ) rethrows -> [ShardedWeights] {
    var sets = try files.filter { $0.path.hasSuffix(".safetensors.index.json") }.map(set)
    let shards = Set(sets.flatMap(\.used))
    sets += try files.filter { $0.path.hasSuffix(".safetensors") && !shards.contains($0.path) }.map(set)
    return sets
  }

  /// Plans a set of weights.
  ///
  /// - Parameters:
  ///   - path: The safetensors file or the index, in the folder `model`.
  ///   - place: What it's called in the new folder.
  ///   - adapter: What is merged into the tensors.
  ///   - others: The same weights of other models, which are averaged with these.
  /// - Throws: `FileError` if a file is missing or damaged, or the others have other tensors.
  init(
    _ model: URL, _ path: String, place: String, as type: ElementType? = nil, shardSize: Int? = nil,
    adapter: AdapterFolder? = nil, others: [Checkpoint] = []
  ) throws {
    let isIndex = path.hasSuffix(".json")
    let checkpoint = try Checkpoint(model.appendingPathComponent(path), adapter: adapter)
    let files = checkpoint.files
    let parent = String(ModelFiles.parent(of: path))
    used = [path] + (isIndex ? checkpoint.names.map { parent + $0 } : [])
    folder = String(ModelFiles.parent(of: place))
    let name = place.dropFirst(folder.count)
    stem = String(name.dropLast((isIndex ? ".safetensors.index.json" : ".safetensors").count))
    names = shardSize != nil ? nil : isIndex ? checkpoint.names : [String(name)]
    // What an adapter adds goes to the last file.
    let stored = Set(files.flatMap(\.keys))
    let added = checkpoint.keys.filter { !stored.contains($0) }
    for other in others { try checkpoint.requireSameTensors(other) }
    func add(_ key: String, to writer: inout SafetensorsWriter) throws {
      if others.isEmpty {
        try writer.add(key, of: checkpoint, as: type)
      } else {
        try writer.add(key, meanOf: [checkpoint] + others)
      }
    }
    for (index, file) in files.enumerated() {
      var notes = file.metadata
      // transformers refuses files that don't say for which library they are.
      if notes["format"] == nil { notes["format"] = "pt" }
      if shardSize == nil || shards.isEmpty {
        shards.append(Shard(writer: SafetensorsWriter(metadata: notes), names: []))
      }
      for key in file.keys + (index == files.count - 1 ? added : []) {
        var single = SafetensorsWriter()
        try add(key, to: &single)
        if let shardSize, let last = shards.last, !last.names.isEmpty,
          last.writer.byteCount + single.byteCount > shardSize
        {
          shards.append(Shard(writer: SafetensorsWriter(metadata: notes), names: []))
        }
        try add(key, to: &shards[shards.count - 1].writer)
        shards[shards.count - 1].names.append(key)
      }
    }
  }

  /// Writes the files, and the index if there is more than one.
  ///
  /// - Throws: `FileError` with the operating system's reason, or for a number that the new type can't hold.
  func write(to model: URL) throws {
    let target = model.appendingPathComponent(folder)
    func padded(_ number: Int) -> String { String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)" }
    var map: [JSON.Member] = []
    for (index, shard) in shards.enumerated() {
      let name =
        names?[index]
        ?? (shards.count == 1 ? stem : "\(stem)-\(padded(index + 1))-of-\(padded(shards.count))") + ".safetensors"
      let url = target.appendingPathComponent(name)
      try AtomicFolder.make(url.deletingLastPathComponent(), for: url)
      try shard.writer.write(to: url)
      map += shard.names.map { JSON.Member($0, .string(name)) }
    }
    guard names.map({ used.count > $0.count }) ?? (shards.count > 1) else { return }
    let bytes = shards.reduce(0) { $0 + $1.writer.byteCount }
    let index: JSON = [
      "metadata": ["total_size": .integer(bytes)],
      "weight_map": .object(map.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }),
    ]
    try AtomicFile.write(
      index, to: target.appendingPathComponent("\(stem).safetensors.index.json"))
  }
}
