/// What merging needs memory for; used again and again.
struct BPEWorkspace {
  /// A part of a piece on its way to a token.
  struct Symbol {
    var id: Int32
    /// How many bytes of the piece it stands for; 0 once it is merged into another.
    var length: Int32
    var previous: Int32
    var next: Int32
  }

  var symbols: [Symbol] = []
  var text: [UInt8] = []
  /// The rank and merged id of each pair of neighbours, as `MergeTable.find` gives them.
  var pairs: [UInt64] = []
  /// Rank in the upper half, position in the lower; the smallest first.
  var heap: [UInt64] = []
}

extension BPE {
  /// The id of each byte's printable scalar, or -1.
  func byteIDs() -> [Int32] {
    ByteLevel.scalars.map { scalar in
      var bytes: [UInt8] = []
      UTF8Scalars.append(scalar, to: &bytes)
      return bytes.withUnsafeBufferPointer { vocabulary.find($0) } ?? -1
    }
  }

  /// Appends the tokens of a piece.
  ///
  /// With `byteIDs` the piece is raw bytes, each of which is a symbol: the same as writing bytes as printable scalars
  /// first, but without doing it.
  func tokenize(
    _ piece: UnsafeBufferPointer<UInt8>, byteIDs: [Int32], _ sink: inout TokenSink, _ work: inout BPEWorkspace
  ) {
    if options.ignoresMerges, let id = wholeID(piece, isRaw: !byteIDs.isEmpty, &work) {
      return sink.append(id, 0, piece.count)
    }
    work.symbols.removeAll(keepingCapacity: true)
    if byteIDs.isEmpty { addScalars(piece, &work) } else { addBytes(piece, byteIDs, &work) }
    if work.symbols.count <= 32 { mergeFew(&work) } else { mergeMany(&work) }
    var start = 0
    for symbol in work.symbols where symbol.length > 0 {
      sink.append(symbol.id, start, start + Int(symbol.length))
      start += Int(symbol.length)
    }
  }

  private func wholeID(_ piece: UnsafeBufferPointer<UInt8>, isRaw: Bool, _ work: inout BPEWorkspace) -> Int32? {
    guard isRaw else { return vocabulary.find(piece) }
    work.text.removeAll(keepingCapacity: true)
    for byte in piece { UTF8Scalars.append(ByteLevel.scalars[Int(byte)], to: &work.text) }
    return work.text.withUnsafeBufferPointer { vocabulary.find($0) }
  }

  private func add(_ id: Int32, _ length: Int, _ work: inout BPEWorkspace) {
    let place = Int32(truncatingIfNeeded: work.symbols.count)
    work.symbols.append(
      BPEWorkspace.Symbol(id: id, length: Int32(truncatingIfNeeded: length), previous: place - 1, next: place + 1))
  }

  /// Unknown symbols so far that aren't added yet.
  private struct Unknown {
    var length = 0

    mutating func take(_ bytes: Int, _ model: BPE, _ work: inout BPEWorkspace) {
      guard model.unknownID != nil else { return }
      if !model.options.fusesUnknown { flush(model, &work) }
      length += bytes
    }

    mutating func flush(_ model: BPE, _ work: inout BPEWorkspace) {
      if length > 0, let id = model.unknownID { model.add(id, length, &work) }
      length = 0
    }
  }

  private func addBytes(_ piece: UnsafeBufferPointer<UInt8>, _ byteIDs: [Int32], _ work: inout BPEWorkspace) {
    var unknown = Unknown()
    for byte in piece {
      let id = byteIDs[Int(byte)]
      if id >= 0 {
        unknown.flush(self, &work)
        add(id, 1, &work)
      } else {
        unknown.take(1, self, &work)
      }
    }
    unknown.flush(self, &work)
  }

  private func addScalars(_ piece: UnsafeBufferPointer<UInt8>, _ work: inout BPEWorkspace) {
    var unknown = Unknown()
    var position = 0
    while position < piece.count {
      let start = position
      position += UTF8Scalars.length(lead: piece[position])
      let text = piece[start..<position]
      let id: Int32?
      if start > 0 && !prefix.isEmpty || position == piece.count && !suffix.isEmpty {
        work.text.removeAll(keepingCapacity: true)
        if start > 0 { work.text += prefix }
        work.text += text
        if position == piece.count { work.text += suffix }
        id = work.text.withUnsafeBufferPointer { vocabulary.find($0) }
      } else {
        id = vocabulary.find(UnsafeBufferPointer(rebasing: text))
      }
      if let id {
        unknown.flush(self, &work)
        add(id, text.count, &work)
        continue
      }
      if options.fallsBackToBytes {
        // The reference adds bytes before unknown symbols that wait; so the order is what it is there.
        let ids = text.map { ByteFallback.id(of: $0, vocabulary) }
        if !ids.contains(nil) {
          for id in ids.compactMap({ $0 }) { add(id, 1, &work) }
          continue
        }
      }
      unknown.take(text.count, self, &work)
    }
    unknown.flush(self, &work)
  }

