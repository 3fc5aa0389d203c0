/// Where models put the tokens of a piece.
struct TokenSink {
  var ids: [Int32] = []
  /// Which bytes each token stands for, of its piece at first, then of the original; empty unless `keepsSpans`.
  var starts: [Int32] = []
  var ends: [Int32] = []
  /// How many tokens there are up to the end of each piece; empty unless `keepsSpans`.
  var pieceEnds: [Int32] = []
  var keepsSpans = false

  mutating func removeAll(keepingSpans: Bool) {
    ids.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    pieceEnds.removeAll(keepingCapacity: true)
    keepsSpans = keepingSpans
  }

  /// Moves what the tokens from `first` on stand for.
  mutating func move(from first: Int, by distance: Int) {
    for token in first..<ids.count {
      starts[token] += Int32(truncatingIfNeeded: distance)
      ends[token] += Int32(truncatingIfNeeded: distance)
    }
  }

  @inline(__always)
  mutating func append(_ id: Int32, _ start: Int, _ end: Int) {
    ids.append(id)
    guard keepsSpans else { return }
    starts.append(Int32(truncatingIfNeeded: start))
    ends.append(Int32(truncatingIfNeeded: end))
  }
}

/// The tokens of pieces that came before, so that frequent words are worked out once. It never grows beyond a limit, and
/// what it holds never changes a result.
struct PieceCache {
  private var table = WordTable()
  /// Where each piece's tokens start in `tokens`.
  private var bounds: [Int32] = [0]
  private var tokens = TokenSink()

  private static let largestPiece = 48
  private static let mostPieces = 1 << 16

  /// Appends the tokens of a piece if they are known.
  mutating func find(_ piece: UnsafeBufferPointer<UInt8>, _ sink: inout TokenSink) -> Bool {
    guard piece.count <= PieceCache.largestPiece, let place = table.find(piece) else { return false }
    let range = Int(bounds[place])..<Int(bounds[place + 1])
    if range.count == 1 && !sink.keepsSpans {
      sink.ids.append(tokens.ids[range.lowerBound])
      return true
    }
    sink.ids.append(contentsOf: tokens.ids[range])
    if sink.keepsSpans {
      sink.starts.append(contentsOf: tokens.starts[range])
      sink.ends.append(contentsOf: tokens.ends[range])
    }
    return true
  }

  /// Remembers the tokens of a piece: those of the sink from `start` on.
  mutating func insert(_ piece: UnsafeBufferPointer<UInt8>, _ sink: TokenSink, from start: Int) {
    guard piece.count <= PieceCache.largestPiece else { return }
    if table.count >= PieceCache.mostPieces || sink.keepsSpans != tokens.keepsSpans {
      table = WordTable(capacity: 1024)
      bounds = [0]
      tokens.removeAll(keepingSpans: sink.keepsSpans)
    }
    guard table.insert(piece).isNew else { return }
    tokens.ids.append(contentsOf: sink.ids[start...])
    if sink.keepsSpans {
      tokens.starts.append(contentsOf: sink.starts[start...])
      tokens.ends.append(contentsOf: sink.ends[start...])
    }
    bounds.append(Int32(tokens.ids.count))
  }

  /// Forgets everything if what it holds hasn't what is wanted now.
  mutating func prepare(keepingSpans: Bool) {
    guard keepingSpans != tokens.keepsSpans else { return }
    table = WordTable(capacity: 1024)
    bounds = [0]
    tokens.removeAll(keepingSpans: keepingSpans)
  }
}
