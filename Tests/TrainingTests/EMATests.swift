import Tensors
import Testing

@testable import Training

struct EMATests {
  @Test func firstCopiesThenAverages() {
    let parameter = Parameter("w", Tensor([1, 2], shape: [2]))
    let frozen = Parameter("mean", Tensor([5], shape: [1]), trainable: false)
    let ema = EMA(decay: 0.75, of: [parameter, frozen])
    #expect(ema.averages.map(\.name) == ["w"])
    parameter.write { $0[0] = 3 }
    ema.update()
    #expect(ema.averages[0].scalars == [3, 2])
    parameter.write { $0[0] = 7 }
    ema.update()
    #expect(ema.averages[0].scalars == [4, 2])
    ema.swap()
    #expect(parameter.scalars == [4, 2])
    #expect(ema.isSwapped)
    ema.swap()
    #expect(parameter.scalars == [7, 2])
    #expect(ema.averages[0].scalars == [4, 2])
  }
}
