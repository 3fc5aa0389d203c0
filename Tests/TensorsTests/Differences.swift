import Testing

import Tensors

/// Random values in [−1, 1), as a pure function of the seed.
func values(_ shape: [Int], seed: UInt64) -> Tensor {
  let random = Random(seed: seed)
  return Tensor((0..<shape.reduce(1, *)).map { random.uniform(at: UInt64($0)) * 2 - 1 }, shape: shape)
}

/// Checks the gradients of `operation` by each input against central differences of Σ output · cotangent.
func expectGradients(
  _ inputs: [Tensor], step: Float = 1e-2, tolerance: Float = 4e-3, sourceLocation: SourceLocation = #_sourceLocation,
  _ operation: ([Tensor]) -> Tensor
) {
  let parameters = inputs.enumerated().map { Parameter("input\($0.offset)", $0.element) }
  func value(_ tensors: [Tensor]) -> Tensor {
    let out = operation(tensors)
    return out * values(out.shape, seed: 99)
  }
  func total(_ tensor: Tensor) -> Double { tensor.scalars.reduce(0) { $0 + Double($1) } }
  let gradients = recording {
    let out = value(parameters.map(\.tensor))
    return (out.mean() * Float(out.count)).gradients()
  }
  for (place, parameter) in parameters.enumerated() {
    guard let gradient = gradients[parameter]?.scalars else {
      Issue.record("no gradient by input \(place)", sourceLocation: sourceLocation)
      continue
    }
    let scalars = parameter.scalars
    for element in stride(from: 0, to: scalars.count, by: max(1, scalars.count / 60)) {
      func moved(_ by: Float) -> Double {
        var changed = scalars
        changed[element] += by
        var tensors = inputs
        tensors[place] = Tensor(changed, shape: inputs[place].shape)
        return total(value(tensors))
      }
      let numeric = Float((moved(step) - moved(-step)) / Double(2 * step))
      #expect(
        abs(numeric - gradient[element]) <= tolerance * max(1, abs(numeric)),
        "input \(place), element \(element): \(gradient[element]) by the pullback, \(numeric) by differences",
        sourceLocation: sourceLocation)
    }
  }
}
