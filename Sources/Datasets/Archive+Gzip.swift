import Checkpoints
import Foundation

extension Archive {
  /// Checks decompressed data by the checksum and the length that stand at the end of each member of a gzip file (RFC 1952).
  /// libarchive passes over both, and takes a missing end for the end of the data.
  ///
  /// Where a member ends is for the decompressor to know. But what stands before the mark of a next one is no end unless it's the
  /// checksum of what comes next in `content`.
  static func checkGzip(_ url: URL, _ packed: [UInt8], _ content: [UInt8]) throws {
    func number(_ place: Int) -> Int { packed[place..<place + 4].reversed().reduce(0) { $0 << 8 | Int($1) } }
    guard packed.count >= 20 else {
      throw FileError(.malformed, url, "truncated gzip data: expected at least 20 bytes, found \(packed.count)")
    }
    var rest = content[...]
    for end in 18..<packed.count - 2 where packed[end] == 0x1F && packed[end + 1] == 0x8B && packed[end + 2] == 8 {
      let member = rest.prefix(number(end - 4))
      if member.count == number(end - 4), crc32(member) == number(end - 8) { rest = rest.dropFirst(member.count) }
    }
    let (sum, length) = (number(packed.count - 8), number(packed.count - 4))
    guard rest.count & 0xFFFF_FFFF == length else {
      throw FileError(
        .malformed, url, "damaged or truncated gzip data: expected \(length) bytes, found \(rest.count)")
    }
    guard crc32(rest) == sum else {
      throw FileError(
        .malformed, url, "damaged gzip data: expected the checksum \(hex(sum)), found \(hex(crc32(rest)))")
    }
  }

  /// Checks a gzip file of any length, which isn't read into memory for that, by gzip itself.
  static func checkGzip(_ url: URL) throws {
    let outcome = try OtherProgram.run(
      "sh", ["-c", "exec gzip -t < \"$1\"", "sh", url.path], "check \(url.path) by gzip")
    // A warning, of other bytes behind the data, is 2.
    guard [0, 2].contains(outcome.code) else {
      throw FileError(.malformed, url, "damaged or truncated gzip data: \(outcome.reason)")
    }
  }

  /// The checksum of ISO 3309.
  private static func crc32(_ bytes: ArraySlice<UInt8>) -> Int {
    let table = crcTable
    return Int(~bytes.reduce(~0) { table[Int(($0 ^ UInt32($1)) & 255)] ^ ($0 >> 8) })
  }

  private static let crcTable: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : 0xEDB8_8320 ^ (value >> 1) }
  }

  private static func hex(_ number: Int) -> String { "0x" + String(number, radix: 16) }
}
