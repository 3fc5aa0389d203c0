/// The expressions that most byte-level tokenizers cut by, matched by hand.
enum KnownExpression: Sendable {
  /// GPT-2, RoBERTa, ModernBERT.
  case gpt2
  /// cl100k and what descends from it: Llama 3 (numbers of up to three digits), Qwen (single digits).
  case cl100k(digits: Int)

  private static let gpt2Source =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  private static func cl100kSource(_ number: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + number
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  init?(_ source: String) {
    switch source {
    case KnownExpression.gpt2Source: self = .gpt2
    case KnownExpression.cl100kSource(#"\p{N}"#): self = .cl100k(digits: 1)
    case KnownExpression.cl100kSource(#"\p{N}{1,3}"#): self = .cl100k(digits: 3)
    default: return nil
    }
  }

  /// What the expressions tell apart.
  private static let kinds: PagedTable<UInt8> = {
    var table = PagedTable<UInt8>(initial: other)
    UnicodeData.forEachCategory { first, last, category in
      let name = UnicodeData.categoryNames[category]
      if name.hasPrefix("L") { table.fill(first, last, with: letter) }
      if name.hasPrefix("N") { table.fill(first, last, with: number) }
    }
    for (first, last) in UnicodeData.spaces { table.fill(first, last, with: space) }
    return table
  }()
  private static let letter: UInt8 = 0
  private static let number: UInt8 = 1
  private static let space: UInt8 = 2
  private static let other: UInt8 = 3

  /// Calls `body` with each match; the expressions match everything.
  func forEachMatch(in bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    let kinds = KnownExpression.kinds
    var position = range.lowerBound
    while position < range.upperBound {
      var scanner = Scanner(bytes: bytes, end: range.upperBound, kinds: kinds, position: position)
      switch self {
      case .gpt2: scanner.gpt2()
      case .cl100k(let digits): scanner.cl100k(digits)
      }
      body(position..<scanner.position)
      position = scanner.position
    }
  }

  private struct Scanner {
    let bytes: UnsafeBufferPointer<UInt8>
    let end: Int
    let kinds: PagedTable<UInt8>
    var position: Int

    /// The kind of the scalar at `place`, which moves past it.
    @inline(__always)
    func kind(_ place: inout Int) -> UInt8 { kinds[UTF8Scalars.decode(bytes, &place)] }

    /// Moves past scalars of one kind, so many at most.
    @inline(__always)
    mutating func run(_ wanted: UInt8, most: Int = .max) {
      var count = 0
      while position < end, count < most {
        var next = position
        guard kind(&next) == wanted else { return }
        position = next
        count += 1
      }
    }

    @inline(__always)
    func kind(at place: Int) -> UInt8? {
      guard place < end else { return nil }
      var next = place
      return kind(&next)
    }

    /// How long the contraction is that starts at an apostrophe, or 0.
    func contraction(caseless: Bool) -> Int {
      func letter(_ offset: Int) -> UInt8 {
        guard position + offset < end else { return 0 }
        let byte = bytes[position + offset]
        return caseless && byte &- 0x41 < 26 ? byte | 0x20 : byte
      }
      switch letter(1) {
      case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
      case UInt8(ascii: "r") where letter(2) == UInt8(ascii: "e"): return 3
      case UInt8(ascii: "v") where letter(2) == UInt8(ascii: "e"): return 3
      case UInt8(ascii: "l") where letter(2) == UInt8(ascii: "l"): return 3
      // The long s, U+017F, is an s without regard to case.
      case 0xC5 where caseless && letter(2) == 0xBF: return 3
      default: return 0
      }
    }

    mutating func gpt2() {
      if bytes[position] == UInt8(ascii: "'") {
        let length = contraction(caseless: false)
        if length > 0 {
          position += length
          return
        }
      }
      let start = position
      if bytes[position] == 0x20, let next = kind(at: position + 1), next != KnownExpression.space {
        position += 1
        return run(next)
      }
      let first = kind(&position)
      run(first)
      if first == KnownExpression.space { leaveOne(from: start) }
    }

    mutating func cl100k(_ digits: Int) {
      if bytes[position] == UInt8(ascii: "'") {
        let length = contraction(caseless: true)
        if length > 0 {
          position += length
          return
        }
      }
      let start = position
      let first = kind(&position)
      if first == KnownExpression.letter { return run(first) }
      if first == KnownExpression.number { return run(first, most: digits - 1) }
      let isLineBreak = bytes[start] == 0x0A || bytes[start] == 0x0D
      // Anything but a line break may stand before letters.
      if !isLineBreak, kind(at: position) == KnownExpression.letter { return run(KnownExpression.letter) }
      if first == KnownExpression.other || bytes[start] == 0x20 && kind(at: position) == KnownExpression.other {
        run(KnownExpression.other)
        while position < end, bytes[position] == 0x0A || bytes[position] == 0x0D { position += 1 }
        return
      }
      run(KnownExpression.space)
      // \s*[\r\n]+ goes up to the run's last line break.
      var last = position
      while last > start, bytes[last - 1] != 0x0A, bytes[last - 1] != 0x0D { last -= 1 }
      if last > start {
        position = last
        return
      }
      leaveOne(from: start)
    }

    /// A run of white space before something else leaves its last scalar to that, unless it is all there is.
    private mutating func leaveOne(from start: Int) {
      guard position < end else { return }
      var last = position - 1
      while UTF8Scalars.isContinuation(bytes[last]) { last -= 1 }
      if last > start { position = last }
    }
  }
}
