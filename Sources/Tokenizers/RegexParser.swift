import Checkpoints

/// What a regular expression is made of.
indirect enum RegexNode {
  case set(ScalarSet.Node)
  case sequence([RegexNode])
  case alternatives([RegexNode])
  case repetition(RegexNode, least: Int, most: Int?, RegexRepetition)
  case look(RegexNode, isAhead: Bool, isNegative: Bool)
  case atomic(RegexNode)
  case assertion(RegexAssertion)
}

/// How a repetition goes about it.
enum RegexRepetition {
  /// As often as possible, less on demand.
  case greedy
  /// As seldom as possible, more on demand.
  case lazy
  /// As often as possible, never less.
  case possessive
}

/// A condition on a place in the text.
enum RegexAssertion {
  case textStart, textEnd, textEndOrLineBreak, lineStart, lineEnd, wordBoundary, noWordBoundary
}

/// Reads Ruby's syntax as Oniguruma does; what it doesn't know is an error, never something else.
struct RegexParser {
  private let source: [UInt32]
  private var position = 0
  private var isCaseless = false
  private var dotMatchesLineBreak = false

  static func parse(_ source: String) throws(RegexError) -> RegexNode {
    var parser = RegexParser(source: source.unicodeScalars.map(\.value))
    let node = try parser.alternatives(depth: 0)
    guard parser.position == parser.source.count else { throw parser.failure("a ) too many") }
    return node
  }

  private init(source: [UInt32]) { self.source = source }

  private func failure(_ problem: String) -> RegexError { RegexParser.failure(source, position, problem) }

  private static func failure(_ source: [UInt32], _ position: Int, _ problem: String) -> RegexError {
    let text = String(String.UnicodeScalarView(source.compactMap { Unicode.Scalar($0) }))
    return RegexError(description: "in the expression \(FileError.quoted(text)) at \(position): \(problem)")
  }

  /// Takes a class or an escape.
  private mutating func set(
    _ parse: ([UInt32], inout Int, (String) -> RegexError) throws(RegexError) -> ScalarSet.Node
  ) throws(RegexError) -> ScalarSet.Node {
    position += 1
    let (source, start) = (source, position)
    return try parse(source, &position) { RegexParser.failure(source, start, $0) }
  }

  private var next: UInt32? { position < source.count ? source[position] : nil }

  private mutating func take(_ text: String) -> Bool {
    let scalars = text.unicodeScalars.map(\.value)
    guard source[position...].starts(with: scalars) else { return false }
    position += scalars.count
    return true
  }

  private mutating func alternatives(depth: Int) throws(RegexError) -> RegexNode {
    guard depth < 100 else { throw failure("nested more than 100 deep") }
    let flags = (isCaseless, dotMatchesLineBreak)
    defer { (isCaseless, dotMatchesLineBreak) = flags }
    var choices: [RegexNode] = []
    var items: [RegexNode] = []
    while let scalar = next, scalar != 0x29 {
      if take("|") {
        choices.append(.sequence(items))
        items = []
        continue
      }
      // (?i) holds to the end of the group, all alternatives that follow included.
      if let node = try item(depth: depth) { items.append(try repeated(node)) }
    }
    if choices.isEmpty { return .sequence(items) }
    return .alternatives(choices + [.sequence(items)])
  }

  private mutating func repeated(_ node: RegexNode) throws(RegexError) -> RegexNode {
    var node = node
    var count = 0
    while let scalar = next {
      let start = position
      let isInterval = scalar == 0x7B
      let bounds: (Int, Int?)
      switch scalar {
      case 0x2A: bounds = (0, nil)
      case 0x2B: bounds = (1, nil)
      case 0x3F: bounds = (0, 1)
      case 0x7B:
        guard let found = try interval() else { return node }
        bounds = found
      default: return node
      }
      count += 1
      guard count <= 10 else { throw failure("more than 10 repetitions of each other") }
      if !isInterval { position += 1 }
      // After {n} a ? makes the repetition optional, and after any {…} a + repeats it: both are the next in this loop.
      let isExact = isInterval && !source[start..<position].contains(0x2C)
      var kind = RegexRepetition.greedy
      if !isExact, take("?") {
        kind = .lazy
      } else if !isInterval, take("+") {
        kind = .possessive
      }
      node = .repetition(node, least: bounds.0, most: bounds.1, kind)
    }
    return node
  }

  /// `{n}`, `{n,}`, `{,m}` or `{n,m}`; nil, and nothing taken, for a brace that is a literal.
  private mutating func interval() throws(RegexError) -> (Int, Int?)? {
    let start = position
    position += 1
    let least = digits()
    var most = least
    if take(",") { most = digits() }
    let hasComma = source[start..<position].contains(0x2C)
    guard take("}"), least != nil || most != nil else {
      position = start
      return nil
    }
    guard (least ?? 0) <= 1000, (most ?? 0) <= 1000, (least ?? 0) <= (most ?? .max) else {
      throw failure("a repetition of more than 1000, or the wrong way round")
    }
    return (least ?? 0, hasComma ? most : least)
  }

