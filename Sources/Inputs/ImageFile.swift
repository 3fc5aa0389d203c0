import CPNG
import Checkpoints
import Foundation

/// Reads image files: PNG, decoded by libpng, and plain PGM and PPM.
public enum ImageFile {
  /// The pixels of an image, channels last: 1 channel (grey), 3 (colour) or 4 (with opacity), converted if the file has others.
  ///
  /// - Throws: `FileError` if it's missing, no such image, damaged, or of another size than the model reads.
  public static func read(_ url: URL, height: Int, width: Int, channels: Int) throws -> [UInt8] {
    let file = try MappedFile(url)
    return try file.withBytes { bytes in
      if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return try png(bytes, url, height, width, channels) }
      if bytes.count > 2, bytes[0] == UInt8(ascii: "P"), bytes[1] == UInt8(ascii: "5") || bytes[1] == UInt8(ascii: "6")
      {
        return try portableMap(bytes, url, height, width, channels)
      }
      let first = bytes.prefix(4).map { "0x" + String($0, radix: 16) }.joined(separator: " ")
      throw FileError(
        .malformed, url,
        "expected a PNG, PGM or PPM image, found the bytes \(first.isEmpty ? "of an empty file" : first)")
    }
  }

  private static func requireSize(_ url: URL, _ expected: (Int, Int), _ found: (Int, Int)) throws {
    guard expected == found else {
      throw FileError(
        .mismatched, url,
        "expected an image of \(expected.0) × \(expected.1) pixels, as the model reads, found \(found.0) × \(found.1)")
    }
  }

  private static func png(_ bytes: UnsafeRawBufferPointer, _ url: URL, _ height: Int, _ width: Int, _ channels: Int)
    throws -> [UInt8]
  {
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    defer { png_image_free(&image) }
    func failure() -> FileError {
      let message = withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      return FileError(.malformed, url, "damaged PNG image: \(message)")
    }
    guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else { throw failure() }
    try requireSize(url, (height, width), (Int(image.height), Int(image.width)))
    image.format =
      switch channels {
      case 1: 0
      case 3: UInt32(PNG_FORMAT_FLAG_COLOR)
      case 4: UInt32(PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA)
      default: throw FileError(.mismatched, url, "expected a model of 1, 3 or 4 channels, found \(channels)")
      }
    var pixels = [UInt8](repeating: 0, count: height * width * channels)
    // What is transparent stands on black.
    var black = png_color(red: 0, green: 0, blue: 0)
    guard png_image_finish_read(&image, &black, &pixels, Int32(width * channels), nil) != 0 else { throw failure() }
    return pixels
  }

  /// A binary PGM (grey) or PPM (colour) image of 8 bits a channel.
  private static func portableMap(
    _ bytes: UnsafeRawBufferPointer, _ url: URL, _ height: Int, _ width: Int, _ channels: Int
  ) throws -> [UInt8] {
    var (position, numbers) = (2, [Int]())
    while numbers.count < 3, position < bytes.count {
      if bytes[position] == UInt8(ascii: "#") {
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
      } else if (0x30...0x39).contains(bytes[position]) {
        var number = 0
        while position < bytes.count, (0x30...0x39).contains(bytes[position]), number < 1 << 20 {
          number = number * 10 + Int(bytes[position] - 0x30)
          position += 1
        }
        numbers.append(number)
      } else {
        position += 1
      }
    }
    let found = bytes[1] == UInt8(ascii: "5") ? 1 : 3
    guard numbers.count == 3, numbers[2] == 255 else {
      throw FileError(.malformed, url, "expected a header of width, height and 255, found \(numbers)")
    }
    try requireSize(url, (height, width), (numbers[1], numbers[0]))
    guard found == channels else { throw FileError(.mismatched, url, "expected \(channels) channels, found \(found)") }
    let pixels = bytes.dropFirst(position + 1)
    guard pixels.count >= height * width * channels else {
      throw FileError(.malformed, url, "expected \(height * width * channels) bytes of pixels, found \(pixels.count)")
    }
    return Array(pixels.prefix(height * width * channels))
  }
}
