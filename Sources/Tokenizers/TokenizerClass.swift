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

  /// The classes by the types of models; none for those that take a file's tokenizer as it is.
  private static let names = [
    "bert": "BertTokenizer", "distilbert": "BertTokenizer", "electra": "BertTokenizer", "nomic_bert": "BertTokenizer",
    "mpnet": "MPNetTokenizer", "roberta": "RobertaTokenizer", "gpt2": "GPT2Tokenizer",
    "xlm-roberta": "XLMRobertaTokenizer", "xmod": "XLMRobertaTokenizer", "gte": "XLMRobertaTokenizer",
    "camembert": "CamembertTokenizer", "albert": "AlbertTokenizer", "yoso": "AlbertTokenizer",
    "t5": "T5Tokenizer", "mt5": "T5Tokenizer", "switch_transformers": "T5Tokenizer",
    "big_bird": "BigBirdTokenizer", "deberta-v2": "DebertaV2Tokenizer", "fnet": "FNetTokenizer",
    "gemma": "GemmaTokenizer", "gemma2": "GemmaTokenizer", "gemma3_text": "GemmaTokenizer",
    "mbart": "MBartTokenizer", "pegasus": "PegasusTokenizer", "rembert": "RemBertTokenizer",
    "xlnet": "XLNetTokenizer",
  ]

  /// The types of models with which transformers doesn't trust the class.
  private static let takingFiles: Set = ["modernbert", "modernbert-decoder", "nystromformer", "xlm-roberta-xl"]

  /// Names of the same classes.
  private static let aliases = [
    "DistilBertTokenizer": "BertTokenizer", "ElectraTokenizer": "BertTokenizer",
    "MobileBertTokenizer": "BertTokenizer", "LayoutLMTokenizer": "BertTokenizer", "BartTokenizer": "RobertaTokenizer",
    "LongformerTokenizer": "RobertaTokenizer", "LEDTokenizer": "RobertaTokenizer",
  ]

  /// The special tokens that a class has unless a file says otherwise, by their keys.
  static let specialTokens: [String: [String: String]] = {
    let roberta = [
      "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>",
      "cls_token": "<s>", "mask_token": "<mask>",
    ]
    return [
      "BertTokenizer": [
        "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
      ],
      "MPNetTokenizer": roberta.merging(["unk_token": "[UNK]"]) { $1 },
      "RobertaTokenizer": roberta, "XLMRobertaTokenizer": roberta, "CamembertTokenizer": roberta,
      "AlbertTokenizer": [
        "bos_token": "[CLS]", "eos_token": "[SEP]", "unk_token": "<unk>", "sep_token": "[SEP]", "pad_token": "<pad>",
        "cls_token": "[CLS]", "mask_token": "[MASK]",
      ],
    ]
  }()

  /// The class by a folder's `config.json` and its `tokenizer_config.json`, read already; nil where neither names one.
  init?(_ settings: TokenizerPart, in folder: URL) throws {
    let config = try TokenizerPart("config.json", in: folder)
    let type = config.json["model_type"]?.string
    takesFile = type.map { TokenizerClass.takingFiles.contains($0) } ?? false
    let text: String
    if let name = try settings.optionalString("tokenizer_class") {
      (text, url, key, found) = (name, settings.url, "tokenizer_class", FileError.quoted(name))
    } else if let name = config.json["tokenizer_class"]?.string {
      (text, url, key, found) = (name, config.url, "tokenizer_class", FileError.quoted(name))
    } else if let type, let name = TokenizerClass.names[type] {
      (text, url, key, found) = (name, config.url, "model_type", "\(FileError.quoted(type)), which has \(name)")
    } else {
      return nil
    }
    let plain = text.hasSuffix("Fast") ? String(text.dropLast(4)) : text
    name = TokenizerClass.aliases[plain] ?? plain
  }
}

