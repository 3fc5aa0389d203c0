/// Why a regular expression isn't understood.
public struct RegexError: Error, Equatable, CustomStringConvertible {
  /// The reason, in one line.
  public let description: String
}

/// A regular expression with Oniguruma's syntax and meaning (Ruby), on UTF-8: leftmost match, first alternative.
///
/// Runs of one class, which tokenizers' expressions are made of, are matched in a loop and given back a scalar at a time;
/// the well-known expressions have a matcher of their own.
struct Regex: Sendable {
  let program: [RegexInstruction]
  let sets: [ScalarSet]
  /// Which bytes a match can start with; nil: any, or none.
  private let firstBytes: [Bool]?
  private let known: KnownExpression?

  /// The expression by which GPT-2's tokenizer cuts.
  static let gpt2 = Regex(known: .gpt2)

  init(_ source: String) throws(RegexError) {
    if let known = KnownExpression(source) {
      self.init(known: known)
      return
    }
    let node = try RegexParser.parse(source)
    var compiler = RegexCompiler()
    try compiler.compile(node)
    compiler.program.append(.match)
    let firstBytes = compiler.firstBytes(node)
    self.init(compiler, firstBytes: firstBytes, known: nil)
  }

  /// Matches a text as it is.
  init(literal: String) {
    var compiler = RegexCompiler()
    for scalar in literal.unicodeScalars { compiler.append(.range(scalar.value, scalar.value)) }
    compiler.program.append(.match)
    let first = literal.utf8.first
    self.init(compiler, firstBytes: first.map { first in (0..<256).map { $0 == Int(first) } }, known: nil)
  }

  private init(known: KnownExpression) { self.init(RegexCompiler(), firstBytes: nil, known: known) }

  private init(_ compiler: RegexCompiler, firstBytes: [Bool]?, known: KnownExpression?) {
    program = compiler.program
    sets = compiler.sets
    self.firstBytes = firstBytes
    self.known = known
  }

  /// Calls `body` with each match in a range of a text, which is all that the expression sees of it.
  func forEachMatch(in bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    if let known { return known.forEachMatch(in: bytes, range, body) }
    var matcher = RegexMatcher(self, bytes, range)
    var position = range.lowerBound
    var last = -1
    while position <= range.upperBound {
      if let firstBytes {
        while position < range.upperBound, !firstBytes[Int(bytes[position])] { position += 1 }
        if position == range.upperBound { return }
      }
      let end = matcher.match(at: position)
      // An empty match right after another doesn't count.
      if let end, end > position || position != last {
        body(position..<end)
        last = end
        if end > position {
          position = end
          continue
        }
      }
      position += position < range.upperBound ? UTF8Scalars.length(lead: bytes[position]) : 1
    }
  }
}

/// A step of a compiled expression.
enum RegexInstruction: Sendable {
  /// A member of a set.
  case one(Int)
  /// As many members of a set as wanted.
  case loop(Int, least: Int, most: Int, RegexRepetition)
  /// Goes on at the first place and, if that fails, at the second.
  case split(Int, Int)
  case jump(Int)
  /// Matches up to `end` by itself.
  case look(end: Int, isAhead: Bool, isNegative: Bool, lengths: ClosedRange<Int>)
  case atomic(end: Int)
  case assertion(RegexAssertion)
  /// Remembers where a round of a repetition began.
  case mark(Int)
  /// Ends the repetition if the round took nothing.
  case progress(Int)
  case match
  /// Ends a look-behind at the place that it looks from; fails elsewhere.
  case reach
}

/// Turns an expression into steps.
struct RegexCompiler {
  var program: [RegexInstruction] = []
  private(set) var sets: [ScalarSet] = []
  private var numbers: [ScalarSet.Node: Int] = [:]
  /// How many repetitions are around what comes next.
  private var depth = 0

  mutating func append(_ node: ScalarSet.Node) { program.append(.one(number(of: node))) }

  /// The number of a set, which is made once.
  private mutating func number(of node: ScalarSet.Node) -> Int {
    if let number = numbers[node] { return number }
    numbers[node] = sets.count
    sets.append(ScalarSet(node))
    return sets.count - 1
  }

