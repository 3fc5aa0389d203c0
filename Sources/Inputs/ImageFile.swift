import CPNG
import CTurboJPEG
import Checkpoints
import Foundation

/// Reads PNG, JPEG, PGM and PPM files.
public enum ImageFile {
  /// The bytes `[height, width, channels]` of an image: 1 channel is grey, 2 grey and opacity, 3 RGB, 4 RGB and opacity.
  ///
  /// Colours become grey by the weights of ITU-R BT.601 (a JPEG file holds that grey itself); where no opacity is asked
  /// for, the file's is left out. Of values of 16 bits the upper 8 are taken, cyan, magenta, yellow and black are read as
  /// Adobe writes them, and an image of another size is scaled by `resized`. All this is what Pillow does, but that it
  /// computes the grey of a JPEG file from RGB, and cuts grey of 16 bits at 255.
  ///
  /// - Throws: `FileError`: no such file, no image, an image that ends too early.
  public static func read(_ url: URL, height: Int, width: Int, channels: Int) throws -> [UInt8] {
    precondition((1...4).contains(channels), "ImageFile: expected 1 to 4 channels, found \(channels)")
    let image = try decode(url, channels: channels)
    return resized(image, height: height, width: width).pixels
  }

  /// An image of any size.
  struct Decoded {
    let pixels: [UInt8]
    let height: Int
    let width: Int
    let channels: Int
  }

  /// Larger images are refused: a few bytes of a header could claim any size.
  private static let pixelLimit = 1 << 28