extension Tokenizer {
  /// What transformers' class of a folder's tokenizer makes of a `tokenizer.json`: it builds parts anew by
  /// `tokenizer_config.json` and its own defaults, and adds the tokens that other files list.
  func asItsClass(in folder: URL) throws -> Tokenizer {
    let settings = try TokenizerPart("tokenizer_config.json", in: folder)
    let known = try TokenizerClass(settings, in: folder)
    let name = known?.takesFile == true ? nil : known?.name
    let tokens = try ListedTokens(settings, in: folder, of: name)
    let added = tokens.joined(to: addedTokens, model.vocabulary)
    var (normalizer, preTokenizer, postProcessor, decoder) = (normalizer, preTokenizer, postProcessor, decoder)
    /// The special tokens of two keys; nil if one has no id.
    func pair(_ first: String, _ second: String) -> (PostProcessor.Token, PostProcessor.Token)? {
      func token(_ key: String) -> PostProcessor.Token? {
        guard let text = tokens.named.first(where: { $0.key == key })?.token.content else { return nil }
        return added.first { $0.content.utf8.elementsEqual(text.utf8) }.map { PostProcessor.Token(text, $0.id) }
      }
      guard let first = token(first), let second = token(second) else { return nil }
      return (first, second)
    }
    // All but ALBERT put their own special tokens in the place of the file's post-processor.
    switch (name, model) {
    case ("BertTokenizer", .wordPiece), ("MPNetTokenizer", .wordPiece):
      normalizer = try Tokenizer.normalizer(settings)
      preTokenizer = .bert
      if let (start, separator) = pair("cls_token", "sep_token") {
        postProcessor =
          name == "BertTokenizer"
          ? .bertTemplate(start: start, separator: separator)
          : .roberta(start: start, separator: separator, byteLevel: ByteLevel(addsPrefixSpace: false))
      }
    case ("RobertaTokenizer", .bpe):
      let addsPrefixSpace = try settings.bool("add_prefix_space", default: false)
      normalizer = nil
      preTokenizer = .byteLevel(ByteLevel(addsPrefixSpace: addsPrefixSpace))
      if let (start, separator) = pair("cls_token", "sep_token") {
        postProcessor = .roberta(
          start: start, separator: separator,
          byteLevel: ByteLevel(
            addsPrefixSpace: addsPrefixSpace, trimsOffsets: try settings.bool("trim_offsets", default: true)))
      }
    case ("GPT2Tokenizer", .bpe):
      guard case .byteLevel(var bytes) = preTokenizer else { break }
      bytes.addsPrefixSpace = try settings.bool("add_prefix_space", default: false)
      preTokenizer = .byteLevel(bytes)
    case ("XLMRobertaTokenizer", .unigram), ("CamembertTokenizer", .unigram), ("AlbertTokenizer", .unigram):
      let metaspace = Metaspace(
        prepending: try settings.bool("add_prefix_space", default: true) ? .always : .never)
      preTokenizer = .sequence([.whitespaceSplit, .metaspace(metaspace)])
      decoder = .metaspace(metaspace)
      let map = normalizer?.firstPrecompiled
      if name == "AlbertTokenizer" {
        normalizer = .albert(
          keepsAccents: try settings.bool("keep_accents", default: false),
          lowercase: try settings.bool("do_lower_case", default: true), map)
        if postProcessor == nil, let (start, separator) = pair("cls_token", "sep_token") {
          postProcessor = .bertTemplate(start: start, separator: separator)
        }
      } else {
        normalizer = map
        if let (start, end) = pair("bos_token", "eos_token") {
          postProcessor = .xlmRobertaTemplate(start: start, end: end)
        }
      }
    default: break
    }
    guard
      added != addedTokens || normalizer != self.normalizer || preTokenizer != self.preTokenizer
        || postProcessor != self.postProcessor || decoder != self.decoder
    else { return self }
    return Tokenizer(
      model: model, normalizer: normalizer, preTokenizer: preTokenizer, postProcessor: postProcessor, decoder: decoder,
      addedTokens: added, truncation: truncation, padding: padding)
  }
}

extension Normalizer {
  /// ALBERT's steps, with what a compiled table does last.
  fileprivate static func albert(keepsAccents: Bool, lowercase: Bool, _ map: Normalizer?) -> Normalizer {
    .sequence(
      [.replace(TextPattern("``"), "\""), .replace(TextPattern("''"), "\"")]
        + (keepsAccents ? [] : [.nfkd, .stripAccents]) + (lowercase ? [.lowercase] : []) + (map.map { [$0] } ?? []))
  }

  /// The compiled table that it is, or the first among its steps.
  fileprivate var firstPrecompiled: Normalizer? {
    switch self {
    case .precompiled: self
    case .sequence(let steps): steps.first { if case .precompiled = $0 { true } else { false } }
    default: nil
    }
  }
}
