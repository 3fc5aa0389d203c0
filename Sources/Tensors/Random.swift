/// Counter-based random numbers: Philox4x32-10.
///
/// Every number is a pure function of (seed, stream, index), so the same seed gives the same numbers on any machine, in any
/// order and on any number of threads. A value; nothing advances. Use `split` for independent streams (one per epoch, per
/// layer, …) and `RandomSequence` where the standard library wants a generator.
///
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC11).
public struct Random: Sendable, Equatable {
  /// The key of the generator.
  public let seed: UInt64
  /// The upper half of the counter: numbers of different streams are independent.
  public let stream: UInt64

  /// A generator for a seed and a stream of it.
  public init(seed: UInt64, stream: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
  }

  /// An independent generator derived from this one: the same `label` always gives the same one.
  public func split(_ label: UInt64) -> Random {
    let block = Random(seed: seed ^ 0x9E37_79B9_7F4A_7C15, stream: stream).block(label)
    return Random(seed: seed, stream: UInt64(block.0) | UInt64(block.1) << 32)
  }

  /// An independent generator named by text (FNV-1a of its UTF-8).
  public func split(_ name: String) -> Random {
    split(name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
  }

  /// Four 32-bit numbers at a block index.
  public func block(_ index: UInt64) -> (UInt32, UInt32, UInt32, UInt32) {
    var counter = (
      UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)
    )
    var key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    for _ in 0..<10 {
      let a = UInt64(0xD251_1F53) &* UInt64(counter.0)
      let b = UInt64(0xCD9E_8D57) &* UInt64(counter.2)
      counter = (
        UInt32(truncatingIfNeeded: b >> 32) ^ counter.1 ^ key.0, UInt32(truncatingIfNeeded: b),
        UInt32(truncatingIfNeeded: a >> 32) ^ counter.3 ^ key.1, UInt32(truncatingIfNeeded: a)
      )
      key = (key.0 &+ 0x9E37_79B9, key.1 &+ 0xBB67_AE85)
    }
    return counter
  }

  /// The 32-bit number at an index.
  public func uint32(at index: UInt64) -> UInt32 {
    let block = block(index >> 2)
    switch index & 3 {
    case 0: return block.0
    case 1: return block.1
    case 2: return block.2
    default: return block.3
    }
  }

  /// The 64-bit number at an index.
  public func uint64(at index: UInt64) -> UInt64 {
    let block = block(index >> 1)
    return index & 1 == 0
      ? UInt64(block.0) | UInt64(block.1) << 32 : UInt64(block.2) | UInt64(block.3) << 32
  }

  /// A number in [0, 1) with 24 bits.
  public func uniform(at index: UInt64) -> Float {
    Float(uint32(at: index) >> 8) * 0x1p-24
  }

  /// A permutation of 0 ..< count (Fisher–Yates).
  public func permutation(_ count: Int) -> [Int] {
    var numbers = RandomSequence(self)
    return Array(0..<count).shuffled(using: &numbers)
  }
}

/// A `RandomNumberGenerator` that walks through a `Random`'s 64-bit numbers in order.
public struct RandomSequence: RandomNumberGenerator, Sendable {
  private let random: Random
  private var index: UInt64 = 0

  /// Starts at the first number.
  public init(_ random: Random) {
    self.random = random
  }

  /// The next 64-bit number.
  public mutating func next() -> UInt64 {
    defer { index += 1 }
    return random.uint64(at: index)
  }

  /// The next number in [0, 1).
  public mutating func uniform() -> Float {
    Float(next() >> 40) * 0x1p-24
  }
}
