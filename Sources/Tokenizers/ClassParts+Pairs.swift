/// Pairs of bytes or characters.
extension ClassParts {
  mutating func build(_ pairs: BPE) throws {
    switch name {
    case "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "NllbTokenizer", "ReformerTokenizer":
      try buildMarks(pairs)
    case "HerbertTokenizer", "OpenAIGPTTokenizer": buildWords(pairs)
    default: try buildBytes(pairs)
    }
  }

  /// The model with other options; what its words' parts begin and end with remains.
  private mutating func setModel(_ pairs: BPE, unknown: String? = nil, fuses: Bool = false, bytes: Bool = false) {
    var options = BPE.Options()
    options.unknown = unknown
    options.continuationPrefix = pairs.options.continuationPrefix
    options.endOfWordSuffix = pairs.options.endOfWordSuffix
    options.fusesUnknown = fuses
    options.fallsBackToBytes = bytes
    model = .bpe(BPE(vocabulary: pairs.vocabulary, table: pairs.merges, options: options))
  }

  /// GPT-2 and its descendants.
  private mutating func buildBytes(_ pairs: BPE) throws {
    var step = ByteLevel(addsPrefixSpace: try flag("add_prefix_space", name == "BlenderbotTokenizer"))
    switch name {
    case "GPT2Tokenizer", "BlenderbotTokenizer": normalizer = nil
    case "CodeGenTokenizer":
      normalizer = nil
      postProcessor = postProcessor ?? .byteLevel(ByteLevel(trimsOffsets: false))
    case "RobertaTokenizer":
      normalizer = nil
      surround(
        ByteLevel(addsPrefixSpace: step.addsPrefixSpace, trimsOffsets: try flag("trim_offsets", true)))
    case "DebertaTokenizer":
      normalizer = nil
      arrange("cls A sep", "cls A sep sep B sep")
    case "GPTNeoXTokenizer": (normalizer, postProcessor) = (.nfc, nil)
    case "CohereTokenizer", "Qwen2Tokenizer", "Qwen3_5Tokenizer": normalizer = .nfc
    default: return
    }
    switch name {
    case "CohereTokenizer": preTokenizer = .sequence([.digits(individual: true), .byteLevel(step)])
    case "Qwen2Tokenizer", "Qwen3_5Tokenizer":
      step.regex = false
      // The later one takes marks for letters.
      let (letter, mark) = name == "Qwen2Tokenizer" ? (#"\p{L}"#, "") : (#"[\p{L}\p{M}]"#, #"\p{M}"#)
      let pattern = try TextPattern(
        regex: #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?"# + letter + #"+|\p{N}| ?[^\s\p{L}"# + mark
          + #"\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#)
      preTokenizer = .sequence([.split(pattern, .isolated, inverted: false), .byteLevel(step)])
    default: preTokenizer = .byteLevel(step)
    }
    decoder = .byteLevel(ByteLevel())
    setModel(pairs)
  }

  /// SentencePiece's pairs, with marks for spaces.
  private mutating func buildMarks(_ pairs: BPE) throws {
    let map = normalizer?.firstPrecompiled
    let addsPrefixSpace = try flag("add_prefix_space", true)
    let unknown = special("unk")?.text
    switch name {
    case "GemmaTokenizer":
      normalizer = .replace(.space, "▁")
      preTokenizer = .split(.space, .mergedWithPrevious, inverted: false)
      decoder = SentencePieceModel.byteDecoder(strippingPrefix: false)
      setModel(pairs, unknown: unknown, fuses: true, bytes: true)
    case "NllbTokenizer", "ReformerTokenizer":
      let spaces = Normalizer.replace(try TextPattern(regex: " {2,}"), " ")
      normalizer = map.map { Normalizer.sequence([$0, spaces]) }
      preTokenizer = .metaspace(Metaspace())
      decoder = .metaspace(Metaspace())
      setModel(pairs, unknown: unknown, fuses: true)
      guard name == "NllbTokenizer" else { return }
      if try flag("legacy_behaviour", false) {
        arrange("A eos language", "A B eos language")
      } else {
        arrange("language A eos", "language A B eos")
      }
    default:
      let isLlama = name == "LlamaTokenizer"
      let prefix: Metaspace.Prepending = try isLlama && flag("legacy", false) ? .always : .first
      normalizer = nil
      preTokenizer = .metaspace(Metaspace(prepending: addsPrefixSpace ? prefix : .never, splits: false))
      decoder = SentencePieceModel.byteDecoder(strippingPrefix: addsPrefixSpace || !isLlama)
      setModel(pairs, unknown: isLlama ? nil : unknown, fuses: true, bytes: true)
      if !isLlama { arrange("bos A", "bos A bos:1 B:1") }
    }
  }

  /// A BERT's words, whose ends are marked.
  private mutating func buildWords(_ pairs: BPE) {
    let isGPT = name == "OpenAIGPTTokenizer"
    normalizer = .bert(
      cleanText: true, handleChineseCharacters: true, stripAccents: isGPT ? nil : false, lowercase: isGPT)
    preTokenizer = .bert
    decoder = .bpe(suffix: "</w>")
    setModel(pairs, unknown: special("unk")?.text)
    if !isGPT, let start = special("cls"), let separator = special("sep") {
      postProcessor = .bert(start: .init(start.text, 0), separator: .init(separator.text, 2))
    }
  }
}
