import Foundation

/// Learns a unigram language model of pieces (Kudo 2018): starts with the frequent substrings, fits their probabilities by
/// expectation–maximization, and drops, a quarter at a time, the pieces that the likelihood misses least.
///
/// The method is that of SentencePiece and of Hugging Face's `UnigramTrainer`, but substrings are counted as often as their
/// words were seen, and the result is the same on every run.
public struct UnigramTrainer: Sendable {
  /// How many tokens the vocabulary has, special ones included; fewer if the words haven't so many pieces, more if they
  /// have more different scalars.
  public var size = 8_000
  /// Tokens that get the first ids.
  public var specialTokens: [String] = []
  /// Scalars that are pieces even if the words haven't them.
  public var initialAlphabet: [Unicode.Scalar] = []
  /// How many scalars a piece has at most.
  public var longestPiece = 16
  /// How many pieces are kept of those that there are, each time some are dropped.
  public var shrinkingFactor = 0.75
  /// How often probabilities are fitted before pieces are dropped.
  public var iterations = 2
  /// How many substrings to start with at most.
  public var seedSize = 1_000_000

  /// A trainer of 8,000 pieces.
  public init() {}

  /// The pieces with their log probabilities: special tokens (0) first, then the most probable first.
  public func train(_ words: WordCounts) -> [(token: String, score: Double)] {
    let corpus = words.scalars()
    let target = max(min(size, Vocabulary.largestID) - specialTokens.count, 0)
    // A tenth more than asked for: the last choice is among well-fitted pieces.
    let nearlyDone = target + target / 10
    var pieces = seeds(of: corpus)
    while !pieces.isEmpty {
      for _ in 0..<max(iterations, 1) { pieces = fitted(pieces, to: corpus) }
      guard pieces.count > nearlyDone else { break }
      let remaining = pruned(pieces, on: corpus, to: max(nearlyDone, Int(Double(pieces.count) * shrinkingFactor)))
      guard remaining.count < pieces.count else { break }
      pieces = remaining
    }
    return final(pieces, corpus, count: target)
  }

  /// A piece and its log probability.
  struct Piece {
    let scalars: [UInt32]
    var score: Double
  }

  private func seeds(of corpus: CountedScalars) -> [Piece] {
    let alphabet = corpus.frequencies.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
    var pieces = alphabet.map { Piece(scalars: [$0.key], score: Double($0.value)) }
    for (piece, weight) in corpus.frequentSubstrings(longest: longestPiece, limit: seedSize - pieces.count) {
      pieces.append(Piece(scalars: piece, score: Double(weight)))
    }
    let total = log(pieces.reduce(0) { $0 + $1.score })
    return pieces.map { Piece(scalars: $0.scalars, score: log($0.score) - total) }
  }

  /// One round of expectation–maximization. Pieces expected less than half a time are dropped, and digamma in place of the
  /// logarithm favours few pieces (Liang and Klein, "Structured Bayesian nonparametric models", ACL 2007 tutorial).
  private func fitted(_ pieces: [Piece], to corpus: CountedScalars) -> [Piece] {
    let expected = expectations(pieces, in: corpus)
    let kept = pieces.indices.filter { expected[$0] >= 0.5 }
    let total = digamma(kept.reduce(0) { $0 + expected[$1] })
    return kept.map { Piece(scalars: pieces[$0].scalars, score: digamma(expected[$0]) - total) }
  }

  /// How often each piece is expected in the words.
  private func expectations(_ pieces: [Piece], in corpus: CountedScalars) -> [Double] {
    var lattice = UnigramLattice(pieces)
    var expected = [Double](repeating: 0, count: pieces.count)
    for word in corpus.ends.indices {
      lattice.addExpectations(corpus.scalars[corpus.range(of: word)], Double(corpus.counts[word]), to: &expected)
    }
    return expected
  }

