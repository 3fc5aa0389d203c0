import CKernels
import Foundation

/// The angles of rotary position embeddings: cosines and sines for each position and pair of elements.
///
/// The frequency of pair i is base^(−2i / width) by default. Everything is rounded to 32 bits where PyTorch rounds.
/// Source: Su et al. 2021.
public struct RotaryTable: Sendable {
  /// How many pairs of elements are turned: half of the turned columns of a head.
  public let pairs: Int
  /// The number of positions.
  public let positions: Int
  let cosines: Storage, sines: Storage

  /// The angles position · frequency, for positions from 0; `scale` multiplies cosines and sines.
  public init(frequencies: [Float], positions: Int, scale: Float = 1) {
    pairs = frequencies.count
    self.positions = positions
    (cosines, sines) = (Storage(count: positions * pairs), Storage(count: positions * pairs))
    let (cosines, sines, pairs) = (cosines.pointer, sines.pointer, pairs)
    Workers.run(positions, by: 256) { range in
      for position in range {
        for (pair, frequency) in frequencies.enumerated() {
          let angle = Float(position) * frequency
          cosines[position * pairs + pair] = Foundation.cos(angle) * scale
          sines[position * pairs + pair] = Foundation.sin(angle) * scale
        }
      }
    }
  }

  /// 1 / base^(2i / width) for each pair of `width` columns.
  public static func frequencies(base: Float, width: Int) -> [Float] {
    stride(from: 0, to: width, by: 2).map { 1 / Foundation.pow(base, Float($0) / Float(width)) }
  }
}

extension Ragged where Rows == Tensor {
  /// Each head's pairs of columns turned by the angle for the row's position in its sequence: rotary position embedding.
  ///
  /// Of each head of `headWidth` columns the first 2 · `table.pairs` are turned; column c pairs with c + pairs, or, `interleaved`, with
  /// its neighbour. `columns` limits it to some of the columns (queries and keys, when values stand beside them). No sequence may
  /// be longer than the table (checked).
  public func rotated(
    by table: RotaryTable, headWidth: Int, columns: Range<Int>? = nil, interleaved: Bool = false
  ) -> Ragged<Tensor> {
    rotated(
      by: Array(repeating: table, count: count), headWidth: headWidth, columns: columns, interleaved: interleaved)
  }

  /// The same with a table for each sequence, all of as many pairs.
  public func rotated(
    by tables: [RotaryTable], headWidth: Int, columns: Range<Int>? = nil, interleaved: Bool = false
  ) -> Ragged<Tensor> {
    let columns = columns ?? 0..<rows.width
    precondition(
      columns.upperBound <= rows.width && columns.count % headWidth == 0 && tables.count == count
        && tables.allSatisfy { 2 * $0.pairs <= headWidth },
      "rotated: columns \(columns) of \(rows.shape) are not heads of \(headWidth) with \(tables.first?.pairs ?? 0) pairs"
    )
    precondition(
      zip(offsets.lengths, tables).allSatisfy { $0 <= $1.positions }, "rotated: a sequence is longer than its table")
    return map { turned($0, tables, headWidth, columns, !interleaved, 1) }
  }

  private func turned(
    _ x: Tensor, _ tables: [RotaryTable], _ headWidth: Int, _ columns: Range<Int>, _ halves: Bool, _ direction: Float
  ) -> Tensor {
    let (offsets, width) = (self.offsets, x.width)
    let out = Tensor(uninitialized: x.shape)
    Workers.run(x.rows, by: max(1, (1 << 14) / max(1, width))) { range in
      for sequence in offsets.sequences(in: range) {
        let (start, table, rows) = (
          offsets[sequence].lowerBound, tables[sequence], offsets[sequence].clamped(to: range)
        )
        if columns.count < width {
          let at = rows.lowerBound * width
          (out.pointer + at).update(from: x.pointer + at, count: rows.count * width)
        }
        let at = rows.lowerBound * width + columns.lowerBound
        enc_rotary(
          rows.count, columns.count, width, headWidth, table.pairs, halves, direction, rows.lowerBound - start,
          table.cosines.pointer, table.sines.pointer, x.pointer + at, out.pointer + at)
      }
    }
    return out.recorded([x]) { [turned($0, tables, headWidth, columns, halves, -direction)] }
  }
}
