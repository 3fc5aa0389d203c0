import CKernels
import COneDNN
import Foundation

/// A matrix [K, N] as bfloat16 numbers, rearranged as oneDNN wants the right-hand side of products; sums are in float32.
struct NarrowMatrix: @unchecked Sendable {  // immutable
  private let inner: Int, outer: Int
  private let buffer: Storage
  private let packedLayout: dnnl_memory_desc_t

  init(_ source: UnsafeMutablePointer<Float>, _ layout: PackedMatrix.Layout) {
    (inner, outer) = (layout.inner, layout.outer)
    let model = NarrowMatrix.primitive(rows: 64, inner: inner, outer: outer, bias: false, packed: nil)
    packedLayout = model.layout(dnnl_query_weights_md)
    var wanted = packedLayout
    buffer = Storage(count: (dnnl_memory_desc_get_size(&wanted) + 3) / 4)
    let stored = OneDNN.description([inner, outer], strides: [layout.rowStride, layout.columnStride])
    OneDNN.reorder(stored, source + layout.start, wanted, buffer.pointer)
  }

  private static func primitive(
    rows: Int, inner: Int, outer: Int, bias: Bool, packed: dnnl_memory_desc_t?
  ) -> Primitive {
    OneDNN.primitive([5, rows, inner, outer, bias ? 1 : 0, packed == nil ? 0 : 1]) {
      var x = OneDNN.description([rows, inner], .bfloat16)
      var weights = packed ?? OneDNN.description([inner, outer], any: true, .bfloat16)
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
    rows: Int, _ x: UnsafePointer<Float>, bias: UnsafePointer<Float>?, into out: UnsafeMutablePointer<Float>
  ) {
    let primitive = NarrowMatrix.primitive(
      rows: rows, inner: inner, outer: outer, bias: bias != nil, packed: packedLayout)
    guard let scratch = enc_scratch(Int32(ENC_SCRATCH_C), rows * inner * 2) else { return }
    enc_to_bfloat16(rows * inner, x, scratch)
    let narrow = UnsafePointer(scratch.assumingMemoryBound(to: Float.self))
    if let bias {
      primitive.run(.source(narrow), .weights(buffer.pointer), .bias(bias), .target(out))
    } else {
      primitive.run(.source(narrow), .weights(buffer.pointer), .target(out))
    }
  }
}

/// out [n, k] = Aᵀ B for dense A [rows, n] and B [rows, k] multiplied as bfloat16 and summed in float32: a weight's gradient.
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
