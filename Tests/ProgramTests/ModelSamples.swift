import Checkpoints
import Foundation
import Testing

extension Workplace {
  /// A small model of Hugging Face's layout, with a file of weights that only Python reads beside its safetensors.
  func writeModel(_ name: String, type: ElementType = .float32, modules: Bool = true) throws {
    let folder = url(name)
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("1_Pooling"), withIntermediateDirectories: true)
    var writer = SafetensorsWriter()
    let values = (0..<4000).map { Float($0 * $0 % 1013) * 0.013 - 5 }
    writer.add("embeddings.word_embeddings.weight", as: type, shape: [250, 16], values)
    writer.add("encoder.weight", as: type, shape: [16, 16], Array(values.prefix(256)))
    writer.add("embeddings.position_ids", shape: [1, 4], [0, 1, 2, 3] as [Int64])
    try writer.write(to: folder.appendingPathComponent("model.safetensors"))
    let settings = "{\"model_type\": \"bert\", \"hidden_size\": 16, \"max_position_embeddings\": 64, \"eps\": 1e-12}"
    try write(settings, to: "\(name)/config.json")
    try write("{\"model\": {\"type\": \"WordPiece\"}}", to: "\(name)/tokenizer.json")
    try write("{\"model_max_length\": 48}", to: "\(name)/tokenizer_config.json")
    try write("# A model\n", to: "\(name)/README.md")
    try write("no weights", to: "\(name)/pytorch_model.bin")
    try write("{\"word_embedding_dimension\": 16}", to: "\(name)/1_Pooling/config.json")
    guard modules else { return try FileManager.default.removeItem(at: folder.appendingPathComponent("1_Pooling")) }
    let list = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")].map {
      "{\"path\": \"\($0.0)\", \"type\": \"sentence_transformers.models.\($0.1)\"}"
    }
    try write("[\(list.joined(separator: ", "))]", to: "\(name)/modules.json")
    try write("{\"max_seq_length\": 32}", to: "\(name)/sentence_bert_config.json")
  }

  /// The same with its weights in two shards, of which one stands in a folder of its own, as the index says.
  func writeShards(_ name: String) throws {
    try writeModel(name)
    try FileManager.default.createDirectory(at: url("\(name)/w"), withIntermediateDirectories: true)
    let file = try SafetensorsFile(url("\(name)/model.safetensors"))
    var map: [String: String] = [:]
    for (index, shard) in ["part_a.safetensors", "w/b.safetensors"].enumerated() {
      var writer = SafetensorsWriter()
      for (place, key) in file.keys.enumerated() where place % 2 == index {
        try writer.add(key, of: file)
        map[key] = shard
      }
      try writer.write(to: url("\(name)/\(shard)"))
    }
    try FileManager.default.removeItem(at: url("\(name)/model.safetensors"))
    let index: JSON = ["weight_map": .object(map.map { JSON.Member($0.key, .string($0.value)) })]
    try AtomicFile.write(index, to: url("\(name)/model.safetensors.index.json"))
  }

  /// What a model of `writeModel` has after a download.
  static let modelFiles = [
    "1_Pooling", "README.md", "config.json", "model.safetensors", "modules.json", "sentence_bert_config.json",
    "tokenizer.json", "tokenizer_config.json",
  ]

  /// Runs a program of the system.
  func system(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(arguments)")
  }
}
