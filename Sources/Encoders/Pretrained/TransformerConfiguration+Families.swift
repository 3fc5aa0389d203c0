import Checkpoints
import Foundation
import Tensors

/// What each family's `config.json` says, with the defaults of the transformers library.
extension TransformerConfiguration {
  /// More layers than any model has: what a damaged file says must not fill the memory.
  private static let mostLayers = 4096

  mutating func readBERT(_ file: ModelConfigurationFile) throws {
    vocabularySize = try file.integer("vocab_size")
    width = try file.integer("hidden_size")
    layers = try file.integer("num_hidden_layers", most: TransformerConfiguration.mostLayers)
    heads = try file.integer("num_attention_heads")
    intermediate = try file.integer("intermediate_size")
    activation = try file.activation("hidden_act", default: family == .albert ? "gelu_new" : "gelu")
    epsilon = try file.number("layer_norm_eps", default: 1e-12)
    if family != .mpnet { typeVocabularySize = try file.integer("type_vocab_size", default: 2, least: 0) }
    paddingID = try file.integerIfAny("pad_token_id")
    _ = try file.choice("position_embedding_type", ["absolute"], default: "absolute")
    let entries = try file.integer("max_position_embeddings", default: 512)
    switch family {
    case .roberta, .xlmRoberta, .camembert:
      let padding = paddingID ?? 1
      paddingID = padding
      positions = .learned(entries: entries, offset: padding + 1)
    case .mpnet:
      // Its code has the padding at 1 whatever the configuration says.
      paddingID = 1
      let buckets = try file.integer("relative_attention_num_buckets", default: 32, least: RelativePositions.buckets)
      positions = .bucketed(entries: entries, offset: 2, buckets: buckets)
    default: positions = .learned(entries: entries, offset: 0)
    }
    maximumLength = entries - positions.offset
    guard maximumLength > 0 else {
      throw file.error("max_position_embeddings", "\(entries) leave no position after the padding's")
    }
    let rate = try file.rate("hidden_dropout_prob", default: family == .albert ? 0 : 0.1)
    dropout = DropoutRates(
      embedding: rate,
      probabilities: try file.rate("attention_probs_dropout_prob", default: family == .albert ? 0 : 0.1),
      attention: rate, output: family == .albert ? 0 : rate, classifier: rate)
    switch family {
    case .albert:
      embeddingWidth = try file.integer("embedding_size", default: 128)
      groups = try file.integer("num_hidden_groups", default: 1, most: layers)
      groupLayers = try file.integer("inner_group_num", default: 1, most: 64)
      layers *= groupLayers
      dropout.classifier = try file.rate("classifier_dropout_prob", default: 0.1)
    case .electra:
      embeddingWidth = try file.integer("embedding_size", default: 128)
      dropout.classifier = try file.rate("classifier_dropout", default: rate)
    case .mpnet: break
    default: dropout.classifier = try file.rate("classifier_dropout", default: rate)
    }
  }

  mutating func readDistilBERT(_ file: ModelConfigurationFile) throws {
    vocabularySize = try file.integer("vocab_size")
    width = try file.integer("dim", "hidden_size")
    layers = try file.integer("n_layers", "num_hidden_layers", most: TransformerConfiguration.mostLayers)
    heads = try file.integer("n_heads", "num_attention_heads")
    intermediate = try file.integer("hidden_dim", default: 4 * width)
    activation = try file.activation("activation", default: "gelu")
    paddingID = try file.integerIfAny("pad_token_id")
    maximumLength = try file.integer("max_position_embeddings", default: 512)
    positions = .learned(entries: maximumLength, offset: 0)
    let rate = try file.rate("dropout", default: 0.1)
    dropout = DropoutRates(
      embedding: rate, probabilities: try file.rate("attention_dropout", default: 0.1), output: rate,
      classifier: try file.rate("seq_classif_dropout", default: 0.2))
  }

