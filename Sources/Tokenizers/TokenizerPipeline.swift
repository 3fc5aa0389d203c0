import Synchronization

/// What a tokenizer works out once from its parts.
final class TokenizerPipeline: Sendable {
  /// Added tokens found in the text as it is.
  let plainTokens: AddedTokenMatcher
  /// Added tokens found, normalized, in the normalized text.
  let normalizedTokens: AddedTokenMatcher
  /// The normalized texts of added tokens that normalizing changes, by id.
  let normalizedContents: [Int32: String]
  /// The added tokens by id.
  let addedTokens: [Int32: AddedToken]
  /// The texts of special tokens.
  let specialContents: Set<[UInt8]>
  /// The id of each byte if the model takes raw bytes, which need not be written as printable scalars; else none.
  let byteIDs: [Int32]
  /// Whether ids can't be had without alignments.
  let needsAlignment: Bool
  private static let largestKept = 1 << 20
  private let workspaces = Mutex<[LentWorkspace]>([])

  init(_ model: TokenizerModel, _ normalizer: Normalizer?, _ preTokenizer: PreTokenizer?, _ tokens: [AddedToken]) {
    var plain: [(AddedToken, [UInt8])] = []
    var normalized: [(AddedToken, [UInt8])] = []
    var contents: [Int32: String] = [:]
    for token in tokens {
      guard token.normalized else {
        plain.append((token, Array(token.content.utf8)))
        continue
      }
      var (text, spare) = (AlignedText(), AlignedText())
      text.bytes = Array(token.content.utf8)
      normalizer?.apply(&text, &spare, origin: 0)
      if text.bytes != Array(token.content.utf8) { contents[token.id] = String(decoding: text.bytes, as: UTF8.self) }
      normalized.append((token, text.bytes))
    }
    plainTokens = AddedTokenMatcher(plain.map { (token: $0.0, text: $0.1) })
    normalizedTokens = AddedTokenMatcher(normalized.map { (token: $0.0, text: $0.1) })
    normalizedContents = contents
    addedTokens = Dictionary(tokens.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    specialContents = Set(tokens.filter(\.special).map { Array($0.content.utf8) })
    if case .bpe(let bpe) = model, bpe.prefix.isEmpty, bpe.suffix.isEmpty, !bpe.options.fallsBackToBytes,
      preTokenizer?.endsInBytes ?? false
    {
      byteIDs = bpe.byteIDs()
    } else {
      byteIDs = []
    }
    needsAlignment = preTokenizer.map { $0.asksForOrigin && (normalizer != nil || !$0.asksFirst) } ?? false
  }

  /// Lends memory, until `takeBack`: it grows once, not with every text.
  func lend() -> LentWorkspace { workspaces.withLock { $0.popLast() } ?? LentWorkspace() }

  /// Keeps the memory for the next one, but not what a very long text needed.
  func takeBack(_ lent: LentWorkspace) {
    let kept = lent.workspace.text.bytes.capacity + lent.workspace.pieces.text.bytes.capacity
    if kept < TokenizerPipeline.largestKept { workspaces.withLock { $0.append(lent) } }
  }
}

/// A workspace that is handed on as it is, not copied; one text has it at a time.
final class LentWorkspace: @unchecked Sendable {
  var workspace = TokenizerWorkspace()
}

/// Memory for one text at a time.
struct TokenizerWorkspace {
  var text = AlignedText()
  var spareText = AlignedText()
  var pieces = PreTokenized()
  var spare = PreTokenized()
  var sink = TokenSink()
  var cache = PieceCache()
  var wordBuffer: [UInt8] = []
  var bpe = BPEWorkspace()
  var unigram = UnigramWorkspace()
}

extension PreTokenizer {
  /// Whether the last thing that is done is to write bytes as printable scalars.
  var endsInBytes: Bool {
    switch self {
    case .byteLevel: true
    case .sequence(let steps): steps.last?.endsInBytes ?? false
    default: false
    }
  }

  /// Whether a step looks where in the original a piece starts.
  fileprivate var asksForOrigin: Bool {
    switch self {
    case .metaspace(let step): step.prepending == .first
    case .sequence(let steps): steps.contains { $0.asksForOrigin }
    default: false
    }
  }

  /// Whether that is the first step and the only one, so that pieces still are parts of the original.
  fileprivate var asksFirst: Bool {
    switch self {
    case .metaspace: true
    case .sequence(let steps): steps.first?.asksFirst ?? false && !steps.dropFirst().contains { $0.asksForOrigin }
    default: false
    }
  }
}
