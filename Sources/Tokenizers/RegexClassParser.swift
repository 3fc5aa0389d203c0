/// Reads character classes and escapes of one scalar or class.
enum RegexClassParser {
  /// The class whose `[` has been taken.
  static func parse(
    _ source: [UInt32], _ position: inout Int, depth: Int = 0, _ failure: (String) -> RegexError
  ) throws(RegexError) -> ScalarSet.Node {
    guard depth < 50 else { throw failure("classes nested more than 50 deep") }
    let isNegated = position < source.count && source[position] == 0x5E
    if isNegated { position += 1 }
    var parts: [ScalarSet.Node] = []
    var intersected: [ScalarSet.Node] = []
    var isFirst = true
    while position < source.count {
      let scalar = source[position]
      if scalar == 0x5D, !isFirst {
        position += 1
        intersected.append(.union(parts))
        let node: ScalarSet.Node = intersected.count == 1 ? intersected[0] : .intersection(intersected)
        return isNegated ? .not(node) : node
      }
      isFirst = false
      if scalar == 0x26, position + 1 < source.count, source[position + 1] == 0x26 {
        position += 2
        intersected.append(.union(parts))
        parts = []
        continue
      }
      if scalar == 0x5B {
        position += 1
        if position < source.count, source[position] == 0x3A {
          parts.append(try bracket(source, &position, failure))
        } else {
          parts.append(try parse(source, &position, depth: depth + 1, failure))
        }
        continue
      }
      let node = try member(source, &position, failure)
      // A range, unless the - is the last of the class or one end is a class.
      if case .range(let first, let same) = node, first == same, position + 1 < source.count, source[position] == 0x2D,
        source[position + 1] != 0x5D
      {
        let dash = position
        position += 1
        if source[position] != 0x5B, case .range(let last, let end) = try member(source, &position, failure),
          last == end
        {
          guard first <= last else { throw failure("a range the wrong way round") }
          parts.append(.range(first, last))
          continue
        }
        position = dash
      }
      parts.append(node)
    }
    throw failure("a ] is missing")
  }

  private static func member(
    _ source: [UInt32], _ position: inout Int, _ failure: (String) -> RegexError
  ) throws(RegexError) -> ScalarSet.Node {
    let scalar = source[position]
    position += 1
    guard scalar == 0x5C else { return .range(scalar, scalar) }
    if position < source.count, source[position] == 0x62 {
      position += 1
      return .range(8, 8)
    }
    return try escape(source, &position, inClass: true, failure)
  }

  /// What stands after a backslash.
  static func escape(
    _ source: [UInt32], _ position: inout Int, inClass: Bool = false, _ failure: (String) -> RegexError
  ) throws(RegexError) -> ScalarSet.Node {
    guard position < source.count, let scalar = Unicode.Scalar(source[position]) else { throw failure("ends early") }
    position += 1
    func one(_ value: UInt32) -> ScalarSet.Node { .range(value, value) }
    switch scalar {
    case "n": return one(0x0A)
    case "r": return one(0x0D)
    case "t": return one(0x09)
    case "f": return one(0x0C)
    case "v": return one(0x0B)
    case "a": return one(0x07)
    case "e": return one(0x1B)
    case "s": return .property(ScalarProperties.space.rawValue)
    case "S": return .not(.property(ScalarProperties.space.rawValue))
    case "w": return inClass ? wordInClass : word
    case "W": return .not(inClass ? wordInClass : word)
    case "d": return categories(["Nd"])
    case "D": return .not(categories(["Nd"]))
    case "h": return hexadecimal
    case "H": return .not(hexadecimal)
    case "p", "P": return try property(source, &position, isNegated: scalar == "P", failure)
    case "x", "u": return one(try code(source, &position, isLong: scalar == "u", failure))
    case "a"..."z", "A"..."Z", "0"..."9": throw failure("the escape \\\(scalar) isn't supported")
    default: return one(scalar.value)
    }
  }

  private static let word = ScalarSet.Node.property(ScalarProperties.onigurumaWord.rawValue)
  /// Inside a class Oniguruma doesn't count Latin-1's superscripts and fractions as parts of words; outside it does.
  private static let wordInClass = ScalarSet.Node.intersection([
    word, .not(.union([.range(0xB2, 0xB3), .range(0xB9, 0xB9), .range(0xBC, 0xBE)])),
  ])
  private static let hexadecimal = ScalarSet.Node.union([
    .range(0x30, 0x39), .range(0x41, 0x46), .range(0x61, 0x66),
  ])

  private static func categories(_ names: [String]) -> ScalarSet.Node {
    .categories(names.reduce(0) { $0 | 1 << UInt32(UnicodeData.categoryNames.firstIndex(of: $1) ?? 31) })
  }

  /// `\xHH`, `\x{H…}` or `\uHHHH`.
  private static func code(
    _ source: [UInt32], _ position: inout Int, isLong: Bool, _ failure: (String) -> RegexError
  ) throws(RegexError) -> UInt32 {
    let isBraced = !isLong && position < source.count && source[position] == 0x7B
    if isBraced { position += 1 }
    var value: UInt32 = 0
    var count = 0
    while position < source.count, count < (isBraced ? 8 : isLong ? 4 : 2),
      let digit = Unicode.Scalar(source[position]),
      let number = UInt32(String(digit), radix: 16)
    {
      value = value << 4 | number
      count += 1
      position += 1
    }
    if isBraced {
      guard position < source.count, source[position] == 0x7D else { throw failure("a } is missing") }
      position += 1
    }
    guard count > 0, !isLong || count == 4, Unicode.Scalar(value) != nil, isBraced || isLong || value < 0x80 else {
      throw failure("expected the number of a character")
    }
    return value
  }

