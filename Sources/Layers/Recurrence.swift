import Tensors

/// Recurrent layers over sequences: RNN (tanh), LSTM or GRU, with PyTorch's names (`weight_ih_l0`, …, `_reverse`) and gate order.
public struct Recurrence: Layer {
  /// The kind of cell.
  public let cell: RecurrentCell
  /// Units a direction has.
  public let hidden: Int
  /// Whether each layer reads both ways.
  public let bidirectional: Bool
  private let layers: [(forward: [Parameter], backward: [Parameter]?)]
  private let dropout: Float

  /// `layers` layers on inputs of `inputs` columns, with dropout between layers.
  public init(
    _ cell: RecurrentCell, _ inputs: Int, _ hidden: Int, layers: Int = 1, bidirectional: Bool = false,
    dropout: Float = 0,
    at scope: Scope
  ) throws {
    let gates = cell.gates * hidden
    let initial = Initializer.uniform(1 / Float(hidden).squareRoot())
    func direction(_ width: Int, _ suffix: String) throws -> [Parameter] {
      [
        try scope.parameter("weight_ih_\(suffix)", [gates, width], initial),
        try scope.parameter("weight_hh_\(suffix)", [gates, hidden], initial),
        try scope.parameter("bias_ih_\(suffix)", [gates], initial),
        try scope.parameter("bias_hh_\(suffix)", [gates], initial),
      ]
    }
    self.layers = try (0..<layers).map { layer in
      let width = layer == 0 ? inputs : hidden * (bidirectional ? 2 : 1)
      return (try direction(width, "l\(layer)"), bidirectional ? try direction(width, "l\(layer)_reverse") : nil)
    }
    self.cell = cell
    self.hidden = hidden
    self.bidirectional = bidirectional
    self.dropout = dropout
  }

  /// Columns of the output: hidden · directions.
  public var width: Int { hidden * (bidirectional ? 2 : 1) }

  /// The last layer's hidden state at every row.
  public func callAsFunction(_ x: Ragged<Tensor>) -> Ragged<Tensor> {
    var x = x
    for (index, layer) in layers.enumerated() {
      if index > 0 { x = x.map { $0.dropout(dropout) } }
      x = x.recurrent(cell, weights(layer.forward), backward: layer.backward.map(weights))
    }
    return x
  }

  /// The final hidden state of each sequence: at its last row forwards, at its first row backwards, side by side.
  public func last(_ x: Ragged<Tensor>) -> Tensor {
    let out = self(x)
    guard bidirectional else { return out.pooled(.last) }
    return Tensor.concatenated([
      out.pooled(.last).columns(0..<hidden), out.pooled(.cls).columns(hidden..<2 * hidden),
    ])
  }

  private func weights(_ p: [Parameter]) -> RecurrentWeights {
    RecurrentWeights(p[0].tensor, p[1].tensor, p[2].tensor, p[3].tensor)
  }
}
