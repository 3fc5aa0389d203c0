import Checkpoints
import Crypto
import Foundation

/// A SHA-256 of samples in their order, by which a later run knows whether they are the same.
package struct SampleDigest {
  private var hash = SHA256()

  /// The digest of no samples.
  package init() {}

  /// Goes on with bytes, and how many they are.
  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { hash.update(bufferPointer: $0) }
    hash.update(bufferPointer: bytes)
  }

  /// Goes on with a text's UTF-8 bytes, and how many they are.
  package mutating func add(_ text: String) {
    var text = text
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  /// Goes on with the bytes of numbers as they lie in memory, and how many bytes they are.
  package mutating func add(_ values: [some BitwiseCopyable]) { values.withUnsafeBytes { add($0) } }

  /// The first half, in hexadecimal.
  package var text: String { hash.finalize().prefix(16).hexadecimal }
}
