import CKernels

/// A matrix [K, N] rearranged for the right-hand side of products, done once and used for any number of rows.
///
/// A row's bits depend neither on the rows that come with it nor on the threads.
final class PackedMatrix: @unchecked Sendable {  // immutable after init
  /// Where the elements stand in the source.
  struct Layout: Hashable {
    /// The inner and the outer size: out [M, N] = x [M, K] · B [K, N].
    let inner, outer: Int
    /// How far apart a row's and a column's neighbours are.
    let rowStride, columnStride: Int
    /// Where the matrix starts.
    var start = 0
    /// The numbers that are multiplied.
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

  private enum Form {
    /// Panels of 32 columns.
    case floats(Storage)
    /// The same of half precision.
    case halves(Storage)
    /// The same as bytes, with a scale for each column and the sums of its bytes, run by run.
    case bytes(Storage, scales: Storage, sums: Storage)
    /// As oneDNN wants it.
    case narrow(NarrowMatrix)
  }
  let inner: Int, outer: Int
  private let form: Form

  init(_ source: UnsafeMutablePointer<Float>, _ layout: Layout) {
    (self.inner, self.outer) = (layout.inner, layout.outer)
    let (inner, outer) = (layout.inner, layout.outer)
    let (first, panels) = (source + layout.start, (outer + 31) / 32)
    func eachPanel(_ body: (_ panel: Int, _ source: UnsafeMutablePointer<Float>, _ columns: Int) -> Void) {
      Workers.run(chunks: panels) {
        body($0, first + $0 * 32 * layout.columnStride, min(32, outer - $0 * 32))
      }
    }
    switch layout.precision {
    case .float32:
      let storage = Storage(count: panels * 32 * inner)
      eachPanel { panel, source, columns in
        enc_pack(
          inner, columns, source, layout.rowStride, layout.columnStride, storage.pointer + panel * 32 * inner)
      }
      form = .floats(storage)
    case .float16:
      let storage = Storage(count: panels * 16 * inner)
      let target = UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: UInt16.self)
      eachPanel { panel, source, columns in
        guard let scratch = enc_scratch(Int32(ENC_SCRATCH_C), 32 * inner * 4) else { return }
        let floats = scratch.assumingMemoryBound(to: Float.self)
        enc_pack(inner, columns, source, layout.rowStride, layout.columnStride, floats)
        enc_to_half(32 * inner, floats, target + panel * 32 * inner)
      }
      form = .halves(storage)
    case .int8:
      let (depth, runs) = ((inner + 3) / 4, PackedMatrix.runs(inner))
      let (bytes, scales) = (Storage(count: panels * 32 * depth), Storage(count: panels * 32))
      let sums = Storage(count: runs * panels * 32)
      eachPanel { panel, source, columns in
        enc_pack_bytes(
          inner, columns, panels * 32, source, layout.rowStride, layout.columnStride,
          UnsafeMutableRawPointer(bytes.pointer + panel * 32 * depth).assumingMemoryBound(to: Int8.self),
          scales.pointer + panel * 32, sums.pointer + panel * 32)
      }
      form = .bytes(bytes, scales: scales, sums: sums)
    case .bfloat16: form = .narrow(NarrowMatrix(source, layout))
    }
  }

  /// How many runs of numbers a row of bytes has, each with its own scale.
  private static func runs(_ inner: Int) -> Int { (inner + Int(ENC_QUANTUM) - 1) / Int(ENC_QUANTUM) }

  /// out [rows, N] = x [rows, K] · B, ended as `end` says, on the calling worker.
  func product(
    rows: Int, _ x: UnsafePointer<Float>, _ end: ProductEnd = ProductEnd(), into out: UnsafeMutablePointer<Float>
  ) {
    guard rows > 0 else { return }
    if case .narrow(let matrix) = form { return matrix.product(rows: rows, x, bias: end.bias, into: out) }
    product(input(rows: rows, x), 0..<outer, end, into: out)
  }

