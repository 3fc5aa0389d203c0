import Tensors

/// What a denoising auto-encoder (TSDAE) has to undo: words deleted by chance.
///
/// Source: Wang et al. 2021, who delete 60 %; words here are what white space divides.
public struct DenoisingNoise: Sendable, Equatable {
  /// The part of the words that is deleted.
  public let ratio: Float

  /// Noise that deletes a part of the words.
  public init(ratio: Float = 0.6) {
    precondition(ratio >= 0 && ratio < 1, "DenoisingNoise: expected a ratio in [0, 1), found \(ratio)")
    self.ratio = ratio
  }

  /// The text without some of its words, joined by single spaces; at least one word stays.
  ///
  /// Every word is drawn on its own; the same numbers delete the same words. A text without words is itself.
  public func callAsFunction(_ text: String, _ random: Random) -> String {
    let words = text.utf8.split { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard let first = words.first else { return text }
    var kept = words.indices.filter { random.uniform(at: UInt64($0)) >= ratio }
    if kept.isEmpty { kept = [Int(random.uniform(at: UInt64(words.count)) * Float(words.count))] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for place in kept {
      if !bytes.isEmpty { bytes.append(0x20) }
      bytes.append(contentsOf: words.indices.contains(place) ? words[place] : first)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
