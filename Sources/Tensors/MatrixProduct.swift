import COneDNN

/// out [n, k] (row stride `outStride`) += or = Aᵀ B for A [rows, n] (row stride `aStride`) and B [rows, k]: a weight's gradient.
///
/// Cut by output tiles; every tile adds blocks of rows in order, so the bits don't depend on the threads.
func transposedProduct(
  rows: Int, n: Int, k: Int, _ a: UnsafePointer<Float>, aStride: Int, _ b: UnsafePointer<Float>, bStride: Int,
  into out: UnsafeMutablePointer<Float>, outStride: Int, adding: Bool = false
) {
  let cutRows = n >= k
  let length = cutRows ? n : k
  let tile = max(64, ((length + 3) / 4 + 15) / 16 * 16)
  Workers.run(length, by: tile) { range in
    let start = range.lowerBound
    for first in stride(from: 0, to: max(rows, 1), by: 1024) {
      let count = min(1024, rows - first)
      let status = dnnl_sgemm(
        Int8(UInt8(ascii: "T")), Int8(UInt8(ascii: "N")), dnnl_dim_t(cutRows ? range.count : n),
        dnnl_dim_t(cutRows ? k : range.count), dnnl_dim_t(count), 1,
        a + first * aStride + (cutRows ? start : 0), dnnl_dim_t(aStride),
        b + first * bStride + (cutRows ? 0 : start), dnnl_dim_t(bStride), first == 0 && !adding ? 0 : 1,
        out + (cutRows ? start * outStride : start), dnnl_dim_t(outStride))
      OneDNN.check(status, "sgemm")
    }
  }
}
