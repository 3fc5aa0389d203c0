import Foundation
import Synchronization
import Tensors

/// How a model turns queries and keys: the base of the frequencies, the turned columns of a head, and how it reaches beyond the length
/// that it was trained for.
struct RotaryForm: Sendable, Hashable {
  enum Scaling: Sendable, Hashable {
    case none
    /// Positions divided by a factor.
    case linear(Float)
    /// The base grows with texts longer than the trained length. Source: transformers' `dynamic`, NomicBERT's code.
    case dynamic(Float, trained: Int)
    /// The base times a factor, and frequencies over its (2 / width)th power, or by a power law of the pair.
    /// Source: GTE's code; Su, "Transformer upgrade 11: NTK-aware RoPE", 2023.
    case ntk(Float, mixed: Float?)
  }

  var theta: Float
  var width: Int
  var scaling: Scaling = .none
  /// Whether neighbouring columns pair, instead of the halves of a head.
  var interleaved = false

  /// The frequency of each pair, for a text of `length`.
  func frequencies(length: Int) -> [Float] {
    switch scaling {
    case .none: return RotaryTable.frequencies(base: theta, width: width)
    case .linear(let factor): return RotaryTable.frequencies(base: theta, width: width).map { $0 / factor }
    case .dynamic(let factor, let trained):
      guard length > trained else { return RotaryTable.frequencies(base: theta, width: width) }
      let growth = Double(factor) * Double(length) / Double(trained) - (Double(factor) - 1)
      let base = Double(theta) * pow(growth, Double(width) / Double(width - 2))
      return RotaryTable.frequencies(base: Float(base), width: width)
    case .ntk(let factor, nil):
      let divisor = Float(pow(Double(factor), 2 / Double(width)))
      return RotaryTable.frequencies(base: theta * factor, width: width).map { $0 / divisor }
    case .ntk(let factor, let mixed?):
      let a = log(factor) / Float(pow(Double(width) / 2, Double(mixed)))
      return RotaryTable.frequencies(base: theta, width: width).enumerated().map { pair, frequency in
        frequency / exp(a * pow(Float(pair + 1), mixed))
      }
    }
  }
}

/// The angles of a model, computed for as many positions as its texts have had so far.
final class RotaryAngles: Sendable {
  let form: RotaryForm
  private let table: Mutex<RotaryTable>

  init(_ form: RotaryForm) {
    self.form = form
    table = Mutex(RotaryTable(frequencies: form.frequencies(length: 0), positions: 0))
  }

  /// Turns the heads in `columns` of each row by its position.
  func turn(_ x: Ragged<Tensor>, headWidth: Int, columns: Range<Int>? = nil) -> Ragged<Tensor> {
    let longest = x.offsets.lengths.max() ?? 0
    guard case .dynamic(_, let trained) = form.scaling, longest > trained else {
      return x.rotated(
        by: table(longest), headWidth: headWidth, columns: columns, interleaved: form.interleaved)
    }
    // A text's angles depend on its length: each text that is too long gets its own.
    let shared = table(trained)
    let tables = x.offsets.lengths.map { length in
      length <= trained ? shared : RotaryTable(frequencies: form.frequencies(length: length), positions: length)
    }
    return x.rotated(by: tables, headWidth: headWidth, columns: columns, interleaved: form.interleaved)
  }

  private func table(_ positions: Int) -> RotaryTable {
    table.withLock { table in
      if table.positions < positions {
        let size = max(512, 1 << (Int.bitWidth - (positions - 1).leadingZeroBitCount))
        table = RotaryTable(frequencies: form.frequencies(length: 0), positions: size)
      }
      return table
    }
  }
}
