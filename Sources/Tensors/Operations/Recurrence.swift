import CKernels

/// A kind of recurrent cell, with PyTorch's gate order.
public enum RecurrentCell: String, Sendable, Codable, CaseIterable {
  /// h' = tanh(W x + U h). Source: Elman 1990.
  case rnn
  /// Gates i, f, g, o. Source: Hochreiter and Schmidhuber 1997.
  case lstm
  /// Gates r, z, n. Source: Cho et al. 2014, in PyTorch's (cuDNN's) form.
  case gru

  /// Gates a cell has.
  public var gates: Int {
    switch self {
    case .rnn: 1
    case .lstm: 4
    case .gru: 3
    }
  }
}

/// The weights of one direction of one layer: W_ih `[gates·hidden, inputs]`, W_hh `[gates·hidden, hidden]`, b_ih and b_hh `[gates·hidden]`.
public struct RecurrentWeights: Sendable {
  let input: Tensor, hidden: Tensor, inputBias: Tensor, hiddenBias: Tensor

  /// In PyTorch's order: weight_ih, weight_hh, bias_ih, bias_hh.
  public init(_ input: Tensor, _ hidden: Tensor, _ inputBias: Tensor, _ hiddenBias: Tensor) {
    let (gates, size) = (hidden.shape[0], hidden.width)
    precondition(
      hidden.shape.count == 2 && input.shape.count == 2 && input.shape[0] == gates && gates % size == 0
        && inputBias.shape == [gates] && hiddenBias.shape == [gates],
      "RecurrentWeights: \(input.shape), \(hidden.shape), \(inputBias.shape), \(hiddenBias.shape) do not fit")
    self.input = input
    self.hidden = hidden
    self.inputBias = inputBias
    self.hiddenBias = hiddenBias
  }

  var all: [Tensor] { [input, hidden, inputBias, hiddenBias] }
  var detached: RecurrentWeights {
    RecurrentWeights(input.detached, hidden.detached, inputBias.detached, hiddenBias.detached)
  }
}

extension Ragged where Rows == Tensor {
  /// One recurrent layer over each sequence: the hidden state at every row, `[rows, hidden · directions]`, the directions side by side.
  ///
  /// The inputs of all steps are multiplied at once; then each chunk of sequences walks through its steps on one worker, longest
  /// sequences first, with only the sequences that still run: no padding, and no meeting of threads between steps.
  public func recurrent(_ cell: RecurrentCell, _ forward: RecurrentWeights, backward: RecurrentWeights? = nil)
    -> Ragged<Tensor>
  {
    let directions = [forward] + (backward.map { [$0] } ?? [])
    let hidden = forward.hidden.width
    precondition(
      directions.allSatisfy {
        $0.hidden.width == hidden && $0.input.width == rows.width && $0.hidden.shape[0] == cell.gates * hidden
      },
      "recurrent: weights do not fit input \(rows.shape) and \(cell) with \(hidden) units")
    let plan = RecurrentPlan(cell: cell, hidden: hidden, offsets: offsets, directions: directions.count)
    let (out, saved) = plan.forward(rows, directions)
    let (x, weights, needsX) = (rows.detached, directions.map(\.detached), rows.isRecorded)
    let result = out.recorded([rows] + directions.flatMap(\.all)) { dy in
      plan.backward(dy, x, out, weights, saved, needsX: needsX)
    }
    return Ragged(result, offsets)
  }
}

/// How one recurrent layer goes over a ragged batch.
private struct RecurrentPlan: Sendable {
  let cell: RecurrentCell
  let hidden: Int
  let offsets: Offsets
  let directions: Int
  /// Sequences by falling length, cut into chunks.
  let chunks: [[Int]]

  /// What forward leaves for backward, by direction: activated gates, and cell states (LSTM) or candidates (GRU).
  struct Saved: Sendable {
    let gates: Storage
    let states: Storage
  }

