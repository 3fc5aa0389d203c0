/// Pieces of a unigram model.
extension ClassParts {
  struct PieceClass {
    /// The id of the unknown piece.
    var unknown: Int32
    /// Whether `unknown` counts only where the vocabulary hasn't the `unk_token`.
    var findsUnknown = false
    /// Whether text is cut at white space first.
    var cuts = false
    /// Where marks are added without `add_prefix_space`; nil: it doesn't count.
    var withoutPrefix: Metaspace.Prepending? = .never
    /// The special tokens round one text; nil: what the file does.
    var single: String?
    /// And round two.
    var pair = ""
  }

  static let pieceClasses: [String: PieceClass] = [
    "XLMRobertaTokenizer": PieceClass(unknown: 3, cuts: true, single: "bos A eos", pair: "bos A eos eos B eos"),
    "CamembertTokenizer": PieceClass(
      unknown: 0, findsUnknown: true, cuts: true, single: "bos A eos", pair: "bos A eos eos B eos"),
    "AlbertTokenizer": PieceClass(unknown: 1, cuts: true),
    "T5Tokenizer": PieceClass(unknown: 2, cuts: true, withoutPrefix: nil, single: "A eos", pair: "A eos B eos"),
    "XLNetTokenizer": PieceClass(
      unknown: 0, cuts: true, withoutPrefix: nil, single: "A sep cls:2", pair: "A sep B:1 sep:1 cls:2"),
    "MBartTokenizer": PieceClass(
      unknown: 3, cuts: true, withoutPrefix: nil, single: "A eos language", pair: "A B eos language"),
    "MBart50Tokenizer": PieceClass(
      unknown: 3, withoutPrefix: nil, single: "language A eos", pair: "language A B eos"),
    "BarthezTokenizer": PieceClass(unknown: 3),
    "BigBirdTokenizer": PieceClass(
      unknown: 100, findsUnknown: true, single: "cls A sep", pair: "cls A sep B:1 sep:1"),
    "DebertaV2Tokenizer": PieceClass(
      unknown: 1, findsUnknown: true, withoutPrefix: .first, single: "cls A sep", pair: "cls A sep B:1 sep:1"),
    "PegasusTokenizer": PieceClass(
      unknown: 0, findsUnknown: true, withoutPrefix: nil, single: "A eos", pair: "A B eos"),
    "RemBertTokenizer": PieceClass(unknown: 2, single: "cls A sep", pair: "cls A sep B:1 sep:1"),
    "XGLMTokenizer": PieceClass(unknown: 3, single: "eos A", pair: "eos A eos eos B"),
  ]

  mutating func build(_ pieces: Unigram) throws {
    guard let known = ClassParts.pieceClasses[name] else { return }
    normalizer = try pieceNormalizer(normalizer?.firstPrecompiled)
    let addsPrefixSpace = try known.withoutPrefix == nil || flag("add_prefix_space", true)
    let metaspace = Metaspace(prepending: addsPrefixSpace ? .always : known.withoutPrefix ?? .always)
    let cutsPunctuation = try name == "DebertaV2Tokenizer" && flag("split_by_punct", false)
    var steps: [PreTokenizer] = [.metaspace(metaspace)]
    if known.cuts { steps.insert(.whitespaceSplit, at: 0) }
    if cutsPunctuation { steps.insert(.punctuation(.isolated), at: 0) }
    preTokenizer = .sequence(steps)
    decoder = .metaspace(metaspace)
    var unknown = known.unknown
    if name == "XLNetTokenizer" || name == "DebertaV2Tokenizer" {
      unknown = Int32(try settings.count("unk_id", default: Int(unknown)))
    }
    if known.findsUnknown, let text = special("unk")?.text { unknown = pieces.vocabulary.id(of: text) ?? unknown }
    var built = pieces
    if Int(unknown) < pieces.scores.count { built.unknownID = unknown }
    built.fallsBackToBytes = false
    model = .unigram(built)
    switch (name, postProcessor) {
    case ("AlbertTokenizer", nil): arrange("cls A sep", "cls A sep B:1 sep:1")
    case ("RemBertTokenizer", nil): break
    default: if let single = known.single { arrange(single, known.pair) }
    }
  }

  private func pieceNormalizer(_ map: Normalizer?) throws -> Normalizer? {
    var steps: [Normalizer] = []
    func replace(_ pattern: String, _ content: String) throws {
      steps.append(.replace(try TextPattern(regex: pattern), content))
    }
    switch name {
    case "XLMRobertaTokenizer", "CamembertTokenizer", "T5Tokenizer": return map
    case "AlbertTokenizer", "RemBertTokenizer", "XLNetTokenizer":
      steps = [.replace(TextPattern("``"), "\""), .replace(TextPattern("''"), "\"")]
      let isRemBert = name == "RemBertTokenizer"
      if isRemBert { try replace(" {2,}", " ") }
      let keepsAccents = try name != "XLNetTokenizer" && flag("keep_accents", isRemBert)
      if !keepsAccents { steps += [.nfkd, .stripAccents] }
      if try flag("do_lower_case", name == "AlbertTokenizer") { steps.append(.lowercase) }
      if let map { steps.append(map) }
    case "MBart50Tokenizer", "PegasusTokenizer", "XGLMTokenizer":
      if let map { steps.append(map) } else if name == "PegasusTokenizer" { try replace("\\n", " ") }
      try replace(" {2,}", " ")
    case "BigBirdTokenizer": try replace(" {2,}", "▁")
    case "BarthezTokenizer", "DebertaV2Tokenizer":
      if try name == "DebertaV2Tokenizer" && flag("do_lower_case", false) { steps.append(.lowercase) }
      try replace(#"\s{2,}|[\n\r\t]"#, " ")
      steps += [.nfc, .strip(left: false, right: true)]
    default: return nil
    }
    return .sequence(steps)
  }
}

extension Normalizer {
  /// The compiled table that it is, or the first among its steps.
  var firstPrecompiled: Normalizer? {
    switch self {
    case .precompiled: self
    case .sequence(let steps): steps.first { if case .precompiled = $0 { true } else { false } }
    default: nil
    }
  }
}
