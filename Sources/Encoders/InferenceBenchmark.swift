import Evaluation
import Foundation
import Tensors

/// How fast a model of texts computes vectors, in one or several precisions beside each other, and how near they are to float32's.
public struct InferenceBenchmark: Sendable {
  /// What was measured in one precision.
  public struct Result: Sendable, Encodable {
    /// The precision of the products.
    public let compute: String
    /// Tokens a second from texts to vectors, special tokens included: the median of the rounds, and the slowest and fastest.
    public let tokensPerSecond: Double, slowest: Double, fastest: Double
    /// Texts a second, the median.
    public let textsPerSecond: Double
    /// The share of the machine's fastest that the layers' products run at; nil for a model without a Transformer.
    public let shareOfCeiling: Double?
    /// One short text from its characters to its vector.
    public let latency: Latency
    /// How near the vectors are to float32's; nil for float32.
    public let fidelity: Fidelity?
  }

  /// Milliseconds.
  public struct Latency: Sendable, Encodable {
    /// The text's tokens.
    public let tokens: Int
    /// Percentiles of 200 calls.
    public let p50: Double, p95: Double
  }

  /// Vectors beside those in float32.
  public struct Fidelity: Sendable, Encodable {
    /// Their mean cosine.
    public let meanCosine: Double
    /// Spearman's correlation of the similarities of all pairs of texts; nil for fewer than three texts, which have no two pairs.
    public let spearman: Double?
  }

  private let model: Model
  private let batches: [[String]]
  private let texts: [String]
  /// The number of texts.
  public var count: Int { texts.count }
  /// The number of tokens that are computed.
  public let tokens: Int
  /// Texts of a batch, as `encoders embed` has them.
  private static let batchSize = 512
  /// How many texts are compared with float32.
  private static let compared = 256

  /// - Throws: `TokenError` from the tokenizer; `FileError` for a model with a vector for each token.
  public init(_ model: Model, texts: [String]) throws {
    (self.model, self.texts) = (model, texts)
    batches = stride(from: 0, to: texts.count, by: Self.batchSize).map {
      Array(texts[$0..<min(texts.count, $0 + Self.batchSize)])
    }
    tokens = try batches.reduce(0) { try $0 + model.input(texts: $1).tokens }
  }

  /// Measures precisions in turn, round by round; `ceiling` says how many operations a second the machine can do.
  public func results(
    _ precisions: [Precision], rounds: Int, ceiling: (Precision) -> Double = Ceiling.operationsPerSecond
  ) throws -> [Result] {
    let clock = ContinuousClock()
    for precision in precisions { try precision { _ = model.vectors(try model.input(texts: batches[0])) } }
    var times = precisions.map { _ in [Double]() }
    for _ in 0..<rounds {
      for (place, precision) in precisions.enumerated() {
        let time = try precision {
          try clock.measure { for batch in batches { _ = model.vectors(try model.input(texts: batch)) } }
        }
        times[place].append(time / .seconds(1))
      }
    }
    let few = try model.input(texts: Array(texts.prefix(Self.compared)))
    let reference = Precision.float32 { model.vectors(few).normalized() }
    return try precisions.enumerated().map { place, precision in
      let rates = times[place].sorted().map { Double(tokens) / $0 }
      let median = rates[rates.count / 2]
      let operations = model.sentenceEncoder?.transformer?.configuration.operationsPerToken
      return Result(
        compute: precision.rawValue, tokensPerSecond: median, slowest: rates.last ?? 0, fastest: rates.first ?? 0,
        textsPerSecond: median * Double(count) / Double(tokens),
        shareOfCeiling: operations.map { Double($0) * median / ceiling(precision) },
        latency: try precision { try latency(clock) },
        fidelity: precision == .float32 ? nil : precision { fidelity(model.vectors(few).normalized(), reference) })
    }
  }

  private func latency(_ clock: ContinuousClock) throws -> Latency {
    let text = "A cat sits outside in the warm sun."
    let length = try model.input(texts: [text]).tokens
    var times = [Double]()
    for call in 0..<220 {
      let time = try clock.measure { _ = model.vectors(try model.input(texts: [text])) }
      if call >= 20 { times.append(time / .milliseconds(1)) }
    }
    times.sort()
    return Latency(tokens: length, p50: times[100], p95: times[190])
  }

  private func fidelity(_ vectors: Tensor, _ reference: Tensor) -> Fidelity {
    func similarities(_ a: Tensor) -> [Float] {
      let (all, count) = (SimilarityFunction.dot.all(a, a).scalars, a.rows)
      return (0..<count).flatMap { all[$0 * count..<$0 * count + $0] }
    }
    let cosines = SimilarityFunction.cosine.pairs(vectors, reference)
    return Fidelity(
      meanCosine: cosines.reduce(0) { $0 + Double($1) } / Double(max(1, vectors.rows)),
      spearman: vectors.rows < 3 ? nil : Correlation(similarities(vectors), similarities(reference)).spearman)
  }
}