  init(cell: RecurrentCell, hidden: Int, offsets: Offsets, directions: Int) {
    self.cell = cell
    self.hidden = hidden
    self.offsets = offsets
    self.directions = directions
    let order = (0..<offsets.count).filter { offsets.length($0) > 0 }.sorted {
      (-offsets.length($0), $0) < (-offsets.length($1), $1)
    }
    // 16 rows keep the products near full speed, and leave several chunks to share.
    chunks = stride(from: 0, to: order.count, by: 16).map { Array(order[$0..<min($0 + 16, order.count)]) }
  }

  private var width: Int { cell.gates * hidden }
  private var outputStride: Int { directions * hidden }

  /// Row numbers of the sequences that are still running at `step`; `earlier` is −1, or the row of the step before.
  private func rows(_ chunk: [Int], _ step: Int, reversed: Bool, _ rows: inout [Int32], _ earlier: inout [Int32]) -> Int
  {
    var active = 0
    for sequence in chunk {
      let length = offsets.length(sequence)
      guard step < length else { break }
      let position = reversed ? length - 1 - step : step
      let row = offsets.values[sequence] + Int32(position)
      rows[active] = row
      earlier[active] = step == 0 ? -1 : reversed ? row + 1 : row - 1
      active += 1
    }
    return active
  }

  func forward(_ x: Tensor, _ weights: [RecurrentWeights]) -> (Tensor, [Saved]) {
    let total = offsets.rows
    let out = Tensor(uninitialized: [total, outputStride])
    let saved = weights.map { weights in
      let gates = Storage(count: total * width)
      weights.input.storage.packed(.transposed(inner: x.width, outer: width))
        .productOnWorkers(
          Rows(x.pointer, count: total, stride: x.width), ProductEnd(bias: weights.inputBias.pointer),
          into: gates.pointer)
      return Saved(gates: gates, states: Storage(count: cell == .rnn ? 0 : total * hidden))
    }
    let packed = weights.map { $0.hidden.storage.packed(.transposed(inner: hidden, outer: width)) }
    Workers.run(chunks: chunks.count * directions) { index in
      let (chunk, direction) = (chunks[index / directions], index % directions)
      let size = chunk.count
      let (states, recurrent) = (Storage(count: 2 * size * hidden), Storage(count: size * width))
      states.pointer.update(repeating: 0, count: 2 * size * hidden)
      let (h, c) = (states.pointer, states.pointer + size * hidden)
      let (gates, kept) = (saved[direction].gates.pointer, saved[direction].states.pointer)
      let output = out.pointer + direction * hidden
      let bias = UnsafePointer(weights[direction].hiddenBias.pointer)
      var (rows, earlier) = ([Int32](repeating: 0, count: size), [Int32](repeating: 0, count: size))
      for step in 0..<offsets.length(chunk[0]) {
        let active = self.rows(chunk, step, reversed: direction == 1, &rows, &earlier)
        packed[direction].product(rows: active, h, ProductEnd(bias: bias), into: recurrent.pointer)
        switch cell {
        case .rnn: enc_rnn_step(active, hidden, rows, recurrent.pointer, gates, output, outputStride, h)
        case .lstm: enc_lstm_step(active, hidden, rows, recurrent.pointer, gates, kept, output, outputStride, h, c)
        case .gru: enc_gru_step(active, hidden, rows, recurrent.pointer, gates, kept, output, outputStride, h)
        }
      }
    }
    return (out, saved)
  }

  func backward(
    _ dy: Tensor, _ x: Tensor, _ out: Tensor, _ weights: [RecurrentWeights], _ saved: [Saved], needsX: Bool
  ) -> [Tensor?] {
    let packed = weights.map { $0.hidden.storage.packed(.plain(inner: width, outer: hidden)) }
    Workers.run(chunks: chunks.count * directions) { index in
      let direction = index % directions
      walkBack(chunks[index / directions], direction, dy, out, saved[direction], packed[direction])
    }
    var dx: Tensor?
    var gradients: [Tensor?] = []
    for direction in 0..<directions {
      let gates = saved[direction].gates
      if needsX {
        let part = Tensor(uninitialized: x.shape)
        weights[direction].input.storage.packed(.plain(inner: width, outer: x.width))
          .productOnWorkers(Rows(gates.pointer, count: offsets.rows, stride: width), into: part.pointer)
        dx = dx.map { $0 + part } ?? part
      }
      gradients += weightGradients(direction, x, out, saved[direction])
    }
    return [dx] + gradients
  }