  /// The `count` pieces whose loss would cost the most likelihood, with those that nothing can stand for first.
  private func pruned(_ pieces: [Piece], on corpus: CountedScalars, to count: Int) -> [Piece] {
    var lattice = UnigramLattice(pieces)
    var frequencies = [Double](repeating: 0, count: pieces.count)
    for word in corpus.ends.indices {
      let path = lattice.bestPath(corpus.scalars[corpus.range(of: word)]).path
      for piece in path where piece >= 0 { frequencies[Int(piece)] += Double(corpus.counts[word]) }
    }
    let sum = frequencies.reduce(0, +)
    var kept: [Piece] = []
    var candidates: [(piece: Int, loss: Double)] = []
    for (number, piece) in pieces.enumerated() {
      let (score, alternative) = lattice.bestPath(piece.scalars[...], without: Int32(number))
      // What nothing else spells stays. What other pieces spell better, or what no word needs, goes.
      guard !alternative.contains(-1) else {
        kept.append(piece)
        continue
      }
      let frequency = frequencies[number]
      guard score <= piece.score, frequency > 0 else { continue }
      // Where the piece was, its alternative will be; the counts grow accordingly.
      let newSum = log(sum + frequency * Double(alternative.count - 1))
      let newScore = alternative.reduce(0) { $0 + log(frequencies[Int($1)] + frequency) - newSum }
      candidates.append((number, frequency * (log(frequency) - log(sum) - newScore)))
    }
    candidates.sort { $0.loss != $1.loss ? $0.loss > $1.loss : $0.piece < $1.piece }
    return kept + candidates.prefix(max(count - kept.count, 0)).map { pieces[$0.piece] }
  }

  /// The vocabulary: every scalar, then the most probable pieces; their probabilities are fitted once more, and add up to 1.
  private func final(_ pieces: [Piece], _ corpus: CountedScalars, count: Int) -> [(token: String, score: Double)] {
    var chosen = pieces.filter { $0.scalars.count == 1 }
    var chosenScalars = Set(chosen.map { $0.scalars[0] })
    let lowest = pieces.reduce(0) { min($0, $1.score) }
    for scalar in (Array(corpus.frequencies.keys) + initialAlphabet.map(\.value)).sorted() {
      if chosenScalars.insert(scalar).inserted { chosen.append(Piece(scalars: [scalar], score: lowest)) }
    }
    let longer = pieces.filter { $0.scalars.count > 1 }
    chosen += byFallingScore(longer).prefix(max(count - chosen.count, 0))
    // What is never needed is as rare as what was dropped before.
    let expected = expectations(chosen, in: corpus).map { max($0, 0.5) }
    let total = log(expected.reduce(0, +))
    let fitted = zip(chosen, expected).map { Piece(scalars: $0.scalars, score: log($1) - total) }
    let tokens = byFallingScore(fitted).map { (token: String(scalars: $0.scalars), score: $0.score) }
    // A special token is found in the text itself, never as a piece.
    let special = Set(specialTokens.map { Array($0.utf8) })
    return specialTokens.map { ($0, 0) } + tokens.filter { !special.contains(Array($0.token.utf8)) }
  }

  private func byFallingScore(_ pieces: [Piece]) -> [Piece] {
    let order = pieces.indices.sorted {
      pieces[$0].score != pieces[$1].score ? pieces[$0].score > pieces[$1].score : $0 < $1
    }
    return order.map { pieces[$0] }
  }

  /// The logarithm's discrete sibling, the derivative of log Γ; an asymptotic series after shifting its argument past 7.
  private func digamma(_ value: Double) -> Double {
    var (x, result) = (value, 0.0)
    while x < 7 {
      result -= 1 / x
      x += 1
    }
    x -= 0.5
    let square = 1 / (x * x)
    let series = square * (1.0 / 24 + square * (-7.0 / 960 + square * (31.0 / 8064 - square * 127.0 / 30720)))
    return result + log(x) + series
  }
}
