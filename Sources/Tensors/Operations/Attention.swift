import CKernels

extension Ragged where Rows == Tensor {
  /// Scaled dot-product self-attention within each sequence, from projected queries, keys and values side by side.
  ///
  /// Rows `[rows, 3 · width]` give `[rows, width]`, `heads` heads of width / heads columns each, scaled by 1/√(head width).
  /// The score matrix is never kept: the pullback computes it anew. Source: Vaswani et al. 2017; Dao et al. 2022.
  public func selfAttention(heads: Int, causal: Bool = false) -> Ragged<Tensor> {
    let width = rows.width / 3
    precondition(
      rows.width == 3 * width && width % heads == 0, "selfAttention: \(heads) heads do not divide rows \(rows.shape)")
    let (size, offsets) = (width / heads, self.offsets)
    let scale = 1 / Float(size).squareRoot()
    let (out, logsums) = (Tensor(uninitialized: [offsets.rows, width]), Storage(count: offsets.rows * heads))
    Workers.run(chunks: offsets.count * heads) { index in
      let (rows, head) = (offsets[index / heads], index % heads)
      guard !rows.isEmpty, let scratch = attentionScratch(rows.count, size) else { return }
      let q = self.rows.pointer + rows.lowerBound * 3 * width + head * size
      enc_attention(
        rows.count, size, 3 * width, scale, causal, q, q + width, q + 2 * width, width,
        out.pointer + rows.lowerBound * width + head * size,
        logsums.pointer + rows.lowerBound * heads + head * rows.count,
        scratch)
    }
    let x = rows.detached
    let result = out.recorded([rows]) { dy in
      let dx = Tensor(uninitialized: x.shape)
      Workers.run(chunks: offsets.count * heads) { index in
        let (rows, head) = (offsets[index / heads], index % heads)
        guard !rows.isEmpty, let scratch = attentionScratch(rows.count, size) else { return }
        let (q, dq) = (
          x.pointer + rows.lowerBound * 3 * width + head * size, dx.pointer + rows.lowerBound * 3 * width + head * size
        )
        let at = rows.lowerBound * width + head * size
        enc_attention_backward(
          rows.count, size, 3 * width, scale, causal, q, q + width, q + 2 * width, width, out.pointer + at,
          logsums.pointer + rows.lowerBound * heads + head * rows.count, dy.pointer + at, dq, dq + width,
          dq + 2 * width,
          scratch)
      }
      return [dx]
    }
    return Ragged(result, offsets)
  }
}

private func attentionScratch(_ length: Int, _ width: Int) -> UnsafeMutablePointer<Float>? {
  enc_scratch(Int32(ENC_SCRATCH_A), 2 * length * (width + 4) * 4)?.assumingMemoryBound(to: Float.self)
}
