/// Places that wait by rank, the lowest first; putting in and taking out take constant time.
///
/// Places of one rank are a linked list; bits say which ranks have one, and words of bits above them which words have any.
struct RankQueue {
  /// The places that `takeFirst` took, in ascending order.
  private(set) var taken: [Int32] = []
  /// The last entry of each rank, or -1.
  private var heads: [Int32] = []
  private var entries: [(place: Int32, next: Int32)] = []
  private var levels: [[UInt64]] = []

  /// Empties the queue and makes room for so many ranks.
  mutating func prepare(ranks: Int) {
    entries.removeAll(keepingCapacity: true)
    guard heads.count < ranks else { return }
    heads = [Int32](repeating: -1, count: ranks)
    levels = []
    var words = ranks
    repeat {
      words = (words + 63) / 64
      levels.append([UInt64](repeating: 0, count: words))
    } while words > 1
  }

  /// Puts a place in.
  mutating func insert(_ rank: Int, _ place: Int32) {
    entries.append((place, heads[rank]))
    let isFirst = heads[rank] < 0
    heads[rank] = Int32(truncatingIfNeeded: entries.count - 1)
    guard isFirst else { return }
    var bit = rank
    for level in levels.indices {
      let wasEmpty = levels[level][bit / 64] == 0
      levels[level][bit / 64] |= 1 << UInt64(bit % 64)
      guard wasEmpty else { return }
      bit /= 64
    }
  }

  /// Takes all places of the lowest rank out, into `taken`; returns the rank, or nil if there is none.
  mutating func takeFirst() -> Int? {
    guard let top = levels.last, top[0] != 0 else { return nil }
    var rank = 0
    for level in levels.indices.reversed() { rank = rank * 64 + levels[level][rank].trailingZeroBitCount }
    taken.removeAll(keepingCapacity: true)
    var entry = heads[rank]
    var isAscending = true
    while entry >= 0 {
      let place = entries[Int(entry)].place
      if let last = taken.last, last > place { isAscending = false }
      taken.append(place)
      entry = entries[Int(entry)].next
    }
    if !isAscending { taken.sort() }
    heads[rank] = -1
    var bit = rank
    for level in levels.indices {
      levels[level][bit / 64] &= ~(1 << UInt64(bit % 64))
      guard levels[level][bit / 64] == 0 else { break }
      bit /= 64
    }
    return rank
  }
}
