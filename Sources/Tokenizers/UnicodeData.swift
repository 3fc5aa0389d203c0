/// The properties of scalars, unpacked from `UnicodeTables` on first use.
enum UnicodeData {
  /// General categories as Oniguruma has them, by their place in `categoryNames`.
  static let categories: PagedTable<UInt8> = {
    var table = PagedTable<UInt8>(initial: 0)
    forEachCategory { if $2 > 0 { table.fill($0, $1, with: UInt8($2)) } }
    return table
  }()

  /// Calls `body` with the first and last scalar of each run of one category, and the category.
  static func forEachCategory(_ body: (UInt32, UInt32, Int) -> Void) {
    var reader = Base36Reader(UnicodeTables.categories)
    var scalar: UInt32 = 0
    while let length = reader.number() {
      guard let letter = reader.letter(), let index = Base36Reader.letters.firstIndex(of: letter) else { break }
      body(scalar, scalar + length - 1, index)
      scalar += length
    }
  }

  static let categoryNames = [
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
    "Sm",
    "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co",
  ]

  /// Scripts as Oniguruma has them, by their place in `scriptNames` from 1 on.
  static let scripts = numbered(UnicodeTables.scripts)

  static let scriptNames: [String] = UnicodeTables.scriptNames.description.split(separator: " ").map { String($0) }

  /// What the UnicodeScripts pre-tokenizer takes for one script; 0 goes with any.
  static let scriptRuns = numbered(UnicodeTables.scriptRuns)

  /// Yes-or-no properties, a bit each.
  static let properties: PagedTable<UInt16> = {
    var table = PagedTable<UInt16>(initial: 0)
    let lists: [(StaticString, ScalarProperties)] = [
      (UnicodeTables.word, .word), (UnicodeTables.onigurumaWord, .onigurumaWord), (UnicodeTables.numeric, .numeric),
      (UnicodeTables.marks, .mark), (UnicodeTables.nonspacing, .nonspacing), (UnicodeTables.extending, .extending),
      (UnicodeTables.preceding, .preceding), (UnicodeTables.controls, .control),
      (UnicodeTables.otherAlphabetic, .otherAlphabetic), (UnicodeTables.otherLowercase, .otherLowercase),
      (UnicodeTables.emoji, .emoji), (UnicodeTables.pictographic, .pictographic),
    ]
    for (text, property) in lists {
      var reader = Base36Reader(text)
      var scalar: UInt32 = 0
      var isInside = false
      while let length = reader.number() {
        if isInside { table.unite(scalar, scalar + length - 1, with: property.rawValue) }
        scalar += length
        isInside.toggle()
      }
    }
    for (first, last) in spaces {
      table.unite(first, last, with: ScalarProperties.space.rawValue)
    }
    for (first, last) in ScalarTables.punctuation {
      table.unite(first, last, with: ScalarProperties.punctuation.rawValue)
    }
    for (first, last) in ScalarTables.removed { table.unite(first, last, with: ScalarProperties.other.rawValue) }
    for (first, last) in ScalarTables.chinese { table.unite(first, last, with: ScalarProperties.chinese.rawValue) }
    return table
  }()

  /// White space, which BERT's cleaning drops a part of.
  static let spaces: [(UInt32, UInt32)] = ScalarTables.spaces + [(0xB, 0xC), (0x85, 0x85)]

  private static func numbered(_ text: StaticString) -> PagedTable<UInt8> {
    var table = PagedTable<UInt8>(initial: 0)
    var reader = Base36Reader(text)
    var scalar: UInt32 = 0
    while let length = reader.number(), let value = reader.number() {
      if value > 0 { table.fill(scalar, scalar + length - 1, with: UInt8(truncatingIfNeeded: value)) }
      scalar += length
    }
    return table
  }
}

/// Yes-or-no properties of a scalar.
struct ScalarProperties: OptionSet {
  let rawValue: UInt16

  /// `\w` of Rust's regex crate.
  static let word = ScalarProperties(rawValue: 1)
  /// Oniguruma's `\w`.
  static let onigurumaWord = ScalarProperties(rawValue: 2)
  /// A number by Rust's `char::is_numeric`.
  static let numeric = ScalarProperties(rawValue: 4)
  /// A combining mark.
  static let mark = ScalarProperties(rawValue: 8)
  /// A nonspacing mark.
  static let nonspacing = ScalarProperties(rawValue: 16)
  /// It continues a grapheme.
  static let extending = ScalarProperties(rawValue: 32)
  /// A grapheme goes on after it.
  static let preceding = ScalarProperties(rawValue: 64)
  /// Nothing continues it.
  static let control = ScalarProperties(rawValue: 128)
  /// White space.
  static let space = ScalarProperties(rawValue: 256)
  /// Punctuation as BERT has it.
  static let punctuation = ScalarProperties(rawValue: 512)
  /// What BERT's cleaning drops.
  static let other = ScalarProperties(rawValue: 1024)
  /// An ideograph as BERT has it.
  static let chinese = ScalarProperties(rawValue: 2048)
  /// Alphabetic, and neither a letter nor a number of letters.
  static let otherAlphabetic = ScalarProperties(rawValue: 4096)
  /// Lower case without being a lower-case letter.
  static let otherLowercase = ScalarProperties(rawValue: 8192)
  /// An emoji.
  static let emoji = ScalarProperties(rawValue: 16384)
  /// A pictogram.
  static let pictographic = ScalarProperties(rawValue: 32768)

  @inline(__always)
  init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The properties of a scalar.
  @inline(__always)
  init(of scalar: UInt32) { self.init(rawValue: UnicodeData.properties[scalar]) }
}

/// Numbers in base 36, and letters, out of a literal.
struct Base36Reader {
  static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&()*+,-./:;<=>?@[]^_{|}~".utf8)

  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  init(_ text: StaticString) { bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount) }

  /// The next number, past spaces; nil where none is.
  mutating func number() -> UInt32? {
    while position < bytes.count, bytes[position] == 0x20 { position += 1 }
    let start = position
    var value: UInt32 = 0
    while position < bytes.count {
      switch bytes[position] {
      case 0x30...0x39: value = value * 36 + UInt32(bytes[position] - 0x30)
      case 0x61...0x7A: value = value * 36 + UInt32(bytes[position] - 0x61 + 10)
      default: return position > start ? value : nil
      }
      position += 1
    }
    return position > start ? value : nil
  }

  /// The next byte.
  mutating func letter() -> UInt8? {
    guard position < bytes.count else { return nil }
    defer { position += 1 }
    return bytes[position]
  }
}
