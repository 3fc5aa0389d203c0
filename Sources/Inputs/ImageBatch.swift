import Tensors

/// Images as bytes, channels last, one after another.
public struct ImagePixels: Sendable {
  /// `count · height · width · channels` bytes.
  public let bytes: [UInt8]
  /// Pixels from top to bottom.
  public let height: Int
  /// Pixels from left to right.
  public let width: Int
  /// Bytes of a pixel.
  public let channels: Int

  /// Images of one size.
  public init(_ bytes: [UInt8], height: Int, width: Int, channels: Int) {
    precondition(
      height > 0 && width > 0 && channels > 0 && bytes.count % (height * width * channels) == 0,
      "ImagePixels: \(bytes.count) bytes are no whole number of \(height) × \(width) × \(channels) images")
    self.bytes = bytes
    self.height = height
    self.width = width
    self.channels = channels
  }

  /// Bytes of an image.
  public var size: Int { height * width * channels }
  /// The number of images.
  public var count: Int { bytes.count / size }

  /// The bytes of one image.
  public func image(_ index: Int) -> ArraySlice<UInt8> { bytes[index * size..<(index + 1) * size] }
}

/// How pixels become numbers: (pixel / 255 − mean) / deviation, by channel.
public struct PixelScaling: Sendable {
  /// One number a channel.
  public let mean: [Float]
  /// One number a channel.
  public let deviation: [Float]

  /// A scaling by channel.
  public init(mean: [Float], deviation: [Float]) {
    self.mean = mean
    self.deviation = deviation
  }
}

/// Random changes of an image, each a function of the generator and the image's index alone.
public struct ImageAugmentation: Sendable, Equatable {
  /// Moved by up to this many pixels in each direction; what comes in is black.
  public var shift: Int
  /// Left and right exchanged, half of the time.
  public var flip: Bool
  /// Padded with so many black pixels on each side, and an image of the old size cut out. Source: He et al. 2016.
  public var crop: Int
  /// A square of this side, centred anywhere, made black. Source: DeVries and Taylor 2017.
  public var cutout: Int

  /// No change unless said otherwise.
  public init(shift: Int = 0, flip: Bool = false, crop: Int = 0, cutout: Int = 0) {
    (self.shift, self.flip, self.crop, self.cutout) = (shift, flip, crop, cutout)
  }
}

extension ImagePixels {
  /// Some images as a tensor `[indices, height, width, channels]`, scaled, and changed at random if asked to.
  public func batch(
    _ indices: [Int], _ scaling: PixelScaling, augmentation: ImageAugmentation? = nil, random: Random = Random(seed: 0)
  ) -> Tensor {
    // A pixel has 256 values: the arithmetic is done once for each.
    let table = (0..<channels).flatMap { channel in
      (0..<256).map { (Float($0) / 255 - scaling.mean[channel]) / scaling.deviation[channel] }
    }
    return Tensor(shape: [indices.count, height, width, channels]) { out in
      nonisolated(unsafe) let out = out  // each image writes its own part
      Workers.run(indices.count, by: 16) { range in
        for place in range {
          let target = UnsafeMutableBufferPointer(rebasing: out[place * size..<(place + 1) * size])
          let change = Change(augmentation, self, random.split(UInt64(indices[place])))
          write(indices[place], change, table, to: target)
        }
      }
    }
  }

  private func write(_ index: Int, _ change: Change, _ table: [Float], to out: UnsafeMutableBufferPointer<Float>) {
    let start = index * size
    bytes.withUnsafeBufferPointer { bytes in
      table.withUnsafeBufferPointer { table in
        var at = 0
        for y in 0..<height {
          let fromY = y + change.moveY
          for x in 0..<width {
            let fromX = (change.flips ? width - 1 - x : x) + change.moveX
            let isInside = fromY >= 0 && fromY < height && fromX >= 0 && fromX < width
            let isCut = change.cutY.contains(y) && change.cutX.contains(x)
            let pixel = start + (fromY * width + fromX) * channels
            for channel in 0..<channels {
              out[at] = table[channel * 256 + (isInside && !isCut ? Int(bytes[pixel + channel]) : 0)]
              at += 1
            }
          }
        }
      }
    }
  }
}

/// What happens to one image.
private struct Change {
  var moveX = 0, moveY = 0, flips = false
  var cutX = 0..<0, cutY = 0..<0

  init(_ augmentation: ImageAugmentation?, _ images: ImagePixels, _ random: Random) {
    guard let augmentation else { return }
    var numbers = RandomSequence(random)
    let reach = augmentation.shift + augmentation.crop
    if reach > 0 {
      moveX = Int.random(in: -reach...reach, using: &numbers)
      moveY = Int.random(in: -reach...reach, using: &numbers)
    }
    if augmentation.flip { flips = Bool.random(using: &numbers) }
    if augmentation.cutout > 0 {
      let (x, y) = (
        Int.random(in: 0..<images.width, using: &numbers), Int.random(in: 0..<images.height, using: &numbers)
      )
      let before = augmentation.cutout / 2
      cutX = x - before..<x - before + augmentation.cutout
      cutY = y - before..<y - before + augmentation.cutout
    }
  }
}
