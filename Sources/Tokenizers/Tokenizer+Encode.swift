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
    return Tokenizer.map(texts.count, run: run) {
      encode(texts[$0], pair: pairs?[$0], specialTokens: specialTokens)
    }
  }

  /// The encoding of each text, or of each with the one of `pairs` at its place.
  public func encodings(
    batch texts: [String], pairs: [String]? = nil, specialTokens: Bool = true, run: Runner = Tokenizer.onAllCores
  ) -> [Encoding] {
    precondition(pairs?.count ?? texts.count == texts.count, "Tokenizer.encodings: \(texts.count) texts, other pairs")
    return Tokenizer.map(texts.count, run: run) {
      encoding(texts[$0], pair: pairs?[$0], specialTokens: specialTokens)
    }
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
        prepare(bytes, &work, aligned: pipeline.needsAlignment, leavesBytes: false)
        return work.pieces.pieces.filter { $0.id < 0 }.map {
          String(decoding: work.pieces.text.bytes[$0.range], as: UTF8.self)
        }
      }
    }
  }

  private static func map<Result>(
    _ total: Int, run: Runner, _ transform: @Sendable (Int) -> Result
  ) -> [Result] {
    let size = 64
    return [Result](unsafeUninitializedCapacity: total) { buffer, count in
      // Each chunk writes places of its own.
      nonisolated(unsafe) let results = buffer
      withoutActuallyEscaping(transform) { transform in
        run((total + size - 1) / size) { chunk in
          for index in chunk * size..<min(total, (chunk + 1) * size) {
            results.initializeElement(at: index, to: transform(index))
          }
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
    return texts.count == 1 ? texts[0] : Array(texts.joined())
  }
}
