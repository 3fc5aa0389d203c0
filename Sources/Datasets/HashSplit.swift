import Crypto
import Foundation

/// Divides texts by their own content: SHA-256 of the UTF-8 bytes, read as one big number, modulo a small one. The same text is
/// always in the same part, whatever else is in the file.
public struct HashSplit: Sendable {
  /// The divisor.
  public let modulus: Int
  private let parts: [(name: String, remainders: Range<Int>)]

  /// Parts by their remainders.
  public init(modulus: Int = 10, train: Range<Int> = 0..<8, validation: Range<Int> = 8..<9, test: Range<Int> = 9..<10) {
    self.modulus = modulus
    parts = [("train", train), ("validation", validation), ("test", test)]
  }

  /// train, validation or test; "" if the remainder belongs to none.
  public func split(of text: String) -> String {
    let remainder = SHA256.hash(data: Data(text.utf8)).reduce(0) { ($0 << 8 | Int($1)) % modulus }
    return parts.first { $0.remainders.contains(remainder) }?.name ?? ""
  }
}