  private static func decode(_ url: URL, channels: Int) throws -> Decoded {
    try MappedFile(url).withBytes { bytes in
      let start = Array(bytes.prefix(8))
      if start == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] { return try png(bytes, channels, url) }
      if start.starts(with: [0xFF, 0xD8, 0xFF]) { return try jpeg(bytes, channels, url) }
      if start.starts(with: Array("P5".utf8)) || start.starts(with: Array("P6".utf8)) {
        return try netpbm(bytes, channels, url)
      }
      let found =
        start.isEmpty ? "an empty file" : "the bytes " + start.map { [$0].hexadecimal }.joined(separator: " ")
      throw FileError(.malformed, url, "expected an image (PNG, JPEG, binary PGM or PPM), found \(found)")
    }
  }

  private static func png(_ bytes: UnsafeRawBufferPointer, _ channels: Int, _ url: URL) throws -> Decoded {
    var file = enc_png()
    (file.bytes, file.count) = (bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    func read(_ pixels: UnsafeMutablePointer<UInt8>?) throws {
      guard !enc_png_read(&file, pixels) else { return }
      let problem = withUnsafeBytes(of: file.problem) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      throw FileError(.malformed, url, "a broken or truncated PNG image: \(problem)")
    }
    try read(nil)
    let (height, width) = (Int(file.height), Int(file.width))
    try check(height, width, url)
    var pixels = [UInt8](repeating: 0, count: height * width * 4)
    try pixels.withUnsafeMutableBufferPointer { try read($0.baseAddress) }
    return Decoded(pixels: converted(pixels, from: 4, to: channels), height: height, width: width, channels: channels)
  }

  private static func jpeg(_ bytes: UnsafeRawBufferPointer, _ channels: Int, _ url: URL) throws -> Decoded {
    guard let decoder = tjInitDecompress() else { throw FileError(.unreadable, url, "no memory to decode JPEG images") }
    defer { tjDestroy(decoder) }
    func message() -> String { String(cString: tjGetErrorStr2(decoder)) }
    func problem() -> FileError { FileError(.malformed, url, "a broken or truncated JPEG image: \(message())") }
    let start = bytes.bindMemory(to: UInt8.self).baseAddress
    let count = UInt(bytes.count)
    var (wide, high, sampling, colours): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
    guard tjDecompressHeader3(decoder, start, count, &wide, &high, &sampling, &colours) == 0 else { throw problem() }
    let (height, width) = (Int(high), Int(wide))
    try check(height, width, url)
    let isInk = colours == TJCS_CMYK.rawValue || colours == TJCS_YCCK.rawValue
    let (format, size) = isInk ? (TJPF_CMYK, 4) : channels == 1 ? (TJPF_GRAY, 1) : (TJPF_RGBA, 4)
    var pixels = [UInt8](repeating: 0, count: height * width * size)
    let result = tjDecompress2(decoder, start, count, &pixels, wide, 0, high, format.rawValue, 0)
    // Warnings too are reported as failures; the only one that loses pixels is a premature end.
    guard result == 0 || tjGetErrorCode(decoder) == TJERR_WARNING.rawValue && !message().contains("Premature") else {
      throw problem()
    }
    if isInk { mixInks(&pixels) }
    return Decoded(
      pixels: converted(pixels, from: size, to: channels), height: height, width: width, channels: channels)
  }

  /// RGB and opacity in place of cyan, magenta, yellow and black, of which 255 is no ink.
  private static func mixInks(_ pixels: inout [UInt8]) {
    for start in stride(from: 0, to: pixels.count, by: 4) {
      let light = Int(pixels[start + 3])
      for place in start..<start + 3 {
        // What the ink takes away: a product over 255, rounded.
        let product = (255 - Int(pixels[place])) * light + 128
        pixels[place] = UInt8(light - ((product + (product >> 8)) >> 8))
      }
      pixels[start + 3] = 255
    }
  }

  /// `P5` or `P6`, width, height and the largest value in decimal digits, one white space, then the values.
  private static func netpbm(_ bytes: UnsafeRawBufferPointer, _ channels: Int, _ url: URL) throws -> Decoded {
    var at = 2
    func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int {
      var isComment = false
      while at < bytes.count, isComment || isSpace(bytes[at]) || bytes[at] == UInt8(ascii: "#") {
        if bytes[at] == UInt8(ascii: "#") { isComment = true }
        if bytes[at] == UInt8(ascii: "\n") { isComment = false }
        at += 1
      }
      let begin = at
      while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
      guard let value = Int(String(decoding: bytes[begin..<at], as: UTF8.self)), range.contains(value) else {
        throw FileError(
          .malformed, url,
          "a broken PGM or PPM image: expected its \(name) from \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
    let (width, height) = (try number("width", 1...pixelLimit), try number("height", 1...pixelLimit))
    let maximum = try number("largest value", 1...65535)
    try check(height, width, url)
    at += 1
    let (found, size) = (bytes[1] == UInt8(ascii: "5") ? 1 : 3, maximum > 255 ? 2 : 1)
    let count = height * width * found
    guard bytes.count - at >= count * size else {
      throw FileError(
        .malformed, url,
        "a truncated PGM or PPM image: expected \(count * size) bytes of pixels, found \(max(0, bytes.count - at))")
    }
    let pixels = (0..<count).map { place -> UInt8 in
      let value = size == 1 ? Int(bytes[at + place]) : Int(bytes[at + 2 * place]) << 8 | Int(bytes[at + 2 * place + 1])
      return UInt8(min(255, (Double(value) / Double(maximum) * 255).rounded(.toNearestOrEven)))
    }
    return Decoded(
      pixels: converted(pixels, from: found, to: channels), height: height, width: width, channels: channels)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private static func check(_ height: Int, _ width: Int, _ url: URL) throws {
    guard height > 0, width > 0, !height.multipliedReportingOverflow(by: width).overflow, height * width <= pixelLimit
    else {
      throw FileError(.mismatched, url, "expected an image of at most \(pixelLimit) pixels, found \(height) × \(width)")
    }
  }

  /// Pixels of 1 (grey), 3 (RGB) or 4 (RGB, opacity) bytes with another number of channels.
  private static func converted(_ pixels: [UInt8], from: Int, to: Int) -> [UInt8] {
    guard from != to else { return pixels }
    let count = pixels.count / from
    return [UInt8](unsafeUninitializedCapacity: count * to) { out, written in
      for place in 0..<count {
        let start = place * from
        let red = pixels[start]
        let (green, blue) = from == 1 ? (red, red) : (pixels[start + 1], pixels[start + 2])
        if to <= 2 {
          // Fixed-point numbers of 16 bits, as Pillow's: 0.299, 0.587 and 0.114.
          let sum: Int = Int(red) * 19595 + Int(green) * 38470 + Int(blue) * 7471
          out[place * to] = UInt8((sum + 0x8000) >> 16)
        } else {
          (out[place * to], out[place * to + 1], out[place * to + 2]) = (red, green, blue)
        }
        if to % 2 == 0 { out[place * to + to - 1] = from == 4 ? pixels[start + 3] : 255 }
      }
      written = count * to
    }
  }
}
