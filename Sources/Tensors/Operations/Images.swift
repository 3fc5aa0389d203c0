import COneDNN
import CKernels

/// The geometry of a 2-D convolution or pooling; sizes are (height, width).
public struct Window2D: Sendable, Equatable, Hashable {
  /// Pixels a window takes.
  public var kernel: [Int]
  /// Pixels from one window to the next.
  public var stride: [Int]
  /// Rows and columns of zeros on each side.
  public var padding: [Int]
  /// Pixels from one element of a window to the next.
  public var dilation: [Int]

  /// A square window.
  public init(_ kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1) {
    precondition(kernel > 0 && stride > 0 && dilation > 0 && padding >= 0, "Window2D: sizes must be positive")
    self.kernel = [kernel, kernel]
    self.stride = [stride, stride]
    self.padding = [padding, padding]
    self.dilation = [dilation, dilation]
  }

  /// Height and width out for those in; zero or less if the window doesn't fit.
  public func outputSize(_ height: Int, _ width: Int) -> (height: Int, width: Int) {
    func size(_ length: Int, _ axis: Int) -> Int {
      let room = length + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1
      return room < 0 ? 0 : room / stride[axis] + 1
    }
    return (size(height, 0), size(width, 1))
  }
}

/// Images a chunk of work has.
private let imagesPerChunk = 8

extension Tensor {
  /// A 2-D convolution of images `[N, H, W, C]` (channels last) with weight `[outputs, C / groups, kernel, kernel]` and bias
  /// `[outputs]` as PyTorch's `Conv2d`: `[N, H', W', outputs]`.
  public func convolved2D(_ weight: Tensor, _ bias: Tensor? = nil, _ window: Window2D, groups: Int = 1) -> Tensor {
    let shape2D = ImageConvolution(shape, weight.shape, window, groups)
    // Of few channels, oneDNN 2.6 writes past its memory if windows of one pixel have a stride: it gets the pixels they take.
    if window.kernel == [1, 1], window.stride != [1, 1], window.padding == [0, 0] {
      var (taken, rest) = (window, window)
      (taken.dilation, rest.stride) = ([1, 1], [1, 1])
      return averagePooled2D(taken).convolved2D(weight, bias, rest, groups: groups)
    }
    let out = Tensor(uninitialized: [shape[0]] + shape2D.output)
    let (x, w, needsX, hasBias) = (detached, weight.detached, isRecorded, bias != nil)
    let inputs = [self, weight] + (bias.map { [$0] } ?? [])
    if let tiles = TiledConvolution(inputs: shape2D.input, outputs: shape2D.output, window, groups: groups) {
      tiles.outputs(self, weight, bias, into: out)
      return out.recorded(inputs) { dy in
        [needsX ? tiles.inputGradient(dy, w, x.shape) : nil] + tiles.weightGradients(x, dy, w.shape, bias: hasBias)
      }
    }
    shape2D.outputs(self, weight, bias, into: out)
    return out.recorded(inputs) { dy in
      [needsX ? shape2D.inputGradient(dy, w, x.shape) : nil] + shape2D.weightGradients(x, dy, w.shape, bias: hasBias)
    }
  }

  /// The largest value of each window, as PyTorch's `MaxPool2d` (padding never wins), of images `[N, H, W, C]`.
  public func maxPooled2D(_ window: Window2D) -> Tensor {
    let (geometry, output) = poolGeometry(window, "maxPooled2D")
    let (count, inputSize, outputSize) = (shape[0], shape[1] * shape[2] * shape[3], output.dropFirst().reduce(1, *))
    let (out, places, shape) = (Tensor(uninitialized: output), Indices(count: count * outputSize), self.shape)
    Workers.run(count, by: imagesPerChunk) {
      for index in $0 {
        enc_max_pool_image(
          geometry, pointer + index * inputSize, out.pointer + index * outputSize, places.pointer + index * outputSize)
      }
    }
    return out.recorded([self]) { dy in
      let dx = Tensor(uninitialized: shape)
      Workers.run(count, by: imagesPerChunk) {
        for index in $0 {
          enc_max_pool_image_backward(
            geometry, dy.pointer + index * outputSize, places.pointer + index * outputSize,
            dx.pointer + index * inputSize)
        }
      }
      return [dx]
    }
  }

