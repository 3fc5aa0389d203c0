/// A set of scalars, as a class of a regular expression names it.
struct ScalarSet: Sendable {
  /// How a set is put together.
  indirect enum Node: Sendable {
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

    func contains(_ scalar: UInt32) -> Bool {
      switch self {
      case .range(let first, let last): scalar >= first && scalar <= last
      case .categories(let mask): mask >> UInt32(UnicodeData.categories[scalar]) & 1 == 1
      case .script(let script): UnicodeData.scripts[scalar] == script
      case .property(let mask): UnicodeData.properties[scalar] & mask != 0
      case .union(let nodes): nodes.contains { $0.contains(scalar) }
      case .intersection(let nodes): nodes.allSatisfy { $0.contains(scalar) }
      case .not(let node): !node.contains(scalar)
      case .caseless(let node): CaseFolding.variants(of: scalar).contains { node.contains($0) }
      }
    }
  }

  private let node: Node
  private let low: (UInt64, UInt64)

  init(_ node: Node) {
    self.node = node
    func bits(_ first: UInt32) -> UInt64 {
      (0..<64).reduce(0) { $0 | (node.contains(first + $1) ? 1 << UInt64($1) : 0) }
    }
    low = (bits(0), bits(64))
  }

  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 64 { return low.0 >> UInt64(scalar) & 1 == 1 }
    if scalar < 128 { return low.1 >> UInt64(scalar - 64) & 1 == 1 }
    return node.contains(scalar)
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

  /// A scalar and all that differ from it in case only.
  static func variants(of scalar: UInt32) -> [UInt32] {
    let lower = UnicodeData.categories[scalar] > 0 ? ScalarKinds.shared.lowercase(scalar) : scalar
    let folded = base[scalar] ?? base[lower] ?? lower
    return [scalar, folded] + (upper[folded] ?? []) + (extra[folded] ?? [])
  }
}
