extension Tokenizer {
  /// How many special tokens are put round a text without new memory.
  private static let roomForSpecialTokens = 4

  /// The ids of one text without special tokens or truncation.
  func ids(_ text: UnsafeBufferPointer<UInt8>, _ work: inout TokenizerWorkspace) -> [Int32] {
    work.sink.removeAll(keepingSpans: false)
    prepare(text, &work, aligned: pipeline.needsAlignment, leavesBytes: !pipeline.byteIDs.isEmpty)
    work.cache.prepare(keepingSpans: false)
    model.tokenize(&work, byteIDs: pipeline.byteIDs)
    return [Int32](unsafeUninitializedCapacity: work.sink.ids.count + Tokenizer.roomForSpecialTokens) {
      $1 = $0.initialize(fromContentsOf: work.sink.ids)
    }
  }

  /// Normalizes a text and cuts it into pieces.
  func prepare(
    _ text: UnsafeBufferPointer<UInt8>, _ work: inout TokenizerWorkspace, aligned: Bool, leavesBytes: Bool
  ) {
    work.pieces.removeAll(aligned: aligned)
    var start = 0
    for match in pipeline.plainTokens.matches(in: text) {
      if start < match.range.lowerBound { normalize(text, start..<match.range.lowerBound, &work, aligned: aligned) }
      let from = work.pieces.text.bytes.count
      let token = UnsafeBufferPointer(rebasing: text[match.range])
      work.pieces.text.append(original: token, at: match.range.lowerBound)
      work.pieces.append(
        from..<work.pieces.text.bytes.count, id: match.id, origin: Int32(truncatingIfNeeded: match.range.lowerBound))
      start = match.range.upperBound
    }
    if start < text.count { normalize(text, start..<text.count, &work, aligned: aligned) }
    preTokenizer?.apply(&work.pieces, &work.spare, leavesBytes: leavesBytes)
  }

  /// Normalizes a part of the original and looks for added tokens in what comes out.
  private func normalize(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ work: inout TokenizerWorkspace, aligned: Bool
  ) {
    let part = UnsafeBufferPointer(rebasing: text[range])
    let origin = Int32(truncatingIfNeeded: range.lowerBound)
    if normalizer == nil, pipeline.normalizedTokens.isEmpty {
      let from = work.pieces.text.bytes.count
      work.pieces.text.append(original: part, at: range.lowerBound)
      return work.pieces.append(from..<work.pieces.text.bytes.count, origin: origin)
    }
    work.text.removeAll(aligned: aligned)
    work.text.append(original: part, at: range.lowerBound)
    normalizer?.apply(&work.text, &work.spareText, origin: origin)
    let from = work.pieces.text.bytes.count
    work.pieces.text.append(work.text, 0..<work.text.bytes.count)
    var start = 0
    let tokens = pipeline.normalizedTokens
    work.text.bytes.withUnsafeBufferPointer { bytes in
      for match in tokens.matches(in: bytes) {
        work.pieces.append(from + start..<from + max(start, match.range.lowerBound), origin: origin + Int32(start))
        work.pieces.append(
          from + match.range.lowerBound..<from + match.range.upperBound, id: match.id,
          origin: origin + Int32(match.range.lowerBound))
        start = match.range.upperBound
      }
    }
    work.pieces.append(from + start..<from + work.text.bytes.count, origin: origin + Int32(start))
  }

  /// The encoding of one text without special tokens or truncation.
  func plainEncoding(
    _ text: UnsafeBufferPointer<UInt8>, sequence: Int32, _ work: inout TokenizerWorkspace
  ) -> Encoding {
    work.sink.removeAll(keepingSpans: true)
    prepare(text, &work, aligned: true, leavesBytes: !pipeline.byteIDs.isEmpty)
    work.cache.prepare(keepingSpans: true)
    model.tokenize(&work, byteIDs: pipeline.byteIDs)
    var result = Encoding(room: work.sink.ids.count + Tokenizer.roomForSpecialTokens)
    let places = ScalarPlaces(text)
    let vocabulary = model.vocabulary
    var unknownID: Int32 = -1
    if case .unigram(let unigram) = model { unknownID = unigram.unknownID }
    var token = 0
    for (index, piece) in work.pieces.pieces.enumerated() {
      while token < work.sink.pieceEnds[index] {
        let part = Int(work.sink.starts[token])..<Int(work.sink.ends[token])
        // Added and unknown tokens have the text of the piece.
        let id = work.sink.ids[token]
        let isOwn = piece.id >= 0 || id == unknownID
        result.tokens.append(isOwn ? Tokenizer.text(piece, part, work.pieces.text) : vocabulary[id] ?? "")
        result.offsets.append(places.range(Tokenizer.original(piece, part, work.pieces.text)))
        result.words.append(Int32(truncatingIfNeeded: index))
        token += 1
      }
    }
    result.ids.append(contentsOf: work.sink.ids)
    result.typeIDs.append(contentsOf: repeatElement(sequence, count: token))
    result.sequences.append(contentsOf: repeatElement(sequence, count: token))
    result.specialTokensMask.append(contentsOf: repeatElement(false, count: token))
    return result
  }

