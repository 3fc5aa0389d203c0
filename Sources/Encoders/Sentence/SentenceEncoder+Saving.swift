import Checkpoints
import Foundation
import Layers
import Tensors
import Tokenizers

extension SentenceEncoder {
  /// Writes the folder that it was opened from with its present parameters, low-rank additions merged, in float32; sentence-transformers opens it too.
  ///
  /// Tensors of the original files that no layer here reads, such as a pooler, are kept, floats in float32 too. A plain folder becomes
  /// one with `modules.json`. Weights in other formats, what a training run keeps beside a model, and what is no file are left out. The
  /// files of another model in `output` are removed.
  ///
  /// - Throws: `FileError` if a file can't be read or written, or if `output` is the folder it was opened from, or in it, or the one of a
  ///   model that an adapter in there changes.
  public func save(to output: URL) throws {
    let bases = (stages + queries.flatMap(\.stages)).compactMap { try? AdapterFolder($0.entry.folder).base() }
    guard !isWithin(output, folder), !bases.contains(where: { isSameFolder($0, output) }) else {
      throw FileError(
        .unwritable, output, "expected another folder than the one the model was opened from, and none in it")
    }
    try AtomicFolder.make(output)
    try ModelParts.remove(from: output, but: [folder] + bases)
    try copyFiles(to: output)
    for stage in stages + queries.flatMap(\.stages) {
      let place = stage.entry.path.isEmpty ? output : output.appendingPathComponent(stage.entry.path)
      try AtomicFolder.make(place)
      try stage.module.transformer?.configuration.write(to: place)
      try copyTokenizer(of: stage.entry.folder, to: place)
      if !stage.parameters.isEmpty { try write(stage, to: place) }
    }
    if !ModuleEntry.hasModules(folder), roles == nil { try writeModules(to: output) }
  }

  /// The files of the folder and its subfolders, weights aside.
  private func copyFiles(to output: URL) throws {
    let left: Set = [
      "README.md", "checkpoint", "history.jsonl", "onnx", "openvino", "coreml", "tflite", "recipe.yaml", "report.html",
      "training.json", "head", "encoders.json", "reference.json", "adapter_config.json", "adapter",
    ]
    let weights: Set = [
      "bin", "safetensors", "pt", "pth", "ckpt", "h5", "msgpack", "onnx", "onnx_data", "ot", "tflite", "gguf", "pb",
      "npz", "pkl", "pickle",
    ]
    func copy(_ source: URL, _ target: URL) throws {
      for name in try FileManager.default.contentsOfDirectory(atPath: source.path).sorted() {
        let (from, to) = (source.appendingPathComponent(name), target.appendingPathComponent(name))
        if left.contains(name) || weights.contains(from.pathExtension) || name.hasPrefix(".") { continue }
        if name.hasSuffix(".index.json") { continue }
        if isFolder(from) {
          // A link may lead back up.
          if isWithin(source, from) { continue }
          try AtomicFolder.make(to)
          try copy(from, to)
        } else if isFile(from) {
          try MappedFile(from).withBytes { try AtomicFile.write(Data($0), to: to) }
        }
      }
    }
    try copy(folder, output)
  }

  /// The files of the tokenizer, if an adapter's folder leaves them to its base model's.
  private func copyTokenizer(of folder: URL, to output: URL) throws {
    guard AdapterFolder.isOne(folder) else { return }
    let place = try Tokenizer.folder(of: folder)
    guard place != folder else { return }
    for name in try FileManager.default.contentsOfDirectory(atPath: place.path).sorted()
    where Tokenizer.fileNames.contains(name) {
      let file = place.appendingPathComponent(name)
      guard isFile(file) else { continue }
      try MappedFile(file).withBytes { try AtomicFile.write(Data($0), to: output.appendingPathComponent(name)) }
    }
  }

  private func write(_ stage: Stage, to place: URL) throws {
    let checkpoint = try Checkpoint(
      stage.module.transformer == nil ? stage.entry.file("model.safetensors") : stage.entry.folder)
    let prefix = stage.entry.name + "."
    let parameters = stage.adaptation?.merged(stage.parameters) ?? stage.parameters
    let values = Dictionary(parameters.map { (String($0.name.dropFirst(prefix.count)), $0) }) { first, _ in first }
    // A table that was made up from the file's tensors stands for all of them.
    let isMadeUp = !values.keys.allSatisfy { checkpoint.contains($0) }
    // Nor do copies of what is trained stay beside it.
    var copies: [String] = []
    if case .maskedLanguageModel(let model) = stage.module {
      copies = try LanguageModelHead.copies(model.transformer.configuration)
    }
    var writer = SafetensorsWriter()
    for key in isMadeUp ? Array(values.keys) : checkpoint.keys {
      if let parameter = values[key] {
        writer.add(key, shape: parameter.shape, parameter.scalars)
      } else if !copies.contains(key) {
        try writer.add(key, of: checkpoint, as: .float32)
      }
    }
    try writer.write(to: place.appendingPathComponent("model.safetensors"))
  }

  /// What makes a plain Hugging Face folder one of sentence-transformers: `modules.json`, the pooling, and settings, in place of any that
  /// weren't read.
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

/// Whether there is a file at a path, links followed; a pipe isn't one.
private func isFile(_ url: URL) -> Bool {
  var status = stat()
  return stat(url.path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}
