import Checkpoints
import Foundation

extension Archive {
  /// Checks decompressed data by the checksum and the length that stand at the end of each member of a gzip file (RFC 1952).
  /// libarchive passes over both, and takes a missing end for the end of the data.
  ///
  /// Where a member ends is for the decompressor to know. But what stands before the mark of a next one is no end unless it's the
  /// checksum of what comes next in `content`. Zeros may follow the last member, as gzip takes them for padding.
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
    let (length, found) = (rest.count & 0xFFFF_FFFF, crc32(rest))
    if let end = (20...packed.count).last(where: { number($0 - 4) == length && number($0 - 8) == found }) {
      let rest = packed[end...]
      guard rest.contains(where: { $0 != 0 }) else { return }
      throw FileError(.malformed, url, "expected nothing after the end of the gzip data, found \(rest.count) bytes")
    }
    let expected = number(packed.count - 4)
    guard length == expected else {
      throw FileError(
        .malformed, url, "damaged or truncated gzip data: expected \(expected) bytes, found \(rest.count)")
    }
    let sum = number(packed.count - 8)
    throw FileError(.malformed, url, "damaged gzip data: expected the checksum \(hex(sum)), found \(hex(found))")
  }

  /// Checks a file of any length, if gzip compressed it, by gzip itself: libarchive passes over the checksum.
  ///
  /// - Throws: `FileError` if it's missing or damaged.
  package static func requireWhole(_ url: URL) throws {
    guard try MappedFile(url).withBytes({ $0.starts(with: [0x1F, 0x8B]) }) else { return }
    let outcome = try OtherProgram.run(
      "sh", ["-c", "exec gzip -t < \"$1\"", "sh", url.path], "check \(url.path) by gzip")
    // A warning, of other bytes behind the data, is 2.
    guard [0, 2].contains(outcome.code) else {
      throw FileError(.malformed, url, "damaged or truncated gzip data: \(outcome.reason)")
    }
  }

  private static func crc32(_ bytes: ArraySlice<UInt8>) -> Int {
    Int(bytes.withUnsafeBytes { CRC32.checksum(of: $0) })
  }

  private static func hex(_ number: Int) -> String { "0x" + String(number, radix: 16) }
}