  /// Which bytes of the original a part of a piece stands for.
  private static func original(
    _ piece: PreTokenized.Piece, _ part: Range<Int>, _ text: borrowing AlignedText
  ) -> Range<Int> {
    let (start, end) = (Int(piece.start) + part.lowerBound, Int(piece.start) + part.upperBound)
    guard start < end, end <= Int(piece.end) else {
      return Int(piece.origin) + part.lowerBound..<Int(piece.origin) + part.upperBound
    }
    let first = Int(text.starts[start])
    return first..<max(first, Int(text.ends[end - 1]))
  }

  /// The text of a part of a piece.
  private static func text(_ piece: PreTokenized.Piece, _ part: Range<Int>, _ text: borrowing AlignedText) -> String {
    let range = Int(piece.start) + part.lowerBound..<Int(piece.start) + part.upperBound
    return String(decoding: text.bytes[range], as: UTF8.self)
  }
}

extension TokenizerModel {
  /// Makes tokens of the pieces. `byteIDs`: the id of each byte if the model takes raw bytes, else none.
  fileprivate func tokenize(_ work: inout TokenizerWorkspace, byteIDs: [Int32]) {
    var (sink, cache) = (TokenSink(), PieceCache())
    swap(&sink, &work.sink)
    swap(&cache, &work.cache)
    work.pieces.text.bytes.withUnsafeBufferPointer { bytes in
      /// Goes through the pieces; the model is asked for once, not for each.
      @inline(__always) func each(_ tokenize: (UnsafeBufferPointer<UInt8>, inout TokenSink) -> Void) {
        for piece in work.pieces.pieces {
          if piece.id >= 0 {
            sink.append(piece.id, 0, piece.range.count)
          } else {
            tokenize(UnsafeBufferPointer(rebasing: bytes[piece.range]), &sink)
          }
          if sink.keepsSpans { sink.pieceEnds.append(Int32(truncatingIfNeeded: sink.ids.count)) }
        }
      }
      @inline(__always) func cached(
        _ piece: UnsafeBufferPointer<UInt8>, _ sink: inout TokenSink,
        _ tokenize: (UnsafeBufferPointer<UInt8>, inout TokenSink) -> Void
      ) {
        if cache.find(piece, &sink) { return }
        let first = sink.ids.count
        tokenize(piece, &sink)
        cache.insert(piece, sink, from: first)
      }
      switch self {
      case .wordPiece(let model):
        var buffer: [UInt8] = []
        swap(&buffer, &work.wordBuffer)
        each { word, sink in
          if let id = model.find(word) { return sink.append(id, 0, word.count) }
          cached(word, &sink) { model.tokenize($0, &$1, &buffer) }
        }
        swap(&buffer, &work.wordBuffer)
      case .wordLevel(let model): each { model.tokenize($0, &$1) }
      case .bpe(let model):
        var memory = BPEWorkspace()
        swap(&memory, &work.bpe)
        each { piece, sink in
          guard model.isCutAtMarks else {
            return cached(piece, &sink) { model.tokenize($0, byteIDs: byteIDs, &$1, &memory) }
          }
          piece.forEachMarkedWord { word in
            let first = sink.ids.count
            cached(UnsafeBufferPointer(rebasing: piece[word]), &sink) {
              model.tokenize($0, byteIDs: byteIDs, &$1, &memory)
            }
            if sink.keepsSpans, word.lowerBound > 0 { sink.move(from: first, by: word.lowerBound) }
          }
        }
        swap(&memory, &work.bpe)
      case .unigram(let model):
        var memory = UnigramWorkspace()
        swap(&memory, &work.unigram)
        each { cached($0, &$1) { model.tokenize($0, &$1, &memory) } }
        swap(&memory, &work.unigram)
      }
    }
    swap(&sink, &work.sink)
    swap(&cache, &work.cache)
  }
}

/// How many scalars are before each byte of a text.
private struct ScalarPlaces {
  private let counts: [Int32]

  init(_ text: UnsafeBufferPointer<UInt8>) {
    guard !UTF8Scalars.isASCII(text) else {
      counts = []
      return
    }
    var counts: [Int32] = []
    counts.reserveCapacity(text.count + 1)
    // The bytes of a scalar share its number.
    var count: Int32 = -1
    for byte in text {
      if !UTF8Scalars.isContinuation(byte) { count += 1 }
      counts.append(count)
    }
    counts.append(count + 1)
    self.counts = counts
  }

  func range(_ bytes: Range<Int>) -> Range<Int> {
    guard !counts.isEmpty else { return bytes }
    let start = Int(counts[min(bytes.lowerBound, counts.count - 1)])
    return start..<max(start, Int(counts[min(bytes.upperBound, counts.count - 1)]))
  }
}
