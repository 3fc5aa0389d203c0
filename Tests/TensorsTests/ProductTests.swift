import Testing

import Tensors

/// Products of linear layers in each precision: how near they are to float64's, and that neither neighbours, threads nor what is done in the
/// same pass change a bit.
@Suite(.serialized) struct ProductInvarianceTests {
  static let precisions: [Precision] = [.float32, .float16, .int8]
  static let sizes = [(64, 64), (100, 77), (384, 1536), (130, 333)]

  /// Σ x·w + b in float64.
  func expected(_ x: Tensor, _ w: Tensor, _ b: Tensor) -> [Double] {
    let (inner, outer, a, c, bias) = (x.width, w.shape[0], x.scalars, w.scalars, b.scalars)
    return (0..<x.rows * outer).map { place in
      let (row, column) = (place / outer, place % outer)
      return (0..<inner).reduce(Double(bias[column])) {
        $0 + Double(a[row * inner + $1]) * Double(c[column * inner + $1])
      }
    }
  }

  @Test(arguments: precisions, sizes) func sums(_ precision: Precision, _ size: (Int, Int)) {
    let (x, w, b) = (values([37, size.0], seed: 1), values([size.1, size.0], seed: 2), values([size.1], seed: 3))
    let found = precision { x.linear(w, b) }.scalars
    let wanted = expected(x, w, b)
    let error = zip(found, wanted).reduce(0.0) { $0 + ($1.0.double - $1.1) * ($1.0.double - $1.1) }
    let total = wanted.reduce(0) { $0 + $1 * $1 }
    // Relative root mean squares; bytes have steps of 1 / 127 of the largest and 1 / 255 of the range.
    let limits: [Precision: Double] = [.float32: 1e-6, .float16: 3e-3, .int8: 1e-2]
    #expect((error / total).squareRoot() < limits[precision] ?? 0, "\((error / total).squareRoot())")
    if precision != .float32 { #expect(found != x.linear(w, b).scalars) }
  }

  @Test(arguments: precisions, sizes) func rowsDoNotDependOnTheirNumber(_ precision: Precision, _ size: (Int, Int)) {
    let (x, w) = (values([150, size.0], seed: 1), values([size.1, size.0], seed: 2))
    let before = Workers.count
    defer { Workers.count = before }
    let all = precision { x.linear(w) }.scalars
    for count in [1, 2, 7, 9, 32, 33, 65, 149] {
      for threads in [1, 2] {
        Workers.count = threads
        let rows = Tensor(Array(x.scalars.suffix(count * size.0)), shape: [count, size.0])
        #expect(precision { rows.linear(w) }.scalars == Array(all.suffix(count * size.1)), "\(count) rows")
      }
    }
  }

  @Test(arguments: precisions) func onePassGivesTheBitsOfSeveral(_ precision: Precision) {
    let (x, w, b) = (values([21, 96], seed: 1), values([100, 96], seed: 2), values([100], seed: 3))
    let residual = values([21, 100], seed: 4)
    precision {
      let sums = x.linear(w, b)
      for activation in Activation.allCases {
        #expect(x.linear(w, b, activated: activation).scalars == sums.activated(activation).scalars)
      }
      #expect(
        x.linear(w, b, activated: .gelu, adding: residual).scalars == (sums.activated(.gelu) + residual).scalars)
    }
  }

  @Test func widelyDifferentNumbersKeepTheirPrecision() {
    // A run with one large number doesn't take the others' precision away: runs have scales of their own.
    var numbers = values([4, 512], seed: 1).scalars
    for row in 0..<4 { numbers[row * 512] = 1000 }
    let (x, w) = (Tensor(numbers, shape: [4, 512]), values([64, 512], seed: 2))
    let (wide, narrow) = (x.linear(w).scalars, Precision.int8 { x.linear(w) }.scalars)
    let error = zip(wide, narrow).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    #expect(error < 25, "\(error)")
    let zeros = Tensor.zeros([3, 512])
    #expect(Precision.int8 { zeros.linear(w) }.scalars.allSatisfy { $0 == 0 })
  }

  @Test func largeAndSmallNumbersStayInTheRangeOfHalves() {
    // Rows from 1e-20 to 1e20 and weights up to 1e4, whose products no half holds.
    for (size, weight) in [(Float(1), Float(1)), (1e20, 1), (1e-20, 1), (1, 1e4), (3e8, 3e3)] {
      let (x, w) = (values([9, 512], seed: 1) * size, values([64, 512], seed: 2) * weight)
      let (wide, narrow) = (x.linear(w).scalars, Precision.float16 { x.linear(w) }.scalars)
      let error = zip(wide, narrow).reduce(0.0) { $0 + ($1.0.double - $1.1.double) * ($1.0.double - $1.1.double) }
      let total = wide.reduce(0.0) { $0 + $1.double * $1.double }
      #expect((error / total).squareRoot() < 3e-3, "\(size), \(weight): \((error / total).squareRoot())")
    }
    let zeros = Tensor.zeros([3, 512])
    #expect(Precision.float16 { zeros.linear(values([64, 512], seed: 2)) }.scalars.allSatisfy { $0 == 0 })
  }

  @Test func halvesAreRoundedToTheNearest() {
    let numbers: [Float] = [1, 1.0004883, 1.0014648, 65504, 65519, 65520, 6e-8, 2.98e-8, 2.9e-8, -0.1, 1e-5]
    // A row with a single 1 reads a column of the weight back.
    let width = 64
    var weight = [Float](repeating: 0, count: width * width)
    for (place, number) in numbers.enumerated() { weight[place * width] = number }
    let unit = Tensor([1] + [Float](repeating: 0, count: width - 1), shape: [1, width])
    let read = Precision.float16 { unit.linear(Tensor(weight, shape: [width, width])) }.scalars
    for (place, number) in numbers.enumerated() {
      // What is below halves' normal numbers may be flushed to zero.
      let wanted = Float(Float16(number))
      #expect(read[place] == wanted || (abs(wanted) < 6.2e-5 && abs(read[place] - wanted) < 6.2e-5), "\(number)")
    }
  }

  @Test func trainingIsInFloat32() {
    let weight = Parameter("weight", values([64, 64], seed: 1))
    let x = values([5, 64], seed: 2)
    func gradient(_ precision: Precision) -> [Float]? {
      precision { recording { x.linear(weight.tensor).mean().gradients() } }[weight]?.scalars
    }
    #expect(gradient(.int8) == gradient(.float32))
  }
}

extension Float {
  fileprivate var double: Double { Double(self) }
}
