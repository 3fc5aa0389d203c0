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
    /// The same of half precision, and how large rows may be so that no sum is infinite: below 2^room.
    case halves(Storage, room: Int32)
    /// The same as bytes, with a scale and the sum for each run of a column.
    case bytes(Storage, scales: Storage, sums: Storage)
    /// The same as pairs of brain floats, those of two neighbours in a column.
    case pairs(Storage)
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
    case .float16, .bfloat16:
      let (isHalf, depth) = (layout.precision == .float16, (inner + 1) / 2)
      let storage = Storage(count: panels * 32 * depth)
      let target = UnsafeMutableRawPointer(storage.pointer)
      eachPanel { panel, source, columns in
        guard let scratch = enc_scratch(Int32(ENC_SCRATCH_C), 32 * inner * 4) else { return }
        let floats = scratch.assumingMemoryBound(to: Float.self)
        enc_pack(inner, columns, source, layout.rowStride, layout.columnStride, floats)
        if isHalf {
          enc_to_half(32 * inner, floats, target.assumingMemoryBound(to: UInt16.self) + panel * 32 * inner)
        } else {
          enc_pack_pairs(inner, floats, target.assumingMemoryBound(to: UInt32.self) + panel * 32 * depth)
        }
      }
      form = isHalf ? .halves(storage, room: PackedMatrix.room(first, layout)) : .pairs(storage)
    case .int8:
      let (depth, runs) = ((inner + 3) / 4, PackedMatrix.runs(inner))
      let bytes = Storage(count: panels * 32 * depth)
      let (scales, sums) = (Storage(count: runs * panels * 32), Storage(count: runs * panels * 32))
      eachPanel { panel, source, columns in
        enc_pack_bytes(
          inner, columns, panels * 32, source, layout.rowStride, layout.columnStride,
          UnsafeMutableRawPointer(bytes.pointer + panel * 32 * depth).assumingMemoryBound(to: Int8.self),
          scales.pointer + panel * 32, sums.pointer + panel * 32)
      }
      form = .bytes(bytes, scales: scales, sums: sums)
    }
  }

  /// How many runs of numbers a row of bytes has, each with its own scale.
  private static func runs(_ inner: Int) -> Int { (inner + Int(ENC_QUANTUM) - 1) / Int(ENC_QUANTUM) }

  /// The largest power of two, of 2 at most, below which 128 products of halves with those of a matrix add up to less than their largest.
  private static func room(_ source: UnsafePointer<Float>, _ layout: Layout) -> Int32 {
    let largest = Storage(count: layout.outer)
    Workers.run(chunks: layout.outer) { column in
      let numbers = (0..<layout.inner).lazy.map { abs(source[column * layout.columnStride + $0 * layout.rowStride]) }
      largest.pointer[column] = numbers.reduce(0) { $1 > $0 && $1 <= 65504 ? $1 : $0 }
    }
    let most = (0..<layout.outer).reduce(1) { max($0, largest.pointer[$1]) }
    return min(2, Int32(8 - most.exponent))
  }

  /// out [rows, N] = x [rows, K] · B, ended as `end` says, on the calling worker.
  func product(
    rows: Int, _ x: UnsafePointer<Float>, _ end: ProductEnd = ProductEnd(), into out: UnsafeMutablePointer<Float>
  ) {
    guard rows > 0 else { return }
    product(input(Rows(x, count: rows, stride: inner)), 0..<outer, end, into: out)
  }

  /// Products of the same rows with matrices of one inner size and precision, their results side by side in `out`, shared among the workers:
  /// chunks of rows, or of columns where the rows are few.
  ///
  /// - Parameter ends: of each product; the residuals stand as the results do.
  static func products(
    _ x: Rows, _ matrices: [PackedMatrix], _ ends: [ProductEnd], into out: UnsafeMutablePointer<Float>
  ) {
    let width = matrices.reduce(0) { $0 + $1.outer }
    // `columns` are counted across all matrices.
    func each(
      _ input: Input, _ target: UnsafeMutablePointer<Float>, _ row: Int = 0, _ columns: Range<Int> = 0..<width
    ) {
      var start = 0
      for (matrix, end) in zip(matrices, ends) {
        let (first, last) = (max(columns.lowerBound - start, 0), min(columns.upperBound - start, matrix.outer))
        if first < last {
          matrix.product(input, first..<last, end.from(row: row, stride: width), into: target + start, stride: width)
        }
        start += matrix.outer
      }
    }
    guard let first = matrices.first, x.count > 0 else { return }
    // A worker that is busy with rows of its own is alone with them.
    if Workers.isInside { return each(first.input(x), out) }
    if x.count <= 32, width > columnsPerChunk, matrices.dropLast().allSatisfy({ $0.outer % columnsPerChunk == 0 }) {
      let input = first.input(x)
      return Workers.run(width, by: columnsPerChunk) { each(input, out, 0, $0) }
    }
    Workers.run(x.count, by: rowsPerChunk(x.count)) { range in
      each(first.input(x[range]), out + range.lowerBound * width, range.lowerBound)
    }
  }

  /// One of them.
  func productOnWorkers(_ x: Rows, _ end: ProductEnd = ProductEnd(), into out: UnsafeMutablePointer<Float>) {
    PackedMatrix.products(x, [self], [end], into: out)
  }

  /// Rows as they are multiplied.
  private enum Input {
    case floats(Rows)
    case halves(Int, UnsafePointer<Float>, scales: UnsafePointer<Float>)
    case pairs(Int, UnsafePointer<Float>)
    case bytes(Int, UnsafePointer<UInt8>, scales: UnsafePointer<Float>, offsets: UnsafePointer<Float>)
  }

  /// Rows as this matrix takes them, in the calling worker's scratch memory where they have to be changed.
  private func input(_ x: Rows) -> Input {
    // Where tiles are multiplied, rows are read in sixteens.
    let (rows, readRows) = (x.count, (x.count + 15) / 16 * 16)
    switch form {
    case .floats: return .floats(x)
    case .halves(_, let room):
      guard let scratch = enc_scratch(Int32(ENC_SCRATCH_C), rows * (inner + 1) * 4) else { return .floats(x) }
      let halves = scratch.assumingMemoryBound(to: Float.self)
      enc_half_rows(rows, inner, x.stride, x.pointer, room, halves, halves + rows * inner)
      return .halves(rows, halves, scales: halves + rows * inner)
    case .pairs:
      guard let scratch = enc_scratch(Int32(ENC_SCRATCH_C), readRows * (inner + 1) * 4) else { return .floats(x) }
      let rounded = scratch.assumingMemoryBound(to: Float.self)
      enc_round_rows(rows, inner, x.stride, x.pointer, rounded)
      return .pairs(rows, rounded)
    case .bytes:
      let (stride, runs) = ((inner + 63) / 64 * 64, PackedMatrix.runs(inner))
      let bytes = readRows * stride
      guard let scratch = enc_scratch(Int32(ENC_SCRATCH_C), bytes + 2 * rows * runs * 4) else { return .floats(x) }
      let target = scratch.assumingMemoryBound(to: UInt8.self)
      let scales = (scratch + bytes).assumingMemoryBound(to: Float.self)
      enc_quantize(rows, inner, x.stride, x.pointer, target, scales, scales + rows * runs)
      return .bytes(rows, target, scales: scales, offsets: scales + rows * runs)
    }
  }

  private func product(
    _ input: Input, _ columns: Range<Int>, _ end: ProductEnd, into out: UnsafeMutablePointer<Float>,
    stride: Int? = nil
  ) {
    var end = enc_product_end(
      bias: end.bias, residual: end.residual, out_stride: stride ?? outer, activation: end.activation?.kind ?? -1)
    let (first, last) = (columns.lowerBound, columns.upperBound)
    switch (form, input) {
    case (.floats(let panels), .floats(let x)):
      enc_product(x.count, inner, first, last, x.stride, x.pointer, panels.pointer, &end, out)
    case (.halves(let panels, _), .halves(let rows, let x, let scales)):
      let halves = UnsafeRawPointer(panels.pointer).assumingMemoryBound(to: UInt16.self)
      enc_half_product(rows, inner, first, last, x, scales, halves, &end, out)
    case (.pairs(let panels), .pairs(let rows, let x)):
      let pairs = UnsafeRawPointer(panels.pointer).assumingMemoryBound(to: UInt32.self)
      enc_pair_product(rows, inner, first, last, x, pairs, &end, out)
    case (.bytes(let bytes, let scales, let sums), .bytes(let rows, let x, let factors, let offsets)):
      var matrix = enc_byte_matrix(
        bytes: UnsafeRawPointer(bytes.pointer).assumingMemoryBound(to: Int8.self), scales: scales.pointer,
        sums: sums.pointer, width: (outer + 31) / 32 * 32)
      enc_byte_product(rows, inner, first, last, x, factors, offsets, &matrix, &end, out)
    default: preconditionFailure("PackedMatrix: an input of another form")
    }
  }

  /// A multiple of 32.
  private static let columnsPerChunk = 64

  /// Enough rows a chunk to run at full speed, few enough to occupy the workers.
  static func rowsPerChunk(_ rows: Int) -> Int { rows > 1024 ? 128 : 32 }
}

/// What becomes of the sums of a product: + bias [N], an activation, + residual [rows, N].
struct ProductEnd {
  var bias: UnsafePointer<Float>?
  var activation: Activation?
  var residual: UnsafePointer<Float>?

  func from(row: Int, stride: Int) -> ProductEnd {
    ProductEnd(bias: bias, activation: activation, residual: residual.map { $0 + row * stride })
  }
}
