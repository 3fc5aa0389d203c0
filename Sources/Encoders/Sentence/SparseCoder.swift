import Checkpoints
import Layers
import Tensors

/// The `kept` largest of many more numbers than an embedding has, all others 0: relu(top((x − b)·Wᵀ + c)).
///
/// Source: sentence-transformers' `SparseAutoEncoder` (Wen et al. 2025, CSR).
struct SparseCoder: Layer {
  let width: Int
  private let weight: Parameter, inputBias: Parameter, bias: Parameter
  private let kept: Int, normalizes: Bool

  /// - Throws: `FileError` naming the key or the parameter that isn't as it should be.
  init(_ file: ConfigFile, inputs: Int, at scope: Scope) throws {
    width = try file.size("hidden_dim")
    kept = try file.size("k")
    guard kept <= width else {
      throw FileError(.mismatched, file.url, item: "k", "expected at most \(width), found \(kept)")
    }
    normalizes = try file.bool("normalize") ?? false
    // The decoder has the same matrix, which files keep once.
    let name = scope.contains("encoder.weight") ? "encoder.weight" : "decoder.linear.weight"
    weight = try scope.parameter(name, [width, inputs], .kaimingUniform)
    inputBias = try scope.parameter("pre_bias", [inputs], .zeros)
    bias = try scope.parameter("latent_bias", [width], .zeros)
    try scope.requireAllRead { $0 == "stats_last_nonzero" || $0.hasPrefix("decoder.") }
  }

  /// `[rows, inputs]` to `[rows, width]`. Where inputs are normalised first, no derivatives go further back.
  func callAsFunction(_ x: Tensor) -> Tensor {
    let x = normalizes ? Self.normalized(x) : x
    let y = x.addingRow(inputBias.tensor * -1).linear(weight.tensor, bias.tensor)
    let values = y.detached.scalars
    var mask = [Float](repeating: 0, count: values.count)
    for row in 0..<y.rows {
      let places = (row * width..<(row + 1) * width).sorted { (values[$1], $0) < (values[$0], $1) }
      for place in places.prefix(kept) where values[place] > 0 { mask[place] = 1 }
    }
    return y * Tensor(mask, shape: y.shape)
  }

  /// Rows without their mean, over their deviation.
  private static func normalized(_ x: Tensor) -> Tensor {
    var values = x.detached.scalars
    let width = x.width
    for start in stride(from: 0, to: values.count, by: width) {
      let range = start..<start + width
      let mean = Float(range.reduce(0) { $0 + Double(values[$1]) } / Double(width))
      for place in range { values[place] -= mean }
      let squares = range.reduce(0) { $0 + Double(values[$1]) * Double(values[$1]) }
      let deviation = Float((squares / Double(max(1, width - 1))).squareRoot())
      for place in range { values[place] /= deviation + 1e-5 }
    }
    return Tensor(values, shape: x.shape)
  }
}
