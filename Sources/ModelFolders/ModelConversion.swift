import Checkpoints
import Foundation

/// Copies a model folder with its weights in another type, in other shards, or in another layout.
///
/// Weights are rewritten from and to safetensors; those in other formats are left out. Everything else is copied.
public struct ModelConversion: Sendable {
  /// How a model's files are laid out.
  public enum Layout: String, Sendable, CaseIterable {
    /// A list of modules, in folders of their own: `modules.json`.
    case sentenceTransformers = "sentence-transformers"
    /// One model of transformers.
    case huggingFace = "huggingface"
  }

  /// What the floats are stored as: float32, float16 or bfloat16; nil as they are.
  public var type: ElementType?
  /// How many bytes of tensors a file has at most, unless one tensor is larger; nil for the files that there are.
  public var shardSize: Int?
  /// The layout to write; nil the one that there is.
  public var layout: Layout?
  /// How a plain model's vectors become one, in a sentence-transformers folder.
  public var pooling: PoolingName?
  /// Whether a plain model's vectors get length 1, in a sentence-transformers folder.
  public var normalizes = false

  /// A folder of the PEFT library whose changes are merged into the transformer's weights.
  public var adapter: URL?

  /// A conversion that changes nothing yet.
  public init() {}

  /// Writes the converted model to `output`, whole or not at all.
  ///
  /// - Parameter log: Gets a line about each thing that is left out or decided.
  /// - Throws: `FileError` for a file that is missing, damaged or can't be written, and for a number too large for `type`.
  public func convert(_ model: URL, to output: URL, log: (String) -> Void) throws {
    guard isFolder(model) else { throw FileError(.missing, model, "expected a model folder") }
    guard !AdapterFolder.isOne(model) else {
      throw FileError(
        .mismatched, model, "expected the base model, and --adapter with this folder, found an adapter alone")
    }
    guard !isWithin(output, model) else {
      throw FileError(.unwritable, output, "expected a folder outside the model's")
    }
    let paths = try ModelFiles.list(model)
    try ModelCheck.requireModel(paths, model)
    try AtomicFolder.requireFree(output)
    let layout = try ModelLayout(self, model, paths, log)
    let others = layout.files.filter { ModelFiles.isOtherWeights($0.path) }.map(\.path)
    if !others.isEmpty { log("left out: \(others.joined(separator: ", ")) (weights that are not safetensors)") }
    let weights = try self.weights(layout.files, model)
    guard !weights.isEmpty else {
      throw FileError(.missing, model, "expected weights as safetensors, found only \(others.joined(separator: ", "))")
    }
    let used = Set(others + weights.flatMap(\.used))
    try AtomicFolder.write(to: output) { folder in
      let bytes = weights.flatMap(\.shards).reduce(0) { $0 + $1.writer.byteCount }
      try ModelFiles.requireSpace(bytes, for: output, in: folder)
      for (path, place) in layout.files where !used.contains(path) {
        let (from, to) = (model.appendingPathComponent(path), folder.appendingPathComponent(place))
        if let type, place.split(separator: "/").last == "config.json", let changed = try configuration(from, type) {
          try AtomicFolder.make(to.deletingLastPathComponent(), for: to)
          try AtomicFile.write(changed, to: to)
        } else {
          try ModelFiles.copy(from, to: to)
        }
      }
      for file in layout.additions {
        let url = folder.appendingPathComponent(file.path)
        try AtomicFolder.make(url.deletingLastPathComponent(), for: url)
        try AtomicFile.write(file.content, to: url)
      }
      for set in weights { try set.write(to: folder) }
    }
  }

  /// The weights among a model's files: each index with its shards, each other file for itself.
  private func weights(_ files: [ModelLayout.File], _ model: URL) throws -> [ShardedWeights] {
    let adapter = try adapter.map { (folder: try AdapterFolder($0), target: try transformer(files, model)) }
    func set(_ file: ModelLayout.File) throws -> ShardedWeights {
      try ShardedWeights(
        model, file.path, place: file.place, as: type, shardSize: shardSize,
        adapter: adapter?.target == file.path ? adapter?.folder : nil)
    }
    return try ShardedWeights.sets(files, set)
  }

  /// The path of the transformer's weights.
  private func transformer(_ files: [ModelLayout.File], _ model: URL) throws -> String {
    var place = ""
    let list = model.appendingPathComponent("modules.json")
    if FileManager.default.fileExists(atPath: list.path),
      let first = try ModuleList(JSON(contentsOf: list), list).modules.first, !first.path.isEmpty
    {
      place = first.path + "/"
    }
    let names = ["model.safetensors", "model.safetensors.index.json"].map { place + $0 }
    guard let found = names.first(where: { name in files.contains { $0.path == name } }) else {
      throw FileError(.missing, model.appendingPathComponent(names[0]), "expected the weights that the adapter changes")
    }
    return found
  }

  /// A transformer's settings with its type; nil if they aren't a transformer's.
  private func configuration(_ url: URL, _ type: ElementType) throws -> JSON? {
    let json = try JSON(contentsOf: url)
    guard let members = json.members, json["model_type"]?.string != nil else { return nil }
    let name: JSON = .string(type.torchName)
    func changed(_ members: [JSON.Member]) -> [JSON.Member] {
      members.map { member in
        switch member.value {
        case .object(let inner): JSON.Member(member.name, .object(changed(inner)))
        case .string where ModelConversion.typeKeys.contains(member.name): JSON.Member(member.name, name)
        default: member
        }
      }
    }
    var result = changed(members.filter { !(ModelConversion.typeKeys.contains($0.name) && $0.value == .null) })
    // Version 5 of transformers calls it dtype, and still reads the older name, which is all that version 4 knows.
    if !result.contains(where: { ModelConversion.typeKeys.contains($0.name) }) {
      result.append(JSON.Member("torch_dtype", name))
    }
    return .object(result)
  }

  private static let typeKeys = ["torch_dtype", "dtype"]
}

extension ElementType {
  /// The types that a conversion writes, by PyTorch's names.
  public static let convertible: [(name: String, type: ElementType)] = [
    ("float32", .float32), ("float16", .float16), ("bfloat16", .bfloat16),
  ]

  var torchName: String { ElementType.convertible.first { $0.type == self }?.name ?? rawValue }
}
