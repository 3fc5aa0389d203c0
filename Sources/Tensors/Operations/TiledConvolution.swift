import CKernels

/// A 2-D convolution with windows of 3 × 3 at every pixel, computed in tiles of 2 × 2 outputs, which takes 16 multiplications where 36 stand in the sum.
///
/// An image's bits depend neither on the images that come with it nor on the threads. Source: Winograd 1980; Lavin and Gray 2015.
struct TiledConvolution: Sendable {
  private let form: enc_winograd_form

  /// nil where the sum itself is faster, or the window another.
  init?(inputs: [Int], outputs: [Int], _ window: Window2D, groups: Int) {
    guard window.kernel == [3, 3], window.stride == [1, 1], window.dilation == [1, 1], groups == 1,
      window.padding.allSatisfy({ $0 <= 2 }), inputs[2] >= 16, outputs[2] >= 16,
      16 * TiledConvolution.tiles(outputs) <= 6 * outputs[0] * outputs[1]
    else { return nil }
    form = enc_winograd_form(
      height: inputs[0], width: inputs[1], inputs: inputs[2], out_height: outputs[0], out_width: outputs[1],
      outputs: outputs[2], above: window.padding[0], before: window.padding[1])
  }

  /// How many tiles cover an image of [height, width, …].
  private static func tiles(_ size: [Int]) -> Int { (size[0] + 1) / 2 * ((size[1] + 1) / 2) }

  /// The images [N, H', W', outputs] of `x` [N, H, W, inputs].
  func outputs(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, into out: Tensor) {
    run(form, x, matrices(form, weight, (9, 9 * form.inputs)), bias, into: out)
  }

  /// The gradient of the input: the slopes convolved with the turned weight.
  func inputGradient(_ dy: Tensor, _ weight: Tensor, _ shape: [Int]) -> Tensor {
    let (dx, back) = (
      Tensor(uninitialized: shape),
      enc_winograd_form(
        height: form.out_height, width: form.out_width, inputs: form.outputs, out_height: form.height,
        out_width: form.width, outputs: form.inputs, above: 2 - form.above, before: 2 - form.before)
    )
    run(back, dy, matrices(back, weight, (9 * form.inputs, 9), turned: true), nil, into: dx)
    return dx
  }

  /// The gradients of weight and bias: sums of the slopes of the weight's matrices for each part of the tiles, added in order.
  func weightGradients(_ x: Tensor, _ dy: Tensor, _ shape: [Int], bias: Bool) -> [Tensor?] {
    let (count, elements) = (tiles(form, x.shape[0]), 16 * form.inputs * form.outputs)
    // Of large weights fewer sums fit in memory.
    let parts = max(1, min(16, (1 << 24) / elements))
    let size = max(1, ((count + parts - 1) / parts + tilesAtOnce - 1) / tilesAtOnce) * tilesAtOnce
    let partial = Storage(count: max(1, (count + size - 1) / size) * elements)
    partial.pointer.update(repeating: 0, count: count == 0 ? elements : 0)
    Workers.run(count, by: size) { tiles in
      withScratch(form) {
        var form = form
        enc_winograd_sums(
          &form, tiles.lowerBound, tiles.upperBound, x.pointer, dy.pointer,
          partial.pointer + tiles.lowerBound / size * elements, $0)
      }
    }
    let (sums, dw) = (Storage(count: elements), Tensor(uninitialized: shape))
    Workers.run(elements, by: 4096) {
      enc_column_sums(
        partial.count / elements, $0.count, elements, partial.pointer + $0.lowerBound, sums.pointer + $0.lowerBound)
    }
    Workers.run(form.inputs, by: 16) {
      enc_winograd_slopes(form.inputs, form.outputs, $0.lowerBound, $0.upperBound, sums.pointer, dw.pointer)
    }
    guard bias else { return [dw] }
    let db = Tensor(uninitialized: [form.outputs])
    let slopes = Rows(dy.pointer, count: dy.count / form.outputs, stride: form.outputs)
    addColumnSums(slopes, width: form.outputs, into: db.pointer)
    return [dw, db]
  }

  private let tilesAtOnce = Int(ENC_WINOGRAD_TILES)

  private func tiles(_ form: enc_winograd_form, _ images: Int) -> Int {
    images * TiledConvolution.tiles([form.out_height, form.out_width])
  }

  private func columns(_ form: enc_winograd_form) -> Int { (form.outputs + 31) / 32 * 32 }

  private func withScratch(_ form: enc_winograd_form, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let count = (16 * tilesAtOnce + 1) * (form.inputs + form.outputs + 31) + 544
    guard let scratch = enc_scratch(Int32(ENC_SCRATCH_A), count * 4) else { return }
    body(scratch.assumingMemoryBound(to: Float.self))
  }

  /// The 16 matrices [inputs, outputs] of a weight, whose windows stand apart by `strides` (row, column) in it, as panels.
  private func matrices(
    _ form: enc_winograd_form, _ weight: Tensor, _ strides: (row: Int, column: Int), turned: Bool = false
  ) -> Storage {
    let size = columns(form) * form.inputs
    let panels = Storage(count: 16 * size)
    Workers.run(form.outputs, by: 32) {
      enc_winograd_weights(
        form.inputs, $0.count, weight.pointer + $0.lowerBound * strides.column, strides.row, strides.column, turned,
        size, panels.pointer + $0.lowerBound * form.inputs)
    }
    return panels
  }

  private func run(_ form: enc_winograd_form, _ x: Tensor, _ matrices: Storage, _ bias: Tensor?, into out: Tensor) {
    Workers.run(tiles(form, x.shape[0]), by: 2 * tilesAtOnce) { tiles in
      withScratch(form) {
        var form = form
        enc_winograd(
          &form, tiles.lowerBound, tiles.upperBound, x.pointer, matrices.pointer, bias?.pointer, out.pointer, $0)
      }
    }
  }
}
