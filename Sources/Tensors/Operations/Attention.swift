import CKernels

extension Ragged where Rows == Tensor {
  /// Scaled dot-product self-attention within each sequence, from projected queries, keys and values side by side.
  ///
  /// Rows `[rows, 3 · width]` give `[rows, width]`, `heads` heads of width / heads columns each, scaled by 1/√(head width).
  /// The options are those of `attention`.
  public func selfAttention(
    heads: Int, causal: Bool = false, window: Int? = nil, seen: [Int]? = nil, bias: Tensor? = nil, dropout: Float = 0
  ) -> Ragged<Tensor> {
    let width = rows.width / 3
    precondition(
      rows.width == 3 * width && width % heads == 0, "selfAttention: \(heads) heads do not divide rows \(rows.shape)")
    let form = AttentionForm(
      offsets: offsets, heads: heads, keyHeads: heads, size: width / heads, causal: causal, window: window,
      seen: seen, dropout: AttentionDropout(dropout))
    let x = rows.detached
    func side(_ tensor: Tensor) -> AttentionSide {
      AttentionSide(tensor.pointer, tensor.pointer + width, tensor.pointer + 2 * width, 3 * width, 3 * width)
    }
    let (out, b) = (Tensor(uninitialized: [offsets.rows, width]), bias?.detached)
    let logsums = form.logsums(of: [rows, bias])
    form.forward(side(x), b, out, logsums)
    let result = out.recorded([rows] + (bias.map { [$0] } ?? []), operations: form.operations) { dy in
      let dx = Tensor(uninitialized: x.shape)
      return [dx, form.backward(side(x), b, out, logsums, dy, side(dx))]
    }
    return Ragged(result, offsets)
  }

  /// Scaled dot-product attention within each sequence of these queries `[rows, heads · size]` to keys and values
  /// `[rows, keyHeads · size]`; query heads in groups of heads / keyHeads share a key head. Gives `[rows, heads · size]`.
  ///
  /// - `causal` hides later rows; `window` hides rows farther than so many; `seen` hides all but so many rows at each sequence's start.
  ///   A row that sees none mixes zeros.
  /// - `bias` `[2 · reach + 1, heads]` is added to the scores by how far the key stands after the query, from −reach to reach;
  ///   what is farther counts as that far.
  /// - `dropout` is the rate at which probabilities are dropped in training, and the others divided by 1 − rate. Which ones depends on
  ///   the operation's random stream, the head and the rows of query and key in the batch.
  ///
  /// The score matrix is never kept: the pullback computes it anew. Source: Vaswani et al. 2017; Dao et al. 2022; groups: Ainslie et al. 2023.
  public func attention(
    keys: Tensor, values: Tensor, heads: Int, keyHeads: Int, causal: Bool = false, window: Int? = nil,
    seen: [Int]? = nil, bias: Tensor? = nil, dropout: Float = 0
  ) -> Ragged<Tensor> {
    let size = rows.width / heads
    precondition(
      rows.width == heads * size && heads % keyHeads == 0 && keys.shape == [rows.rows, keyHeads * size]
        && values.shape == keys.shape,
      "attention: \(heads) heads of \(rows.shape) do not fit \(keyHeads) of \(keys.shape) and \(values.shape)")
    let form = AttentionForm(
      offsets: offsets, heads: heads, keyHeads: keyHeads, size: size, causal: causal, window: window,
      seen: seen, dropout: AttentionDropout(dropout))
    let (q, k, v, b) = (rows.detached, keys.detached, values.detached, bias?.detached)
    func side(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> AttentionSide {
      AttentionSide(q.pointer, k.pointer, v.pointer, heads * size, keyHeads * size)
    }
    let (out, logsums) = (Tensor(uninitialized: rows.shape), form.logsums(of: [rows, keys, values, bias]))
    form.forward(side(q, k, v), b, out, logsums)
    let result = out.recorded([rows, keys, values] + (bias.map { [$0] } ?? []), operations: form.operations) { dy in
      let (dq, dk, dv) = (
        Tensor(uninitialized: q.shape), Tensor(uninitialized: k.shape), Tensor(uninitialized: k.shape)
      )
      return [dq, dk, dv, form.backward(side(q, k, v), b, out, logsums, dy, side(dq, dk, dv))]
    }
    return Ragged(result, offsets)
  }
}

/// Where queries, keys and values, or their gradients, are: the first row's and how far apart rows stand.
private struct AttentionSide {
  let queries, keys, values: UnsafeMutablePointer<Float>
  let stride, keyStride: Int

  init(
    _ queries: UnsafeMutablePointer<Float>, _ keys: UnsafeMutablePointer<Float>, _ values: UnsafeMutablePointer<Float>,
    _ stride: Int, _ keyStride: Int
  ) {
    (self.queries, self.keys, self.values, self.stride, self.keyStride) = (queries, keys, values, stride, keyStride)
  }
}

/// Which probabilities a call of attention drops in training; nil elsewhere.
private struct AttentionDropout {
  let keep: Float, random: Random

  init?(_ rate: Float) {
    precondition(rate >= 0 && rate < 1, "attention: expected a dropout in [0, 1), found \(rate)")
    guard rate > 0, case .training(let streams) = Mode.current else { return nil }
    (keep, random) = (1 - rate, streams.next())
  }
}

/// The work of attention, cut by sequence and head: one query head a chunk forward, one key head with its group backward.
private struct AttentionForm {
  let offsets: Offsets
  let heads: Int, keyHeads: Int, size: Int
  let causal: Bool, window: Int?
  /// How many rows at the start of each sequence are seen; nil: all.
  let seen: [Int]?
  let dropout: AttentionDropout?
  /// How many blocks of random numbers a query of a head may use: four keys a block.
  private static let blocks: UInt64 = 1 << 24

