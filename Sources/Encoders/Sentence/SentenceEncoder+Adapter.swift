import Checkpoints
import Foundation
import Layers
import Tensors

extension SentenceEncoder {
  /// Writes the low-rank additions to its Transformer as a folder of the PEFT library, which names the folder that the encoder was opened
  /// from as its base model, by the path from there.
  ///
  /// - Throws: `FileError` if there are none, if other modules have some too, or if a file can't be written.
  public func saveAdapter(to output: URL) throws {
    guard let stage = stages.first, let adaptation = stage.adaptation else {
      throw FileError(.unwritable, output, "expected an encoder with low-rank additions, found none")
    }
    try requireAdaptedTransformer()
    var prefix = stage.entry.name + "."
    if case .transformer(let transformer) = stage.module, !transformer.root.path.isEmpty {
      prefix += transformer.root.path + "."
    }
    var writer = SafetensorsWriter()
    var layers: [JSON] = []
    for parameter in stage.parameters where LowRankAdaptation.isAddition(parameter.name) {
      let name = parameter.name.hasPrefix(prefix) ? parameter.name.dropFirst(prefix.count) : parameter.name[...]
      writer.add("base_model.model.\(name)", shape: parameter.shape, parameter.scalars)
      if name.hasSuffix(".lora_A.weight") { layers.append(.string(String(name.dropLast(".lora_A.weight".count)))) }
    }
    try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
    try writer.write(to: output.appendingPathComponent("adapter_model.safetensors"))
    let config: JSON = [
      "peft_type": "LORA", "task_type": "FEATURE_EXTRACTION",
      "base_model_name_or_path": .string(relativePath(of: stage.entry.folder, from: output)),
      "r": .integer(adaptation.rank), "lora_alpha": .number(Double(adaptation.alpha)),
      "lora_dropout": .number(Double(adaptation.dropout)), "target_modules": .array(layers), "bias": "none",
      "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true, "use_rslora": false,
      "use_dora": false,
      "modules_to_save": .null, "rank_pattern": [:], "alpha_pattern": [:],
    ]
    try AtomicFile.write(config, to: output.appendingPathComponent("adapter_config.json"))
  }

  /// - Throws: `FileError` if modules after the Transformer have low-rank additions, which no folder of PEFT can hold.
  public func requireAdaptedTransformer() throws {
    let others = stages.dropFirst().flatMap(\.parameters).filter { LowRankAdaptation.isAddition($0.name) }
    guard let first = others.first else { return }
    throw FileError(
      .mismatched, folder, item: first.name,
      "expected additions to the Transformer alone where an adapter is to be kept")
  }

  private func relativePath(of folder: URL, from output: URL) -> String {
    let (to, from) = (
      folder.standardizedFileURL.pathComponents, output.standardizedFileURL.pathComponents
    )
    let shared = zip(to, from).prefix { $0 == $1 }.count
    return (Array(repeating: "..", count: from.count - shared) + to.dropFirst(shared)).joined(separator: "/")
  }
}
