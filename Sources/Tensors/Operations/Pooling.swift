import CKernels

/// How the rows of a sequence become one vector.
public enum SequencePooling: String, Sendable, Codable, CaseIterable {
  /// The mean of the rows.
  case mean
  /// The largest value of each column.
  case max
  /// The first row.
  case cls
  /// The last row.
  case last
  /// The sum of the rows over √length.
  case meanSqrtLength = "mean_sqrt_length"
  /// The mean of the rows, row i counting i + 1 times. Source: Muennighoff 2022 (SGPT).
  case weightedMean = "weighted_mean"
}

extension Ragged where Rows == Tensor {
  /// One vector a sequence: `[sequences, width]`. No sequence may be empty (checked).
  public func pooled(_ pooling: SequencePooling) -> Tensor {
    requireNoEmptySequence("pooled")
    switch pooling {
    case .mean: return weightedSum(offsets.lengths.map { 1 / Float($0) })
    case .meanSqrtLength: return weightedSum(offsets.lengths.map { 1 / Float($0).squareRoot() })
    case .weightedMean: return weightedMean(offsets.lengths.flatMap { (1...$0).map { Float($0) } })
    case .max: return maximum()
    case .cls: return rows.rows(at: IDs((0..<count).map { offsets.values[$0] }))
    case .last: return rows.rows(at: IDs((0..<count).map { offsets.values[$0 + 1] - 1 }))
    }
  }

  func requireNoEmptySequence(_ operation: String) {
    precondition(
      rows.shape.count == 2 && rows.shape[0] == offsets.rows,
      "\(operation): \(offsets.rows) rows expected, found \(rows.shape)")
    precondition(offsets.lengths.allSatisfy { $0 > 0 }, "\(operation): a sequence is empty")
  }

  /// The sum of the rows, each times its own of `weights`, over the sum of these.
  public func weightedMean(_ weights: [Float]) -> Tensor {
    requireNoEmptySequence("weightedMean")
    let sums = (0..<count).map { max(1e-9, weights[offsets[$0]].reduce(0, +)) }
    let factors = (0..<count).flatMap { sequence in weights[offsets[sequence]].map { $0 / sums[sequence] } }
    return Ragged(rows.scaled(byRow: factors), offsets).weightedSum(Array(repeating: 1, count: count))
  }

  fileprivate func weightedSum(_ factors: [Float]) -> Tensor {
    let (width, count, offsets) = (rows.width, self.count, self.offsets)
    let out = Tensor(uninitialized: [count, width])
    bySequence(offsets) { first, count, starts in
      factors.withUnsafeBufferPointer { factors in
        guard let base = factors.baseAddress else { return }
        enc_pool_sum(count, width, starts, base + first, rows.pointer, out.pointer + first * width)
      }
    }
    let shape = rows.shape
    return out.recorded([rows]) { dy in
      let dx = Tensor(uninitialized: shape)
      bySequence(offsets) { first, count, starts in
        factors.withUnsafeBufferPointer { factors in
          guard let base = factors.baseAddress else { return }
          enc_pool_sum_backward(count, width, starts, base + first, dy.pointer + first * width, dx.pointer)
        }
      }
      return [dx]
    }
  }

  private func maximum() -> Tensor {
    let (width, count, offsets) = (rows.width, self.count, self.offsets)
    let (out, places) = (Tensor(uninitialized: [count, width]), Indices(count: count * width))
    bySequence(offsets) { first, count, starts in
      enc_pool_max(count, width, starts, rows.pointer, out.pointer + first * width, places.pointer + first * width)
    }
    let shape = rows.shape
    return out.recorded([rows]) { dy in
      let dx = Tensor(uninitialized: shape)
      bySequence(offsets) { first, count, starts in
        let range = Int(starts[0])..<Int(starts[count])
        (dx.pointer + range.lowerBound * width).update(repeating: 0, count: range.count * width)
        enc_pool_max_backward(count, width, places.pointer + first * width, dy.pointer + first * width, dx.pointer)
      }
      return [dx]
    }
  }

  /// The rows weighted by the softmax over each sequence of their products with `query` `[width]`: `[sequences, width]`.
  public func attentionPooled(_ query: Tensor) -> Tensor {
    requireNoEmptySequence("attentionPooled")
    let (width, count, offsets) = (rows.width, self.count, self.offsets)
    precondition(query.shape == [width], "attentionPooled: expected a query [\(width)], found \(query.shape)")
    let (out, weights) = (Tensor(uninitialized: [count, width]), Storage(count: offsets.rows))
    bySequence(offsets) { first, count, starts in
      enc_pool_attention(
        count, width, starts, rows.pointer, query.pointer, weights.pointer, out.pointer + first * width)
    }
    let (x, q) = (rows.detached, query.detached)
    return out.recorded([rows, query]) { dy in
      let (dx, dquery) = (Tensor(uninitialized: x.shape), Tensor(uninitialized: [width]))
      let chunks = (count + sequencesPerChunk - 1) / sequencesPerChunk
      let partial = Storage(count: chunks * width)
      bySequence(offsets) { first, count, starts in
        enc_pool_attention_backward(
          count, width, starts, x.pointer, q.pointer, weights.pointer, dy.pointer + first * width, dx.pointer,
          partial.pointer + first / sequencesPerChunk * width)
      }
      enc_column_sums(chunks, width, width, partial.pointer, dquery.pointer)
      return [dx, dquery]
    }
  }
}

extension Tensor {
  /// Each row times a number of its own.
  public func scaled(byRow factors: [Float]) -> Tensor {
    precondition(factors.count == rows, "scaled(byRow:): expected \(rows) factors, found \(factors.count)")
    return Ragged(self, Offsets(lengths: Array(repeating: 1, count: rows))).weightedSum(factors)
  }
}

/// Sequences a chunk of work has.
let sequencesPerChunk = 4

/// Calls `body` on the workers for each chunk of sequences: the first of them, how many, and their starts.
func bySequence(_ offsets: Offsets, _ body: (_ first: Int, _ count: Int, _ starts: UnsafePointer<Int32>) -> Void) {
  offsets.values.withUnsafeBufferPointer { values in
    guard let base = values.baseAddress else { return }
    nonisolated(unsafe) let starts = base  // only read
    Workers.run(offsets.count, by: sequencesPerChunk) { body($0.lowerBound, $0.count, starts + $0.lowerBound) }
  }
}

/// Row numbers that a forward pass keeps for its pullback.
final class Indices: @unchecked Sendable {  // written by the forward pass, then only read
  private let storage: Storage
  var pointer: UnsafeMutablePointer<Int32> {
    UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: Int32.self)
  }
  init(count: Int) { storage = Storage(count: count) }
}