  /// The same for any number of rows, shared among the workers: chunks of rows, or of columns where the rows are few.
  func productOnWorkers(
    rows: Int, _ x: UnsafePointer<Float>, _ end: ProductEnd = ProductEnd(), into out: UnsafeMutablePointer<Float>
  ) {
    // A worker that is busy with rows of its own is alone with them.
    if Workers.isInside { return product(rows: rows, x, end, into: out) }
    if case .narrow = form {
    } else if rows <= 32, outer > PackedMatrix.columnsPerChunk, rows > 0 {
      let input = input(rows: rows, x)
      return Workers.run(outer, by: PackedMatrix.columnsPerChunk) { product(input, $0, end, into: out) }
    }
    Workers.run(rows, by: PackedMatrix.rowsPerChunk(rows)) { range in
      product(
        rows: range.count, x + range.lowerBound * inner, end.from(row: range.lowerBound, width: outer),
        into: out + range.lowerBound * outer)
    }
  }

  /// Rows as they are multiplied.
  private enum Input {
    case floats(Int, UnsafePointer<Float>)
    case bytes(Int, UnsafePointer<UInt8>, scales: UnsafePointer<Float>, offsets: UnsafePointer<Float>)
  }

  /// Rows as this matrix takes them, in the calling worker's scratch memory where they have to be changed.
  private func input(rows: Int, _ x: UnsafePointer<Float>) -> Input {
    guard case .bytes = form else { return .floats(rows, x) }
    let (stride, runs) = ((inner + 63) / 64 * 64, PackedMatrix.runs(inner))
    let bytes = rows * stride
    guard let scratch = enc_scratch(Int32(ENC_SCRATCH_C), bytes + 2 * rows * runs * 4) else { return .floats(rows, x) }
    let target = scratch.assumingMemoryBound(to: UInt8.self)
    let scales = (scratch + bytes).assumingMemoryBound(to: Float.self)
    enc_quantize(rows, inner, x, target, scales, scales + rows * runs)
    return .bytes(rows, target, scales: scales, offsets: scales + rows * runs)
  }

  private func product(_ input: Input, _ columns: Range<Int>, _ end: ProductEnd, into out: UnsafeMutablePointer<Float>)
  {
    var end = enc_product_end(
      bias: end.bias, residual: end.residual, out_stride: outer, activation: end.activation?.kind ?? -1)
    switch (form, input) {
    case (.floats(let panels), .floats(let rows, let x)):
      enc_product(rows, inner, columns.lowerBound, columns.upperBound, x, panels.pointer, &end, out)
    case (.halves(let panels), .floats(let rows, let x)):
      let halves = UnsafeRawPointer(panels.pointer).assumingMemoryBound(to: UInt16.self)
      enc_half_product(rows, inner, columns.lowerBound, columns.upperBound, x, halves, &end, out)
    case (.bytes(let bytes, let scales, let sums), .bytes(let rows, let x, let factors, let offsets)):
      var matrix = enc_byte_matrix(
        bytes: UnsafeRawPointer(bytes.pointer).assumingMemoryBound(to: Int8.self), scales: scales.pointer,
        sums: sums.pointer, width: scales.count)
      enc_byte_product(
        rows, inner, columns.lowerBound, columns.upperBound, x, factors, offsets, &matrix, &end, out)
    default: preconditionFailure("PackedMatrix: an input of another form")
    }
  }

  /// A multiple of 32.
  private static let columnsPerChunk = 128

  /// Enough rows a chunk to run at full speed, few enough to occupy the workers.
  static func rowsPerChunk(_ rows: Int) -> Int { rows > 1024 ? 128 : 32 }
}

/// What becomes of the sums of a product: + bias [N], an activation, + residual [rows, N].
struct ProductEnd {
  var bias: UnsafePointer<Float>?
  var activation: Activation?
  var residual: UnsafePointer<Float>?

  func from(row: Int, width: Int) -> ProductEnd {
    ProductEnd(bias: bias, activation: activation, residual: residual.map { $0 + row * width })
  }
}
