/// What splitting does with a scalar.
enum ScalarKind {
  /// It belongs to a word.
  case word
  /// It ends a word and is dropped.
  case space
  /// It is a word by itself: punctuation, an ideograph.
  case single
  /// It is dropped, and what stands left and right of it joins.
  case removed
}

/// How text is cut at each scalar, and its lower case; looked up in two steps.
final class ScalarKinds: Sendable {
  static let shared = ScalarKinds()

  private let kinds: PagedTable<ScalarKind>
  private let lowercaseDeltas: PagedTable<Int32>

  private init() {
    var kinds = PagedTable(initial: ScalarKind.word)
    for (first, last) in ScalarTables.removed { kinds.fill(first, last, with: .removed) }
    for (first, last) in ScalarTables.spaces { kinds.fill(first, last, with: .space) }
    for (first, last) in ScalarTables.chinese { kinds.fill(first, last, with: .single) }
    for (first, last) in ScalarTables.punctuation { kinds.fill(first, last, with: .single) }
    self.kinds = kinds
    var deltas = PagedTable<Int32>(initial: 0)
    for (first, last, step, delta) in ScalarTables.lowercase { deltas.fill(first, last, step: step, with: delta) }
    lowercaseDeltas = deltas
  }

  @inline(__always)
  func kind(of scalar: UInt32) -> ScalarKind { kinds[scalar] }

  /// The scalar's lower case; U+0130, which becomes two scalars, is left to the caller.
  @inline(__always)
  func lowercase(_ scalar: UInt32) -> UInt32 {
    UInt32(bitPattern: Int32(bitPattern: scalar) &+ lowercaseDeltas[scalar])
  }
}

/// A value for each of the 0x110000 scalars, in pages of 256; a page is made when its first value is set.
private struct PagedTable<Value: Hashable & Sendable>: Sendable {
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
