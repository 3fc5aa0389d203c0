import Foundation

extension Tokenizer {
  /// The ids of a text's tokens or, with `pair`, of both texts', with special tokens round them, truncated if the
  /// tokenizer truncates.
  ///
  /// The fast way: nothing is kept that ids don't need.
  public func encode(_ text: String, pair: String? = nil, specialTokens: Bool = true) -> [Int32] {
    var text = text
    let first = text.withUTF8 { ids($0) }
    var texts = [first]
    if var pair { texts.append(pair.withUTF8 { ids($0) }) }
    return assemble(texts, specialTokens: specialTokens)
  }

  /// The ids of each text, worked out on as many threads as the machine has cores. The ids don't depend on the threads.
  public func encode(batch texts: [String], specialTokens: Bool = true) -> [[Int32]] {
    encode(batch: texts, specialTokens: specialTokens) { chunks, body in
      DispatchQueue.concurrentPerform(iterations: chunks) { body($0) }
    }
  }

  /// The ids of each text, in chunks that `run` works on: it calls its second argument for each index below its first, on
  /// threads as it likes.
  public func encode(
    batch texts: [String], specialTokens: Bool = true, run: (Int, @Sendable (Int) -> Void) -> Void
  ) -> [[Int32]] {
    Tokenizer.map(texts, run: run) { encode($0, specialTokens: specialTokens) }
  }

  /// The encoding of each text, in chunks that `run` works on.
  public func encodings(
    batch texts: [String], specialTokens: Bool = true, run: (Int, @Sendable (Int) -> Void) -> Void
  ) -> [Encoding] {
    Tokenizer.map(texts, run: run) { encoding($0, specialTokens: specialTokens) }
  }

  /// The tokens of a text or of a pair, with offsets, masks and type ids.
  public func encoding(_ text: String, pair: String? = nil, specialTokens: Bool = true) -> Encoding {
    var text = text
    let first = text.withUTF8 { plainEncoding($0, sequence: 0) }
    var encodings = [first]
    if var pair { encodings.append(pair.withUTF8 { plainEncoding($0, sequence: 1) }) }
    if let truncation {
      let most = limit(truncation, isPair: encodings.count > 1, specialTokens)
      let lengths = truncation.lengths(first.count, encodings.count > 1 ? encodings[1].count : nil, most: most)
      encodings[0].truncate(to: lengths.first, stride: truncation.stride, truncation.direction)
      if encodings.count > 1 {
        encodings[1].truncate(to: lengths.second, stride: truncation.stride, truncation.direction)
      }
    }
    let parts = postProcessor?.apply(encodings, specialTokens: specialTokens) ?? encodings
    guard var whole = parts.first else { return Encoding() }
    for part in parts.dropFirst() { whole.append(part) }
    return whole
  }

  /// The pieces that a text is cut into before the model makes tokens of them, normalized; what vocabularies are trained
  /// on. Added tokens are left out.
  public func pieces(_ text: String) -> [String] {
    var text = text
    return text.withUTF8 { bytes in
      pipeline.withWorkspace { work in
        prepare(bytes, work, aligned: pipeline.needsAlignment, leavesBytes: false)
        return work.pieces.pieces.filter { $0.id < 0 }.map {
          String(decoding: work.pieces.text.bytes[$0.range], as: UTF8.self)
        }
      }
    }
  }

  private static func map<Result>(
    _ texts: [String], run: (Int, @Sendable (Int) -> Void) -> Void, _ transform: @Sendable (String) -> Result
  ) -> [Result] {
    let size = 64
    let chunks = (texts.count + size - 1) / size
    return [Result](unsafeUninitializedCapacity: texts.count) { buffer, count in
      // Each chunk writes places of its own.
      nonisolated(unsafe) let results = buffer
      withoutActuallyEscaping(transform) { transform in
        run(chunks) { chunk in
          for index in chunk * size..<min(texts.count, (chunk + 1) * size) {
            results.initializeElement(at: index, to: transform(texts[index]))
          }
        }
      }
      count = texts.count
    }
  }

  private func limit(_ truncation: Truncation, isPair: Bool, _ specialTokens: Bool) -> Int {
    let added = specialTokens ? postProcessor?.addedCount(isPair: isPair) ?? 0 : 0
    return max(0, truncation.maximumLength - added)
  }

  private func assemble(_ texts: [[Int32]], specialTokens: Bool) -> [Int32] {
    var texts = texts
    if let truncation {
      let most = limit(truncation, isPair: texts.count > 1, specialTokens)
      let lengths = truncation.lengths(texts[0].count, texts.count > 1 ? texts[1].count : nil, most: most)
      for (index, length) in [lengths.first, lengths.second].enumerated() where index < texts.count {
        let excess = max(0, texts[index].count - length)
        if truncation.direction == .right { texts[index].removeLast(excess) } else { texts[index].removeFirst(excess) }
      }
    }
    if specialTokens, let postProcessor { texts = postProcessor.apply(ids: texts) }
    return texts.count == 1 ? texts[0] : Array(texts.joined())
  }

  // MARK: One text

  private func ids(_ text: UnsafeBufferPointer<UInt8>) -> [Int32] {
    pipeline.withWorkspace { work in
      work.sink.removeAll(keepingSpans: false)
      prepare(text, work, aligned: pipeline.needsAlignment, leavesBytes: !pipeline.byteIDs.isEmpty)
      work.cache.prepare(keepingSpans: false)
      tokenize(work) { _ in }
      return work.sink.ids
    }
  }