  private static func property(
    _ source: [UInt32], _ position: inout Int, isNegated: Bool, _ failure: (String) -> RegexError
  ) throws(RegexError) -> ScalarSet.Node {
    guard position < source.count, source[position] == 0x7B,
      let end = source[position...].firstIndex(of: 0x7D)
    else { throw failure("expected {…} after \\p") }
    var name = String(String.UnicodeScalarView(source[(position + 1)..<end].compactMap { Unicode.Scalar($0) }))
    position = end + 1
    var isNegated = isNegated
    if name.hasPrefix("^") {
      name.removeFirst()
      isNegated.toggle()
    }
    guard let node = named(name) else { throw failure("the property \(name) isn't supported") }
    return isNegated ? .not(node) : node
  }

  private static func named(_ name: String) -> ScalarSet.Node? {
    let plain = name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" }
    let members = UnicodeData.categoryNames.filter { $0.lowercased() == plain || $0.prefix(1).lowercased() == plain }
    if !members.isEmpty { return categories(members) }
    if plain == "lc" { return categories(["Lu", "Ll", "Lt"]) }
    if let long = longNames[plain] { return named(long) }
    if let node = posix(plain) { return node }
    switch plain {
    case "any": return .range(0, 0x10FFFF)
    case "assigned": return .not(categories(["Cn"]))
    case "word": return word
    case "emoji": return .property(ScalarProperties.emoji.rawValue)
    case "extendedpictographic": return .property(ScalarProperties.pictographic.rawValue)
    default:
      let script = UnicodeData.scriptNames.firstIndex { $0.lowercased() == plain }
      return script.map { .script(UInt8($0 + 1)) }
    }
  }

  /// What `[:name:]` and `\p{name}` both name.
  private static func posix(_ name: String) -> ScalarSet.Node? {
    let letters = ["Lu", "Ll", "Lt", "Lm", "Lo", "Nl"]
    let alphabetic = ScalarSet.Node.property(ScalarProperties.otherAlphabetic.rawValue)
    return switch name {
    case "alpha": .union([categories(letters), alphabetic])
    case "alnum": .union([categories(letters + ["Nd"]), alphabetic])
    case "lower": .union([categories(["Ll"]), .property(ScalarProperties.otherLowercase.rawValue)])
    // With Roman numerals, and letters in circles and squares.
    case "upper":
      .union([
        categories(["Lu"]), .range(0x2160, 0x216F), .range(0x24B6, 0x24CF), .range(0x1F130, 0x1F149),
        .range(0x1F150, 0x1F169), .range(0x1F170, 0x1F189),
      ])
    case "digit": categories(["Nd"])
    case "xdigit": hexadecimal
    case "space": .property(ScalarProperties.space.rawValue)
    case "blank": .union([categories(["Zs"]), .range(9, 9)])
    case "cntrl": categories(["Cc"])
    case "graph": .not(categories(["Cn", "Cc", "Zs", "Zl", "Zp"]))
    case "print": .not(categories(["Cn", "Cc", "Zl", "Zp"]))
    case "ascii": .range(0, 0x7F)
    default: nil
    }
  }

  private static let longNames = [
    "letter": "L", "mark": "M", "number": "N", "punctuation": "P", "punct": "P", "symbol": "S", "separator": "Z",
    "other": "C", "uppercaseletter": "Lu", "lowercaseletter": "Ll", "titlecaseletter": "Lt", "modifierletter": "Lm",
    "otherletter": "Lo", "nonspacingmark": "Mn", "spacingmark": "Mc", "enclosingmark": "Me", "decimalnumber": "Nd",
    "letternumber": "Nl", "othernumber": "No", "spaceseparator": "Zs", "control": "Cc", "format": "Cf",
    "unassigned": "Cn", "privateuse": "Co", "alphabetic": "alpha", "lowercase": "lower", "uppercase": "upper",
    "whitespace": "space",
  ]

  /// `[:name:]`, whose `[` has been taken.
  private static func bracket(
    _ source: [UInt32], _ position: inout Int, _ failure: (String) -> RegexError
  ) throws(RegexError) -> ScalarSet.Node {
    let start = position + 1
    guard let end = source[start...].firstIndex(of: 0x3A), end + 1 < source.count, source[end + 1] == 0x5D else {
      throw failure("expected [:name:]")
    }
    var name = String(String.UnicodeScalarView(source[start..<end].compactMap { Unicode.Scalar($0) }))
    position = end + 2
    let isNegated = name.hasPrefix("^")
    if isNegated { name.removeFirst() }
    let node: ScalarSet.Node? =
      switch name {
      case "word": wordInClass
      case "punct": categories(["Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So"])
      default: posix(name)
      }
    guard let node else { throw failure("the class [:\(name):] isn't supported") }
    return isNegated ? .not(node) : node
  }
}
