import Tensors
import Tokenizers

/// What a masked language model has to guess: tokens that are hidden by chance.
///
/// Of the tokens that are chosen, 80 % become the mask, 10 % any token, and 10 % stay. Source: Devlin et al. 2019 (BERT); transformers'
/// `DataCollatorForLanguageModeling`.
public struct TokenMasking: Sendable {
  /// How probable it is that a token is chosen.
  public let probability: Float
  /// The mask.
  public let mask: Int32
  /// Tokens that are never chosen.
  public let special: Set<Int32>
  /// How many tokens there are.
  public let vocabulary: Int

  /// Masking with a tokenizer's own mask, `[MASK]` or `<mask>`; nil if it has none.
  public init?(_ tokenizer: Tokenizer, probability: Float = 0.15) {
    precondition(probability > 0 && probability < 1, "TokenMasking: expected a probability in (0, 1)")
    guard let mask = ["[MASK]", "<mask>"].lazy.compactMap({ tokenizer.id(of: $0) }).first else { return nil }
    (self.probability, self.mask, vocabulary) = (probability, mask, tokenizer.vocabularySize)
    special = Set(tokenizer.addedTokens.lazy.filter(\.special).map(\.id)).union([mask])
  }

  /// Texts with tokens hidden, where these are, and what they were. Every token is drawn on its own; the same numbers hide the same ones.
  /// At least one is hidden if there is any that may be.
  public func callAsFunction(_ texts: [[Int32]], _ random: Random) -> (
    texts: [[Int32]], places: [Int32], hidden: [Int32]
  ) {
    let (chances, kinds, others) = (random.split("chosen"), random.split("kind"), random.split("other"))
    var (masked, places, hidden) = (texts, [Int32](), [Int32]())
    // Where a batch would have nothing to guess: its most probable token.
    var nearest: (chance: Float, text: Int, place: Int, row: Int)?
    var row = 0
    func hide(_ text: Int, _ place: Int, _ row: Int) {
      places.append(Int32(row))
      hidden.append(texts[text][place])
      let kind = kinds.uniform(at: UInt64(row))
      if kind < 0.8 {
        masked[text][place] = mask
      } else if kind < 0.9 {
        masked[text][place] = min(Int32(vocabulary) - 1, Int32(others.uniform(at: UInt64(row)) * Float(vocabulary)))
      }
    }
    for (text, ids) in texts.enumerated() {
      for (place, id) in ids.enumerated() {
        defer { row += 1 }
        if special.contains(id) { continue }
        let chance = chances.uniform(at: UInt64(row))
        if chance < probability {
          hide(text, place, row)
        } else if places.isEmpty, chance < nearest?.chance ?? 1 {
          nearest = (chance, text, place, row)
        }
      }
    }
    if places.isEmpty, let nearest { hide(nearest.text, nearest.place, nearest.row) }
    return (masked, places, hidden)
  }
}