  private mutating func digits() -> Int? {
    var value: Int?
    while let scalar = next, scalar &- 0x30 < 10, value ?? 0 < 100_000 {
      value = (value ?? 0) * 10 + Int(scalar - 0x30)
      position += 1
    }
    return value
  }

  private mutating func item(depth: Int) throws(RegexError) -> RegexNode? {
    guard let scalar = next else { throw failure("ends early") }
    switch scalar {
    case 0x28: return try group(depth: depth)
    case 0x5B:
      let node = try set { source, position, failure throws(RegexError) in
        try RegexClassParser.parse(source, &position, failure)
      }
      // [^…] is all but what the rest matches in either case.
      if case .not(let rest) = node { return .set(.not(folded(rest))) }
      return .set(folded(node))
    case 0x2E:
      position += 1
      return .set(dotMatchesLineBreak ? .range(0, 0x10FFFF) : .not(.range(0x0A, 0x0A)))
    case 0x5E:
      position += 1
      return .assertion(.lineStart)
    case 0x24:
      position += 1
      return .assertion(.lineEnd)
    case 0x5C:
      if let assertion = assertion() { return .assertion(assertion) }
      let node = try set { source, position, failure throws(RegexError) in
        try RegexClassParser.escape(source, &position, failure)
      }
      // A property by itself keeps to its case.
      if case .range(let first, let last) = node, first == last { return .set(folded(node)) }
      return .set(node)
    case 0x2A, 0x2B, 0x3F: throw failure("nothing to repeat")
    default:
      position += 1
      return .set(folded(.range(scalar, scalar)))
    }
  }

  private func folded(_ node: ScalarSet.Node) -> ScalarSet.Node { isCaseless ? .caseless(node) : node }

  private mutating func assertion() -> RegexAssertion? {
    guard position + 1 < source.count, let scalar = Unicode.Scalar(source[position + 1]) else { return nil }
    let known: RegexAssertion? =
      switch scalar {
      case "A": .textStart
      case "z": .textEnd
      case "Z": .textEndOrLineBreak
      case "b": .wordBoundary
      case "B": .noWordBoundary
      default: nil
      }
    if known != nil { position += 2 }
    return known
  }

  /// Takes a group's name: it starts with a letter or `_`, and no ) is in it.
  private mutating func name(until end: Unicode.Scalar) throws(RegexError) {
    guard let first = next, first &- 0x30 > 9, ScalarProperties(of: first).contains(.onigurumaWord) else {
      throw failure("expected the name of a group")
    }
    while let scalar = next, scalar != end.value, scalar != 0x29 { position += 1 }
    guard next == end.value else { throw failure("expected \(end) after the name of the group") }
    position += 1
  }

  private mutating func group(depth: Int) throws(RegexError) -> RegexNode? {
    position += 1
    func body(_ parser: inout RegexParser) throws(RegexError) -> RegexNode {
      let node = try parser.alternatives(depth: depth + 1)
      guard parser.take(")") else { throw parser.failure("a ) is missing") }
      return node
    }
    guard take("?") else { return try body(&self) }
    if take(":") { return try body(&self) }
    if take(">") { return .atomic(try body(&self)) }
    if take("=") { return .look(try body(&self), isAhead: true, isNegative: false) }
    if take("!") { return .look(try body(&self), isAhead: true, isNegative: true) }
    if take("<=") { return .look(try body(&self), isAhead: false, isNegative: false) }
    if take("<!") { return .look(try body(&self), isAhead: false, isNegative: true) }
    for (start, end) in [("<", ">"), ("'", "'")] as [(String, Unicode.Scalar)] where take(start) {
      // Nothing refers to the name.
      try name(until: end)
      return try body(&self)
    }
    if take("#") {
      while let scalar = next, scalar != 0x29 {
        _ = scalar
        position += 1
      }
      guard take(")") else { throw failure("a ) is missing") }
      return nil
    }
    var isOn = true
    let flags = (isCaseless, dotMatchesLineBreak)
    while let scalar = next.flatMap({ Unicode.Scalar($0) }) {
      position += 1
      switch scalar {
      case "-": isOn = false
      case "i": isCaseless = isOn
      case "m": dotMatchesLineBreak = isOn
      case ":":
        let node = try body(&self)
        (isCaseless, dotMatchesLineBreak) = flags
        return node
      case ")": return try alternatives(depth: depth + 1)
      default:
        position -= 1
        throw failure("a group of a kind that isn't supported")
      }
    }
    throw failure("ends early")
  }
}
