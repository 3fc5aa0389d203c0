import COneDNN

/// A matrix [K, N] rearranged as oneDNN wants the right-hand side of products, done once and used for any number of rows.
final class PackedMatrix: @unchecked Sendable {  // immutable after init
  /// Where the elements stand in the source.
  struct Layout: Hashable {
    /// The inner and the outer size: out [M, N] = x [M, K] · B [K, N].
    let inner, outer: Int
    /// How far apart a row's and a column's neighbours are.
    let rowStride, columnStride: Int
    /// Where the matrix starts.
    var start = 0

    /// B = Wᵀ for weights W [outer, inner] stored row by row, as PyTorch's Linear has them.
    static func transposed(inner: Int, outer: Int) -> Layout {
      Layout(inner: inner, outer: outer, rowStride: 1, columnStride: inner)
    }
    /// B as stored, row by row.
    static func plain(inner: Int, outer: Int) -> Layout {
      Layout(inner: inner, outer: outer, rowStride: outer, columnStride: 1)
    }
  }

  let inner: Int, outer: Int
  private let buffer: Storage
  private let packedLayout: dnnl_memory_desc_t

  init(_ source: UnsafeMutablePointer<Float>, _ layout: Layout) {
    inner = layout.inner
    outer = layout.outer
    let model = PackedMatrix.primitive(rows: 64, inner: inner, outer: outer, bias: false, packed: nil)
    packedLayout = model.layout(dnnl_query_weights_md)
    var wanted = packedLayout
    buffer = Storage(count: (dnnl_memory_desc_get_size(&wanted) + 3) / 4)
    let stored = OneDNN.description([inner, outer], strides: [layout.rowStride, layout.columnStride])
    OneDNN.reorder(stored, source + layout.start, wanted, buffer.pointer)
  }

  private static func primitive(rows: Int, inner: Int, outer: Int, bias: Bool, packed: dnnl_memory_desc_t?) -> Primitive
  {
    OneDNN.primitive([0, rows, inner, outer, bias ? 1 : 0, packed == nil ? 0 : 1]) {
      var x = OneDNN.description([rows, inner])
      var weights = packed ?? OneDNN.description([inner, outer], any: true)
      var row = OneDNN.description([1, outer])
      var out = OneDNN.description([rows, outer])
      var operation = dnnl_matmul_desc_t()
      let status = withUnsafePointer(to: &row) { row in
        dnnl_matmul_desc_init(&operation, &x, &weights, bias ? row : nil, &out)
      }
      OneDNN.check(status, "matmul")
      return Primitive(&operation, "matmul [\(rows), \(inner)] · [\(inner), \(outer)]")
    }
  }

  /// out [rows, N] = x [rows, K] · B (+ bias [N]), on the calling worker. A row's bits don't depend on the other rows.
  func product(
    rows: Int, _ x: UnsafePointer<Float>, bias: UnsafePointer<Float>? = nil, into out: UnsafeMutablePointer<Float>
  ) {
    guard rows > 0 else { return }
    let primitive = PackedMatrix.primitive(
      rows: rows, inner: inner, outer: outer, bias: bias != nil, packed: packedLayout)
    if let bias {
      primitive.run(.source(x), .weights(buffer.pointer), .bias(bias), .target(out))
    } else {
      primitive.run(.source(x), .weights(buffer.pointer), .target(out))
    }
  }

  /// The same for any number of rows, shared among the workers.
  func productOnWorkers(
    rows: Int, _ x: UnsafePointer<Float>, bias: UnsafePointer<Float>? = nil, into out: UnsafeMutablePointer<Float>
  ) {
    Workers.run(rows, by: PackedMatrix.rowsPerChunk(rows)) { range in
      product(
        rows: range.count, x + range.lowerBound * inner, bias: bias, into: out + range.lowerBound * outer)
    }
  }

  /// Enough rows a chunk to run at full speed, few enough to occupy the workers.
  static func rowsPerChunk(_ rows: Int) -> Int { rows > 1024 ? 128 : 32 }
}

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