  mutating func readModernBERT(_ file: ModelConfigurationFile) throws {
    vocabularySize = try file.integer("vocab_size")
    width = try file.integer("hidden_size")
    layers = try file.integer("num_hidden_layers", most: TransformerConfiguration.mostLayers)
    heads = try file.integer("num_attention_heads")
    intermediate = try file.integer("intermediate_size")
    activation = try file.activation("hidden_activation", default: "gelu")
    epsilon = try file.number("norm_eps", default: 1e-5)
    paddingID = try file.integerIfAny("pad_token_id")
    maximumLength = try file.integer("max_position_embeddings", default: 8192)
    norm = NormForm(hasBias: try file.bool("norm_bias", default: false), isFirst: true)
    let (attention, mlp) = (try file.bool("attention_bias", default: false), try file.bool("mlp_bias", default: false))
    biases = Biases(projections: attention, output: attention, up: mlp, down: mlp)
    guard width % heads == 0 else {
      throw file.error("num_attention_heads", "\(heads) heads do not divide a width of \(width)")
    }
    rotary = [
      try file.rotary(
        width: width / heads, thetaKeys: ["global_rope_theta"], defaultTheta: 160_000,
        layerType: "full_attention", positions: maximumLength),
      try file.rotary(
        width: width / heads, thetaKeys: ["local_rope_theta"], defaultTheta: 10_000, layerType: "sliding_attention",
        positions: maximumLength),
    ]
    let (every, window) = (
      try file.integer("global_attn_every_n_layers", default: 3), try file.integer("local_attention", default: 128) / 2
    )
    layerForms = try slidingLayers(file) { $0 % every != 0 }.map { isLocal in
      LayerForm(rotary: isLocal ? 1 : 0, window: isLocal ? window : nil)
    }
    dropout = DropoutRates(
      embedding: try file.rate("embedding_dropout", default: 0),
      probabilities: try file.rate("attention_dropout", default: 0),
      attention: try file.rate("attention_dropout", default: 0), inner: try file.rate("mlp_dropout", default: 0),
      classifier: try file.rate("classifier_dropout", default: 0))
    classifier = ClassifierForm(
      usesMean: try file.choice("classifier_pooling", ["cls", "mean"], default: "cls") == "mean",
      activation: try file.activation("classifier_activation", default: "gelu"),
      hasBias: try file.bool("classifier_bias", default: false),
      decoderBias: try file.bool("decoder_bias", default: true))
  }

  /// NomicBERT as its own code writes it, with GPT-2's names of keys.
  mutating func readNomicBERT(_ file: ModelConfigurationFile) throws {
    for (key, wanted) in [("prenorm", false), ("parallel_block", false), ("use_rms_norm", false), ("causal", false)] {
      if try file.bool(key, default: wanted) != wanted { throw file.error(key, "only \(wanted) is supported") }
    }
    for key in ["moe_every_n_layers", "num_heads_kv", "rotary_emb_scale_base"] {
      if let (_, value) = file.value([key]), value.double != 0 {
        throw file.error(key, "\(value.text()) is not supported; supported: null")
      }
    }
    // Its code rounds the vocabulary and the inner width up.
    let multiple = try file.integer("pad_vocab_size_multiple", default: 1)
    vocabularySize = (try file.integer("vocab_size") + multiple - 1) / multiple * multiple
    width = try file.integer("n_embd")
    layers = try file.integer("n_layer", most: TransformerConfiguration.mostLayers)
    heads = try file.integer("n_head")
    let gated = ["swiglu": Activation.silu, "geglu": .gelu, "glu": .sigmoid]
    let name = try file.choice("activation_function", gated.keys.sorted(), default: "swiglu")
    activation = gated[name] ?? .silu
    let inner = try file.integer("n_inner", default: 4 * width)
    intermediate = (inner + 255) / 256 * 256
    epsilon = try file.number("layer_norm_epsilon", default: 1e-12)
    typeVocabularySize = try file.integer("type_vocab_size", default: 2, least: 0)
    paddingID = try file.integerIfAny("pad_token_id")
    maximumLength = try file.integer("n_positions", "max_position_embeddings", default: 2048)
    let projections = try file.bool("qkv_proj_bias", default: false)
    biases = Biases(
      projections: projections, output: projections, up: try file.bool("mlp_fc1_bias", default: false),
      down: try file.bool("mlp_fc2_bias", default: false))
    guard width % heads == 0 else { throw file.error("n_head", "\(heads) heads do not divide a width of \(width)") }
    let share = try file.number("rotary_emb_fraction", default: 1)
    var form = RotaryForm(
      theta: try file.number("rotary_emb_base", default: 1000), width: Int(Float(width / heads) * share),
      interleaved: try file.bool("rotary_emb_interleaved", default: false))
    guard form.theta > 0, share > 0, share <= 1, form.width % 2 == 0 else {
      throw file.error("rotary_emb_fraction", "\(share) of \(width / heads) columns can't be turned in pairs")
    }
    if let (key, _) = file.value(["rotary_scaling_factor"]) {
      guard form.width > 2 else { throw file.error(key, "needs more than 2 turned columns, found \(form.width)") }
      let trained = try file.integer("max_trained_positions", default: 2048)
      form.scaling = .dynamic(try file.positive(key), trained: trained)
    }
    rotary = [form]
    layerForms = Array(repeating: LayerForm(rotary: 0), count: layers)
    let rate = try file.rate("resid_pdrop", default: 0)
    dropout = DropoutRates(
      embedding: try file.rate("embd_pdrop", default: 0), probabilities: try file.rate("attn_pdrop", default: 0),
      attention: rate, output: rate, classifier: try file.rate("classifier_dropout", default: rate))
  }

