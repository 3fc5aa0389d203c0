extension Tokenizer {
  /// The text of tokens. Ids that no token has are passed over.
  public func decode(_ ids: some Sequence<Int32>, skippingSpecialTokens: Bool = true) -> String {
    let tokens = ids.compactMap { id -> String? in
      let added = pipeline.addedTokens[id]
      guard let token = pipeline.normalizedContents[id] ?? added?.content ?? model.vocabulary[id] else { return nil }
      if skippingSpecialTokens, pipeline.specialContents.contains(Array(token.utf8)) { return nil }
      return token
    }
    guard let decoder else { return tokens.joined(separator: " ") }
    return decoder.apply(tokens).joined()
  }
}

extension TokenDecoder {
  /// Tokens on their way to text.
  func apply(_ tokens: [String]) -> [String] {
    switch self {
    case .wordPiece(let prefix, let cleanup):
      return tokens.enumerated().map { index, token in
        var text = token
        if index > 0 { text = token.utf8.starts(with: prefix.utf8) ? token.dropping(prefix.utf8.count) : " " + token }
        return cleanup ? TokenDecoder.cleanedUp(text) : text
      }
    case .byteLevel:
      let bytes = tokens.flatMap { token -> [UInt8] in
        var bytes: [UInt8] = []
        for scalar in token.unicodeScalars {
          guard scalar.value < ByteLevel.bytes.count, ByteLevel.bytes[Int(scalar.value)] >= 0 else {
            return Array(token.utf8)
          }
          bytes.append(UInt8(ByteLevel.bytes[Int(scalar.value)]))
        }
        return bytes
      }
      return [String(decoding: bytes, as: UTF8.self)]
    case .metaspace(let step):
      return tokens.enumerated().map { index, token in
        var text = String.UnicodeScalarView()
        for scalar in token.unicodeScalars {
          if scalar != step.replacement {
            text.append(scalar)
          } else if index > 0 || step.prepending == .never {
            text.append(" ")
          }
        }
        return String(text)
      }
    case .bpe(let suffix):
      return tokens.enumerated().map { $0.element.replacing(suffix, with: $0.offset == tokens.count - 1 ? "" : " ") }
    case .byteFallback: return TokenDecoder.joiningBytes(tokens)
    case .fuse: return [tokens.joined()]
    case .strip(let scalar, let start, let stop):
      return tokens.map { token in
        var scalars = token.unicodeScalars[...]
        for _ in 0..<start where scalars.first == scalar { scalars.removeFirst() }
        for _ in 0..<stop where scalars.last == scalar { scalars.removeLast() }
        return String(String.UnicodeScalarView(scalars))
      }
    case .replace(let pattern, let content):
      return tokens.map { token in
        var (text, spare) = (AlignedText(), AlignedText())
        text.bytes = Array(token.utf8)
        text.replace(pattern, with: content, &spare, range: nil, origin: 0)
        return String(decoding: text.bytes, as: UTF8.self)
      }
    case .ctc(let padding, let wordDelimiter, let cleanup):
      var last: String?
      return tokens.compactMap { token in
        defer { last = token }
        if let last, last.utf8.elementsEqual(token.utf8) { return nil }
        var text = token.replacing(padding, with: "")
        if cleanup { text = TokenDecoder.cleanedUp(text).replacing(wordDelimiter, with: " ") }
        return text.isEmpty ? nil : text
      }
    case .sequence(let steps): return steps.reduce(tokens) { $1.apply($0) }
    }
  }

  /// No space before punctuation and contractions.
  private static func cleanedUp(_ text: String) -> String {
    let pairs = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
      (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
    return pairs.reduce(text) { $0.replacing($1.0, with: $1.1) }
  }

  private static func joiningBytes(_ tokens: [String]) -> [String] {
    var result: [String] = []
    var bytes: [UInt8] = []
    func flush() {
      if let text = String(validating: bytes, as: UTF8.self) {
        if !bytes.isEmpty { result.append(text) }
      } else {
        result += [String](repeating: "\u{FFFD}", count: bytes.count)
      }
      bytes = []
    }
    for token in tokens {
      let text = Array(token.utf8)
      if text.count == 6, text.starts(with: "<0x".utf8), text[5] == UInt8(ascii: ">"),
        let byte = UInt8(String(decoding: text[3...4], as: UTF8.self), radix: 16)
      {
        bytes.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }
}

extension String {
  /// The text without its first bytes.
  fileprivate func dropping(_ count: Int) -> String { String(decoding: utf8.dropFirst(count), as: UTF8.self) }

  /// The text with every occurrence of some bytes replaced, whatever graphemes they are part of.
  fileprivate func replacing(_ part: String, with content: String) -> String {
    let (bytes, wanted) = (Array(utf8), Array(part.utf8))
    guard !wanted.isEmpty, bytes.count >= wanted.count else { return self }
    var result: [UInt8] = []
    var position = 0
    while position < bytes.count {
      if bytes[position...].starts(with: wanted) {
        result += content.utf8
        position += wanted.count
      } else {
        result.append(bytes[position])
        position += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
