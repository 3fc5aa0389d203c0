import Checkpoints
import Foundation
import Tensors

/// The architecture of a pretrained Transformer encoder, from its Hugging Face `config.json`.
public struct TransformerConfiguration: Sendable {
  /// The families of architectures, by their `model_type`.
  public enum Family: String, Sendable, CaseIterable {
    /// BERT. Source: Devlin et al. 2019.
    case bert
    /// RoBERTa. Source: Liu et al. 2019.
    case roberta
    /// XLM-RoBERTa, a RoBERTa of 100 languages. Source: Conneau et al. 2020.
    case xlmRoberta = "xlm-roberta"
    /// CamemBERT, a RoBERTa of French. Source: Martin et al. 2020.
    case camembert
    /// DistilBERT. Source: Sanh et al. 2019.
    case distilbert
    /// MPNet, with relative positions. Source: Song et al. 2020.
    case mpnet
    /// ALBERT, whose layers share parameters. Source: Lan et al. 2020.
    case albert
    /// ELECTRA's discriminator. Source: Clark et al. 2020.
    case electra
    /// ModernBERT, with windows of attention in most layers. Source: Warner et al. 2024.
    case modernbert
    /// Nomic BERT. Source: Nussbaum et al. 2024.
    case nomicBERT = "nomic_bert"
    /// GTE as transformers has it. Source: Zhang et al. 2024 (mGTE).
    case gte
    /// GTE of its authors' own code, Alibaba-NLP/new-impl.
    case new
    /// Qwen3, of embeddings and of reranking; a token sees those before it. Source: Zhang et al. 2025.
    case qwen3
  }

  /// The family.
  public let family: Family
  /// The number of token ids.
  public internal(set) var vocabularySize = 0
  /// Columns of a hidden state.
  public internal(set) var width = 0
  /// Columns of a token's embedding, where that isn't `width`.
  public internal(set) var embeddingWidth = 0
  /// The number of layers.
  public internal(set) var layers = 0
  /// Attention heads: of queries, and of keys and values.
  public internal(set) var heads = 0, keyHeads = 0
  /// Columns of a head.
  public internal(set) var headWidth = 0
  /// Columns between the two products of a feed-forward part.
  public internal(set) var intermediate = 0
  /// The number of token types; 0 if there are none.
  public internal(set) var typeVocabularySize = 0
  /// How many tokens of a text are read where the folder sets no limit, special tokens included.
  public internal(set) var maximumLength = 0
  /// The id of padding, which no text needs here; RoBERTa's positions count from it.
  public internal(set) var paddingID: Int?
  /// The `architectures` that the weights were saved as, such as `BertForMaskedLM`.
  public internal(set) var architectures: [String] = []
  /// The names of the labels of a classifier.
  public internal(set) var labels: [String] = []
  /// The file's own content, to be written beside the model again.
  public let json: JSON
  /// Where it was read from.
  public let url: URL

  var activation = Activation.gelu
  var epsilon: Float = 1e-12
  var initializerRange: Float = 0.02
  var positions = Positions.none
  var layerForms: [LayerForm] = []
  var rotary: [RotaryForm] = []
  var norm = NormForm()
  var biases = Biases()
  var dropout = DropoutRates()
  /// ALBERT: how many different groups of layers there are, and how many layers a group has.
  var groups = 0, groupLayers = 1
  var tiesEmbeddings = true
  var classifier = ClassifierForm()

  /// How a model knows where a token stands.
  enum Positions: Sendable, Equatable {
    /// Not at all, or by rotary angles.
    case none
    /// A learned vector a position, the first at `offset` of `entries`.
    case learned(entries: Int, offset: Int)
    /// The same, and a learned bias of attention by the bucket of the distance.
    case bucketed(entries: Int, offset: Int, buckets: Int)
  }

  /// What attention in one layer sees.
  struct LayerForm: Sendable, Equatable {
    /// Which of `rotary` turns it.
    var rotary: Int?
    /// How many rows before (and after, if not causal) it sees; nil: all.
    var window: Int?
    var causal = false
    /// How many rows at the start of each text it sees; nil: all.
    var seen: [Int]?
  }

  /// Multiplications and additions of the layers' matrix products for one token; attention's, which depend on the text's length, aside.
  public var operationsPerToken: Int {
    let attention = width * headWidth * (2 * heads + 2 * keyHeads)
    return 2 * layers * (attention + width * intermediate * (isGated ? 3 : 2))
  }

  /// Whether the feed-forward part is a gated linear unit.
  private var isGated: Bool { [.modernbert, .nomicBERT, .gte, .new, .qwen3].contains(family) }

  /// How many tokens a text may have: as many as there are learned positions; nil: any number, as rotary angles are computed for any.
  var positionLimit: Int? { positions == .none ? nil : maximumLength }

  /// Whether the weights were saved as a causal language model's.
  public var isLanguageModel: Bool {
    (architectures.first?.hasSuffix("ForCausalLM") ?? false) && json["is_causal"]?.bool ?? true
  }

  /// Whether all layers' outputs are wanted, for what comes after: `output_hidden_states`.
  var keepsLayers: Bool { json["output_hidden_states"]?.bool ?? false }

  struct NormForm: Sendable, Equatable {
    var isRMS = false, hasBias = true, isFirst = false
  }

  struct Biases: Sendable, Equatable {
    var projections = true, output = true, up = true, down = true
  }

  struct DropoutRates: Sendable, Equatable {
    /// `probabilities` are those of attention, `attention` what comes out of it.
    var embedding: Float = 0, probabilities: Float = 0, attention: Float = 0, inner: Float = 0, output: Float = 0,
      classifier: Float = 0
  }

