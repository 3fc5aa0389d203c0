import Checkpoints
import Foundation
import Layers
import Tensors
import Tokenizers

extension Model {
  /// Writes the modules that sentence-transformers opens this encoder with, each in a folder of its own, and `modules.json`.
  ///
  /// A convolution of even width becomes the next odd one with a zero in front, an activation a dense layer of ones on the
  /// diagonal: so the vectors are the same. False, with nothing written, if the encoder has a part that no module of
  /// sentence-transformers computes: images, RNN, GRU, Transformer, attention pooling, CLS (its word embeddings have none), tanh's GELU.
  ///
  /// - Throws: `FileError` if a file can't be written.
  func writeSentenceTransformers(_ encoder: Encoder, _ tokenizer: WordTokenizer?, to folder: URL) throws -> Bool {
    guard let modules = sentenceTransformersModules(encoder) else { return false }
    var list: [JSON] = []
    for (index, module) in modules.enumerated() {
      let name = "\(index)_\(module.type)"
      let place = folder.appendingPathComponent(name)
      try AtomicFolder.make(place)
      if index == 0, let tokenizer {
        try tokenizer.write(to: place.appendingPathComponent("tokenizer.json"))
        let config: JSON = [
          "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": .string(WordTokenizer.padding),
          "unk_token": .string(WordTokenizer.unknown),
          // Texts that have these words as words get the same tokens there as here.
          "split_special_tokens": .bool(true),
        ]
        try AtomicFile.write(config, to: place.appendingPathComponent("tokenizer_config.json"))
      }
      try AtomicFile.write(module.config, to: place.appendingPathComponent(module.configName))
      if !module.weights.isEmpty {
        var writer = SafetensorsWriter()
        for weight in module.weights { writer.add(weight.name, shape: weight.shape, weight.values) }
        try writer.write(to: place.appendingPathComponent("model.safetensors"))
      }
      list.append([
        "idx": .integer(index), "name": .string("\(index)"), "path": .string(name),
        "type": .string("sentence_transformers.models.\(module.type)"),
      ])
    }
    let settings: JSON = [
      "__version__": ["sentence_transformers": "2.2.0"], "prompts": [:], "default_prompt_name": .null,
      "similarity_fn_name": "cosine",
    ]
    try AtomicFile.write(settings, to: folder.appendingPathComponent("config_sentence_transformers.json"))
    try AtomicFile.write(.array(list), to: folder.appendingPathComponent("modules.json"))
    return true
  }

  /// A module as it is written.
  private struct Module {
    let type: String
    var configName = "config.json"
    let config: JSON
    var weights: [(name: String, shape: [Int], values: [Float])] = []

    /// act(x·Wᵀ + b)
    static func dense(
      _ weight: (shape: [Int], values: [Float]), bias: [Float]?, _ activation: Activation?,
      on feature: FeatureName = .sentence
    ) -> Module {
      let kind =
        switch activation {
        case nil: "linear.Identity"
        case .relu: "activation.ReLU"
        case .gelu, .geluTanh: "activation.GELU"
        case .tanh: "activation.Tanh"
        case .sigmoid: "activation.Sigmoid"
        case .silu: "activation.SiLU"
        }
      return Module(
        type: "Dense",
        config: [
          "in_features": .integer(weight.shape[1]), "out_features": .integer(weight.shape[0]),
          "bias": .bool(bias != nil),
          "activation_function": .string("torch.nn.modules.\(kind)"), "module_input_name": .string(feature.rawValue),
        ],
        weights: [("linear.weight", weight.shape, weight.values)]
          + (bias.map { [("linear.bias", [$0.count], $0)] } ?? []))
    }

    /// The first `outputs` of `inputs` columns, unchanged but for the activation.
    static func diagonal(_ inputs: Int, _ outputs: Int, _ activation: Activation?, on feature: FeatureName = .sentence)
      -> Module
    {
      var values = [Float](repeating: 0, count: inputs * outputs)
      for index in 0..<outputs { values[index * inputs + index] = 1 }
      return dense(([outputs, inputs], values), bias: nil, activation, on: feature)
    }
  }

