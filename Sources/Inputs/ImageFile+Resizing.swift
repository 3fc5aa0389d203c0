extension ImageFile {
  /// An image of another size, each channel for itself: bilinear, and where it shrinks an average weighted by a triangle
  /// as wide as two pixels of the result.
  ///
  /// The bits are those of `resize(…, BILINEAR)` in Pillow 13, whose arithmetic in whole numbers this follows: weights of
  /// 22 bits, rounded after rows and after columns; columns first where they lose more than twice what rows lose, which
  /// earlier Pillows never do.
  static func resized(_ image: Decoded, height: Int, width: Int) -> Decoded {
    let lost = image.height - height
    return lost > 0 && lost > 2 * (image.width - width)
      ? image.resized(height: height).resized(width: width) : image.resized(width: width).resized(height: height)
  }
}

extension ImageFile.Decoded {
  fileprivate func resized(width: Int) -> Self {
    guard width != self.width else { return self }
    let weights = Weights(from: self.width, to: width)
    return Self(
      pixels: weights.apply(to: pixels, lines: height, step: channels, lineStep: self.width * channels),
      height: height, width: width, channels: channels)
  }

  fileprivate func resized(height: Int) -> Self {
    guard height != self.height else { return self }
    let weights = Weights(from: self.height, to: height)
    return Self(
      pixels: weights.apply(to: pixels, lines: 1, step: width * channels, lineStep: 0),
      height: height, width: width, channels: channels)
  }
}

/// Which pixels of a line make up each pixel of a line of another length, and how much of each.
private struct Weights {
  private static let bits = 22
  private let spans: [(start: Int, weights: [Int])]

  init(from: Int, to: Int) {
    let scale = Double(from) / Double(to)
    let reach = max(1, scale)
    spans = (0..<to).map { place in
      let center = (Double(place) + 0.5) * scale
      let start = max(0, Int(center - reach + 0.5))
      let end = min(from, Int(center + reach + 0.5))
      let shares = (start..<end).map { max(0, 1 - abs((Double($0) - center + 0.5) * (1 / reach))) }
      let sum = shares.reduce(0, +)
      return (start, shares.map { Int($0 / sum * Double(1 << Weights.bits) + 0.5) })
    }
  }

  /// New lines of `spans.count` elements of `step` bytes out of `lines` that stand `lineStep` bytes apart.
  func apply(to pixels: [UInt8], lines: Int, step: Int, lineStep: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: lines * spans.count * step) { out, written in
      for line in 0..<lines {
        for span in spans {
          for byte in 0..<step {
            var sum = 1 << (Weights.bits - 1)
            var at = line * lineStep + span.start * step + byte
            for weight in span.weights {
              sum += Int(pixels[at]) * weight
              at += step
            }
            out[written] = UInt8(min(255, sum >> Weights.bits))
            written += 1
          }
        }
      }
    }
  }
}
