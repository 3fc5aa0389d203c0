/// The best way to each place of a piece; used again and again.
struct UnigramWorkspace {
  struct Node {
    var score = 0.0
    /// Where the last token of the way starts, or -1 if there is no way.
    var start: Int32 = -1
    var id: Int32 = 0
  }

  var nodes: [Node] = []
  /// The tokens found from the end on: where they start and end, and whether they are unknown.
  var path: [(start: Int, end: Int, id: Int32)] = []
}

extension Unigram {
  /// Appends the tokens of a piece (Viterbi's algorithm; sentencepiece's `EncodeOptimized`).
  func tokenize(_ piece: UnsafeBufferPointer<UInt8>, _ sink: inout TokenSink, _ work: inout UnigramWorkspace) {
    work.nodes.removeAll(keepingCapacity: true)
    work.nodes.append(contentsOf: repeatElement(UnigramWorkspace.Node(), count: piece.count + 1))
    work.nodes.withUnsafeMutableBufferPointer { nodes in
      scores.withUnsafeBufferPointer { scores in
        var start = 0
        while start < piece.count {
          let score = nodes[start].score
          let length = UTF8Scalars.length(lead: piece[start])
          var isCovered = false
          @inline(__always) func offer(_ id: Int32, _ candidate: Double, _ end: Int) {
            if nodes[end].start < 0 || candidate > nodes[end].score {
              nodes[end] = UnigramWorkspace.Node(score: candidate, start: Int32(truncatingIfNeeded: start), id: id)
            }
          }
          var (node, id) = (ScalarTrie.root, Int32(-1))
          var end = start
          while end < piece.count {
            (node, id) = trie.child(of: node, UTF8Scalars.decode(piece, &end))
            guard node != 0 else { break }
            guard id >= 0 else { continue }
            offer(id, scores[Int(id)] + score, end)
            if end - start == length { isCovered = true }
          }
          if !isCovered { offer(unknownID, unknownScore + score, start + length) }
          start += length
        }
      }
      work.path.removeAll(keepingCapacity: true)
      var end = piece.count
      while end > 0 {
        let node = nodes[end]
        // Unknown pieces next to each other are one.
        if node.id == unknownID, let last = work.path.last, last.id == unknownID {
          work.path[work.path.count - 1].start = Int(node.start)
        } else {
          work.path.append((Int(node.start), end, node.id))
        }
        end = Int(node.start)
      }
    }
    for token in work.path.reversed() {
      if token.id != unknownID {
        sink.append(token.id, token.start, token.end)
        continue
      }
      let text = UnsafeBufferPointer(rebasing: piece[token.start..<token.end])
      if let id = vocabulary.find(text), !hidden.contains(id) {
        sink.append(id, token.start, token.end)
        continue
      }
      if fallsBackToBytes {
        let ids = text.map { ByteFallback.id(of: $0, vocabulary) }
        if !ids.contains(nil) {
          for id in ids.compactMap({ $0 }) { sink.append(id, token.start, token.end) }
          continue
        }
      }
      if unknownID >= 0 { sink.append(unknownID, token.start, token.end) }
    }
  }
}
