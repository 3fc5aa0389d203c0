/// Unicode normalization with the reference's tables (UAX #15).
enum Normalization {
  /// Full decompositions of scalars, Hangul aside.
  struct Decompositions: Sendable {
    /// The place of each scalar's entry from 1 on, or 0.
    private var places = PagedTable<UInt16>(initial: 0)
    private var scalars: [UInt32] = []
    private var ends: [UInt32] = [0]

    fileprivate init(_ texts: [StaticString]) {
      for text in texts {
        Normalization.forEachEntry(text) { scalar, full in
          scalars += full
          ends.append(UInt32(scalars.count))
          places.fill(scalar, scalar, with: UInt16(ends.count - 1))
        }
      }
    }

    /// The scalars a scalar decomposes to, or none if it doesn't.
    @inline(__always)
    func callAsFunction(_ scalar: UInt32) -> ArraySlice<UInt32> {
      let place = Int(places[scalar])
      return place == 0 ? [] : scalars[Int(ends[place - 1])..<Int(ends[place])]
    }
  }

  static let canonical = Decompositions([UnicodeTables.canonical])
  static let compatible = Decompositions([UnicodeTables.canonical, UnicodeTables.compatible])

  /// Canonical combining classes.
  static let combining: PagedTable<UInt8> = {
    var table = PagedTable<UInt8>(initial: 0)
    forEachEntry(UnicodeTables.combining) { table.fill($0, $0, with: UInt8(truncatingIfNeeded: $1.first ?? 0)) }
    return table
  }()

  /// What two scalars compose to, Hangul aside.
  private static let compositions: [UInt64: UInt32] = {
    var table: [UInt64: UInt32] = [:]
    forEachEntry(UnicodeTables.compositions) { if $1.count == 2 { table[UInt64($1[0]) << 32 | UInt64($1[1])] = $0 } }
    return table
  }()

  /// The first syllable, the first jamo of each kind and how many there are (The Unicode Standard, 3.12).
  private static let (syllables, leads, vowels, trails): (UInt32, UInt32, UInt32, UInt32) = (
    0xAC00, 0x1100, 0x1161, 0x11A7
  )

  /// Whether a scalar is a Hangul syllable.
  @inline(__always)
  static func isHangul(_ scalar: UInt32) -> Bool { scalar &- 0xAC00 < 11172 }

  /// Calls `body` with the jamo of a Hangul syllable.
  static func forEachJamo(_ syllable: UInt32, _ body: (UInt32) -> Void) {
    let index = syllable - syllables
    body(leads + index / 588)
    body(vowels + index % 588 / 28)
    if index % 28 > 0 { body(trails + index % 28) }
  }

  /// What two scalars compose to, or nil.
  static func composed(_ a: UInt32, _ b: UInt32) -> UInt32? {
    if a &- leads < 19, b &- vowels < 21 { return syllables + ((a - leads) * 21 + b - vowels) * 28 }
    if isHangul(a), (a - syllables) % 28 == 0, b > trails, b - trails < 28 { return a + b - trails }
    return compositions[UInt64(a) << 32 | UInt64(b)]
  }

  private static func forEachEntry(_ text: StaticString, _ body: (UInt32, [UInt32]) -> Void) {
    var reader = Base36Reader(text)
    var scalar: UInt32 = 0
    while let distance = reader.number() {
      scalar += distance
      var values: [UInt32] = []
      while let value = reader.number() { values.append(value) }
      body(scalar, values)
      _ = reader.letter()
    }
  }
}

/// A scalar on its way through a transformation, with what the reference calls its change: 0 where it replaces one, 1
/// where it is added, -n where n after it go.
struct ScalarChange {
  var scalar: UInt32
  var change: Int
}

extension Normalization {
  /// A normal form.
  enum Form: Sendable {
    case nfd, nfkd, nfc, nfkc

    var isCompatible: Bool { self == .nfkd || self == .nfkc }
    var isComposed: Bool { self == .nfc || self == .nfkc }
  }

  /// Whether a text surely is in that form already.
  static func leaves(_ text: borrowing AlignedText, _ form: Form) -> Bool {
    let (changes, isComposed) = (changing(form), form.isComposed)
    return !text.contains { $0 >= 0x80 && (changes[$0] || !isComposed && isHangul($0)) }
  }

  private static func changing(_ form: Form) -> PagedTable<Bool> {
    switch form {
    case .nfd: changedByNFD
    case .nfkd: changedByNFKD
    case .nfc: changedByNFC
    case .nfkc: changedByNFKC
    }
  }