  /// Multiplications and additions of scores and mixtures, if all keys are seen.
  var operations: Double { offsets.lengths.reduce(0) { $0 + 4 * Double($1 * $1) } * Double(heads * size) }

  /// What the pullback computes the probabilities from; nil where there will be none.
  func logsums(of inputs: [Tensor?]) -> Storage? {
    inputs.contains { $0?.isRecorded ?? false } ? Storage(count: offsets.rows * heads) : nil
  }

  private func form(_ sequence: Int, _ side: AttentionSide, _ bias: Tensor?) -> enc_attention_form {
    let length = offsets.length(sequence)
    let keys = seen?[sequence] ?? length
    precondition((1...length).contains(keys), "attention: \(keys) rows of \(length) can't be seen")
    precondition(
      bias.map { $0.shape.count == 2 && $0.width == heads && $0.shape[0] % 2 == 1 } ?? true,
      "attention: expected a bias [2 · reach + 1, \(heads)], found \(bias?.shape ?? [])")
    let before = min(window ?? length, length)
    return enc_attention_form(
      length: length, keys: keys, width: size, q_stride: side.stride, kv_stride: side.keyStride,
      out_stride: heads * size, before: before, after: causal ? 0 : before, reach: ((bias?.shape[0] ?? 1) - 1) / 2,
      bias_stride: heads,
      scale: 1 / Float(size).squareRoot(), keep: dropout?.keep ?? 1, seed: dropout?.random.seed ?? 0,
      stream: dropout?.random.stream ?? 0, first_block: 0, row_blocks: AttentionForm.blocks * UInt64(heads))
  }

  /// Where the random numbers of a head's first query are.
  private func firstBlock(_ rows: Range<Int>, _ head: Int) -> UInt64 {
    AttentionForm.blocks * UInt64(rows.lowerBound * heads + head)
  }

  func forward(_ side: AttentionSide, _ bias: Tensor?, _ out: Tensor, _ logsums: Storage?) {
    let precision = logsums == nil && dropout == nil ? Precision.current.attends : .float32
    Workers.run(chunks: offsets.count * heads) { index in
      let (rows, head) = (offsets[index / heads], index % heads)
      guard !rows.isEmpty, let scratch = scratch(rows.count) else { return }
      var form = form(index / heads, side, bias)
      form.first_block = firstBlock(rows, head)
      let key = rows.lowerBound * side.keyStride + head / (heads / keyHeads) * size
      let (queries, keys) = (side.queries + rows.lowerBound * side.stride + head * size, side.keys + key)
      let (values, bias) = (side.values + key, bias.map { UnsafePointer($0.pointer + head) })
      let target = out.pointer + (rows.lowerBound * heads + head) * size
      switch precision {
      case .bfloat16: enc_pair_attention(&form, queries, keys, values, bias, target, scratch)
      case .float16: enc_half_attention(&form, queries, keys, values, bias, target, scratch)
      case .float32, .int8:
        enc_attention(
          &form, queries, keys, values, bias, target,
          logsums.map { $0.pointer + rows.lowerBound * heads + head * rows.count }, scratch)
      }
    }
  }

  /// Fills the gradients of queries, keys and values and returns the bias's.
  func backward(
    _ side: AttentionSide, _ bias: Tensor?, _ out: Tensor, _ logsums: Storage?, _ dy: Tensor, _ gradient: AttentionSide
  ) -> Tensor? {
    guard let logsums else { preconditionFailure("attention: a pullback of what isn't recorded") }
    let (group, distances) = (heads / keyHeads, bias?.shape[0] ?? 0)
    let partial = bias.map { _ in Tensor.zeros(entries: offsets.count, width: heads * distances) }
    Workers.run(chunks: offsets.count * keyHeads) { index in
      let (sequence, keyHead) = (index / keyHeads, index % keyHeads)
      let rows = offsets[sequence]
      guard !rows.isEmpty, let scratch = scratch(rows.count) else { return }
      var form = form(sequence, side, bias)
      let key = rows.lowerBound * side.keyStride + keyHead * size
      for head in keyHead * group..<(keyHead + 1) * group {
        let (query, at) = (
          rows.lowerBound * side.stride + head * size, (rows.lowerBound * heads + head) * size
        )
        form.first_block = firstBlock(rows, head)
        enc_attention_backward(
          &form, side.queries + query, side.keys + key, side.values + key,
          bias.map { UnsafePointer($0.pointer + head) }, out.pointer + at,
          logsums.pointer + rows.lowerBound * heads + head * rows.count, dy.pointer + at, head > keyHead * group,
          gradient.queries + query, gradient.keys + key, gradient.values + key,
          partial.map { $0.pointer + (sequence * heads + head) * distances }, scratch)
      }
    }
    return partial.map { partial in
      let (sums, dbias) = (partial.columnSums(), Tensor(uninitialized: [distances, heads]))
      enc_transpose(heads, distances, sums.pointer, dbias.pointer)
      return dbias
    }
  }

  private func scratch(_ length: Int) -> UnsafeMutablePointer<Float>? {
    enc_scratch(Int32(ENC_SCRATCH_A), ((length + 32) * (2 * size + 36) + 128) * 4)?.assumingMemoryBound(to: Float.self)
  }
}
