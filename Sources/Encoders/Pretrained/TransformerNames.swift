import Layers

/// What a family calls its parameters in checkpoints.
struct TransformerNames: Sendable {
  enum Attention: Sendable {
    case fused(String)
    case separate(query: String, key: String, value: String)
  }
  enum FeedForward: Sendable {
    /// One product up, activated.
    case plain(String)
    /// Gate and values in one product.
    case gated(String, gateFirst: Bool)
    case separatelyGated(gate: String, up: String)
  }

  /// What precedes the names in models with heads.
  var prefix: String
  var words = "embeddings.word_embeddings"
  var positions = "embeddings.position_embeddings"
  var types = "embeddings.token_type_embeddings"
  var embeddingNorm: String? = "embeddings.LayerNorm"
  /// From the embeddings' width to the model's, where they differ.
  var projection = "embeddings_project"
  var layers = "encoder.layer"
  var attention = Attention.separate(
    query: "attention.self.query", key: "attention.self.key", value: "attention.self.value")
  var attentionOutput = "attention.output.dense"
  var attentionNorm = "attention.output.LayerNorm"
  var feedForward = FeedForward.plain("intermediate.dense")
  var down = "output.dense"
  var outputNorm = "output.LayerNorm"
  /// Norms of each head of queries and keys.
  var headNorms: (query: String, key: String)?
  var finalNorm: String?
  /// Whether the first layer has no norm before attention, the embeddings having just had one.
  var skipsFirstNorm = false

  /// The names of a family, in the spelling that the file at `scope` has (the library's own for a new model).
  init(_ family: TransformerConfiguration.Family, at scope: Scope) {
    func has(_ name: String) -> Bool { scope.place(of: name) != nil }
    prefix = family.rawValue
    switch family {
    case .bert, .electra: break
    case .roberta, .xlmRoberta, .camembert: prefix = "roberta"
    case .distilbert:
      layers = "transformer.layer"
      attention = .separate(query: "attention.q_lin", key: "attention.k_lin", value: "attention.v_lin")
      (attentionOutput, attentionNorm) = ("attention.out_lin", "sa_layer_norm")
      (feedForward, down, outputNorm) = (.plain("ffn.lin1"), "ffn.lin2", "output_layer_norm")
    case .mpnet:
      attention = .separate(query: "attention.attn.q", key: "attention.attn.k", value: "attention.attn.v")
      (attentionOutput, attentionNorm) = ("attention.attn.o", "attention.LayerNorm")
    case .albert:
      projection = "encoder.embedding_hidden_mapping_in"
      layers = "encoder.albert_layer_groups"
      attention = .separate(query: "attention.query", key: "attention.key", value: "attention.value")
      (attentionOutput, attentionNorm) = ("attention.dense", "attention.LayerNorm")
      (feedForward, down, outputNorm) = (.plain("ffn"), "ffn_output", "full_layer_layer_norm")
    case .modernbert:
      (prefix, words, embeddingNorm) = ("model", "embeddings.tok_embeddings", "embeddings.norm")
      layers = "layers"
      (attention, attentionOutput, attentionNorm) = (.fused("attn.Wqkv"), "attn.Wo", "attn_norm")
      (feedForward, down, outputNorm) = (.gated("mlp.Wi", gateFirst: true), "mlp.Wo", "mlp_norm")
      (finalNorm, skipsFirstNorm) = ("final_norm", true)
    case .qwen3:
      (prefix, words, embeddingNorm, layers) = ("model", "embed_tokens", nil, "layers")
      useSelfAttention()
      (attentionNorm, outputNorm) = ("input_layernorm", "post_attention_layernorm")
      headNorms = ("self_attn.q_norm", "self_attn.k_norm")
      finalNorm = "norm"
    case .nomicBERT where has("emb_ln.weight"):
      (prefix, embeddingNorm, layers) = ("bert", "emb_ln", "encoder.layers")
      (attention, attentionOutput, attentionNorm) = (.fused("attn.Wqkv"), "attn.out_proj", "norm1")
      (feedForward, down, outputNorm) = (.separatelyGated(gate: "mlp.fc12", up: "mlp.fc11"), "mlp.fc2", "norm2")
    case .new, .gte, .nomicBERT:
      if has("encoder.layer.0.attention.qkv_proj.weight") || family == .new {
        prefix = "new"
        (attention, attentionOutput, attentionNorm) = (.fused("attention.qkv_proj"), "attention.o_proj", "attn_ln")
        (feedForward, down) = (.gated("mlp.up_gate_proj", gateFirst: false), "mlp.down_proj")
        outputNorm = "mlp_ln"
      } else {
        layers = "layers"
        useSelfAttention()
        (attentionNorm, outputNorm) = ("post_attention_layernorm", "post_mlp_layernorm")
      }
    }
  }

  /// Llama's names, which newer code takes over.
  private mutating func useSelfAttention() {
    attention = .separate(query: "self_attn.q_proj", key: "self_attn.k_proj", value: "self_attn.v_proj")
    attentionOutput = "self_attn.o_proj"
    feedForward = .separatelyGated(gate: "mlp.gate_proj", up: "mlp.up_proj")
    down = "mlp.down_proj"
  }

  /// Parts that a checkpoint may have beside the encoder: heads, and tables that are computed here.
  static func isUnused(_ name: String, prefix: String) -> Bool {
    let name = prefix.isEmpty || !name.hasPrefix(prefix + ".") ? name : String(name.dropFirst(prefix.count + 1))
    return heads.contains { name == $0 || name.hasPrefix($0 + ".") }
      || tables.contains { name == $0 || name.hasSuffix("." + $0) }
  }
  private static let heads = [
    "pooler", "cls", "lm_head", "classifier", "pre_classifier", "vocab_transform", "vocab_layer_norm",
    "vocab_projector", "qa_outputs", "predictions", "sop_classifier", "discriminator_predictions",
    "generator_predictions", "generator_lm_head", "head", "decoder", "score", "linear", "sequence_summary",
  ]
  private static let tables = ["position_ids", "token_type_ids", "inv_freq"]
}
