/// Words as symbols, how often each pair of neighbours is seen, and a queue of the pairs, most frequent first.
///
/// Counts are updated by what each merge changes, and a queued pair is looked at again only when it comes up with an old
/// count, as in Hugging Face's `BpeTrainer`.
struct PairMerger {
  private var words: [[Int32]]
  private let wordCounts: [Int]
  private var pairs = PairTable()
  /// How often each pair is seen, by its number.
  private var counts: [Int] = []
  /// The words in which each pair came up since it was last queued.
  private var waiting: [[Int32]] = []
  private var touched: [Int] = []
  private var queue = PairQueue()
  /// The words of the queue's entries.
  private var lists: [[Int32]] = []
  private var freeLists: [Int32] = []

  init(_ words: [[Int32]], counts: [Int]) {
    self.words = words
    wordCounts = counts
    for (word, symbols) in words.enumerated() {
      for (left, right) in zip(symbols, symbols.dropFirst()) {
        change(PairTable.key(left, UInt32(bitPattern: right)), by: counts[word], in: Int32(word))
      }
    }
    enqueueTouched()
  }

  /// Takes the most frequent pair, of several the one with the lowest ids, off the queue; nil when none is left.
  mutating func next() -> (pair: (left: Int32, right: Int32), count: Int, list: Int32)? {
    while var entry = queue.pop() {
      let count = counts[pairs.find(entry.pair)]
      if count == entry.count, count > 0 {
        let pair = (Int32(truncatingIfNeeded: entry.pair >> 32), Int32(truncatingIfNeeded: entry.pair))
        return (pair, count, entry.list)
      }
      entry.count = count
      if count > 0 { queue.push(entry) }
    }
    return nil
  }

  /// Replaces a pair by a symbol in the words that `next()` named.
  mutating func merge(_ pair: (left: Int32, right: Int32), into merged: Int32, list: Int32) {
    let affected = lists[Int(list)]
    lists[Int(list)] = []
    freeLists.append(list)
    for word in affected { merge(pair, into: merged, word: word) }
    enqueueTouched()
  }

  private mutating func merge(_ pair: (left: Int32, right: Int32), into merged: Int32, word: Int32) {
    var symbols: [Int32] = []
    swap(&symbols, &words[Int(word)])
    defer { swap(&symbols, &words[Int(word)]) }
    let count = wordCounts[Int(word)]
    var (read, write) = (0, 0)
    while read < symbols.count {
      guard symbols[read] == pair.left, read + 1 < symbols.count, symbols[read + 1] == pair.right else {
        symbols[write] = symbols[read]
        (read, write) = (read + 1, write + 1)
        continue
      }
      if write > 0 {
        let previous = symbols[write - 1]
        change(PairTable.key(previous, UInt32(bitPattern: pair.left)), by: -count, in: word)
        change(PairTable.key(previous, UInt32(bitPattern: merged)), by: count, in: word)
      }
      if read + 2 < symbols.count {
        let following = UInt32(bitPattern: symbols[read + 2])
        change(PairTable.key(pair.right, following), by: -count, in: word)
        change(PairTable.key(merged, following), by: count, in: word)
      }
      symbols[write] = merged
      (read, write) = (read + 2, write + 1)
    }
    symbols.removeLast(symbols.count - write)
  }

  @inline(__always)
  private mutating func change(_ key: UInt64, by amount: Int, in word: Int32) {
    let pair = pairs.insert(key)
    if pair == counts.count {
      counts.append(0)
      waiting.append([])
    }
    counts[pair] += amount
    guard amount > 0 else { return }
    if waiting[pair].isEmpty { touched.append(pair) }
    if waiting[pair].last != word { waiting[pair].append(word) }
  }

  private mutating func enqueueTouched() {
    for pair in touched {
      var list: [Int32] = []
      swap(&list, &waiting[pair])
      guard counts[pair] > 0 else { continue }
      let place = freeLists.popLast() ?? Int32(lists.count)
      if Int(place) == lists.count { lists.append(list) } else { lists[Int(place)] = list }
      queue.push(PairQueue.Entry(count: counts[pair], pair: pairs.keys[pair], list: place))
    }
    touched.removeAll(keepingCapacity: true)
  }
}

/// A binary heap of pairs: the most frequent first, of several the one with the lowest ids.
struct PairQueue {
  struct Entry {
    var count: Int
    /// The left symbol in the upper half, the right one in the lower.
    let pair: UInt64
    let list: Int32

    @inline(__always)
    func precedes(_ other: Entry) -> Bool { count != other.count ? count > other.count : pair < other.pair }
  }

  private var entries: [Entry] = []

  mutating func push(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0, case let parent = (child - 1) / 2, entry.precedes(entries[parent]) {
      entries[child] = entries[parent]
      child = parent
    }
    entries[child] = entry
  }

  mutating func pop() -> Entry? {
    guard let last = entries.popLast() else { return nil }
    guard let first = entries.first else { return last }
    var parent = 0
    while case var child = parent * 2 + 1, child < entries.count {
      if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
      guard entries[child].precedes(last) else { break }
      entries[parent] = entries[child]
      parent = child
    }
    entries[parent] = last
    return first
  }
}
