import Checkpoints
import Tensors

/// Fine-tuning through small additions to some linear layers, all else being frozen: y = x·Wᵀ + b + (alpha / rank) · dropout(x)·Aᵀ·Bᵀ.
///
///     let scope = try Scope.open(folder).adapted(by: LowRankAdaptation(rank: 8, targets: ["query", "value"]))
///     let model = try Transformer(configuration, at: scope)
///     try scope.requireRulesMatched()
///
/// Source: Hu et al. 2021; names, targets and initialisation are those of the PEFT library.
public struct LowRankAdaptation: Sendable, Equatable {
  /// The inner size of the additions.
  public let rank: Int
  /// The additions are multiplied by alpha / rank.
  public let alpha: Float
  /// The probability of zeroing an element of an addition's input in training, in [0, 1).
  public let dropout: Float
  /// The layers that get an addition: those with such a name, or one that ends with a dot and it; `all-linear` means all.
  public let targets: [String]
  /// Parts of the model that are trained as a whole besides, such as a new head: names as `Scope.freezing` takes them.
  public let trained: [String]
  /// What the additions start from, with their names.
  public let seed: UInt64

  /// The target that stands for every linear layer.
  public static let allLinear = "all-linear"

  /// An adaptation; PEFT's rank and alpha if not given.
  public init(
    rank: Int = 8, alpha: Float = 8, dropout: Float = 0, targets: [String], trained: [String] = [], seed: UInt64 = 0
  ) {
    precondition(rank > 0, "LowRankAdaptation: expected a rank above 0, found \(rank)")
    precondition(dropout >= 0 && dropout < 1, "LowRankAdaptation: expected a dropout in [0, 1), found \(dropout)")
    (self.rank, self.alpha, self.dropout, self.targets) = (rank, alpha, dropout, targets)
    (self.trained, self.seed) = (trained, seed)
  }

  /// What an addition is multiplied by.
  public var scale: Float { alpha / Float(rank) }

  /// Whether a linear layer of that name gets an addition.
  func applies(to name: String) -> Bool { targets.contains { matches($0, name) } }

  func matches(_ target: String, _ name: String) -> Bool {
    target == Self.allLinear || name == target || name.hasSuffix("." + target)
  }

  /// Whether a parameter of that name is an addition's.
  public static func isAddition(_ name: String) -> Bool {
    [LowRankAdapter.down, LowRankAdapter.up].contains { name == $0 || name.hasSuffix("." + $0) }
  }

  /// The parameters as a plain model has them: the additions' merged into the weights that they belong to, which are new parameters of the
  /// same names. What has no addition stays the same object.
  public func merged(_ parameters: [Parameter]) -> [Parameter] {
    let byName = Dictionary(parameters.map { ($0.name, $0) }) { first, _ in first }
    return parameters.compactMap { parameter in
      let name = parameter.name
      if Self.isAddition(name) { return nil }
      guard name == "weight" || name.hasSuffix(".weight") else { return parameter }
      let layer = name.dropLast("weight".count)
      guard let down = byName[layer + LowRankAdapter.down], let up = byName[layer + LowRankAdapter.up] else {
        return parameter
      }
      return Parameter(name, mergedWeight(parameter, down: down, up: up), trainable: parameter.isTrainable)
    }
  }

  /// W + (alpha / rank) · B·A, summed in float64 and rounded once.
  func mergedWeight(_ weight: Parameter, down: Parameter, up: Parameter) -> Tensor {
    var values = weight.scalars
    values.withUnsafeMutableBufferPointer {
      addLowRank(down: down.scalars, up: up.scalars, rank: rank, scale: Double(alpha) / Double(rank), to: $0)
    }
    return Tensor(values, shape: weight.shape)
  }
}

/// The trained addition of a linear layer.
public struct LowRankAdapter: Layer {
  /// A `[rank, inputs]`, at first uniform in ±1/√inputs.
  public let down: Parameter
  /// B `[outputs, rank]`, at first 0.
  public let up: Parameter
  /// The rank, the scale and the dropout.
  public let adaptation: LowRankAdaptation

  static let down = "lora_A.weight", up = "lora_B.weight"

  /// `[…, inputs]` to `[…, outputs]`: what is added to the layer's output.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    // Scaled where the rows are narrow.
    (x.dropout(adaptation.dropout).linear(down, nil) * adaptation.scale).linear(up, nil)
  }
}
