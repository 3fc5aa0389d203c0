import CKernels
import Foundation

/// Rows a chunk of row-wise work has.
private func rowsPerChunk(_ width: Int) -> Int { max(1, (1 << 13) / max(1, width)) }

/// What similarities and the losses on embeddings need besides products and norms.
extension Tensor {
  /// The dot product of each row with the same row of another: `[rows]`, summed in double precision.
  public func dotted(_ other: Tensor) -> Tensor {
    requireSameShape(self, other, "dotted")
    let (rows, width) = (self.rows, self.width)
    let out = Tensor(uninitialized: [rows])
    Workers.run(rows, by: rowsPerChunk(width)) {
      for row in $0 {
        var sum = 0.0
        for place in row * width..<(row + 1) * width { sum += Double(pointer[place]) * Double(other.pointer[place]) }
        out.pointer[row] = Float(sum)
      }
    }
    let (x, y, needsX, needsY) = (detached, other.detached, isRecorded, other.isRecorded)
    return out.recorded([self, other]) { dy in
      [needsX ? y.scaledRows(by: dy) : nil, needsY ? x.scaledRows(by: dy) : nil]
    }
  }

  /// Each row times its own number. No derivative.
  private func scaledRows(by factors: Tensor) -> Tensor {
    let (out, width) = (Tensor(uninitialized: shape), self.width)
    Workers.run(rows, by: rowsPerChunk(width)) {
      for row in $0 { enc_scale(width, pointer + row * width, factors.pointer[row], out.pointer + row * width) }
    }
    return out
  }

  /// The logarithm of the sum of the exponentials of each row: `[rows]`. Elements of −10³⁰ count as absent.
  public func logSumExp() -> Tensor {
    precondition(width > 0, "logSumExp: no columns in \(shape)")
    let (rows, width) = (self.rows, self.width)
    let (out, scratch) = (Tensor(uninitialized: [rows]), Storage(count: count))
    Workers.run(rows, by: rowsPerChunk(width)) {
      let at = $0.lowerBound * width
      enc_log_softmax($0.count, width, pointer + at, scratch.pointer + at)
      for row in $0 {
        // x − log softmax(x) is the same for all elements, and exact to rounding for the largest.
        let (x, y) = (pointer + row * width, scratch.pointer + row * width)
        var largest = 0
        for column in 1..<max(width, 1) where x[column] > x[largest] { largest = column }
        out.pointer[row] = x[largest] - y[largest]
      }
    }
    let x = detached
    return out.recorded([self]) { [x.softmax().scaledRows(by: $0)] }
  }

  /// The absolute value of each element; its derivative at 0 is 0, as PyTorch's.
  public func absolute() -> Tensor {
    let x = detached
    let out = elementwise { for place in $0 { $1[place] = abs(x.pointer[place]) } }
    return out.recorded([self]) { dy in
      let dx = x.elementwise {
        for place in $0 {
          let value = x.pointer[place]
          $1[place] = value > 0 ? dy.pointer[place] : value < 0 ? -dy.pointer[place] : 0
        }
      }
      return [dx]
    }
  }

  /// The square root of each element, none of them negative; its derivative at 0 is taken to be 0, as that of PyTorch's
  /// norms.
  public func squareRoot() -> Tensor {
    let x = detached
    let y = elementwise { for place in $0 { $1[place] = x.pointer[place].squareRoot() } }
    return y.recorded([self]) { dy in
      let dx = y.elementwise {
        for place in $0 { $1[place] = y.pointer[place] > 0 ? dy.pointer[place] / (2 * y.pointer[place]) : 0 }
      }
      return [dx]
    }
  }

  /// A number added to all elements.
  public static func + (a: Tensor, number: Float) -> Tensor {
    let x = a.detached
    let out = a.elementwise { for place in $0 { $1[place] = x.pointer[place] + number } }
    return out.recorded([a]) { [$0] }
  }

  /// All elements times e^exponent for a scalar, the exponent being held to `maximum` (its derivative isn't, so that it
  /// can come back).
  ///
  /// Source: CLIP's learned temperature (Radford et al. 2021), whose maximum is log 100.
  public func scaled(byExponentialOf exponent: Tensor, atMost maximum: Float = log(100)) -> Tensor {
    precondition(exponent.count == 1, "scaled: expected a scalar exponent, found shape \(exponent.shape)")
    let factor = exp(min(exponent.scalar, maximum))
    let (x, shape) = (detached, exponent.shape)
    return (detached * factor).recorded([self, exponent]) { dy in
      let along = partialSums(x.count, by: 1 << 14) { range in
        range.reduce(0.0) { $0 + Double(dy.pointer[$1]) * Double(x.pointer[$1]) }
      }
      return [dy * factor, Tensor(repeating: Float(along) * factor, shape: shape)]
    }
  }

  /// The elements at places of the row-major order: `[places]`.
  public func elements(at places: [Int]) -> Tensor {
    reshaped([count, 1]).rows(at: IDs(places.map { Int32($0) })).reshaped([places.count])
  }

  /// The sum of all elements, a scalar; 0 if there are none.
  public func sum() -> Tensor {
    count == 0 ? Tensor(0) : mean() * Float(count)
  }

  /// A scalar whose derivatives are known already, as when a batch was differentiated in parts: `gradients()` of it
  /// (or of what is computed from it) gives these.
  public init(_ value: Float, gradients: Gradients) {
    let pairs = gradients.pairs
    self = Tensor(value).recorded(pairs.map(\.parameter.tensor)) { dy in pairs.map { $0.gradient * dy.scalar } }
  }
}
