/// Samples in the order of falling scores, the ties known: sorted once, then scored with any weights.
struct Ranking {
  /// The place of each sample of a rank in the data.
  private let samples: [Int32]
  /// Whether the sample of a rank is a positive.
  private let positive: [Bool]
  /// Whether the next rank has another score.
  private let endsTie: [Bool]

  init(labels: [Bool], scores: [Float]) {
    precondition(labels.count == scores.count, "Ranking: \(labels.count) labels, \(scores.count) scores")
    // Sorts by one integer: the score's bits, made to fall, above the sample's place.
    let keys = scores.indices.map { place -> UInt64 in
      // −0 and 0 are the same score.
      let bits = (scores[place] + 0).bitPattern
      let rising = bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
      return UInt64(~rising) << 32 | UInt64(place)
    }.sorted()
    samples = keys.map { Int32(truncatingIfNeeded: $0) }
    positive = samples.map { labels[Int($0)] }
    endsTie = keys.indices.map { $0 + 1 == keys.count || keys[$0] >> 32 != keys[$0 + 1] >> 32 }
  }

  /// How many positives there are at each weight of one.
  var positives: Int { positive.count { $0 } }

  /// Average precision and the area under the ROC curve in one pass; NaN for what the weights leave undefined.
  ///
  /// AP = Σ (R_n − R_{n−1}) P_n over the distinct scores; AUC counts a tie as half (Mann and Whitney 1947).
  func scores(_ weights: [Int32]) -> (averagePrecision: Double, rocAUC: Double) {
    var (hits, misses): (Int, Int) = (0, 0)
    var (tiedHits, tiedMisses): (Int, Int) = (0, 0)
    var (precision, area) = (0.0, 0.0)
    samples.withUnsafeBufferPointer { samples in
      weights.withUnsafeBufferPointer { weights in
        positive.withUnsafeBufferPointer { positive in
          endsTie.withUnsafeBufferPointer { endsTie in
            for rank in samples.indices {
              let weight = Int(weights[Int(samples[rank])])
              if positive[rank] { tiedHits &+= weight } else { tiedMisses &+= weight }
              guard endsTie[rank] else { continue }
              area += Double(tiedMisses) * (Double(hits) + 0.5 * Double(tiedHits))
              hits &+= tiedHits
              misses &+= tiedMisses
              if tiedHits > 0 { precision += Double(tiedHits) * (Double(hits) / Double(hits &+ misses)) }
              (tiedHits, tiedMisses) = (0, 0)
            }
          }
        }
      }
    }
    return (precision / Double(hits), area / (Double(hits) * Double(misses)))
  }

  /// The same with every sample once.
  func scores() -> (averagePrecision: Double, rocAUC: Double) {
    scores(Array(repeating: 1, count: samples.count))
  }
}