  /// GTE as its own code (`new`) and transformers (`gte`) write it, and NomicBERT as transformers does.
  mutating func readGTE(_ file: ModelConfigurationFile) throws {
    let isNomic = family == .nomicBERT
    vocabularySize = try file.integer("vocab_size")
    width = try file.integer("hidden_size")
    layers = try file.integer("num_hidden_layers", most: TransformerConfiguration.mostLayers)
    heads = try file.integer("num_attention_heads")
    intermediate = try file.integer("intermediate_size")
    activation = try file.activation("hidden_act", default: isNomic ? "silu" : "gelu")
    epsilon = try file.number("layer_norm_eps", default: 1e-12)
    typeVocabularySize = try file.integer("type_vocab_size", default: isNomic ? 2 : 1, least: 0)
    paddingID = try file.integerIfAny("pad_token_id")
    maximumLength = try file.integer("max_position_embeddings", default: isNomic ? 2048 : 8192)
    if family == .new {
      _ = try file.choice("position_embedding_type", ["rope"], default: "rope")
      _ = try file.choice("layer_norm_type", ["layer_norm"], default: "layer_norm")
      if try file.bool("logn_attention_scale", default: false) {
        throw file.error("logn_attention_scale", "only false is supported")
      }
    }
    headWidth = try file.integer("head_dim", default: max(1, width / heads))
    guard headWidth * heads == width else {
      throw file.error("num_attention_heads", "\(heads) heads of \(headWidth) do not make a width of \(width)")
    }
    let theta: Float = isNomic ? 1000 : family == .new ? 10_000 : 160_000
    rotary = [try file.rotary(width: headWidth, defaultTheta: theta, positions: maximumLength)]
    layerForms = Array(repeating: LayerForm(rotary: 0), count: layers)
    biases = Biases(projections: !isNomic, output: !isNomic, up: false, down: !isNomic)
    let rate = try file.rate("hidden_dropout_prob", default: isNomic ? 0 : 0.1)
    dropout = DropoutRates(
      embedding: rate, probabilities: try file.rate("attention_probs_dropout_prob", default: 0), attention: rate,
      inner: isNomic ? 0 : rate, output: rate, classifier: try file.rate("classifier_dropout", default: rate))
  }

  mutating func readQwen3(_ file: ModelConfigurationFile) throws {
    vocabularySize = try file.integer("vocab_size")
    width = try file.integer("hidden_size")
    layers = try file.integer("num_hidden_layers", most: TransformerConfiguration.mostLayers)
    heads = try file.integer("num_attention_heads")
    keyHeads = try file.integer("num_key_value_heads", default: heads)
    headWidth = try file.integer("head_dim", default: 128)
    intermediate = try file.integer("intermediate_size")
    activation = try file.activation("hidden_act", default: "silu")
    epsilon = try file.number("rms_norm_eps", default: 1e-6)
    paddingID = try file.integerIfAny("pad_token_id")
    maximumLength = try file.integer("max_position_embeddings", default: 32768)
    norm = NormForm(isRMS: true, hasBias: false, isFirst: true)
    let bias = try file.bool("attention_bias", default: false)
    biases = Biases(projections: bias, output: bias, up: false, down: false)
    dropout.probabilities = try file.rate("attention_dropout", default: 0)
    rotary = [try file.rotary(width: headWidth, defaultTheta: 10_000, positions: maximumLength)]
    let window =
      try file.bool("use_sliding_window", default: false) ? file.integerIfAny("sliding_window", least: 1) : nil
    let firstLocal = try file.integer("max_window_layers", default: 28, least: 0)
    let isCausal = try file.bool("is_causal", default: true)
    layerForms = try slidingLayers(file) { window != nil && $0 >= firstLocal }.map { isLocal in
      // Where attention is causal the window counts the row itself.
      LayerForm(rotary: 0, window: isLocal ? window.map { $0 - (isCausal ? 1 : 0) } : nil, causal: isCausal)
    }
  }

  /// Whether each layer sees a window only: `layer_types`, or a rule of the layer's number.
  private func slidingLayers(_ file: ModelConfigurationFile, _ rule: (Int) -> Bool) throws -> [Bool] {
    guard let (key, value) = file.value(["layer_types"]) else { return (0..<layers).map(rule) }
    guard let types = value.elements, types.count == layers else {
      throw file.error(key, "expected a type for each of the \(layers) layers, found \(value.text().prefix(80))")
    }
    return try types.map { type in
      switch type.string {
      case "full_attention": return false
      case "sliding_attention": return true
      default:
        throw file.error(key, "\(type.text()) is not supported; supported: full_attention, sliding_attention")
      }
    }
  }
}

extension TransformerConfiguration.Positions {
  /// The entry of a text's first position.
  var offset: Int {
    switch self {
    case .none: 0
    case .learned(_, let offset), .bucketed(_, let offset, _): offset
    }
  }
}