  private func sentenceTransformersModules(_ encoder: Encoder) -> [Module]? {
    let configuration = encoder.configuration
    guard case .text(let text) = configuration.preprocess, case .text(let options, let network) = configuration.encode,
      case .modes(let modes) = configuration.pool, !modes.contains(.attention), !modes.contains(.cls)
    else { return nil }
    let values = Dictionary(parameters.map { ($0.name, $0) }) { first, _ in first }
    func weight(_ name: String) -> (shape: [Int], values: [Float])? {
      values[name].map { ($0.shape, $0.tensor.scalars) }
    }
    guard var table = weight("embedding.weight") else { return nil }
    // sentence-transformers fills the ends of a batch with token 0, over which its convolutions run.
    for column in 0..<options.dimension { table.values[column] = 0 }
    var modules = [
      Module(
        type: "WordEmbeddings", configName: "wordembedding_config.json",
        config: [
          "tokenizer_class": "sentence_transformers.models.tokenizer.TransformersTokenizerWrapper",
          "update_embeddings": .bool(options.trainable), "max_seq_length": .integer(text.maxLength),
        ], weights: [("emb_layer.weight", table.shape, table.values)])
    ]
    switch network {
    case .bag: break
    case .cnn(_, _, .geluTanh): return nil
    case .cnn(let widths, let channels, let activation):
      var weights: [(String, [Int], [Float])] = []
      for (index, width) in widths.enumerated() {
        guard let kernel = weight("cnn.convs.\(index).weight"), let bias = weight("cnn.convs.\(index).bias") else {
          return nil
        }
        let odd = width | 1
        let rows = stride(from: 0, to: kernel.values.count, by: width).flatMap {
          Array(repeating: Float(0), count: odd - width) + kernel.values[$0..<$0 + width]
        }
        weights.append(("convs.\(index).weight", [kernel.shape[0], kernel.shape[1], odd], rows))
        weights.append(("convs.\(index).bias", bias.shape, bias.values))
      }
      let config: JSON = [
        "in_word_embedding_dimension": .integer(options.dimension), "out_channels": .integer(channels),
        "kernel_sizes": .array(widths.map { .integer($0 | 1) }),
        "stride_sizes": .array(widths.map { _ in .integer(1) }),
      ]
      modules.append(Module(type: "CNN", configName: "cnn_config.json", config: config, weights: weights))
      let width = channels * widths.count
      modules.append(.diagonal(width, width, activation, on: .tokens))
    case .recurrent(.lstm, let hidden, let layers, let bidirectional, let dropout):
      let config: JSON = [
        "word_embedding_dimension": .integer(options.dimension), "hidden_dim": .integer(hidden),
        "num_layers": .integer(layers), "dropout": .number(Double(dropout)), "bidirectional": .bool(bidirectional),
      ]
      let weights = parameters.filter { $0.name.hasPrefix("lstm.") }.map {
        ("encoder." + $0.name.dropFirst("lstm.".count), $0.shape, $0.tensor.scalars)
      }
      modules.append(Module(type: "LSTM", configName: "lstm_config.json", config: config, weights: weights))
    case .recurrent, .transformer: return nil
    }
    var width = network.width(of: options.dimension)
    var pooling: [(String, JSON)] = [("word_embedding_dimension", .integer(width))]
    let names: [(Pooling.Mode, String)] = [
      (.cls, "cls_token"), (.max, "max_tokens"), (.mean, "mean_tokens"), (.meanSqrtLength, "mean_sqrt_len_tokens"),
      (.weightedMean, "weightedmean_tokens"), (.last, "lasttoken"),
    ]
    // The older keys stand for a fixed order; the newer key, which older releases don't know, for any.
    if names.map(\.0).filter(modes.contains) == modes {
      pooling += names.map { ("pooling_mode_\($0.1)", .bool(modes.contains($0.0))) }
    } else {
      let newer: [Pooling.Mode: JSON] = [
        .cls: "cls", .max: "max", .mean: "mean", .meanSqrtLength: "mean_sqrt_len_tokens",
        .weightedMean: "weightedmean", .last: "lasttoken",
      ]
      pooling.append(("pooling_mode", .array(modes.compactMap { newer[$0] })))
    }
    modules.append(Module(type: "Pooling", config: .object(pooling.map { JSON.Member($0.0, $0.1) })))
    width *= modes.count
    for (index, step) in configuration.project.enumerated() {
      guard let outputs = try? step.output(of: width) else { return nil }
      switch step.kind {
      case .linear:
        guard let linear = weight("project.\(index).weight") else { return nil }
        modules.append(.dense(linear, bias: weight("project.\(index).bias")?.values, nil))
      case .activation(.geluTanh): return nil
      case .activation(let activation): modules.append(.diagonal(width, width, activation))
      case .truncate: modules.append(.diagonal(width, outputs, nil))
      case .normalize: modules.append(Module(type: "Normalize", config: [:]))
      case .dropout(let rate): modules.append(Module(type: "Dropout", config: ["dropout": .number(Double(rate))]))
      }
      width = outputs
    }
    return modules
  }
}