  /// The mean of each window, padding counted, as PyTorch's `AvgPool2d`, of images `[N, H, W, C]`.
  public func averagePooled2D(_ window: Window2D) -> Tensor {
    let (geometry, output) = poolGeometry(window, "averagePooled2D")
    let (count, inputSize, outputSize) = (shape[0], shape[1] * shape[2] * shape[3], output.dropFirst().reduce(1, *))
    let (out, shape) = (Tensor(uninitialized: output), self.shape)
    Workers.run(count, by: imagesPerChunk) {
      for index in $0 {
        enc_average_pool_image(geometry, pointer + index * inputSize, out.pointer + index * outputSize)
      }
    }
    return out.recorded([self]) { dy in
      let dx = Tensor(uninitialized: shape)
      Workers.run(count, by: imagesPerChunk) {
        for index in $0 {
          enc_average_pool_image_backward(geometry, dy.pointer + index * outputSize, dx.pointer + index * inputSize)
        }
      }
      return [dx]
    }
  }

  private func poolGeometry(_ window: Window2D, _ operation: String) -> ([Int], [Int]) {
    precondition(
      shape.count == 4 && window.dilation == [1, 1] && zip(window.padding, window.kernel).allSatisfy { $0 * 2 <= $1 },
      "\(operation): expected [N, H, W, C], padding of at most half the kernel and dilation 1; found \(shape)")
    let (height, width) = window.outputSize(shape[1], shape[2])
    precondition(height > 0 && width > 0, "\(operation): window \(window.kernel) does not fit \(shape)")
    return (
      Array(shape[1...]) + window.kernel + window.stride + window.padding + [height, width],
      [shape[0], height, width, shape[3]]
    )
  }
}

/// The shapes of one 2-D convolution and its oneDNN primitives.
private struct ImageConvolution: Sendable {
  let input: [Int], output: [Int], weight: [Int]
  let window: Window2D
  let groups: Int

  init(_ shape: [Int], _ weight: [Int], _ window: Window2D, _ groups: Int) {
    precondition(
      shape.count == 4 && weight.count == 4 && shape[3] == weight[1] * groups && weight[0] % groups == 0
        && Array(weight[2...]) == window.kernel,
      "convolved2D: weight \(weight) in \(groups) groups does not fit images \(shape) and kernel \(window.kernel)")
    let (height, width) = window.outputSize(shape[1], shape[2])
    precondition(height > 0 && width > 0, "convolved2D: window \(window.kernel) does not fit \(shape)")
    (input, output, self.weight, self.window, self.groups) = (
      Array(shape[1...]), [height, width, weight[0]], weight, window, groups
    )
  }

  var inputSize: Int { input.reduce(1, *) }
  var outputSize: Int { output.reduce(1, *) }

  private func images(_ count: Int, _ size: [Int]) -> dnnl_memory_desc_t {
    let (height, width, channels) = (size[0], size[1], size[2])
    return OneDNN.description(
      [count, channels, height, width], strides: [height * width * channels, 1, width * channels, channels])
  }
  /// The weight with its groups as an axis of their own, in PyTorch's layout.
  private var weightShape: [Int] { groups == 1 ? weight : [groups, weight[0] / groups] + weight[1...] }
  var storedLayout: dnnl_memory_desc_t { OneDNN.description(weightShape) }

  private enum Pass: Int { case forward, input, weights }

  private func primitive(_ pass: Pass, _ count: Int, bias: Bool, weights: dnnl_memory_desc_t?, hint: Primitive?)
    -> Primitive
  {
    let geometry = input + output + weight + window.stride + window.padding + window.dilation
    let key = [1 + pass.rawValue, count, groups, bias ? 1 : 0, weights == nil ? 0 : 1] + geometry
    return OneDNN.primitive(key) {
      var (x, y) = (images(count, input), images(count, output))
      var w = weights ?? OneDNN.description(weightShape, any: true)
      var b = OneDNN.description([weight[0]])
      let strides = window.stride.map { dnnl_dim_t($0) }
      let dilates = window.dilation.map { dnnl_dim_t($0 - 1) }
      let padding = window.padding.map { dnnl_dim_t($0) }
      var operation = dnnl_convolution_desc_t()
      let status = withUnsafePointer(to: &b) { b in
        switch pass {
        case .forward:
          dnnl_dilated_convolution_forward_desc_init(
            &operation, dnnl_forward_training, dnnl_convolution_direct, &x, &w, bias ? b : nil, &y, strides, dilates,
            padding, padding)
        case .input:
          dnnl_dilated_convolution_backward_data_desc_init(
            &operation, dnnl_convolution_direct, &x, &w, &y, strides, dilates, padding, padding)
        case .weights:
          dnnl_dilated_convolution_backward_weights_desc_init(
            &operation, dnnl_convolution_direct, &x, &w, bias ? b : nil, &y, strides, dilates, padding, padding)
        }
      }
      OneDNN.check(status, "convolution")
      return Primitive(&operation, hint: hint, "convolution of \(input) with \(weight)")
    }
  }

