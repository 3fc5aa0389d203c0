import Checkpoints
import Tensors

/// How the numbers of embeddings are stored.
///
/// Source: `quantize_embeddings` of sentence-transformers, whose bits these are.
public enum EmbeddingPrecision: String, Sendable, CaseIterable {
  /// As they are.
  case float32
  /// A byte from −128, linear between each column's least and greatest value.
  case int8
  /// The same from 0.
  case uint8
  /// A bit a number, 1 if it's above 0, eight to a byte, the first highest; the byte less 128.
  case binary
  /// The same, the byte as it is.
  case ubinary

  /// NumPy's name of an element.
  public var numpyType: String {
    switch self {
    case .float32: "<f4"
    case .int8, .binary: "|i1"
    case .uint8, .ubinary: "|u1"
    }
  }

  /// Elements of a stored row.
  public func columns(of width: Int) -> Int { self == .binary || self == .ubinary ? (width + 7) / 8 : width }

  /// The rows of `[rows, width]` as bytes, of which those of `int8` and `binary` have a sign.
  ///
  /// The columns' ranges are those of `calibration`, else of the rows themselves.
  public func bytes(_ rows: Tensor, calibration: Tensor? = nil) -> [UInt8] {
    let (width, values) = (rows.width, rows.scalars)
    switch self {
    case .float32: preconditionFailure("EmbeddingPrecision.bytes: float32 has none")
    case .binary, .ubinary:
      let columns = columns(of: width)
      var bytes = [UInt8](repeating: 0, count: rows.rows * columns)
      for row in 0..<rows.rows {
        for column in 0..<width where values[row * width + column] > 0 {
          bytes[row * columns + column / 8] |= 0x80 >> UInt8(column % 8)
        }
      }
      return self == .ubinary ? bytes : bytes.map { $0 &- 128 }
    case .int8, .uint8:
      let (least, step) = EmbeddingPrecision.ranges(calibration ?? rows)
      return values.indices.map { place in
        let column = place % width
        let level = ((values[place] - least[column]) / step[column]).rounded(.down)
        let byte = UInt8(max(0, min(255, level)))
        return self == .uint8 ? byte : byte &- 128
      }
    }
  }

  private static func ranges(_ x: Tensor) -> (least: [Float], step: [Float]) {
    let (width, values) = (x.width, x.scalars)
    var least = [Float](repeating: .infinity, count: width)
    var most = [Float](repeating: -.infinity, count: width)
    for place in values.indices {
      least[place % width] = min(least[place % width], values[place])
      most[place % width] = max(most[place % width], values[place])
    }
    let step = zip(least, most).map { least, most in most > least ? (most - least) / 255 : 1 }
    return (least, step)
  }
}
