import Inputs
import Tensors
import Testing

@Suite struct ImageBatchTests {
  let images = ImagePixels((0..<2 * 4 * 5).map { UInt8($0 + 1) }, height: 4, width: 5, channels: 1)
  let plain = PixelScaling(mean: [0], deviation: [1 / 255])

  func batch(_ augmentation: ImageAugmentation?, seed: UInt64 = 0) -> [Float] {
    images.batch([1, 0], plain, augmentation: augmentation, random: Random(seed: seed)).scalars.map { $0.rounded() }
  }

  @Test func scalesAndSelects() {
    #expect(batch(nil) == (21...40).map(Float.init) + (1...20).map(Float.init))
    let scaled = images.batch([0], PixelScaling(mean: [0.5], deviation: [0.25])).scalars
    #expect(scaled[0] == (Float(1) / 255 - 0.5) / 0.25)
  }

  @Test func flipMirrorsRowsHalfOfTheTime() {
    var flipped = 0
    for seed in 0..<40 {
      let out = Array(batch(ImageAugmentation(flip: true), seed: UInt64(seed)).prefix(5))
      if out == [25, 24, 23, 22, 21] { flipped += 1 } else { #expect(out == [21, 22, 23, 24, 25]) }
    }
    #expect((8...32).contains(flipped))
  }

  @Test func shiftMovesAndFillsWithBlack() {
    let original = (21...40).map(Float.init)
    var seen: Set<[Int]> = []
    for seed in 0..<60 {
      let out = Array(batch(ImageAugmentation(shift: 1), seed: UInt64(seed)).prefix(20))
      let moves = (-1...1).flatMap { y in (-1...1).map { [y, $0] } }
      let fitting = moves.filter { move in
        (0..<20).allSatisfy { at in
          let (y, x) = (at / 5 + move[0], at % 5 + move[1])
          return out[at] == ((0..<4).contains(y) && (0..<5).contains(x) ? original[y * 5 + x] : 0)
        }
      }
      #expect(fitting.count == 1)
      seen.formUnion(fitting)
    }
    #expect(seen.count == 9)
  }

  @Test func cutoutBlackensASquare() {
    for seed in 0..<20 {
      let zeros = batch(ImageAugmentation(cutout: 2), seed: UInt64(seed)).prefix(20).filter { $0 == 0 }.count
      #expect((1...4).contains(zeros))
    }
  }

  @Test func isAFunctionOfSeedAndIndexAlone() {
    let all = ImageAugmentation(shift: 2, flip: true, crop: 1, cutout: 2)
    let both = images.batch([1, 0], plain, augmentation: all, random: Random(seed: 3)).scalars
    let one = images.batch([0], plain, augmentation: all, random: Random(seed: 3)).scalars
    #expect(Array(both.suffix(20)) == one)
    #expect(both != images.batch([1, 0], plain, augmentation: all, random: Random(seed: 4)).scalars)
  }
}
