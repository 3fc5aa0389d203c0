/// Runs a compiled expression over a text, with its own stack: no text is so long that it overflows.
///
/// Once more ways have failed than a text of that length explains, it remembers the choices that led nowhere, so that
/// `(a+)+b` takes time in proportion to the text and doesn't double it with each scalar. That changes no match: how it
/// goes on from a choice depends on nothing but its `State`. Where Oniguruma gives up after too many tries,
/// this finds the answer.
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
    /// Remember that all that a choice opened has failed.
    case failed(Int, position: Int, count: Int)
  }

  /// All that decides how it goes on from a choice.
  private struct State: Hashable {
    /// The step and where in the text.
    let place, position: Int32
    /// How many scalars a run with a limit has.
    let count: Int16
    /// How many of the repetitions around the step began their round just here; these are the innermost ones.
    let idle: Int16
    /// Where a look-behind has to end.
    let target: Int32
  }

  private let program: [RegexInstruction]
  private let sets: [ScalarSet]
  private let bytes: UnsafeBufferPointer<UInt8>
  private let range: Range<Int>
  private var choices: [Choice] = []
  private var marks: [Int] = []
  private var target = 0
  private var failures = 0
  private var allowance = 0
  private var remembers = false
  private var failed: Set<State> = []
  /// How many repetitions are around each step; known once it remembers.
  private var depths: [Int] = []

  init(_ regex: Regex, _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
    program = regex.program
    sets = regex.sets
    self.bytes = bytes
    self.range = range
  }

  /// Where the match ends that starts at a position, or nil.
  mutating func match(at position: Int) -> Int? {
    allowance = 1000 + 64 * (position - range.lowerBound)
    return run(0, position)
  }

  private mutating func run(_ start: Int, _ from: Int) -> Int? {
    let floor = choices.count
    var (place, position) = (start, from)
    while true {
      if let isDone = step(&place, &position) {
        guard isDone else { continue }
        while choices.count > floor {
          if case .mark(let slot, let old) = choices.removeLast() { marks[slot] = old }
        }
        return position
      }
      if !back(to: floor, &place, &position) { return nil }
    }
  }

  /// Does one step: true at the end, nil if it fails.
  private mutating func step(_ place: inout Int, _ position: inout Int) -> Bool? {
    switch program[place] {
    case .match: return true
    case .reach: return position == target ? true : nil
    case .jump(let target): place = target
    case .split(let first, let second):
      if isHopeless(place, position) { return nil }
      choices.append(.place(second, position: position))
      place = first
    case .one(let set):
      guard position < range.upperBound, sets[set].contains(UTF8Scalars.decode(bytes, &position)) else { return nil }
      place += 1
    case .loop(let set, let least, let most, let kind):
      return loop(set, least, most, kind, &place, &position)
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
      if slot == marks.count { marks.append(-1) }
      choices.append(.mark(slot, position: marks[slot]))
      marks[slot] = position
      place += 1
    case .progress(let slot):
      // Without progress another round would do the same for ever: go past the jump back.
      place += marks[slot] == position ? 2 : 1
    }
    return false
  }

  private mutating func loop(
    _ set: Int, _ least: Int, _ most: Int, _ kind: RegexRepetition, _ place: inout Int, _ position: inout Int
  ) -> Bool? {
    var count = 0
    var floor = position
    let limit = kind == .lazy || remembers && kind == .greedy ? least : most
    while count < limit, position < range.upperBound {
      var next = position
      guard sets[set].contains(UTF8Scalars.decode(bytes, &next)) else { break }
      position = next
      count += 1
      if count == least { floor = position }
    }
    guard count >= least else { return nil }
    switch kind {
    case .greedy where remembers:
      // A scalar at a time, so that it stops where another run went on from in vain.
      while true {
        if isHopeless(place, position, count: most == .max ? 0 : count) { return nil }
        var next = position
        guard count < most, position < range.upperBound, sets[set].contains(UTF8Scalars.decode(bytes, &next)) else {
          break
        }
        choices.append(.place(place + 1, position: position))
        position = next
        count += 1
      }
    case .greedy:
      if position > floor { choices.append(.shorter(next: place + 1, least: floor, position: position)) }
    case .lazy:
      if isHopeless(place, position, count: most == .max ? 0 : count) { return nil }
      if count < most { choices.append(.longer(place, position: position, count: count)) }
    case .possessive: break
    }
    place += 1
    return false
  }

  /// Whether a choice has led nowhere before; if not, it will be remembered once all that it opens has failed.
  @inline(__always)
  private mutating func isHopeless(_ place: Int, _ position: Int, count: Int = 0) -> Bool {
    guard remembers else { return false }
    if failed.contains(state(place, position, count)) { return true }
    choices.append(.failed(place, position: position, count: count))
    return false
  }

  private func state(_ place: Int, _ position: Int, _ count: Int) -> State {
    let depth = depths[place]
    var idle = 0
    while idle < depth, marks[depth - 1 - idle] == position { idle += 1 }
    return State(
      place: Int32(place), position: Int32(position), count: Int16(count), idle: Int16(idle), target: Int32(target))
  }

  private mutating func remember() {
    remembers = true
    var depth = 0
    for instruction in program {
      depths.append(depth)
      switch instruction {
      case .mark(let slot): depth = slot + 1
      case .progress(let slot): depth = slot
      default: break
      }
    }
  }

  /// Takes up the last choice left open; false if there is none above `floor`.
  private mutating func back(to floor: Int, _ place: inout Int, _ position: inout Int) -> Bool {
    failures += 1
    if failures > allowance, !remembers { remember() }
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
        guard sets[set].contains(UTF8Scalars.decode(bytes, &next)),
          !isHopeless(loop, next, count: most == .max ? 0 : count + 1)
        else { continue }
        if count + 1 < most { choices.append(.longer(loop, position: next, count: count + 1)) }
        (place, position) = (loop + 1, next)
        return true
      case .mark(let slot, let old): marks[slot] = old
      case .failed(let place, let position, let count): failed.insert(state(place, position, count))
      }
    }
    return false
  }

  /// Whether something that starts before a position ends just there.
  private mutating func looksBehind(_ place: Int, _ position: Int, _ lengths: ClosedRange<Int>) -> Bool {
    var start = position
    var count = 0
    let outer = target
    target = position
    defer { target = outer }
    while true {
      if count >= lengths.lowerBound, run(place, start) != nil { return true }
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
