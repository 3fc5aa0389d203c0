import Checkpoints
import Foundation

extension SentencePieceModel {
  /// A tokenizer that gives sentencepiece's own ids and adds no special tokens.
  func plainTokenizer(_ url: URL) throws -> Tokenizer {
    func ids(_ kinds: Set<Kind>) -> Set<Int32> {
      Set(pieces.indices.filter { kinds.contains(pieces[$0].kind) }.map { Int32($0) })
    }
    let symbols = pieces.lazy.filter { $0.kind == .userDefined }.map(\.text)
    switch algorithm {
    case .unigram:
      return Tokenizer(
        model: .unigram(
          try Unigram(
            vocabulary: Vocabulary(pieces.map(\.text)), scores: plainScores, unknownID: Int32(unknownID),
            fallsBackToBytes: fallsBackToBytes, hidden: ids([.unknown, .control, .byte, .unused]))),
        normalizer: try plainNormalizer(),
        decoder: SentencePieceModel.byteDecoder(strippingPrefix: addsDummyPrefix))
    case .bpe:
      var options = BPE.Options()
      options.unknown = pieces[unknownID].text
      options.fusesUnknown = true
      options.fallsBackToBytes = fallsBackToBytes
      // Symbols are cut out, and a piece that is a token is left whole.
      options.ignoresMerges = !symbols.isEmpty
      return Tokenizer(
        model: try bpe(options, merging: [.normal, .unused], hidden: ids([.unknown, .control, .byte]), url),
        normalizer: try plainNormalizer(),
        preTokenizer: symbols.isEmpty ? nil : .split(try symbolPattern(symbols), .isolated, inverted: false),
        decoder: SentencePieceModel.byteDecoder(strippingPrefix: addsDummyPrefix))
    }
  }

  /// The model's BPE: a piece's parts merge in the order of the pieces' ids, or of their scores if only some kinds are
  /// `merging`.
  func bpe(
    _ options: BPE.Options, merging kinds: Set<Kind>?, hidden: Set<Int32> = [], _ url: URL
  ) throws -> TokenizerModel {
    let vocabulary = try Vocabulary(pieces.map(\.text))
    var order = pieces.indices.map { $0 }
    if let kinds {
      order = order.filter { kinds.contains(pieces[$0].kind) }
      order.sort { pieces[$0].score != pieces[$1].score ? pieces[$0].score > pieces[$1].score : $0 < $1 }
    }
    var table = MergeTable(capacity: pieces.count)
    for piece in order {
      var text = pieces[piece].text
      text.withUTF8 { text in
        for cut in text.indices.dropFirst() where !UTF8Scalars.isContinuation(text[cut]) {
          guard let left = vocabulary.find(UnsafeBufferPointer(rebasing: text[..<cut])),
            let right = vocabulary.find(UnsafeBufferPointer(rebasing: text[cut...]))
          else { continue }
          table.append(left, right, merged: Int32(piece))
        }
      }
    }
    return .bpe(BPE(vocabulary: vocabulary, table: table, options: options, hidden: hidden))
  }

  /// Symbols get a score that nearly every path takes, as sentencepiece scores them: its highest is never below 0. What
  /// text must not spell gets a very low one, which is all that a `tokenizer.json` can say.
  private var plainScores: [Double] {
    let highest = max(0, pieces.lazy.filter { $0.kind == .normal }.map(\.score).max() ?? 0)
    return pieces.map { piece in
      switch piece.kind {
      case .normal, .unused: Double(piece.score)
      case .userDefined: Double(Float(piece.text.utf8.count) * highest - 0.1)
      case .unknown, .control, .byte: -1e9
      }
    }
  }

  private func plainNormalizer() throws -> Normalizer? {
    var steps: [Normalizer] = []
    func replace(_ pattern: String, _ content: String) throws {
      steps.append(.replace(try TextPattern(regex: pattern), content))
    }
    if var map = characterMap {
      map.takesLongest = true
      steps.append(.precompiled(map))
    }
    if removesExtraSpaces {
      try replace("\\A +", "")
      try replace(" {2,}", " ")
    }
    let space = escapesSpaces ? "▁" : " "
    if addsDummyPrefix { steps.append(.prepend(space)) }
    if escapesSpaces { steps.append(.replace(TextPattern(" "), "▁")) }
    if removesExtraSpaces { try replace("\(space)+\\z", "") }
    return steps.isEmpty ? nil : .sequence(steps)
  }

  /// Any of the symbols, the longest where several begin.
  private func symbolPattern(_ symbols: some Sequence<String>) throws -> TextPattern {
    let special: [Unicode.Scalar] = Array("\\^$.|?*+()[]{}-#&~".unicodeScalars)
    var quoted: [String] = []
    for symbol in symbols.sorted(by: { $0.utf8.count > $1.utf8.count }) {
      var text = String.UnicodeScalarView()
      for scalar in symbol.unicodeScalars {
        if special.contains(scalar) { text.append("\\") }
        text.append(scalar)
      }
      quoted.append(String(text))
    }
    return try TextPattern(regex: quoted.joined(separator: "|"))
  }

  /// Tokens joined to text: marks to spaces, byte tokens to the scalars that they spell.
  static func byteDecoder(strippingPrefix: Bool) -> TokenDecoder {
    let steps: [TokenDecoder] = [.replace(TextPattern("▁"), " "), .byteFallback, .fuse]
    return .sequence(steps + (strippingPrefix ? [.strip(" ", start: 1, stop: 0)] : []))
  }
}
