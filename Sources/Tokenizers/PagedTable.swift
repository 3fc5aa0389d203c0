/// A value for each of the 0x110000 scalars, in pages of 256; a page is made when its first value is set.
struct PagedTable<Value: Hashable & Sendable>: Sendable {
  private var pages = [UInt16](repeating: 0, count: 0x1100)
  private var values: [Value]
  /// The pages that hold nothing but one value, shared by all blocks of scalars that do.
  private var uniform: [Value: UInt16]

  init(initial: Value) {
    values = [Value](repeating: initial, count: 256)
    uniform = [initial: 0]
  }

  @inline(__always)
  subscript(scalar: UInt32) -> Value { values[Int(pages[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)] }

  /// Sets the value of `first`, `first + step`, … `last`.
  mutating func fill(_ first: UInt32, _ last: UInt32, step: UInt32 = 1, with value: Value) {
    var scalar = first
    while scalar <= last {
      if step == 1, scalar & 0xFF == 0, last - scalar >= 255 {
        pages[Int(scalar >> 8)] = uniformPage(of: value)
        scalar += 256
      } else {
        values[Int(ownPage(of: scalar)) << 8 | Int(scalar & 0xFF)] = value
        scalar += step
      }
    }
  }

  /// The longest runs of scalars whose value is one that's wanted, in ascending order.
  func runs(_ isWanted: (Value) -> Bool) -> [ClosedRange<UInt32>] {
    var runs: [ClosedRange<UInt32>] = []
    func add(_ first: UInt32, _ last: UInt32) {
      if let run = runs.last, run.upperBound + 1 == first {
        runs[runs.count - 1] = run.lowerBound...last
      } else {
        runs.append(first...last)
      }
    }
    let uniform = Set(self.uniform.values)
    for (index, page) in pages.enumerated() {
      let (first, start) = (UInt32(index) << 8, Int(page) << 8)
      if uniform.contains(page) {
        if isWanted(values[start]) { add(first, first + 255) }
      } else {
        for place in 0..<256 where isWanted(values[start + place]) { add(first + UInt32(place), first + UInt32(place)) }
      }
    }
    return runs
  }

  private mutating func uniformPage(of value: Value) -> UInt16 {
    if let page = uniform[value] { return page }
    let page = UInt16(values.count >> 8)
    values += [Value](repeating: value, count: 256)
    uniform[value] = page
    return page
  }

  private mutating func ownPage(of scalar: UInt32) -> UInt16 {
    let page = pages[Int(scalar >> 8)]
    guard uniform.values.contains(page) else { return page }
    let own = UInt16(values.count >> 8)
    values += values[Int(page) << 8..<(Int(page) + 1) << 8]
    pages[Int(scalar >> 8)] = own
    return own
  }
}

extension PagedTable where Value: BinaryInteger {
  /// Sets bits in the values of `first` … `last`.
  mutating func unite(_ first: UInt32, _ last: UInt32, with bits: Value) {
    var scalar = first
    while scalar <= last {
      let value = self[scalar]
      var end = scalar
      while end < last, self[end + 1] == value { end += 1 }
      fill(scalar, end, with: value | bits)
      scalar = end + 1
    }
  }
}
