import Foundation

extension Tokenizer {
  /// The ids of a text's tokens or, with `pair`, of both texts', with special tokens round them, truncated if the
  /// tokenizer truncates.
  ///
  /// The fast way: nothing is kept that ids don't need.
  public func encode(_ text: String, pair: String? = nil, specialTokens: Bool = true) -> [Int32] {
    let lent = pipeline.lend()
    defer { pipeline.takeBack(lent) }
    return encode(text, pair: pair, specialTokens: specialTokens, &lent.workspace)
  }

  private func encode(
    _ text: String, pair: String?, specialTokens: Bool, _ work: inout TokenizerWorkspace
  ) -> [Int32] {
    var text = text
    var texts = [text.withUTF8 { ids($0, &work) }]
    if var pair { texts.append(pair.withUTF8 { ids($0, &work) }) }
    return assemble(texts, specialTokens: specialTokens)
  }

  /// How a batch is shared out: calls its second argument for each index below its first, on threads as it likes.
  public typealias Runner = (Int, @Sendable (Int) -> Void) -> Void

  /// On as many threads as the machine has cores.
  public static let onAllCores: @Sendable (Int, @Sendable (Int) -> Void) -> Void = { chunks, body in
    DispatchQueue.concurrentPerform(iterations: chunks) { body($0) }
  }

  /// The ids of each text, or of each with the one of `pairs` at its place; they don't depend on the threads.
  public func encode(
    batch texts: [String], pairs: [String]? = nil, specialTokens: Bool = true, run: Runner = Tokenizer.onAllCores
  ) -> [[Int32]] {
    precondition(pairs?.count ?? texts.count == texts.count, "Tokenizer.encode: \(texts.count) texts, other pairs")
    return map(texts.count, run: run) {
      encode(texts[$0], pair: pairs?[$0], specialTokens: specialTokens, &$1)
    }
  }

  /// The encoding of each text, or of each with the one of `pairs` at its place.
  public func encodings(
    batch texts: [String], pairs: [String]? = nil, specialTokens: Bool = true, run: Runner = Tokenizer.onAllCores
  ) -> [Encoding] {
    precondition(pairs?.count ?? texts.count == texts.count, "Tokenizer.encodings: \(texts.count) texts, other pairs")
    return map(texts.count, run: run) {
      encoding(texts[$0], pair: pairs?[$0], specialTokens: specialTokens, &$1)
    }
  }

  /// The tokens of a text or of a pair, with offsets, masks and type ids.
  public func encoding(_ text: String, pair: String? = nil, specialTokens: Bool = true) -> Encoding {
    let lent = pipeline.lend()
    defer { pipeline.takeBack(lent) }
    return encoding(text, pair: pair, specialTokens: specialTokens, &lent.workspace)
  }

  private func encoding(
    _ text: String, pair: String?, specialTokens: Bool, _ work: inout TokenizerWorkspace
  ) -> Encoding {
    var text = text
    var encodings = [text.withUTF8 { plainEncoding($0, sequence: 0, &work) }]
    if var pair { encodings.append(pair.withUTF8 { plainEncoding($0, sequence: 1, &work) }) }
    if let truncation {
      let most = limit(truncation, isPair: encodings.count > 1, specialTokens)
      let lengths = truncation.lengths(encodings[0].count, encodings.count > 1 ? encodings[1].count : nil, most: most)
      encodings[0].truncate(to: lengths.first, stride: truncation.stride, truncation.direction)
      if encodings.count > 1 {
        encodings[1].truncate(to: lengths.second, stride: truncation.stride, truncation.direction)
      }
    }
    if let postProcessor { return postProcessor.apply(encodings, specialTokens: specialTokens) }
    for other in encodings.dropFirst() { encodings[0].append(other) }
    return encodings[0]
  }

  /// The pieces that a text is cut into before the model makes tokens of them, normalized; what vocabularies are trained
  /// on. Added tokens are left out.
  public func pieces(_ text: String) -> [String] {
    var text = text
    let lent = pipeline.lend()
    defer { pipeline.takeBack(lent) }
    text.withUTF8 { prepare($0, &lent.workspace, aligned: pipeline.needsAlignment, leavesBytes: false) }
    let pieces = lent.workspace.pieces
    return pieces.pieces.filter { $0.id < 0 }.map { String(decoding: pieces.text.bytes[$0.range], as: UTF8.self) }
  }

  /// What `transform` makes of each index, the memory of a workspace at hand.
  private func map<Result>(
    _ total: Int, run: Runner, _ transform: @Sendable (Int, inout TokenizerWorkspace) -> Result
  ) -> [Result] {
    let size = 64
    return [Result](unsafeUninitializedCapacity: total) { buffer, count in
      // Each chunk writes places of its own.
      nonisolated(unsafe) let results = buffer
      withoutActuallyEscaping(transform) { transform in
        run((total + size - 1) / size) { chunk in
          let lent = pipeline.lend()
          for index in chunk * size..<min(total, (chunk + 1) * size) {
            results.initializeElement(at: index, to: transform(index, &lent.workspace))
          }
          pipeline.takeBack(lent)
        }
      }
      count = total
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
    // Special tokens are put round the longest part, which mostly has room for them.
    guard let longest = texts.indices.max(by: { texts[$0].count < texts[$1].count }) else { return [] }
    var whole: [Int32] = []
    swap(&whole, &texts[longest])
    for part in texts[..<longest].reversed() { whole.insert(contentsOf: part, at: 0) }
    for part in texts[(longest + 1)...] { whole += part }
    return whole
  }
}
