extension WordPiece {
  /// The id of a word that is one token, or nil.
  @inline(__always)
  func find(_ word: UnsafeBufferPointer<UInt8>) -> Int32? {
    word.count <= longestToken && word.count <= maximumWordLength ? vocabulary.find(word) : nil
  }

  /// Appends the tokens of a word; `buffer` lends its memory.
  func tokenize(_ word: UnsafeBufferPointer<UInt8>, _ sink: inout TokenSink, _ buffer: inout [UInt8]) {
    if word.count > maximumWordLength, UTF8Scalars.count(word) > maximumWordLength {
      if let unknownID { sink.append(unknownID, 0, word.count) }
      return
    }
    let first = sink.ids.count
    // Room for a prefix before the word; further on, prefixes overwrite what is done with.
    buffer.removeAll(keepingCapacity: true)
    buffer.append(contentsOf: prefix)
    buffer.append(contentsOf: word)
    let isWhole = buffer.withUnsafeMutableBufferPointer { buffer in
      var start = 0
      while start < word.count {
        let lead = start == 0 ? 0 : prefix.count
        if lead > 0 { for index in 0..<lead { buffer[start + index] = prefix[index] } }
        var end = min(word.count, start + longestToken - lead)
        while end > start, end < word.count, UTF8Scalars.isContinuation(word[end]) { end -= 1 }
        var found: Int32?
        while end > start {
          let from = prefix.count + start - lead
          if let id = vocabulary.find(UnsafeBufferPointer(rebasing: buffer[from..<prefix.count + end])) {
            found = id
            break
          }
          end -= 1
          while end > start, UTF8Scalars.isContinuation(word[end]) { end -= 1 }
        }
        guard let found else { return false }
        sink.append(found, start, end)
        start = end
      }
      return true
    }
    guard !isWhole else { return }
    sink.ids.removeLast(sink.ids.count - first)
    if sink.keepsSpans {
      sink.starts.removeLast(sink.starts.count - first)
      sink.ends.removeLast(sink.ends.count - first)
    }
    if let unknownID { sink.append(unknownID, 0, word.count) }
  }
}

extension WordLevel {
  /// Appends the token of a word, if it has one.
  func tokenize(_ word: UnsafeBufferPointer<UInt8>, _ sink: inout TokenSink) {
    if let id = vocabulary.find(word) ?? unknownID { sink.append(id, 0, word.count) }
  }
}
