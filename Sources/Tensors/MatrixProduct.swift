import CKernels
import COneDNN
import Foundation

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
    /// The numbers that are multiplied; sums are in float32.
    var precision = Precision.float32

    /// B = Wᵀ for weights W [outer, inner] stored row by row, as PyTorch's Linear has them.
    static func transposed(inner: Int, outer: Int, _ precision: Precision = .float32) -> Layout {
      Layout(inner: inner, outer: outer, rowStride: 1, columnStride: inner, precision: precision)
    }
    /// B as stored, row by row.
    static func plain(inner: Int, outer: Int, _ precision: Precision = .float32) -> Layout {
      Layout(inner: inner, outer: outer, rowStride: outer, columnStride: 1, precision: precision)
    }
  }

  let inner: Int, outer: Int
  private let precision: Precision
  private let buffer: Storage
  private let packedLayout: dnnl_memory_desc_t

  init(_ source: UnsafeMutablePointer<Float>, _ layout: Layout) {
    inner = layout.inner
    outer = layout.outer
    precision = layout.precision
    let model = PackedMatrix.primitive(
      rows: 64, inner: inner, outer: outer, bias: false, packed: nil, precision)
    packedLayout = model.layout(dnnl_query_weights_md)
    var wanted = packedLayout
    buffer = Storage(count: (dnnl_memory_desc_get_size(&wanted) + 3) / 4)
    let stored = OneDNN.description([inner, outer], strides: [layout.rowStride, layout.columnStride])
    OneDNN.reorder(stored, source + layout.start, wanted, buffer.pointer)
  }

  private static func primitive(
    rows: Int, inner: Int, outer: Int, bias: Bool, packed: dnnl_memory_desc_t?, _ precision: Precision
  ) -> Primitive {
    OneDNN.primitive([precision == .float32 ? 0 : 5, rows, inner, outer, bias ? 1 : 0, packed == nil ? 0 : 1]) {
      var x = OneDNN.description([rows, inner], precision)
      var weights = packed ?? OneDNN.description([inner, outer], any: true, precision)
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
      rows: rows, inner: inner, outer: outer, bias: bias != nil, packed: packedLayout, precision)
    var x = x
    if precision == .bfloat16 {
      guard let narrow = enc_scratch(Int32(ENC_SCRATCH_C), rows * inner * 2) else { return }
      enc_to_bfloat16(rows * inner, x, narrow)
      x = UnsafePointer(narrow.assumingMemoryBound(to: Float.self))
    }
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

/// The same for dense A [rows, n] and B [rows, k] multiplied as bfloat16 and summed in float32.
func narrowTransposedProduct(
  rows: Int, n: Int, k: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
  into out: UnsafeMutablePointer<Float>
) {
  // Zeros fill the rows up, so that shapes, and with them primitives, repeat.
  let padded = max(1, (rows + 127) / 128) * 128
  func narrow(_ x: UnsafePointer<Float>, width: Int) -> Storage {
    let storage = Storage(count: (padded * width + 1) / 2)
    Workers.run(rows * width, by: 1 << 15) {
      enc_to_bfloat16($0.count, x + $0.lowerBound, storage.pointer + $0.lowerBound / 2)
    }
    memset(UnsafeMutableRawPointer(storage.pointer) + rows * width * 2, 0, (padded - rows) * width * 2)
    return storage
  }
  let (left, right) = (narrow(a, width: n), narrow(b, width: k))
  let cutRows = n >= k
  let length = cutRows ? n : k
  let tile = max(64, ((length + 3) / 4 + 15) / 16 * 16)
  Workers.run(length, by: tile) { range in
    let (height, width) = cutRows ? (range.count, k) : (n, range.count)
    let primitive = OneDNN.primitive([6, padded, n, k, height, width]) {
      var x = OneDNN.description([height, padded], strides: [1, n], .bfloat16)
      var y = OneDNN.description([padded, width], strides: [k, 1], .bfloat16)
      var sum = OneDNN.description([height, width], strides: [k, 1])
      var operation = dnnl_matmul_desc_t()
      OneDNN.check(dnnl_matmul_desc_init(&operation, &x, &y, nil, &sum), "matmul")
      return Primitive(&operation, "matmul [\(height), \(padded)] · [\(padded), \(width)]")
    }
    // Two numbers take the place of a float; tiles begin at multiples of 16.
    let start = range.lowerBound
    primitive.run(
      .source(left.pointer + (cutRows ? start / 2 : 0)), .weights(right.pointer + (cutRows ? 0 : start / 2)),
      .target(out + (cutRows ? start * k : start)))
  }
}
