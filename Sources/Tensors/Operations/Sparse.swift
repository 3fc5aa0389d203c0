import Foundation

/// What sparse encoders (SPLADE) need.
extension Tensor {
  /// log(1 + x), element by element; x > −1.
  public func log1p() -> Tensor {
    let x = detached
    return elementwise { range, out in
      for place in range { out[place] = Foundation.log1p(x.pointer[place]) }
    }.recorded([self]) { dy in
      [dy.elementwise { range, out in for place in range { out[place] = dy.pointer[place] / (1 + x.pointer[place]) } }]
    }
  }
}

extension Ragged where Rows == Tensor {
  /// The sum of the rows of each sequence `[sequences, width]`. No sequence may be empty (checked).
  public func summed() -> Tensor { pooled(.mean).scaled(byRow: offsets.lengths.map { Float($0) }) }
}
