import Checkpoints
import Foundation

/// Images as PNG files in memory.
///
/// Rows without filter in stored (uncompressed) blocks: for thumbnails, where a few bytes more matter less than a
/// compressor.
/// Source: PNG specification, third edition; RFC 1950 (zlib), RFC 1951 (deflate).
enum PNG {
  /// The file of an image with 1 (grey), 3 (red, green, blue) or 4 (and alpha) bytes a pixel, row after row.
  static func file(width: Int, height: Int, channels: Int, pixels: [UInt8]) -> [UInt8] {
    precondition(
      [1, 3, 4].contains(channels) && pixels.count == width * height * channels,
      "PNG.file: \(pixels.count) bytes for \(width) × \(height) × \(channels)")
    let colorType: UInt8 = channels == 1 ? 0 : channels == 3 ? 2 : 6
    var rows: [UInt8] = []
    rows.reserveCapacity(pixels.count + height)
    for row in 0..<height {
      rows.append(0)
      rows += pixels[row * width * channels..<(row + 1) * width * channels]
    }
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + chunk("IHDR", bytes(UInt32(width)) + bytes(UInt32(height)) + [8, colorType, 0, 0, 0])
      + chunk("IDAT", zlib(rows)) + chunk("IEND", [])
  }

  /// The same as a `data:` URI.
  static func dataURI(width: Int, height: Int, channels: Int, pixels: [UInt8]) -> String {
    let file = file(width: width, height: height, channels: channels, pixels: pixels)
    return "data:image/png;base64," + Data(file).base64EncodedString()
  }

  private static func chunk(_ type: String, _ content: [UInt8]) -> [UInt8] {
    let body = Array(type.utf8) + content
    return bytes(UInt32(content.count)) + body + bytes(body.withUnsafeBytes { CRC32.checksum(of: $0) })
  }

  private static func zlib(_ content: [UInt8]) -> [UInt8] {
    var stream: [UInt8] = [0x78, 0x01]
    var start = 0
    repeat {
      let end = min(start + 65535, content.count)
      let length = UInt16(end - start)
      stream += [end == content.count ? 1 : 0]
      stream += [UInt8(length & 255), UInt8(length >> 8), UInt8(~length & 255), UInt8(~length >> 8)]
      stream += content[start..<end]
      start = end
    } while start < content.count
    return stream + bytes(adler32(content))
  }

  private static func bytes(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }

  /// The checksum of a zlib stream.
  static func adler32(_ content: [UInt8]) -> UInt32 {
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in content {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return b << 16 | a
  }
}
