import Foundation
import Synchronization
import Tensors

/// How a model turns queries and keys: the base of the frequencies, the turned columns of a head, and how it reaches beyond the length
/// that it was trained for.
struct RotaryForm: Sendable, Hashable {
  /// Source: transformers' `modeling_rope_utils`, where nothing else is named.
  enum Scaling: Sendable, Hashable {
    case none
    /// Positions divided by a factor.
    case linear(Float)
    /// The base grows with texts longer than the trained length. Source: transformers' `dynamic`, NomicBERT's code.
    case dynamic(Float, trained: Int)
    /// The base times a factor, and frequencies over its (2 / width)th power, or by a power law of the pair.
    /// Source: GTE's code; Su, "Transformer upgrade 11: NTK-aware RoPE", 2023.
    case ntk(Float, mixed: Float?)
    /// Slow pairs divided by a factor, fast ones left as they are. Source: Peng et al. 2023.
    case yarn(Yarn)
    /// Pairs that turn less than `low` times within the trained length divided by a factor, those that turn more than `high` times left as they
    /// are. Source: Llama 3.1.
    case llama3(Float, low: Float, high: Float, trained: Int)
    /// Each pair divided by a number of its own, in texts longer than the trained length by another one. Source: Ding et al. 2024.
    case longrope(short: [Float], long: [Float], attention: Float, trained: Int)
    /// All divided by a factor, those after the first `turned` columns left unturned.
    case proportional(Float, turned: Int)
  }

  /// Pairs that turn more than `fast` times within the trained length are left as they are, those that turn less than `slow` times divided
  /// by the factor.
  struct Yarn: Sendable, Hashable {
    var factor: Float, fast: Double, slow: Double, truncates: Bool, attention: Float, trained: Int
  }

  var theta: Float
  var width: Int
  var scaling: Scaling = .none
  /// Whether neighbouring columns pair, instead of the halves of a head.
  var interleaved = false

  /// What cosines and sines are multiplied by.
  var attention: Float {
    switch scaling {
    case .yarn(let yarn): yarn.attention
    case .longrope(_, _, let attention, _): attention
    default: 1
    }
  }

  /// Texts of the same variant are turned by the same frequencies.
  func variant(length: Int) -> Int {
    switch scaling {
    case .dynamic(_, let trained) where length > trained: length
    case .longrope(_, _, _, let trained) where length > trained: 1
    default: 0
    }
  }

  /// The frequency of each pair, for a text of `length`.
  func frequencies(length: Int) -> [Float] {
    let usual = RotaryTable.frequencies(base: theta, width: width)
    switch scaling {
    case .none: return usual
    case .linear(let factor): return usual.map { $0 / factor }
    case .dynamic(let factor, let trained):
      guard length > trained else { return usual }
      let growth = Double(factor) * Double(length) / Double(trained) - (Double(factor) - 1)
      let base = Double(theta) * pow(growth, Double(width) / Double(width - 2))
      return RotaryTable.frequencies(base: Float(base), width: width)
    case .ntk(let factor, nil):
      let divisor = Float(pow(Double(factor), 2 / Double(width)))
      return RotaryTable.frequencies(base: theta * factor, width: width).map { $0 / divisor }
    case .ntk(let factor, let mixed?):
      let a = log(factor) / Float(pow(Double(width) / 2, Double(mixed)))
      return usual.enumerated().map { pair, frequency in frequency / exp(a * pow(Float(pair + 1), mixed)) }
    case .yarn(let yarn): return frequencies(yarn)
    case .llama3(let factor, let low, let high, let trained):
      return usual.map { frequency in
        // `Float.pi` is rounded down.
        let (length, slow) = (Float(2 * Double.pi) / frequency, frequency / factor)
        if length > Float(trained) / low { return slow }
        if length < Float(trained) / high { return frequency }
        let share = (Float(trained) / length - low) / (high - low)
        return (1 - share) * slow + share * frequency
      }
    case .longrope(let short, let long, _, let trained):
      return zip(length > trained ? long : short, powers).map { 1 / ($0 * $1) }
    case .proportional(let factor, let turned):
      return usual.enumerated().map { $0 < turned / 2 ? $1 / factor : 0 }
    }
  }

  /// theta^(2i / width) of each pair.
  private var powers: [Float] { stride(from: 0, to: width, by: 2).map { pow(theta, Float($0) / Float(width)) } }

  private func frequencies(_ yarn: Yarn) -> [Float] {
    /// The pair, as a fraction, that turns so many times within the trained length.
    func pair(_ turns: Double) -> Double {
      Double(width) * log(Double(yarn.trained) / (turns * 2 * .pi)) / (2 * log(Double(theta)))
    }
    var (low, high) = (pair(yarn.fast), pair(yarn.slow))
    if yarn.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, Double(width - 1)))
    let span = Float(low == high ? 0.001 : high - low)
    return powers.enumerated().map { index, power in
      let kept = 1 - min(max((Float(index) - Float(low)) / span, 0), 1)
      return 1 / (yarn.factor * power) * (1 - kept) + 1 / power * kept
    }
  }
}

/// The angles of a model, computed for as many positions as its texts have had so far.
final class RotaryAngles: Sendable {
  let form: RotaryForm
  /// By variant of the form.
  private let tables = Mutex<[Int: RotaryTable]>([:])
  /// Where each length has a table of its own, this many are kept for the next layer.
  private static let kept = 64

  init(_ form: RotaryForm) { self.form = form }

  /// Turns the heads in `columns` of each row by its position. A text's angles depend on its own length alone.
  func turn(_ x: Ragged<Tensor>, headWidth: Int, columns: Range<Int>? = nil) -> Ragged<Tensor> {
    let lengths = x.offsets.lengths
    var longest: [Int: Int] = [:]
    for length in lengths {
      let variant = form.variant(length: length)
      longest[variant] = max(longest[variant] ?? 0, length)
    }
    let tables = longest.mapValues { table($0) }
    return x.rotated(
      by: lengths.compactMap { tables[form.variant(length: $0)] }, headWidth: headWidth, columns: columns,
      interleaved: form.interleaved)
  }

  /// The table of the longest text of a variant.
  private func table(_ length: Int) -> RotaryTable {
    let variant = form.variant(length: length)
    return tables.withLock { tables in
      if let table = tables[variant], table.positions >= length { return table }
      let size = variant > 1 ? length : max(512, 1 << (Int.bitWidth - (length - 1).leadingZeroBitCount))
      let table = RotaryTable(
        frequencies: form.frequencies(length: length), positions: size, scale: form.attention)
      if tables.count >= RotaryAngles.kept { tables.removeAll() }
      tables[variant] = table
      return table
    }
  }
}
