import Checkpoints
import Foundation
import Layers
import Tensors

extension SentenceEncoder {
  /// Writes the folder that it was opened from with its present parameters, low-rank additions merged, in float32; sentence-transformers opens it too.
  ///
  /// Tensors of the original files that no layer here reads, such as a pooler, stay as they are. A plain folder becomes one with
  /// `modules.json`. Weights in other formats, and what a training run keeps beside a model, are left out.
  ///
  /// - Throws: `FileError` if a file can't be read or written, or if `output` is the folder it was opened from.
  public func save(to output: URL) throws {
    guard output.standardizedFileURL.resolvingSymlinksInPath() != folder.standardizedFileURL.resolvingSymlinksInPath()
    else { throw FileError(.unwritable, output, "expected another folder than the one the model was opened from") }
    try AtomicFolder.make(output)
    try copyFiles(to: output)
    for stage in stages + queries.flatMap(\.stages) {
      let place = stage.entry.path.isEmpty ? output : output.appendingPathComponent(stage.entry.path)
      try AtomicFolder.make(place)
      if case .transformer(let transformer) = stage.module { try transformer.configuration.write(to: place) }
      try copyTokenizer(of: stage.entry.folder, to: place)
      if !stage.parameters.isEmpty { try write(stage, to: place) }
    }
    if !FileManager.default.fileExists(atPath: folder.appendingPathComponent("modules.json").path), roles == nil {
      try writeModules(to: output)
    }
  }

  /// The files of the folder and its subfolders, weights aside.
  private func copyFiles(to output: URL) throws {
    let left: Set = [
      "README.md", "checkpoint", "history.jsonl", "model.safetensors.index.json", "onnx", "openvino", "recipe.yaml",
      "report.html", "training.json", "head", "encoders.json", "reference.json", "adapter_config.json",
      "adapter",
    ]
    let weights: Set = ["bin", "safetensors", "onnx", "h5", "msgpack", "ot", "pt", "pth", "gguf", "tflite"]
    func copy(_ source: URL, _ target: URL) throws {
      for name in try FileManager.default.contentsOfDirectory(atPath: source.path).sorted() {
        let (from, to) = (source.appendingPathComponent(name), target.appendingPathComponent(name))
        if left.contains(name) || weights.contains(from.pathExtension) || name.hasPrefix(".") { continue }
        if isFolder(from) {
          try AtomicFolder.make(to)
          try copy(from, to)
        } else {
          try MappedFile(from).withBytes { try AtomicFile.write(Data($0), to: to) }
        }
      }
    }
    try copy(folder, output)
  }

  /// The files of the tokenizer, if an adapter's folder leaves them to its base model's.
  private func copyTokenizer(of folder: URL, to output: URL) throws {
    let place = try SentenceTokenizer.place(of: folder)
    guard place != folder else { return }
    for name in try FileManager.default.contentsOfDirectory(atPath: place.path).sorted()
    where name.hasPrefix("tokenizer") || name.hasPrefix("vocab.") || name == "merges.txt" || name.hasSuffix(".model") {
      try MappedFile(place.appendingPathComponent(name)).withBytes {
        try AtomicFile.write(Data($0), to: output.appendingPathComponent(name))
      }
    }
  }

  private func write(_ stage: Stage, to place: URL) throws {
    let checkpoint = try Checkpoint(
      stage.entry.type == "Transformer" ? stage.entry.folder : stage.entry.file("model.safetensors"))
    let prefix = stage.entry.name + "."
    let parameters = stage.adaptation?.merged(stage.parameters) ?? stage.parameters
    let values = Dictionary(parameters.map { (String($0.name.dropFirst(prefix.count)), $0) }) { first, _ in first }
    var writer = SafetensorsWriter()
    for key in checkpoint.keys {
      let (type, shape) = try checkpoint.entry(key)
      if let parameter = values[key] {
        writer.add(key, shape: shape, parameter.scalars)
      } else if type.isFloating {
        var scalars = [Float](repeating: 0, count: shape.reduce(1, *))
        try scalars.withUnsafeMutableBufferPointer { try checkpoint.read(key, into: $0) }
        writer.add(key, shape: shape, scalars)
      }
    }
    try writer.write(to: place.appendingPathComponent("model.safetensors"))
  }

  /// What makes a plain Hugging Face folder one of sentence-transformers: `modules.json`, the pooling, the limit.
  private func writeModules(to output: URL) throws {
    let list = stages.enumerated().map { index, stage -> JSON in
      [
        "idx": .integer(index), "name": .string("\(index)"), "path": .string(stage.entry.path),
        "type": .string("sentence_transformers.models.\(stage.entry.type)"),
      ]
    }
    for stage in stages {
      guard case .pooling(let modes, let width, _) = stage.module else { continue }
      let config: JSON = [
        "word_embedding_dimension": .integer(width), "pooling_mode_cls_token": false,
        "pooling_mode_mean_tokens": .bool(modes.contains(.mean)), "pooling_mode_max_tokens": false,
        "pooling_mode_mean_sqrt_len_tokens": false, "pooling_mode_weightedmean_tokens": false,
        "pooling_mode_lasttoken": .bool(modes.contains(.last)), "include_prompt": true,
      ]
      try AtomicFile.write(config, to: output.appendingPathComponent(stage.entry.path + "/config.json"))
    }
    let settings: JSON = ["max_seq_length": maximumLength.map { .integer($0) } ?? .null, "do_lower_case": false]
    try AtomicFile.write(settings, to: output.appendingPathComponent("sentence_bert_config.json"))
    let general: JSON = [
      "__version__": ["sentence_transformers": "2.2.0"], "prompts": [:], "default_prompt_name": .null,
      "similarity_fn_name": "cosine",
    ]
    try AtomicFile.write(general, to: output.appendingPathComponent("config_sentence_transformers.json"))
    try AtomicFile.write(.array(list), to: output.appendingPathComponent("modules.json"))
  }
}