  /// Turns the kept gates of a chunk's rows into their gradients.
  private func walkBack(
    _ chunk: [Int], _ direction: Int, _ dy: Tensor, _ out: Tensor, _ saved: Saved, _ packed: PackedMatrix
  ) {
    let size = chunk.count
    let (states, slopes) = (Storage(count: 3 * size * hidden), Storage(count: size * width))
    states.pointer.update(repeating: 0, count: 3 * size * hidden)
    let (dh, dc, direct) = (states.pointer, states.pointer + size * hidden, states.pointer + 2 * size * hidden)
    let (gates, kept, drecurrent) = (saved.gates.pointer, saved.states.pointer, slopes.pointer)
    let (doutput, output) = (dy.pointer + direction * hidden, out.pointer + direction * hidden)
    var (rows, earlier) = ([Int32](repeating: 0, count: size), [Int32](repeating: 0, count: size))
    for step in (0..<offsets.length(chunk[0])).reversed() {
      let active = self.rows(chunk, step, reversed: direction == 1, &rows, &earlier)
      switch cell {
      case .rnn: enc_rnn_step_backward(active, hidden, rows, gates, doutput, outputStride, dh, drecurrent)
      case .lstm:
        enc_lstm_step_backward(active, hidden, rows, earlier, gates, kept, doutput, outputStride, dh, dc, drecurrent)
      case .gru:
        enc_gru_step_backward(
          active, hidden, rows, earlier, gates, kept, output, doutput, outputStride, dh, direct, drecurrent)
      }
      guard step > 0 else { break }
      packed.product(rows: active, drecurrent, into: dh)
      if cell == .gru { enc_add(active * hidden, dh, direct, dh) }
    }
  }

  /// The gradients of W_ih, W_hh, b_ih and b_hh of a direction.
  private func weightGradients(_ direction: Int, _ x: Tensor, _ out: Tensor, _ saved: Saved) -> [Tensor?] {
    let (total, gates) = (offsets.rows, saved.gates.pointer)
    let slopes = Rows(gates, count: total, stride: width)
    let (dinput, dinputBias) = (Tensor(uninitialized: [width, x.width]), Tensor(uninitialized: [width]))
    transposedProduct(
      slopes, n: width, Rows(x.pointer, count: total, stride: x.width), k: x.width, into: dinput.pointer,
      sums: dinputBias.pointer)

    let states = previousStates(direction, out)
    let previous = Rows(states.pointer, count: total, stride: hidden)
    let dhidden = Tensor(uninitialized: [width, hidden])
    // The GRU's candidate has its own gradient before the reset gate.
    let shared = cell == .gru ? 2 * hidden : width
    transposedProduct(slopes, n: shared, previous, k: hidden, into: dhidden.pointer)
    guard cell == .gru else { return [dinput, dhidden, dinputBias, dinputBias] }
    let dhiddenBias = Tensor(dinputBias.scalars, shape: [width])
    transposedProduct(
      Rows(saved.states.pointer, count: total, stride: hidden), n: hidden, previous, k: hidden,
      into: dhidden.pointer + shared * hidden, sums: dhiddenBias.pointer + shared)
    return [dinput, dhidden, dinputBias, dhiddenBias]
  }

  /// For each row the hidden state of the step before, zero at the start.
  private func previousStates(_ direction: Int, _ out: Tensor) -> Storage {
    let previous = Storage(count: offsets.rows * hidden)
    Workers.run(offsets.count, by: sequencesPerChunk) {
      for sequence in $0 {
        let rows = offsets[sequence]
        for row in rows {
          let target = previous.pointer + row * hidden
          let before = direction == 1 ? row + 1 : row - 1
          if rows.contains(before) {
            target.update(from: out.pointer + before * outputStride + direction * hidden, count: hidden)
          } else {
            target.update(repeating: 0, count: hidden)
          }
        }
      }
    }
    return previous
  }
}
