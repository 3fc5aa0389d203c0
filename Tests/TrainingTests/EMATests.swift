import Tensors
import Testing

@testable import Training

struct EMATests {
  @Test func swapsInAndOut() {
    let parameter = Parameter("w", Tensor([1, 2], shape: [2]))
    let frozen = Parameter("mean", Tensor([5], shape: [1]), trainable: false)
    let ema = EMA(decay: 0.75, of: [parameter, frozen])
    #expect(ema.averages.map(\.name) == ["w"])
    parameter.write { $0[0] = 5 }
    ema.update()
    ema.swap()
    #expect(parameter.scalars == [2, 2])
    #expect(ema.isSwapped)
    ema.swap()
    #expect(parameter.scalars == [5, 2])
    #expect(ema.averages[0].scalars == [2, 2])
    #expect(frozen.scalars == [5])
  }

  @Test func followsTheReference() throws {
    let golden = try Golden()
    let parameters = try golden.parameters("adam/0")
    for (parameter, initial) in zip(parameters, try golden.parameters("initial")) {
      parameter.write { _ = $0.update(from: initial.scalars) }
    }
    let ema = EMA(decay: 0.9, of: parameters)
    for step in 0..<Golden.steps {
      for (parameter, value) in zip(parameters, try golden.parameters("adam/\(step)")) {
        parameter.write { _ = $0.update(from: value.scalars) }
      }
      ema.update()
      for average in ema.averages { try golden.expect(average, near: "ema/\(step)") }
    }
  }
}
