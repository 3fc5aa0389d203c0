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
