import Checkpoints
import Foundation

/// The class of transformers that a folder's tokenizer is of: what `tokenizer_config.json` says, else `config.json`,
/// else the one of the model's type.
struct TokenizerClass {
  /// Its name without "Fast"; the other class's where it is one under another name.
  let name: String
  /// The file that names it.
  let url: URL
  /// The key there.
  let key: String
  /// What it says, for messages.
  let found: String
  /// Whether a `tokenizer.json` is taken as it is, whatever the class, for models of this type.
  let takesFile: Bool

  /// The types of models by the classes that they have where no file names one; those that aren't here take a file's
  /// tokenizer as it is.
  private static let types: [String: [String]] = [
    "BertTokenizer": [
      "bert", "distilbert", "electra", "nomic_bert", "align", "blip", "bros", "chinese_clip", "convbert", "ernie",
      "flava", "git", "layoutlm", "lxmert", "megatron-bert", "mobilebert", "squeezebert", "tvp", "vilt", "visual_bert",
    ],
    "DPRQuestionEncoderTokenizer": ["dpr"], "FunnelTokenizer": ["funnel"], "LayoutLMv2Tokenizer": ["layoutlmv2"],
    "MPNetTokenizer": ["mpnet"], "RoFormerTokenizer": ["roformer"], "SplinterTokenizer": ["splinter"],
    "RobertaTokenizer": [
      "roberta", "bart", "bridgetower", "clap", "data2vec-text", "ibert", "led", "lilt", "longformer", "mra", "mvp",
      "roberta-prelayernorm",
    ],
    "GPT2Tokenizer": ["gpt2", "codegen", "gpt_neo", "gptj", "opt", "phi", "starcoder2"],
    "GPTNeoXTokenizer": ["gpt_neox", "falcon_mamba", "mamba", "mamba2", "mpt", "olmo", "olmoe", "rwkv", "xlstm"],
    "Qwen2Tokenizer": [
      "qwen2", "qwen2_5_omni", "qwen2_5_vl", "qwen2_audio", "qwen2_moe", "qwen2_vl", "qwen3", "qwen3_moe", "qwen3_next",
      "qwen3_omni_moe", "qwen3_vl", "qwen3_vl_moe",
    ],
    "Qwen3_5Tokenizer": ["qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_5_text"],
    "BlenderbotTokenizer": ["blenderbot"], "CohereTokenizer": ["cohere", "cohere2"], "DebertaTokenizer": ["deberta"],
    "OpenAIGPTTokenizer": ["openai-gpt"],
    "GemmaTokenizer": [
      "gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "recurrent_gemma", "t5gemma",
    ],
    "NllbTokenizer": ["nllb-moe"], "ReformerTokenizer": ["reformer"],
    "XLMRobertaTokenizer": ["xlm-roberta", "gte", "jina_embeddings_v3", "metaclip_2", "trocr", "xmod"],
    "CamembertTokenizer": ["camembert"], "AlbertTokenizer": ["albert", "yoso"], "FNetTokenizer": ["fnet"],
    "T5Tokenizer": ["t5", "mt5", "musicgen", "musicgen_melody", "switch_transformers"],
    "BigBirdTokenizer": ["big_bird"], "DebertaV2Tokenizer": ["deberta-v2"], "MBartTokenizer": ["mbart"],
    "PegasusTokenizer": ["pegasus"], "RemBertTokenizer": ["rembert"], "XGLMTokenizer": ["xglm"],
    "XLNetTokenizer": ["xlnet"],
  ]
  private static let names = [String: String](
    uniqueKeysWithValues: types.flatMap { name, types in types.map { ($0, name) } })

  /// The types of models with which transformers takes a file's tokenizer, whatever class a file names.
  private static let takingFiles: Set = [
    "modernbert", "modernbert-decoder", "nystromformer", "xlm-roberta-xl", "umt5", "bigbird_pegasus", "pegasus_x",
    "arctic", "ernie4_5", "ernie4_5_moe", "glm", "glm4", "gpt_bigcode", "granite", "granitemoe", "internlm2",
    "internlm3", "jamba", "llava", "minicpm3", "minimax_m2", "ministral", "ministral3", "mistral", "mistral3",
    "mixtral", "nemotron", "olmo2", "olmo3", "persimmon", "phi3", "phimoe", "smolvlm", "stablelm",
  ]

