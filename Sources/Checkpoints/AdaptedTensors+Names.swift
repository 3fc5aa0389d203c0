import Foundation

extension AdaptedTensors {
  /// A tensor of the base model's files, or one of several equal blocks of its rows.
  struct Place: Hashable, Sendable, CustomStringConvertible {
    var name: String
    /// Which block, of how many.
    var block = 0, blocks = 1

    /// The block's shape, of a tensor of that shape.
    func shape(in whole: [Int]) -> [Int] { whole.prefix(1).map { $0 / blocks } + whole.dropFirst() }

    var description: String { blocks == 1 ? name : "block \(block + 1) of \(blocks) of \(name)" }
  }

  /// What transformers keeps under other names in files than in memory, whose names adapters have: one part under one name, or several as
  /// blocks of one tensor. Source: transformers' `conversion_mapping`.
  private static let spellings: [[(parts: [String], name: String)]] = [
    // NomicBERT
    [
      (["layers"], "encoder.layers"), (["embeddings.LayerNorm"], "emb_ln"),
      (["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], "attn.Wqkv"),
      (["self_attn.o_proj"], "attn.out_proj"), (["post_attention_layernorm"], "norm1"),
      (["up_proj"], "fc11"), (["gate_proj"], "fc12"), (["down_proj"], "fc2"), (["post_mlp_layernorm"], "norm2"),
    ],
    // GTE
    [
      (["layers"], "encoder.layer"),
      (["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], "attention.qkv_proj"),
      (["self_attn.o_proj"], "attention.o_proj"), (["post_attention_layernorm"], "attn_ln"),
      (["up_proj", "gate_proj"], "up_gate_proj"), (["post_mlp_layernorm"], "mlp_ln"),
      (["lm_head.layer_norm"], "lm_head.norm"),
    ],
  ]

  /// A tensor's name without what PEFT puts round the base model's.
  static func plain(_ key: String) -> String {
    var name = key.hasPrefix("base_model.model.") ? String(key.dropFirst("base_model.model.".count)) : key
    for part in [".base_layer.", ".modules_to_save.default.", ".modules_to_save."] {
      name = name.replacingOccurrences(of: part, with: ".")
    }
    return name.replacingOccurrences(of: "lora_A.default.", with: "lora_A.")
      .replacingOccurrences(of: "lora_B.default.", with: "lora_B.")
  }

  /// Where a tensor of the model in memory is in the base model's files.
  static func place(of name: String, in known: Set<String>) -> Place? {
    if let name = stored(name, in: known) { return Place(name: name) }
    for spelling in spellings {
      var place = Place(name: ".\(name)")
      for (parts, name) in spelling {
        for (block, part) in parts.enumerated() where place.name.contains(".\(part).") {
          place.name = place.name.replacingOccurrences(of: ".\(part).", with: ".\(name).")
          if parts.count > 1 { (place.block, place.blocks) = (block, parts.count) }
        }
      }
      if let name = stored(String(place.name.dropFirst()), in: known) {
        place.name = name
        return place
      }
    }
    return nil
  }

  /// The base model's name of a tensor, which in its file may have another prefix, or none.
  private static func stored(_ name: String, in known: Set<String>) -> String? {
    if known.contains(name) { return name }
    if let found = known.filter({ $0.hasSuffix("." + name) }).min(by: { $0.utf8.count < $1.utf8.count }) {
      return found
    }
    let inner = name.drop { $0 != "." }.dropFirst()
    return known.contains(String(inner)) ? String(inner) : nil
  }
}
