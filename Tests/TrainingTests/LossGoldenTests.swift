import Checkpoints
import Foundation
import TestSupport
import Tensors
import Testing

@testable import Training

/// sentence-transformers' losses and their gradients, as Tests/Golden/make_losses.py wrote them.
struct LossGolden {
  let golden: GoldenCase
  var file: SafetensorsFile { golden.file }
  var name: String { golden.name }

  init(_ name: String) throws { golden = try GoldenCase(name, in: "losses.safetensors") }

  func tensor(_ key: String) throws -> Tensor { try golden.tensor(key) }

  /// Tensors numbered from 0.
  func tensors(_ key: String) throws -> [Tensor] {
    try (0..<9).prefix { file.contains("\(name)/\(key)/\($0)") }.map { try tensor("\(key)/\($0)") }
  }

  func expect(_ found: Tensor, _ key: String, _ tolerance: Float) throws {
    let expected = try tensor(key)
    #expect(found.count == expected.count, "\(name)/\(key)")
    let worst = zip(found.scalars, expected.scalars).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? .nan
    #expect(worst <= tolerance, "\(name)/\(key): differs by \(worst)")
  }

  /// Checks the value of a loss of the case's columns, and its derivative by each of them and by `parameters`.
  func check(_ parameters: [String: Parameter] = [:], _ loss: ([Tensor]) throws -> Tensor) throws {
    let columns = try tensors("in").enumerated().map { Parameter("\($0.offset)", $0.element) }
    let (value, gradients) = try recording {
      let value = try loss(columns.map(\.tensor))
      return (value, value.gradients())
    }
    try expect(value, "out", 1e-5)
    for column in columns {
      let zeros = Tensor.zeros(column.shape)
      try expect(gradients[column] ?? zeros, "grad/\(column.name)", 1e-4)
    }
    for (key, parameter) in parameters { try expect(try #require(gradients[parameter]), "grad/\(key)", 1e-4) }
  }

  /// The labels as a loss takes them.
  func labels(_ form: LossForm) throws -> LossLabels {
    guard file.contains("\(name)/labels") else {
      return file.contains("\(name)/guide/0") ? .embeddings(try tensors("guide")) : .none
    }
    let entry = try file.entry("\(name)/labels")
    switch form.labels[0] {
    case .class: return .classes(try file.int32s("\(name)/labels").map { Int($0) })
    case .scoreList:
      let values = try tensor("labels")
      return entry.shape.count == 1 ? .scores(values.scalars) : .scoreLists(values)
    case .embeddings:
      // [n, columns, d]
      let (flat, columns, width) = (try tensor("labels"), entry.shape[1], entry.shape[2])
      let rows = flat.reshaped([entry.shape[0], columns * width])
      return .embeddings((0..<columns).map { rows.columns($0 * width..<($0 + 1) * width) })
    default:
      if let values = try? file.int32s("\(name)/labels") { return .scores(values.map { Float($0) }) }
      return .scores(try file.floats("\(name)/labels"))
    }
  }
}

@Suite struct LossGoldenTests {
  static let losses: [(String, EmbeddingLoss)] = [
    ("multiple_negatives_ranking", .multipleNegativesRanking()),
    ("multiple_negatives_ranking/dot", .multipleNegativesRanking(scale: 1, similarity: .dot)),
    ("multiple_negatives_ranking/negatives", .multipleNegativesRanking(scale: 5)),
    ("multiple_negatives_ranking/symmetric", .multipleNegativesRanking(scale: 10, symmetric: true)),
    ("multiple_negatives_ranking/symmetric_negatives", .multipleNegativesRanking(scale: 10, symmetric: true)),
    ("cosent", .cosent()), ("cosent/scale", .cosent(scale: 3)), ("cosent/same", .cosent()),
    ("angle", .angle()), ("angle/odd", .angle()), ("angle/negatives", .angle(scale: 4)),
    ("cosine_similarity", .cosineSimilarity),
    ("contrastive/cosine", .contrastive()),
    ("contrastive/euclidean", .contrastive(distance: .euclidean, margin: 5)),
    ("contrastive/manhattan", .contrastive(distance: .manhattan, margin: 15)),
    ("online_contrastive/cosine", .onlineContrastive()),
    ("online_contrastive/euclidean", .onlineContrastive(distance: .euclidean, margin: 5)),
    ("online_contrastive/manhattan", .onlineContrastive(distance: .manhattan, margin: 15)),
    ("online_contrastive/positives", .onlineContrastive()), ("online_contrastive/negatives", .onlineContrastive()),
    ("triplet/cosine", .triplet(distance: .cosine, margin: 0.3)), ("triplet/euclidean", .triplet()),
    ("triplet/manhattan", .triplet(distance: .manhattan, margin: 1)),
    ("batch_all_triplet/cosine", .batchAllTriplet(distance: .cosine, margin: 0.3)),
    ("batch_all_triplet/euclidean", .batchAllTriplet(margin: 2)),
    ("batch_all_triplet/alike", .batchAllTriplet(margin: 2)),
    ("batch_all_triplet/different", .batchAllTriplet(margin: 2)),
    ("batch_hard_triplet/cosine", .batchHardTriplet(distance: .cosine, margin: 0.3)),
    ("batch_hard_triplet/euclidean", .batchHardTriplet(margin: 2)),
    ("batch_hard_triplet/alike", .batchHardTriplet(margin: 2)),
    ("batch_hard_triplet/different", .batchHardTriplet(margin: 2)),
    ("batch_hard_soft_margin_triplet/cosine", .batchHardSoftMarginTriplet(distance: .cosine)),
    ("batch_hard_soft_margin_triplet/euclidean", .batchHardSoftMarginTriplet()),
    ("batch_semi_hard_triplet/cosine", .batchSemiHardTriplet(distance: .cosine, margin: 0.3)),
    ("batch_semi_hard_triplet/euclidean", .batchSemiHardTriplet(margin: 2)),
    ("batch_semi_hard_triplet/alike", .batchSemiHardTriplet(margin: 2)),
    ("batch_semi_hard_triplet/different", .batchSemiHardTriplet(margin: 2)),
    ("gist_embed", .gistEmbed(temperature: 0.05)), ("gist_embed/negatives", .gistEmbed(temperature: 0.05, margin: 0.1)),
    (
      "gist_embed/relative",
      .gistEmbed(temperature: 0.05, margin: 0.2, isRelative: true, contrastAnchors: false, contrastPositives: false)
    ),
    ("embedding_mse", .embeddingMSE), ("margin_mse", .marginMSE()), ("margin_mse/scores", .marginMSE()),
    ("margin_mse/margins", .marginMSE()),
    ("splade", .splade(.multipleNegativesRanking(scale: 1, similarity: .dot), documentWeight: 0.3, queryWeight: 0.2)),
    (
      "splade/threshold",
      .splade(
        .multipleNegativesRanking(scale: 1, similarity: .dot), documentWeight: 0.3, queryWeight: 0.2, threshold: 8)
    ),
    (
      "splade/documents",
      .splade(.multipleNegativesRanking(scale: 1, similarity: .dot), documentWeight: 0.3, queryWeight: nil)
    ),
    ("matryoshka", .matryoshka(.multipleNegativesRanking(), dimensions: [16, 8, 5])),
    ("matryoshka/weights", .matryoshka(.cosent(), dimensions: [16, 4], weights: [1, 0.3])),
    ("matryoshka/teacher", .matryoshka(.embeddingMSE, dimensions: [16, 8])),
  ]

  @Test(arguments: losses.indices) func equalsSentenceTransformers(index: Int) throws {
    let (name, loss) = LossGoldenTests.losses[index]
    let golden = try LossGolden(name)
    #expect(name.hasPrefix(loss.name))
    let labels = try golden.labels(loss.form)
    try golden.check { try loss($0, labels) }
  }

  @Test func everyLossIsCompared() throws {
    #expect(
      Set(EmbeddingLoss.names) == Set(LossGoldenTests.losses.map(\.1.name) + ["softmax", "denoising_auto_encoder"]))
  }

  @Test func everyGoldenIsCompared() throws {
    let file = try LossGolden("").file
    let cases = Set(file.keys.filter { $0.hasSuffix("/out") }.map { String($0.dropLast(4)) })
    let elsewhere = ["softmax", "softmax/product", "multiple_negatives_ranking/learned"]
    let layers = cases.filter { $0.hasPrefix("adaptive_layers") }
    #expect(cases == Set(LossGoldenTests.losses.map(\.0) + elsewhere).union(layers) && layers.count == 3)
  }

  @Test(arguments: [("softmax", true, false), ("softmax/product", false, true)])
  func softmax(_ name: String, difference: Bool, product: Bool) throws {
    let golden = try LossGolden(name)
    let loss = EmbeddingLoss.softmax(classes: 3, difference: difference, product: product)
    let (weight, bias) = (
      Parameter("weight", try golden.tensor("weight")), Parameter("bias", try golden.tensor("bias"))
    )
    let labels = try golden.labels(loss.form)
    try golden.check(["weight": weight, "bias": bias]) {
      try loss($0, labels, LossParameters(weight: weight, bias: bias))
    }
  }

  @Test func learnedTemperature() throws {
    let loss = EmbeddingLoss.multipleNegativesRanking(scale: 8, learnsTemperature: true)
    let parameters = try loss.parameters(width: 16, at: .random(seed: 0))
    let scale = try #require(parameters.logScale)
    try LossGolden("multiple_negatives_ranking/learned").check(["log_scale": scale]) { try loss($0, .none, parameters) }
  }

  @Test(arguments: ["uniform", "log", "linear"]) func adaptiveLayers(_ name: String) throws {
    let ranking = EmbeddingLoss.multipleNegativesRanking(scale: 3)
    let wrapper: AdaptiveLayers =
      switch name {
      case "log": AdaptiveLayers(ranking, perStep: nil, priorWeight: 0.5, divergenceWeight: 2, weighting: .log)
      case "linear": AdaptiveLayers(ranking, perStep: nil, lastWeight: 0.7, temperature: 0, weighting: .linear)
      default: AdaptiveLayers(ranking, perStep: nil)
      }
    try LossGolden("adaptive_layers/\(name)").check { columns in
      // Each column is [layers, n, d].
      func layer(_ index: Int) -> [Tensor] {
        columns.map { column in
          let (layers, count, width) = (column.shape[0], column.shape[1], column.shape[2])
          return column.reshaped([layers, count * width]).rows(at: IDs([Int32(index)])).reshaped([count, width])
        }
      }
      return try wrapper(layer(3), layers: 3, prior: layer, .none)
    }
  }
}
