/// Runs a compiled expression over a text, with its own stack: no text is so long that it overflows.
struct RegexMatcher {
  /// What to do when the way taken fails.
  private enum Choice {
    /// Go on elsewhere.
    case place(Int, position: Int)
    /// Give back a scalar of a greedy run.
    case shorter(next: Int, least: Int, position: Int)
    /// Take another scalar into a lazy run.
    case longer(Int, position: Int, count: Int)
    /// Put a mark back.
    case mark(Int, position: Int)
  }

  private let program: [RegexInstruction]
  private let sets: [ScalarSet]
  private let bytes: UnsafeBufferPointer<UInt8>
  private let range: Range<Int>
  private var choices: [Choice] = []
  private var marks: [Int: Int] = [:]

  init(_ regex: Regex, _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
    program = regex.program
    sets = regex.sets
    self.bytes = bytes
    self.range = range
  }

  /// Where the match ends that starts at a position, or nil.
  mutating func match(at position: Int) -> Int? { run(0, position) }

  private mutating func run(_ start: Int, _ from: Int) -> Int? {
    let floor = choices.count
    defer { choices.removeLast(choices.count - floor) }
    var (place, position) = (start, from)
    while true {
      if let next = step(&place, &position) {
        if next { return position }
      } else if !back(to: floor, &place, &position) {
        return nil
      }
    }
  }

  /// Does one step: true at the end, nil if it fails.
  private mutating func step(_ place: inout Int, _ position: inout Int) -> Bool? {
    switch program[place] {
    case .match: return true
    case .jump(let target): place = target
    case .split(let first, let second):
      choices.append(.place(second, position: position))
      place = first
    case .one(let set):
      guard position < range.upperBound, sets[set].contains(UTF8Scalars.decode(bytes, &position)) else { return nil }
      place += 1
    case .loop(let set, let least, let most, let kind):
      return loop(sets[set], least, most, kind, &place, &position)
    case .look(let end, let isAhead, let isNegative, let lengths):
      let found = isAhead ? run(place + 1, position) != nil : looksBehind(place + 1, position, lengths)
      guard found != isNegative else { return nil }
      place = end
    case .atomic(let end):
      guard let next = run(place + 1, position) else { return nil }
      (place, position) = (end, next)
    case .assertion(let assertion):
      guard holds(assertion, position) else { return nil }
      place += 1
    case .mark(let slot):
      if let old = marks[slot] { choices.append(.mark(slot, position: old)) }
      marks[slot] = position
      place += 1
    case .progress(let slot):
      // Without progress another round would do the same for ever: go past the jump back.
      place += marks[slot] == position ? 2 : 1
    }
    return false
  }

  private mutating func loop(
    _ set: ScalarSet, _ least: Int, _ most: Int, _ kind: RegexRepetition, _ place: inout Int, _ position: inout Int
  ) -> Bool? {
    var count = 0
    var floor = position
    let limit = kind == .lazy ? least : most
    while count < limit, position < range.upperBound {
      var next = position
      guard set.contains(UTF8Scalars.decode(bytes, &next)) else { break }
      position = next
      count += 1
      if count == least { floor = position }
    }
    guard count >= least else { return nil }
    switch kind {
    case .greedy:
      if position > floor { choices.append(.shorter(next: place + 1, least: floor, position: position)) }
    case .lazy:
      if count < most { choices.append(.longer(place, position: position, count: count)) }
    case .possessive: break
    }
    place += 1
    return false
  }

  /// Takes up the last choice left open; false if there is none above `floor`.
  private mutating func back(to floor: Int, _ place: inout Int, _ position: inout Int) -> Bool {
    while choices.count > floor, let choice = choices.popLast() {
      switch choice {
      case .place(let target, let old):
        (place, position) = (target, old)
        return true
      case .shorter(let next, let least, let old):
        var shorter = old - 1
        while UTF8Scalars.isContinuation(bytes[shorter]) { shorter -= 1 }
        if shorter > least { choices.append(.shorter(next: next, least: least, position: shorter)) }
        (place, position) = (next, shorter)
        return true
      case .longer(let loop, let old, let count):
        guard case .loop(let set, _, let most, _) = program[loop], old < range.upperBound else { continue }
        var next = old
        guard sets[set].contains(UTF8Scalars.decode(bytes, &next)) else { continue }
        if count + 1 < most { choices.append(.longer(loop, position: next, count: count + 1)) }
        (place, position) = (loop + 1, next)
        return true
      case .mark(let slot, let old): marks[slot] = old
      }
    }
    return false
  }

  /// Whether something that starts before a position ends just there.
  private mutating func looksBehind(_ place: Int, _ position: Int, _ lengths: ClosedRange<Int>) -> Bool {
    var start = position
    var count = 0
    while true {
      if count >= lengths.lowerBound, run(place, start) == position { return true }
      guard count < lengths.upperBound, start > range.lowerBound else { return false }
      start -= 1
      while UTF8Scalars.isContinuation(bytes[start]) { start -= 1 }
      count += 1
    }
  }

  private func holds(_ assertion: RegexAssertion, _ position: Int) -> Bool {
    switch assertion {
    case .textStart: position == range.lowerBound
    case .textEnd: position == range.upperBound
    case .textEndOrLineBreak:
      position == range.upperBound || position + 1 == range.upperBound && bytes[position] == 0x0A
    case .lineStart:
      position == range.lowerBound || bytes[position - 1] == 0x0A && position < range.upperBound
    case .lineEnd: position == range.upperBound || bytes[position] == 0x0A
    case .wordBoundary: isWord(before: position) != isWord(at: position)
    case .noWordBoundary: isWord(before: position) == isWord(at: position)
    }
  }

  private func isWord(at position: Int) -> Bool {
    var next = position
    return position < range.upperBound
      && ScalarProperties(of: UTF8Scalars.decode(bytes, &next)).contains(.onigurumaWord)
  }

  private func isWord(before position: Int) -> Bool {
    position > range.lowerBound
      && ScalarProperties(of: UTF8Scalars.last(bytes, before: position)).contains(.onigurumaWord)
  }
}