  /// Normalizes a text and cuts it into pieces.
  private func prepare(
    _ text: UnsafeBufferPointer<UInt8>, _ work: TokenizerWorkspace, aligned: Bool, leavesBytes: Bool
  ) {
    work.pieces.removeAll(aligned: aligned)
    var start = 0
    pipeline.plainTokens.forEachMatch(in: text) { match in
      if start < match.range.lowerBound { normalize(text, start..<match.range.lowerBound, work, aligned: aligned) }
      let from = work.pieces.text.bytes.count
      let token = UnsafeBufferPointer(rebasing: text[match.range])
      work.pieces.text.append(original: token, at: match.range.lowerBound)
      work.pieces.append(
        from..<work.pieces.text.bytes.count, id: match.id, origin: Int32(truncatingIfNeeded: match.range.lowerBound))
      start = match.range.upperBound
    }
    if start < text.count { normalize(text, start..<text.count, work, aligned: aligned) }
    preTokenizer?.apply(&work.pieces, &work.spare, leavesBytes: leavesBytes)
  }

  /// Normalizes a part of the original and looks for added tokens in what comes out.
  private func normalize(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ work: TokenizerWorkspace, aligned: Bool
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
    work.text.bytes.withUnsafeBufferPointer { bytes in
      pipeline.normalizedTokens.forEachMatch(in: bytes) { match in
        work.pieces.append(from + start..<from + max(start, match.range.lowerBound), origin: origin + Int32(start))
        work.pieces.append(
          from + match.range.lowerBound..<from + match.range.upperBound, id: match.id,
          origin: origin + Int32(match.range.lowerBound))
        start = match.range.upperBound
      }
    }
    work.pieces.append(from + start..<from + work.text.bytes.count, origin: origin + Int32(start))
  }

  /// Makes tokens of the pieces; calls `body` with each piece's place after it is done.
  private func tokenize(_ work: TokenizerWorkspace, _ body: (Int) -> Void) {
    work.pieces.text.bytes.withUnsafeBufferPointer { bytes in
      for (index, piece) in work.pieces.pieces.enumerated() {
        if piece.id >= 0 {
          work.sink.append(piece.id, 0, piece.range.count)
        } else {
          tokenize(UnsafeBufferPointer(rebasing: bytes[piece.range]), work)
        }
        body(index)
      }
    }
  }

  @inline(__always)
  private func tokenize(_ piece: UnsafeBufferPointer<UInt8>, _ work: TokenizerWorkspace) {
    switch model {
    case .wordPiece(let model): model.tokenize(piece, &work.sink, &work.wordBuffer)
    case .wordLevel(let model): model.tokenize(piece, &work.sink)
    case .bpe(let model):
      if work.cache.find(piece, &work.sink) { return }
      let start = work.sink.ids.count
      model.tokenize(piece, byteIDs: pipeline.byteIDs, &work.sink, &work.bpe)
      work.cache.insert(piece, work.sink, from: start)
    case .unigram(let model):
      if work.cache.find(piece, &work.sink) { return }
      let start = work.sink.ids.count
      model.tokenize(piece, &work.sink, &work.unigram)
      work.cache.insert(piece, work.sink, from: start)
    }
  }

  /// The encoding of one text without special tokens or truncation.
  private func plainEncoding(_ text: UnsafeBufferPointer<UInt8>, sequence: Int32) -> Encoding {
    pipeline.withWorkspace { work in
      work.sink.removeAll(keepingSpans: true)
      prepare(text, work, aligned: true, leavesBytes: !pipeline.byteIDs.isEmpty)
      work.cache.prepare(keepingSpans: true)
      var result = Encoding()
      let places = ScalarPlaces(text)
      tokenize(work) { index in
        let piece = work.pieces.pieces[index]
        for token in result.words.count..<work.sink.ids.count {
          let (start, end) = (Int(work.sink.starts[token]), Int(work.sink.ends[token]))
          result.tokens.append(self.text(work.sink.ids[token], piece, start..<end, work))
          result.offsets.append(places.range(original(piece, start..<end, work)))
          result.words.append(Int32(truncatingIfNeeded: index))
        }
      }
      result.ids = work.sink.ids
      result.typeIDs = [Int32](repeating: sequence, count: result.count)
      result.sequences = result.typeIDs
      result.specialTokensMask = [Bool](repeating: false, count: result.count)
      return result
    }
  }

  /// Which bytes of the original a part of a piece stands for.
  private func original(_ piece: PreTokenized.Piece, _ part: Range<Int>, _ work: TokenizerWorkspace) -> Range<Int> {
    let (start, end) = (Int(piece.start) + part.lowerBound, Int(piece.start) + part.upperBound)
    guard start < end, end <= Int(piece.end) else {
      return Int(piece.origin) + part.lowerBound..<Int(piece.origin) + part.upperBound
    }
    let first = Int(work.pieces.text.starts[start])
    return first..<max(first, Int(work.pieces.text.ends[end - 1]))
  }

  /// A token's text: added and unknown ones have that of the piece.
  private func text(
    _ id: Int32, _ piece: PreTokenized.Piece, _ part: Range<Int>, _ work: TokenizerWorkspace
  ) -> String {
    var isOwn = piece.id >= 0
    if case .unigram(let unigram) = model, id == unigram.unknownID { isOwn = true }
    guard isOwn else { return model.vocabulary[id] ?? "" }
    let range = Int(piece.start) + part.lowerBound..<Int(piece.start) + part.upperBound
    return String(decoding: work.pieces.text.bytes[range], as: UTF8.self)
  }
}

/// How many scalars are before each byte of a text.
private struct ScalarPlaces {
  private let counts: [Int32]

  init(_ text: UnsafeBufferPointer<UInt8>) {
    guard text.contains(where: { $0 >= 0x80 }) else {
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
