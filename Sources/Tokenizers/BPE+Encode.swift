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
  /// Where pairs wait for their rank.
  var queue = RankQueue()
}

extension BPE {
  /// The id of each byte's printable scalar; none unless all have one.
  func byteIDs() -> [Int32] {
    let ids = ByteLevel.scalars.map { scalar -> Int32? in
      var bytes: [UInt8] = []
      UTF8Scalars.append(scalar, to: &bytes)
      return bytes.withUnsafeBufferPointer { vocabulary.find($0) }
    }
    return ids.contains(nil) ? [] : ids.compactMap { $0 }
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
    if byteIDs.isEmpty { addScalars(piece, &work) } else { for byte in piece { add(byteIDs[Int(byte)], 1, &work) } }
    if work.symbols.count <= 32 { mergeFew(&work) } else { mergeMany(&work) }
    var start = 0
    for symbol in work.symbols where symbol.length > 0 {
      sink.append(symbol.id, start, start + Int(symbol.length))
      start += Int(symbol.length)
    }
  }

  private func wholeID(_ piece: UnsafeBufferPointer<UInt8>, isRaw: Bool, _ work: inout BPEWorkspace) -> Int32? {
    guard isRaw else { return find(piece) }
    work.text.removeAll(keepingCapacity: true)
    for byte in piece { UTF8Scalars.append(ByteLevel.scalars[Int(byte)], to: &work.text) }
    return work.text.withUnsafeBufferPointer { find($0) }
  }

  /// The id of a token that text may become, or nil.
  @inline(__always)
  private func find(_ text: UnsafeBufferPointer<UInt8>) -> Int32? {
    vocabulary.find(text).flatMap { hidden.contains($0) ? nil : $0 }
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

  private func addScalars(_ piece: UnsafeBufferPointer<UInt8>, _ work: inout BPEWorkspace) {
    var unknown = Unknown()
    var position = 0
    while position < piece.count {
      let start = position
      position += UTF8Scalars.length(lead: piece[position])
      let text = piece[start..<position]
      let isWrapped = start > 0 && !prefix.isEmpty || position == piece.count && !suffix.isEmpty
      let id: Int32?
      if isWrapped {
        work.text.removeAll(keepingCapacity: true)
        if start > 0 { work.text += prefix }
        work.text += text
        if position == piece.count { work.text += suffix }
        id = work.text.withUnsafeBufferPointer { find($0) }
      } else {
        id = find(UnsafeBufferPointer(rebasing: text))
      }
      if let id {
        unknown.flush(self, &work)
        add(id, text.count, &work)
        continue
      }
      if options.fallsBackToBytes {
        // The reference adds bytes, those of prefix and suffix too, before unknown symbols that wait; so the order is
        // what it is there.
        let ids = (isWrapped ? work.text : Array(text)).map { ByteFallback.id(of: $0, vocabulary) }
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

  /// Merges rank by rank: time in proportion to the length, whatever the piece.
  private func mergeMany(_ work: inout BPEWorkspace) {
    var queue = RankQueue()
    swap(&queue, &work.queue)
    queue.prepare(ranks: merges.count)
    work.symbols.withUnsafeMutableBufferPointer { symbols in
      symbols[symbols.count - 1].next = -1
      for place in (0..<Int32(symbols.count) - 1).reversed() { _ = offer(place, place + 1, symbols, &queue) }
      while let rank = queue.takeFirst() {
        let (left, right) = merges.pairs[rank]
        let merged = Int32(truncatingIfNeeded: merges.find(left, right))
        var index = 0
        while index < queue.taken.count {
          let place = queue.taken[index]
          index += 1
          let symbol = symbols[Int(place)]
          // A place is out of date if its pair has become another.
          guard symbol.length > 0, symbol.next >= 0, symbol.id == left, symbols[Int(symbol.next)].id == right else {
            continue
          }
          let next = symbols[Int(symbol.next)]
          symbols[Int(place)].id = merged
          symbols[Int(place)].length += next.length
          symbols[Int(place)].next = next.next
          symbols[Int(symbol.next)].length = 0
          if next.next >= 0 { symbols[Int(next.next)].previous = place }
          let before = offer(symbol.previous, place, symbols, &queue)
          if min(before, offer(place, next.next, symbols, &queue)) <= rank {
            // What was learnt earlier comes first; the rest of this rank waits.
            for rest in queue.taken[index...].reversed() { queue.insert(rank, rest) }
            break
          }
        }
      }
    }
    swap(&queue, &work.queue)
  }

  /// Puts a pair of neighbours into the queue and returns its rank.
  @inline(__always)
  private func offer(
    _ left: Int32, _ right: Int32, _ symbols: UnsafeMutableBufferPointer<BPEWorkspace.Symbol>, _ queue: inout RankQueue
  ) -> Int {
    guard left >= 0, right >= 0 else { return .max }
    let found = merges.find(symbols[Int(left)].id, symbols[Int(right)].id)
    guard found != .max else { return .max }
    queue.insert(Int(found >> 32), left)
    return Int(found >> 32)
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
