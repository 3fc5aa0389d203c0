import CKernels

/// Rows of numbers in memory, how many there are and how far apart they stand.
struct Rows {
  let pointer: UnsafePointer<Float>
  let count: Int
  let stride: Int

  init(_ pointer: UnsafePointer<Float>, count: Int, stride: Int) {
    (self.pointer, self.count, self.stride) = (pointer, count, stride)
  }

  subscript(range: Range<Int>) -> Rows {
    Rows(pointer + range.lowerBound * stride, count: range.count, stride: stride)
  }
}

/// out [n, k] (row stride `outStride`) += or = Aᵀ B for as many rows of A, [n] each, and B, [k] each: a weight's gradient. And, if they are
/// wanted, `sums` [n] += or = the sums of A's columns: a bias's.
///
/// Cut by output tiles; every tile adds blocks of rows in order, so the bits don't depend on the threads. In bfloat16 the products are of such
/// numbers; all else is float32.
func transposedProduct(
  _ a: Rows, n: Int, _ b: Rows, k: Int, into out: UnsafeMutablePointer<Float>, outStride: Int? = nil,
  sums: UnsafeMutablePointer<Float>? = nil, adding: Bool = false, precision: Precision = .float32
) {
  // As few tiles as can be, and as even: 256 are two of 128. The kernel goes over them by 8 rows and 32 columns.
  func tile(_ size: Int, multipleOf step: Int) -> Int {
    let tiles = (size + Int(ENC_GRADIENT_TILE) - 1) / Int(ENC_GRADIENT_TILE)
    return ((size + tiles - 1) / tiles + step - 1) / step * step
  }
  let (high, wide, outStride) = (tile(n, multipleOf: 8), tile(k, multipleOf: 32), outStride ?? k)
  let (down, across) = ((n + high - 1) / high, (k + wide - 1) / wide)
  let product = precision == .bfloat16 ? enc_pair_transposed_product : enc_transposed_product
  Workers.run(chunks: down * across) { chunk in
    let (row, column) = (chunk / across * high, chunk % across * wide)
    product(
      a.count, min(high, n - row), min(wide, k - column), a.pointer + row, a.stride, b.pointer + column, b.stride,
      adding, out + row * outStride + column, outStride, column == 0 ? sums.map { $0 + row } : nil,
      enc_scratch(Int32(ENC_SCRATCH_GRADIENT), Int(ENC_GRADIENT_SCRATCH) * 4))
  }
}