  private static let changedByNFD = changed(by: .nfd)
  private static let changedByNFKD = changed(by: .nfkd)
  private static let changedByNFC = changed(by: .nfc)
  private static let changedByNFKC = changed(by: .nfkc)

  /// The scalars that a form may change, move or join with what is before them (UAX #15, quick check), Hangul syllables aside.
  private static func changed(by form: Form) -> PagedTable<Bool> {
    var table = PagedTable(initial: false)
    forEachEntry(UnicodeTables.canonical) { scalar, _ in table.fill(scalar, scalar, with: true) }
    if form.isCompatible {
      forEachEntry(UnicodeTables.compatible) { scalar, _ in table.fill(scalar, scalar, with: true) }
    }
    if form.isComposed {
      // What its parts compose to again stays.
      if form == .nfc { forEachEntry(UnicodeTables.compositions) { whole, _ in table.fill(whole, whole, with: false) } }
      forEachEntry(UnicodeTables.compositions) { if let second = $1.last { table.fill(second, second, with: true) } }
      table.fill(vowels, vowels + 20, with: true)
      table.fill(trails, trails + 27, with: true)
    }
    forEachEntry(UnicodeTables.combining) { scalar, _ in table.fill(scalar, scalar, with: true) }
    return table
  }

  /// Calls `body` with the scalars of a text's normal form, in order.
  static func forEach(
    _ text: UnsafeBufferPointer<UInt8>, _ form: Form, _ body: (ScalarChange) -> Void
  ) {
    let decompositions = form.isCompatible ? compatible : canonical
    let classes = combining
    /// What came since the last scalar of class 0, that one included.
    var block: [(order: UInt8, item: ScalarChange)] = []
    var composer = Composer()
    func flush() {
      if block.isEmpty { return }
      // Combining marks are put in the order of their classes; equal ones stay as they are.
      if block.count > 2 {
        let first = block[0].order == 0 ? 1 : 0
        let sorted = block[first...].enumerated().sorted {
          ($0.element.order, $0.offset) < ($1.element.order, $1.offset)
        }
        for (index, item) in sorted.enumerated() { block[first + index] = item.element }
      } else if block.count == 2, block[1].order > 0, block[0].order > block[1].order {
        block.swapAt(0, 1)
      }
      for (order, item) in block {
        if form.isComposed { composer.take(item, order, body) } else { body(item) }
      }
      block.removeAll(keepingCapacity: true)
    }
    func take(_ scalar: UInt32, _ change: Int) {
      let order = classes[scalar]
      if order == 0 {
        flush()
        if !form.isComposed { return body(ScalarChange(scalar: scalar, change: change)) }
      }
      block.append((order, ScalarChange(scalar: scalar, change: change)))
    }
    var position = 0
    while position < text.count {
      let scalar = UTF8Scalars.decode(text, &position)
      if scalar < 0x80 {
        take(scalar, 0)
        continue
      }
      if isHangul(scalar) {
        var change = 0
        forEachJamo(scalar) {
          take($0, change)
          change = 1
        }
        continue
      }
      let full = decompositions(scalar)
      if full.isEmpty {
        take(scalar, 0)
      } else {
        for (index, part) in full.enumerated() { take(part, index == 0 ? 0 : 1) }
      }
    }
    flush()
    composer.finish(body)
  }

  /// Puts decomposed scalars together again (UAX #15, D117).
  private struct Composer {
    private var starter: ScalarChange?
    private var lastOrder: UInt8 = 0
    private var waiting: [ScalarChange] = []

    mutating func take(_ item: ScalarChange, _ order: UInt8, _ body: (ScalarChange) -> Void) {
      guard let first = starter else {
        if order == 0 { starter = item } else { body(item) }
        return
      }
      let isBlocked = !waiting.isEmpty && (lastOrder == 0 || lastOrder >= order)
      if !isBlocked, let composed = Normalization.composed(first.scalar, item.scalar) {
        starter = ScalarChange(scalar: composed, change: first.change + item.change - 1)
      } else if order == 0 {
        finish(body)
        starter = item
      } else {
        waiting.append(item)
        lastOrder = order
      }
    }

    mutating func finish(_ body: (ScalarChange) -> Void) {
      if let starter { body(starter) }
      waiting.forEach(body)
      starter = nil
      waiting.removeAll(keepingCapacity: true)
      lastOrder = 0
    }
  }
}