  /// Merges by looking through all pairs each time, which is the fastest for words.
  private func mergeFew(_ work: inout BPEWorkspace) {
    var count = work.symbols.count
    guard count > 1 else { return }
    work.pairs.removeAll(keepingCapacity: true)
    for place in 0..<count - 1 { work.pairs.append(merges.find(work.symbols[place].id, work.symbols[place + 1].id)) }
    work.symbols.withUnsafeMutableBufferPointer { symbols in
      work.pairs.withUnsafeMutableBufferPointer { pairs in
        while count > 1 {
          var (best, place) = (UInt64.max, 0)
          for index in 0..<count - 1 where pairs[index] >> 32 < best >> 32 { (best, place) = (pairs[index], index) }
          guard best != .max else { break }
          symbols[place].id = Int32(truncatingIfNeeded: best)
          symbols[place].length += symbols[place + 1].length
          count -= 1
          for index in place + 1..<max(count, place + 1) {
            symbols[index] = symbols[index + 1]
            pairs[index - 1] = pairs[index]
          }
          if place > 0 { pairs[place - 1] = merges.find(symbols[place - 1].id, symbols[place].id) }
          if place + 1 < count { pairs[place] = merges.find(symbols[place].id, symbols[place + 1].id) }
        }
      }
    }
    work.symbols.removeLast(work.symbols.count - count)
  }

  /// Merges with a heap: time in proportion to n log n, whatever the piece.
  private func mergeMany(_ work: inout BPEWorkspace) {
    work.heap.removeAll(keepingCapacity: true)
    work.symbols[work.symbols.count - 1].next = -1
    for place in 0..<work.symbols.count - 1 {
      let found = merges.find(work.symbols[place].id, work.symbols[place + 1].id)
      if found != .max { Heap.push((found >> 32) << 32 | UInt64(place), &work.heap) }
    }
    func offer(_ left: Int32, _ right: Int32, _ work: inout BPEWorkspace) {
      guard left >= 0, right >= 0 else { return }
      let found = merges.find(work.symbols[Int(left)].id, work.symbols[Int(right)].id)
      if found != .max { Heap.push((found >> 32) << 32 | UInt64(left), &work.heap) }
    }
    while let top = Heap.pop(&work.heap) {
      let place = Int(top & 0xFFFF_FFFF)
      let symbol = work.symbols[place]
      guard symbol.length > 0, symbol.next >= 0 else { continue }
      let right = work.symbols[Int(symbol.next)]
      let found = merges.find(symbol.id, right.id)
      // An entry is out of date if its pair has become another.
      guard found >> 32 == top >> 32 else { continue }
      work.symbols[place].id = Int32(truncatingIfNeeded: found)
      work.symbols[place].length += right.length
      work.symbols[place].next = right.next
      work.symbols[Int(symbol.next)].length = 0
      if right.next >= 0 { work.symbols[Int(right.next)].previous = Int32(place) }
      offer(symbol.previous, Int32(place), &work)
      offer(Int32(place), right.next, &work)
    }
  }
}

/// A binary heap, the smallest first.
private enum Heap {
  @inline(__always)
  static func push(_ value: UInt64, _ heap: inout [UInt64]) {
    heap.append(value)
    var place = heap.count - 1
    while place > 0, heap[(place - 1) / 2] > value {
      heap[place] = heap[(place - 1) / 2]
      place = (place - 1) / 2
    }
    heap[place] = value
  }

  @inline(__always)
  static func pop(_ heap: inout [UInt64]) -> UInt64? {
    guard let top = heap.first, let last = heap.popLast() else { return nil }
    if heap.isEmpty { return top }
    var place = 0
    while true {
      var child = place * 2 + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < last else { break }
      heap[place] = heap[child]
      place = child
    }
    heap[place] = last
    return top
  }
}

/// The tokens `<0x00>` … `<0xFF>`.
enum ByteFallback {
  /// The token of a byte.
  static func token(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
  }

  /// The id of a byte's token, or nil.
  static func id(of byte: UInt8, _ vocabulary: Vocabulary) -> Int32? {
    token(byte).withUnsafeBufferPointer { vocabulary.find($0) }
  }
}
