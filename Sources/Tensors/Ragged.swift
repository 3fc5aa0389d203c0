/// Where each sequence of a batch starts: sequence `i` is rows `offsets[i]` of the concatenation of all.
public struct Offsets: Sendable, Equatable {
  /// `count + 1` numbers that start at 0 and never decrease.
  public let values: [Int32]

  /// From the starts of the sequences and the end of the last.
  public init(_ values: [Int32]) {
    precondition(
      values.first == 0 && zip(values, values.dropFirst()).allSatisfy { $0 <= $1 },
      "Offsets: must start at 0 and never decrease")
    self.values = values
  }

  /// From the length of each sequence.
  public init(lengths: some Sequence<Int>) {
    var values: [Int32] = [0]
    var end: Int32 = 0
    for length in lengths {
      end += Int32(length)
      values.append(end)
    }
    self.values = values
  }

  /// The number of sequences.
  public var count: Int { values.count - 1 }
  /// The number of rows of all sequences together.
  public var rows: Int { Int(values[values.count - 1]) }
  /// The rows of a sequence.
  public subscript(index: Int) -> Range<Int> { Int(values[index])..<Int(values[index + 1]) }
  /// The number of rows of a sequence.
  public func length(_ index: Int) -> Int { Int(values[index + 1] - values[index]) }
  /// The sequences that have rows in a range of rows (and empty ones between them).
  func sequences(in range: Range<Int>) -> Range<Int> {
    var low = 0
    var high = count
    while low < high {  // the first sequence that ends after the start of the range
      let middle = (low + high) / 2
      if Int(values[middle + 1]) > range.lowerBound { high = middle } else { low = middle + 1 }
    }
    var end = low
    while end < count, Int(values[end]) < range.upperBound { end += 1 }
    return low..<end
  }
  /// The number of rows of each sequence.
  public var lengths: [Int] { (0..<count).map(length) }
}

/// A batch of sequences of any lengths: the rows of all one after another, never padded. The one form of a batch of sequences.
public struct Ragged<Rows: Sendable>: Sendable {
  /// The rows of all sequences: `[rows, width]`, or ids `[rows]`.
  public let rows: Rows
  /// Where each sequence starts.
  public let offsets: Offsets

  /// Rows and where each sequence of them starts.
  public init(_ rows: Rows, _ offsets: Offsets) {
    self.rows = rows
    self.offsets = offsets
  }

  /// The number of sequences.
  public var count: Int { offsets.count }

  /// The same sequences with other rows, made one by one from these.
  public func map<Other>(_ transform: (Rows) throws -> Other) rethrows -> Ragged<Other> {
    Ragged<Other>(try transform(rows), offsets)
  }
}

/// Integer ids, such as tokens or labels.
public struct IDs: Sendable, Equatable {
  /// The ids in order.
  public let values: [Int32]

  /// Ids in order.
  public init(_ values: [Int32]) { self.values = values }

  /// The number of ids.
  public var count: Int { values.count }
}

extension Ragged where Rows == IDs {
  /// A batch of id sequences.
  public init(_ sequences: [[Int32]]) {
    self.init(IDs(Array(sequences.joined())), Offsets(lengths: sequences.lazy.map(\.count)))
  }
}