  /// The types of models whose own class counts, whatever class a file names.
  private static let keepingClasses: Set = ["qwen2", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text"]

  /// Names of the same classes.
  private static let aliases = [
    "DistilBertTokenizer": "BertTokenizer", "ElectraTokenizer": "BertTokenizer", "LayoutLMTokenizer": "BertTokenizer",
    "LxmertTokenizer": "BertTokenizer", "MobileBertTokenizer": "BertTokenizer", "SqueezeBertTokenizer": "BertTokenizer",
    "BartTokenizer": "RobertaTokenizer", "LEDTokenizer": "RobertaTokenizer", "LongformerTokenizer": "RobertaTokenizer",
    "MvpTokenizer": "RobertaTokenizer", "DPRContextEncoderTokenizer": "DPRQuestionEncoderTokenizer",
    "DPRReaderTokenizer": "DPRQuestionEncoderTokenizer",
  ]

  /// The special tokens that a class has unless a file says otherwise, by their keys.
  static let specialTokens: [String: [String: String]] = {
    /// In the order of the keys; a dash where there is none.
    func tokens(_ texts: String) -> [String: String] {
      [String: String](
        uniqueKeysWithValues: zip(SentencePieceConfiguration.keys, texts.split(separator: " ").map { String($0) })
          .filter { $0.1 != "-" })
    }
    let bert = tokens("- - [UNK] [SEP] [PAD] [CLS] [MASK]")
    let roberta = tokens("<s> </s> <unk> </s> <pad> <s> <mask>")
    let albert = tokens("[CLS] [SEP] <unk> [SEP] <pad> [CLS] [MASK]")
    let deberta = tokens("[CLS] [SEP] [UNK] [SEP] [PAD] [CLS] [MASK]")
    let xlnet = tokens("<s> </s> <unk> <sep> <pad> <cls> <mask>")
    let gpt2 = tokens("<|endoftext|> <|endoftext|> <|endoftext|> - - - -")
    let qwen2 = tokens("- <|endoftext|> <|endoftext|> - <|endoftext|> - -")
    let llama = tokens("<s> </s> <unk> - - - -")
    return [
      "BertTokenizer": bert, "ConvBertTokenizer": bert, "DPRQuestionEncoderTokenizer": bert,
      "LayoutLMv2Tokenizer": bert, "SplinterTokenizer": bert, "FunnelTokenizer": xlnet,
      "MPNetTokenizer": tokens("<s> </s> [UNK] </s> <pad> <s> <mask>"),
      "RobertaTokenizer": roberta, "BlenderbotTokenizer": roberta, "DebertaTokenizer": deberta,
      "GPT2Tokenizer": gpt2, "CodeGenTokenizer": gpt2,
      "GPTNeoXTokenizer": tokens("<|endoftext|> <|endoftext|> <|endoftext|> - <|padding|> - -"),
      "Qwen2Tokenizer": qwen2, "Qwen3_5Tokenizer": qwen2,
      "CohereTokenizer": tokens("<BOS_TOKEN> <|END_OF_TURN_TOKEN|> <UNK> <SEP> <PAD> <CLS> <MASK_TOKEN>"),
      "LlamaTokenizer": llama, "CodeLlamaTokenizer": llama,
      "GemmaTokenizer": tokens("<bos> <eos> <unk> - <pad> - <mask>"),
      "HerbertTokenizer": tokens("- - <unk> </s> <pad> <s> <mask>"), "OpenAIGPTTokenizer": tokens("- - <unk> - - - -"),
      "ReformerTokenizer": tokens("- </s> <unk> - - - -"), "NllbTokenizer": roberta,
      "XLMRobertaTokenizer": roberta, "CamembertTokenizer": roberta, "BarthezTokenizer": roberta,
      "MBartTokenizer": roberta, "MBart50Tokenizer": tokens("- </s> <unk> </s> <pad> <s> <mask>"),
      "XGLMTokenizer": tokens("<s> </s> <unk> </s> <pad> <s> -"), "XLNetTokenizer": xlnet,
      "AlbertTokenizer": albert, "FNetTokenizer": albert, "RemBertTokenizer": albert, "DebertaV2Tokenizer": deberta,
      "BigBirdTokenizer": tokens("<s> </s> <unk> [SEP] <pad> [CLS] [MASK]"),
      "T5Tokenizer": tokens("- </s> <unk> - <pad> - -"), "PegasusTokenizer": tokens("- </s> <unk> - <pad> - <mask_2>"),
    ]
  }()

  /// The classes whose mask takes the white space left of it unless a file says otherwise.
  static let maskingSpace: Set = [
    "MPNetTokenizer", "CamembertTokenizer", "BarthezTokenizer", "BigBirdTokenizer", "BlenderbotTokenizer",
    "MBartTokenizer", "MBart50Tokenizer", "NllbTokenizer", "XLNetTokenizer",
  ]

  /// The class by a folder's `config.json` and its `tokenizer_config.json`, read already; nil where neither names one.
  init?(_ settings: TokenizerPart, in folder: URL) throws {
    let config = try TokenizerPart("config.json", in: folder)
    let type = config.json["model_type"]?.string ?? ""
    takesFile = TokenizerClass.takingFiles.contains(type)
    let listed = try settings.optionalString("tokenizer_class")
    let text: String
    if !TokenizerClass.keepingClasses.contains(type), let name = listed ?? config.json["tokenizer_class"]?.string {
      (text, url) = (name, listed == nil ? config.url : settings.url)
      (key, found) = ("tokenizer_class", FileError.quoted(name))
    } else if let name = TokenizerClass.names[type] {
      (text, url, key, found) = (name, config.url, "model_type", "\(FileError.quoted(type)), which has \(name)")
    } else {
      return nil
    }
    let plain = text.hasSuffix("Fast") ? String(text.dropLast(4)) : text
    name = TokenizerClass.aliases[plain] ?? plain
  }
}