  func forward(_ count: Int, bias: Bool, weights: dnnl_memory_desc_t? = nil) -> Primitive {
    primitive(.forward, count, bias: bias, weights: weights, hint: nil)
  }

  /// The weight in the layout that a primitive wants.
  func packed(_ weight: Tensor, for primitive: Primitive, _ query: dnnl_query_t = dnnl_query_weights_md) -> (
    storage: Storage, layout: dnnl_memory_desc_t
  ) {
    var layout = primitive.layout(query)
    let storage = Storage(count: (dnnl_memory_desc_get_size(&layout) + 3) / 4)
    OneDNN.reorder(storedLayout, weight.pointer, layout, storage.pointer)
    return (storage, layout)
  }

  /// The images `[N, H', W', outputs]` of `x` `[N, H, W, C]`.
  func outputs(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, into out: Tensor) {
    let packed = packed(weight, for: forward(imagesPerChunk, bias: bias != nil))
    Workers.run(x.shape[0], by: imagesPerChunk) {
      let primitive = forward($0.count, bias: bias != nil, weights: packed.layout)
      let (x, y) = (x.pointer + $0.lowerBound * inputSize, out.pointer + $0.lowerBound * outputSize)
      if let bias {
        primitive.run(.source(x), .weights(packed.storage.pointer), .bias(bias.pointer), .target(y))
      } else {
        primitive.run(.source(x), .weights(packed.storage.pointer), .target(y))
      }
    }
  }

  func inputGradient(_ dy: Tensor, _ weight: Tensor, _ shape: [Int]) -> Tensor {
    let (count, dx) = (shape[0], Tensor(uninitialized: shape))
    func backward(_ count: Int, _ layout: dnnl_memory_desc_t?) -> Primitive {
      primitive(.input, count, bias: false, weights: layout, hint: forward(count, bias: false))
    }
    let packed = packed(weight, for: backward(imagesPerChunk, nil))
    Workers.run(count, by: imagesPerChunk) {
      backward($0.count, packed.layout).run(
        .init(DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, dy.pointer + $0.lowerBound * outputSize),
        .init(DNNL_ARG_WEIGHTS, dnnl_query_weights_md, packed.storage.pointer),
        .init(DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, dx.pointer + $0.lowerBound * inputSize))
    }
    return dx
  }

  /// The gradients of weight and bias: a partial one for each chunk of images, added in order.
  func weightGradients(_ x: Tensor, _ dy: Tensor, _ shape: [Int], bias: Bool) -> [Tensor?] {
    let count = x.shape[0]
    let size = max(imagesPerChunk, (count + 15) / 16)
    func backward(_ count: Int, _ layout: dnnl_memory_desc_t?) -> Primitive {
      primitive(.weights, count, bias: bias, weights: layout, hint: forward(count, bias: bias))
    }
    var layout = backward(imagesPerChunk, nil).layout(dnnl_query_diff_weights_md)
    let (elements, outputs) = ((dnnl_memory_desc_get_size(&layout) + 3) / 4, weight[0])
    let chunks = max(1, (count + size - 1) / size)
    let (partial, biases) = (Storage(count: chunks * elements), Storage(count: chunks * outputs))
    partial.pointer.update(repeating: 0, count: count == 0 ? elements : 0)
    Workers.run(chunks: (count + size - 1) / size) { index in
      let (start, images) = (index * size, min(size, count - index * size))
      let source = Primitive.Argument.source(x.pointer + start * inputSize)
      let slope = Primitive.Argument(DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, dy.pointer + start * outputSize)
      let dw = Primitive.Argument(DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md, partial.pointer + index * elements)
      if bias {
        let db = Primitive.Argument(
          DNNL_ARG_DIFF_BIAS, dnnl_query_diff_weights_md, biases.pointer + index * outputs, index: 1)
        backward(images, layout).run(source, slope, dw, db)
      } else {
        backward(images, layout).run(source, slope, dw)
      }
    }
    let sum = Storage(count: elements)
    Workers.run(elements, by: 4096) {
      enc_column_sums(chunks, $0.count, elements, partial.pointer + $0.lowerBound, sum.pointer + $0.lowerBound)
    }
    let dw = Tensor(uninitialized: shape)
    OneDNN.reorder(layout, sum.pointer, storedLayout, dw.pointer)
    guard bias else { return [dw] }
    let db = Tensor(uninitialized: [outputs])
    enc_column_sums(chunks, outputs, outputs, biases.pointer, db.pointer)
    return [dw, db]
  }
}
