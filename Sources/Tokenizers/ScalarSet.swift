/// A set of scalars, as a class of a regular expression names it.
struct ScalarSet: Sendable {
  /// How a set is put together.
  indirect enum Node: Sendable, Hashable {
    case range(UInt32, UInt32)
    /// General categories, a bit each by their place in `UnicodeData.categoryNames`.
    case categories(UInt32)
    case script(UInt8)
    case property(UInt16)
    case union([Node])
    case intersection([Node])
    case not(Node)
    /// What differs from a member only in case.
    case caseless(Node)

    /// The members: runs in ascending order that don't touch.
    fileprivate var runs: [ClosedRange<UInt32>] {
      switch self {
      case .range(let first, let last): first <= last ? [first...last] : []
      case .categories(let mask): UnicodeData.categories.runs { mask >> UInt32($0) & 1 == 1 }
      case .script(let script): UnicodeData.scripts.runs { $0 == script }
      case .property(let mask): UnicodeData.properties.runs { $0 & mask != 0 }
      case .union(let nodes): Node.union(nodes)
      case .intersection(let nodes): Node.others(than: Node.united(nodes.flatMap { Node.others(than: $0.runs) }))
      case .not(let node): Node.others(than: node.runs)
      case .caseless(let node): Node.caseless(node.runs)
      }
    }

    private static func union(_ nodes: [Node]) -> [ClosedRange<UInt32>] {
      // Categories are looked for all at once.
      var (categories, others) = (UInt32(0), [Node]())
      for node in nodes {
        if case .categories(let mask) = node { categories |= mask } else { others.append(node) }
      }
      return united(others.flatMap(\.runs) + (categories == 0 ? [] : Node.categories(categories).runs))
    }

    /// Runs in any order as runs in ascending order that don't touch.
    private static func united(_ runs: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
      var result: [ClosedRange<UInt32>] = []
      for run in runs.sorted(by: { $0.lowerBound < $1.lowerBound }) {
        if let last = result.last, run.lowerBound <= last.upperBound + 1 {
          result[result.count - 1] = last.lowerBound...max(last.upperBound, run.upperBound)
        } else {
          result.append(run)
        }
      }
      return result
    }

    /// What is between the runs.
    private static func others(than runs: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
      var result: [ClosedRange<UInt32>] = []
      var next: UInt32 = 0
      for run in runs {
        if run.lowerBound > next { result.append(next...run.lowerBound - 1) }
        next = run.upperBound + 1
      }
      if next <= 0x10FFFF { result.append(next...0x10FFFF) }
      return result
    }

    /// The runs, and what differs from a member only in case.
    private static func caseless(_ runs: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
      func contains(_ scalar: UInt32) -> Bool {
        var (low, high) = (0, runs.count)
        while low < high {
          let middle = (low + high) / 2
          if runs[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
        }
        return low < runs.count && runs[low].contains(scalar)
      }
      return united(
        runs + CaseFolding.variants.filter { $0.others.contains(where: contains) }.map { $0.scalar...$0.scalar })
    }
  }

  private let low: (UInt64, UInt64)
  /// Members from 128 up: one run, or whatever a table has.
  private let run: ClosedRange<UInt32>
  private let hasTable: Bool
  private let table: PagedTable<Bool>

  private static let noTable = PagedTable(initial: false)

  init(_ node: Node) {
    let runs = node.runs
    func bits(_ first: UInt32) -> UInt64 {
      (0..<64).reduce(0) { bits, place in
        runs.contains { $0.contains(first + UInt32(place)) } ? bits | 1 << UInt64(place) : bits
      }
    }
    low = (bits(0), bits(64))
    let high = runs.filter { $0.upperBound >= 128 }
    // Below 128 nobody asks it, so that a run there is none.
    run = high.first ?? 0...0
    hasTable = high.count > 1
    var table = ScalarSet.noTable
    if hasTable { for run in high { table.fill(run.lowerBound, run.upperBound, with: true) } }
    self.table = table
  }

  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 64 { return low.0 >> UInt64(scalar) & 1 == 1 }
    if scalar < 128 { return low.1 >> UInt64(scalar - 64) & 1 == 1 }
    return hasTable ? table[scalar] : run.contains(scalar)
  }

  /// Whether a scalar of several bytes may be a member; those are not told apart by their first byte.
  func mayStart(with byte: UInt8) -> Bool { byte >= 0x80 || contains(UInt32(byte)) }
}

/// Scalars that differ in case only.
enum CaseFolding {
  /// Lower-case scalars that more than one other folds to, beside their upper case.
  private static let extra: [UInt32: [UInt32]] = [
    0x73: [0x17F], 0x6B: [0x212A], 0xE5: [0x212B], 0x3C9: [0x2126], 0x3BC: [0xB5], 0x3C3: [0x3C2], 0x3B2: [0x3D0],
    0x3B8: [0x3D1, 0x3F4], 0x3C6: [0x3D5], 0x3C0: [0x3D6], 0x3BA: [0x3F0], 0x3C1: [0x3F1], 0x3B5: [0x3F5],
    0x1E61: [0x1E9B], 0x3B9: [0x345, 0x1FBE], 0xDF: [0x1E9E], 0x432: [0x1C80], 0x434: [0x1C81], 0x43E: [0x1C82],
    0x441: [0x1C83], 0x442: [0x1C84, 0x1C85], 0x44A: [0x1C86], 0x463: [0x1C87], 0xA64B: [0x1C88],
  ]

  private static let base: [UInt32: UInt32] = {
    var table: [UInt32: UInt32] = [:]
    for (folded, others) in extra { for other in others { table[other] = folded } }
    return table
  }()

  /// The lower case of every scalar that has one, the other way round; Oniguruma doesn't know the newest.
  private static let upper: [UInt32: [UInt32]] = {
    var table: [UInt32: [UInt32]] = [:]
    for (first, last, step, delta) in ScalarTables.lowercase {
      for scalar in stride(from: first, through: last, by: Int(step)) where UnicodeData.categories[scalar] > 0 {
        table[UInt32(Int64(scalar) + Int64(delta)), default: []].append(scalar)
      }
    }
    return table
  }()

  /// Each scalar that any other differs from in case only, and those others; in no order.
  static let variants: [(scalar: UInt32, others: [UInt32])] = {
    var found: Set<UInt32> = []
    for (folded, others) in upper.merging(extra, uniquingKeysWith: +) { found.formUnion([folded] + others) }
    return found.map { scalar in
      let lower = UnicodeData.categories[scalar] > 0 ? ScalarKinds.shared.lowercase(scalar) : scalar
      let folded = base[scalar] ?? base[lower] ?? lower
      return (scalar, [folded] + (upper[folded] ?? []) + (extra[folded] ?? []))
    }
  }()
}