  struct ClassifierForm: Sendable, Equatable {
    var usesMean = false, activation = Activation.gelu, hasBias = false
    var decoderBias = true
  }

  /// Reads a `config.json`, or one that is given as JSON, for a model whose file lies about it or is missing.
  ///
  /// - Throws: `FileError` naming the file, the key, and what is supported.
  public init(_ json: JSON, url: URL) throws {
    let file = ModelConfigurationFile(json: json, url: url)
    guard json.members != nil else { throw FileError(.malformed, url, "expected an object, found \(json.kind)") }
    let families = Family.allCases.map(\.rawValue)
    guard file.value(["model_type"]) != nil else {
      throw FileError(
        .missing, url, item: "model_type", "no such key; expected one of \(families.joined(separator: ", "))")
    }
    family = Family(rawValue: try file.choice("model_type", families, default: "")) ?? .bert
    (self.json, self.url) = (json, url)
    architectures = (json["architectures"]?.elements ?? []).compactMap(\.string)
    labels = try file.labels()
    initializerRange = try file.number("initializer_range", default: 0.02)
    tiesEmbeddings = try file.bool("tie_word_embeddings", default: family != .qwen3)
    if family != .qwen3, try file.bool("is_decoder", default: false) {
      throw file.error("is_decoder", "decoders are not supported")
    }
    // MPNet and GTE's own code don't read the key. In the others a text's tokens see those before them alone, or all if a longer text beside it
    // makes it padded.
    let isCausal = try file.bool("is_causal", default: false)
    guard !isCausal || [.qwen3, .mpnet, .new].contains(family) else {
      throw file.error("is_causal", "expected false for an encoder, found true")
    }
    switch family {
    case .bert, .roberta, .xlmRoberta, .camembert, .mpnet, .electra, .albert: try readBERT(file)
    case .distilbert: try readDistilBERT(file)
    case .modernbert: try readModernBERT(file)
    case .nomicBERT: try file.value(["n_embd"]) != nil ? readNomicBERT(file) : readGTE(file)
    case .gte, .new: try readGTE(file)
    case .qwen3: try readQwen3(file)
    }
    if keyHeads == 0 { keyHeads = heads }
    if headWidth == 0 {
      guard width % heads == 0 else {
        throw file.error("num_attention_heads", "\(heads) heads do not divide a width of \(width)")
      }
      headWidth = width / heads
    }
    guard heads % keyHeads == 0 else {
      throw file.error("num_key_value_heads", "expected a divisor of \(heads) heads, found \(keyHeads)")
    }
    if embeddingWidth == 0 { embeddingWidth = width }
    if layerForms.isEmpty { layerForms = Array(repeating: LayerForm(), count: layers) }
  }

  /// Reads a model folder's `config.json`; an adapter's folder has its base model's.
  ///
  /// - Throws: `FileError` naming the file, the key, and what is supported.
  public init(contentsOf folder: URL) throws {
    let url = try AdapterFolder.file("config.json", in: folder)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw FileError(
        .missing, url, "no such file: the number of attention heads can't be told from the weights alone")
    }
    try self.init(JSON(contentsOf: url), url: url)
  }

  /// Writes `config.json` into a folder, with float32 as the type of the weights that stand beside it.
  ///
  /// - Throws: `FileError` if the file can't be written.
  public func write(to folder: URL) throws {
    let members = (json.members ?? []).filter { !["dtype", "torch_dtype"].contains($0.name) }
    try AtomicFile.write(
      JSON.object(members + [.init("dtype", "float32")]), to: folder.appendingPathComponent("config.json"))
  }

  /// A BERT whose sizes are those of its weights, for folders without `config.json`.
  ///
  /// - Parameters:
  ///   - heads: can't be told from the weights; nil: 12 for 384 columns, as all MiniLMs have, else one for 64 columns.
  /// - Throws: `FileError` if the weights aren't a BERT's.
  public static func bert(of folder: URL, heads: Int? = nil) throws -> TransformerConfiguration {
    let checkpoint = try Checkpoint(folder)
    let suffix = "embeddings.word_embeddings.weight"
    guard let key = checkpoint.keys.first(where: { $0.hasSuffix(suffix) }) else {
      throw FileError(.missing, checkpoint.url, item: suffix, "no such tensor: not the weights of a BERT")
    }
    let prefix = String(key.dropLast(suffix.count))
    func size(_ name: String, _ axis: Int) throws -> JSON {
      let shape = try checkpoint.entry(prefix + name).shape
      guard shape.count == 2 else {
        throw FileError(.mismatched, checkpoint.url, item: prefix + name, "expected a table, found shape \(shape)")
      }
      return .integer(shape[axis])
    }
    let layers = (0...).first { !checkpoint.contains("\(prefix)encoder.layer.\($0).output.dense.weight") } ?? 0
    let width = try size("embeddings.word_embeddings.weight", 1).integer ?? 0
    let heads = heads ?? (width == 384 ? 12 : max(1, width / 64))
    let json: JSON = [
      "model_type": "bert", "architectures": .array(["BertModel"]), "hidden_act": "gelu",
      "vocab_size": try size("embeddings.word_embeddings.weight", 0),
      "hidden_size": try size("embeddings.word_embeddings.weight", 1),
      "max_position_embeddings": try size("embeddings.position_embeddings.weight", 0),
      "type_vocab_size": try size("embeddings.token_type_embeddings.weight", 0),
      "intermediate_size": try size("encoder.layer.0.intermediate.dense.weight", 0),
      "num_hidden_layers": .integer(layers), "num_attention_heads": .integer(heads),
    ]
    return try TransformerConfiguration(json, url: folder.appendingPathComponent("config.json"))
  }
}