  mutating func compile(_ node: RegexNode) throws(RegexError) {
    guard program.count < 20_000 else { throw RegexError(description: "the expression is too long") }
    switch node {
    case .set(let set): append(set)
    case .sequence(let nodes): for node in nodes { try compile(node) }
    case .alternatives(let nodes):
      var ends: [Int] = []
      for (index, node) in nodes.enumerated() {
        guard index < nodes.count - 1 else {
          try compile(node)
          continue
        }
        let split = program.count
        program.append(.split(split + 1, 0))
        try compile(node)
        ends.append(program.count)
        program.append(.jump(0))
        program[split] = .split(split + 1, program.count)
      }
      for end in ends { program[end] = .jump(program.count) }
    case .repetition(let node, let least, let most, let kind): try compile(node, least, most, kind)
    case .look(let node, let isAhead, let isNegative):
      let place = program.count
      program.append(.match)
      try compile(node)
      program.append(isAhead ? .match : .reach)
      guard let lengths = isAhead ? 0...0 : RegexCompiler.lengths(node), lengths.upperBound <= 255 else {
        throw RegexError(description: "a look-behind of unlimited length isn't supported")
      }
      program[place] = .look(end: program.count, isAhead: isAhead, isNegative: isNegative, lengths: lengths)
    case .atomic(let node):
      let place = program.count
      program.append(.match)
      try compile(node)
      program.append(.match)
      program[place] = .atomic(end: program.count)
    case .assertion(let assertion): program.append(.assertion(assertion))
    }
  }

  private mutating func compile(
    _ node: RegexNode, _ least: Int, _ most: Int?, _ kind: RegexRepetition
  ) throws(RegexError) {
    if case .set(let set) = node {
      program.append(.loop(number(of: set), least: least, most: most ?? .max, kind))
      return
    }
    if kind == .possessive {
      try compile(.atomic(.repetition(node, least: least, most: most, .greedy)))
      return
    }
    for _ in 0..<least {
      let start = program.count
      try compile(node)
      if program.count == start { break }
    }
    let isGreedy = kind == .greedy
    func split(_ inside: Int, _ outside: Int) -> RegexInstruction {
      isGreedy ? .split(inside, outside) : .split(outside, inside)
    }
    if let most {
      var splits: [Int] = []
      for _ in least..<max(most, least) {
        splits.append(program.count)
        program.append(.match)
        try compile(node)
      }
      for place in splits { program[place] = split(place + 1, program.count) }
      return
    }
    let start = program.count
    program.append(.match)
    program.append(.mark(depth))
    depth += 1
    try compile(node)
    depth -= 1
    program.append(.progress(depth))
    program.append(.jump(start))
    program[start] = split(start + 1, program.count)
  }

  /// How many scalars a match has; nil if there is no limit.
  private static func lengths(_ node: RegexNode) -> ClosedRange<Int>? {
    switch node {
    case .look, .assertion: return 0...0
    case .set: return 1...1
    case .sequence(let nodes):
      return nodes.reduce(0...0) { sum, node in
        guard let sum, let next = lengths(node) else { return nil }
        return (sum.lowerBound + next.lowerBound)...(sum.upperBound + next.upperBound)
      }
    case .alternatives(let nodes):
      let all = nodes.map { lengths($0) }
      guard !all.contains(nil), let least = all.compactMap({ $0?.lowerBound }).min(),
        let most = all.compactMap({ $0?.upperBound }).max()
      else { return nil }
      return least...most
    case .repetition(let node, let least, let most, _):
      guard let most, let one = lengths(node) else { return nil }
      return (one.lowerBound * least)...(one.upperBound * max(most, least))
    case .atomic(let node): return lengths(node)
    }
  }

  /// Which bytes a match can start with; nil if a match may be empty.
  mutating func firstBytes(_ node: RegexNode) -> [Bool]? {
    switch node {
    case .look, .assertion: return nil
    case .set(let node):
      let set = sets[number(of: node)]
      return (0..<256).map { set.mayStart(with: UInt8($0)) }
    case .sequence(let nodes):
      // What is certain to take nothing narrows nothing; the first that takes something decides, with all that may be
      // skipped before it.
      var union = [Bool](repeating: false, count: 256)
      for node in nodes {
        switch node {
        case .look, .assertion: continue
        case .repetition(let inner, let least, _, _) where least == 0:
          guard let first = firstBytes(inner) else { return nil }
          union = zip(union, first).map { $0 || $1 }
        default:
          guard let first = firstBytes(node) else { return nil }
          return zip(union, first).map { $0 || $1 }
        }
      }
      return nil
    case .alternatives(let nodes):
      return nodes.reduce([Bool](repeating: false, count: 256)) { union, node in
        guard let union, let first = firstBytes(node) else { return nil }
        return zip(union, first).map { $0 || $1 }
      }
    case .repetition(let node, let least, _, _): return least > 0 ? firstBytes(node) : nil
    case .atomic(let node): return firstBytes(node)
    }
  }
}
