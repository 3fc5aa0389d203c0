import Checkpoints
import Foundation

/// Images and labels in MNIST's IDX format (LeCun et al. 1998), also gzip-compressed.
public enum IDX {
  /// The standard pair of files of a folder: `train-images-idx3-ubyte[.gz]` or `t10k-…`, for `split` train or test.
  ///
  /// - Throws: `FileError`: another part, missing file, wrong magic number, truncated file or gzip, images and labels of different number.
  public static func read(directory: URL, split: String) throws -> ImageExamples {
    let prefix = try isTrainingPart(split, of: directory) ? "train" : "t10k"
    func file(_ name: String) throws -> URL {
      let plain = directory.appendingPathComponent("\(prefix)-\(name)-ubyte")
      let packed = plain.appendingPathExtension("gz")
      if FileManager.default.fileExists(atPath: plain.path) { return plain }
      guard FileManager.default.fileExists(atPath: packed.path) else {
        throw FileError(.missing, plain, "no such file, with or without .gz")
      }
      return packed
    }
    return try read(images: file("images-idx3"), labels: file("labels-idx1"))
  }

  /// A file of images and the file of their labels.
  public static func read(images: URL, labels: URL) throws -> ImageExamples {
    let (pixels, sizes) = try array(images, magic: 0x0000_0803, axes: 3)
    let (classes, counts) = try array(labels, magic: 0x0000_0801, axes: 1)
    guard sizes[0] == counts[0] else {
      throw FileError(
        .mismatched, labels,
        "expected \(sizes[0]) labels, as \(images.lastPathComponent) has images, found \(counts[0])")
    }
    guard sizes[0] > 0 else { throw FileError(.malformed, images, "expected at least one image, found none") }
    guard sizes[1] > 0, sizes[2] > 0 else {
      throw FileError(.malformed, images, "expected images of at least 1 × 1, found \(sizes[1]) × \(sizes[2])")
    }
    let last = Int(classes.max() ?? 0)
    return ImageExamples(
      pixels: pixels, count: sizes[0], height: sizes[1], width: sizes[2], channels: 1, labels: classes.map { Int($0) },
      classes: (0...max(1, last)).map(String.init))
  }

  private static func array(_ url: URL, magic: UInt32, axes: Int) throws -> ([UInt8], [Int]) {
    let bytes = try Archive.contents(of: url)
    func number(_ index: Int) -> UInt32 { bytes[index * 4..<index * 4 + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    let header = 4 * (axes + 1)
    guard bytes.count >= 4 else {
      throw FileError(.malformed, url, "expected an IDX header of \(header) bytes, found \(bytes.count)")
    }
    guard number(0) == magic else {
      throw FileError(.malformed, url, "expected the magic number \(hex(magic)), found \(hex(number(0)))")
    }
    guard bytes.count >= header else {
      throw FileError(.malformed, url, "expected an IDX header of \(header) bytes, found \(bytes.count)")
    }
    let sizes = (1...axes).map { Int(number($0)) }
    // Each size is below 2³², so three of them can pass 2⁶³.
    let expected = sizes.reduce(1) { product, size in
      product.multipliedReportingOverflow(by: size).overflow ? Int.max : product * size
    }
    guard expected == bytes.count - header else {
      throw FileError(
        .malformed, url, "expected \(expected) bytes of data after the header, found \(bytes.count - header)")
    }
    return (Array(bytes[header...]), sizes)
  }

  private static func hex(_ number: UInt32) -> String {
    let digits = String(number, radix: 16)
    return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
  }
}

/// Whether a part is the one for training, of data that have one for training and one for test.
///
/// - Throws: `FileError` for another part.
func isTrainingPart(_ split: String, of directory: URL) throws -> Bool {
  guard ["train", "test"].contains(split) else {
    throw FileError(.mismatched, directory, "expected the part train or test, found \(FileError.quoted(split))")
  }
  return split == "train"
}
