import Checkpoints
import Layers
import Tensors
import Testing

/// Every operation, forward and each gradient, against PyTorch's numbers.
@Suite struct OperationGoldenTests {
  @Test func everyCaseOfTheFilesAgrees() throws {
    for file in try ["operations", "tiled"].map(Golden.open) {
      for name in Golden.cases(file) { try check(Golden(file: file, name: name)) }
    }
  }

  func check(_ golden: Golden) throws {
    let inputs = try golden.inputs(["x", "a", "b", "weight", "bias"])
    func input(_ name: String) throws -> Tensor { try #require(inputs[name]?.tensor, "\(golden.name): no \(name)") }
    let family = golden.name
    let trains = family.hasSuffix("_train")
    try golden.check(inputs, random: trains) {
      if let activation = Activation(rawValue: family.replacing("_long", with: "")) {
        return try input("x").activated(activation)
      }
      if family.hasPrefix("linear") { return try input("x").linear(input("weight"), inputs["bias"]?.tensor) }
      if family.hasPrefix("softmax") { return try input("x").softmax() }
      if family.hasPrefix("batch_norm") { return try batchNorm(golden, inputs, trains) }
      if family.hasPrefix("conv1d") { return try convolution1D(golden, inputs) }
      if family.hasPrefix("conv2d") { return try convolution2D(golden, inputs) }
      if family.hasPrefix("cross_entropy") {
        let smoothing: Float = family.contains("smoothing") ? 0.1 : 0
        let weights = golden.has("in/class_weights") ? try golden.tensor("in/class_weights").scalars : nil
        guard family.contains("probabilities") else {
          return try input("x").crossEntropy(golden.ids("targets"), labelSmoothing: smoothing, classWeights: weights)
        }
        return try input("x").crossEntropy(
          probabilities: golden.tensor("in/targets"), labelSmoothing: smoothing, classWeights: weights)
      }
      if family.hasPrefix("ragged_conv1d_same") {
        let kernel = try golden.number("kernel")
        return try Ragged(input("x"), golden.offsets()).convolved(input("weight"), input("bias"), .same(kernel)).rows
      }
      if family.hasPrefix("ragged_pool") { return try pooling(golden, inputs) }
      if family.contains("pool1d") || family.contains("pool2d") { return try windowPooling(golden, inputs) }
      switch family {
      case "add": return try input("a") + input("b")
      case "subtract": return try input("a") - input("b")
      case "multiply": return try input("a") * input("b")
      case "matmul": return try input("a").matmul(input("b"))
      case "scale": return try input("x") * golden.tensor("in/factor").scalar
      case "embedding": return try input("weight").rows(at: golden.ids("ids"))
      case "flatten": return try input("x").flattenedChannelsFirst()
      case "l2_normalize": return try input("x").normalized()
      case "layer_norm": return try input("x").layerNorm(input("weight"), input("bias"))
      case "log_softmax": return try input("x").logSoftmax()
      case "mse": return try input("x").meanSquaredError(golden.tensor("in/targets"))
      case "binary_cross_entropy_with_logits": return try input("x").binaryCrossEntropy(golden.tensor("in/targets"))
      case "binary_cross_entropy_with_logits_pos_weight":
        // The weight is one number here and one a column in PyTorch: column by column it is the same.
        let weights = try golden.tensor("in/pos_weight").scalars
        let (x, targets) = (try input("x"), try golden.tensor("in/targets"))
        return weights.indices.reduce(Tensor(0)) { sum, column in
          let range = column..<column + 1
          let loss = x.columns(range).binaryCrossEntropy(targets.columns(range), positiveWeight: weights[column])
          return sum + loss * (1 / Float(weights.count))
        }
      default:
        Issue.record("no operation for the case \(family)")
        return try golden.tensor("out")
      }
    }
  }

  func batchNorm(_ golden: Golden, _ inputs: [String: Parameter], _ trains: Bool) throws -> Tensor {
    let x = try #require(inputs["x"]?.tensor)
    let (weight, bias) = (try #require(inputs["weight"]?.tensor), try #require(inputs["bias"]?.tensor))
    guard trains else {
      let statistics = (mean: try golden.tensor("in/running_mean"), variance: try golden.tensor("in/running_var"))
      return x.batchNorm(weight, bias, statistics: statistics).output
    }
    let (output, mean, variance) = x.batchNorm(weight, bias)
    let unbiased = variance * (Float(x.rows) / Float(x.rows - 1))
    try golden.expect(golden.tensor("in/running_mean") * 0.9 + mean * 0.1, "running_mean", 1e-5)
    try golden.expect(golden.tensor("in/running_var") * 0.9 + unbiased * 0.1, "running_var", 1e-5)
    return output
  }

  func convolution1D(_ golden: Golden, _ inputs: [String: Parameter]) throws -> Tensor {
    let (x, weight) = (try #require(inputs["x"]?.tensor), try #require(inputs["weight"]?.tensor))
    let window = Window1D(
      weight.shape[2], stride: try golden.number("stride"), padding: try golden.number("padding"),
      dilation: try golden.number("dilation"))
    return ragged(x).convolved(weight, inputs["bias"]?.tensor, window, groups: try golden.number("groups")).rows
  }

  func convolution2D(_ golden: Golden, _ inputs: [String: Parameter]) throws -> Tensor {
    let (x, weight) = (try #require(inputs["x"]?.tensor), try #require(inputs["weight"]?.tensor))
    let window = Window2D(
      weight.shape[2], stride: try golden.number("stride"), padding: try golden.number("padding"),
      dilation: try golden.number("dilation"))
    return x.convolved2D(weight, inputs["bias"]?.tensor, window, groups: try golden.number("groups"))
  }

  func windowPooling(_ golden: Golden, _ inputs: [String: Parameter]) throws -> Tensor {
    let x = try #require(inputs["x"]?.tensor)
    let (kernel, stride, padding) = (
      try golden.number("kernel"), try golden.number("stride"), try golden.number("padding")
    )
    let (one, two) = (
      Window1D(kernel, stride: stride, padding: padding), Window2D(kernel, stride: stride, padding: padding)
    )
    let isMaximum = golden.name.hasPrefix("max")
    if golden.name.contains("1d") { return (isMaximum ? ragged(x).maxPooled(one) : ragged(x).averagePooled(one)).rows }
    return isMaximum ? x.maxPooled2D(two) : x.averagePooled2D(two)
  }

  func pooling(_ golden: Golden, _ inputs: [String: Parameter]) throws -> Tensor {
    let x = Ragged(try #require(inputs["x"]?.tensor), try golden.offsets())
    if let weight = inputs["weight"]?.tensor { return x.attentionPooled(weight) }
    let name = golden.name.dropFirst("ragged_pool_".count)
    return x.pooled(
      try #require(SequencePooling(rawValue: name == "mean_sqrt_len" ? "mean_sqrt_length" : String(name))))
  }

  /// A dense batch `[N, L, C]` as sequences of one length.
  func ragged(_ x: Tensor) -> Ragged<Tensor> {
    let (count, length, width) = (x.shape[0], x.shape[1], x.shape[2])
    return Ragged(x.reshaped([count * length, width]), Offsets(lengths: Array(repeating: length, count: count)))
  }
}
