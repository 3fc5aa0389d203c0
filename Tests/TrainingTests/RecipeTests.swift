import Encoders
import Foundation
import Testing

@testable import Training

@Suite struct RecipeTests {
  @Test("What is left out has the usual values")
  func defaults() throws {
    let recipe = try RecipeSamples.parse()
    #expect(recipe.data.url.path == "/recipes/reviews.tsv")
    #expect((recipe.data.format, recipe.data.text, recipe.data.label) == (.auto, "text", "label"))
    #expect(recipe.data.split == .random(validation: 0.1, test: 0.1))
    #expect(recipe.objective.task == .classification && recipe.objective.classWeights == .equal)
    let training = recipe.training
    #expect(training.schedule == Schedule(.constant, peak: 0.001))
    #expect(training.optimizer.rule == .adam() && training.groups(of: []).isEmpty)
    #expect((training.options.epochs, training.options.batchSize, training.options.accumulate) == (8, 50, 1))
    #expect(training.options.earlyStopping == EarlyStopping("accuracy", .maximize))
    #expect(
      training.options.clipNorm == nil && training.options.emaDecay == nil && training.options.checkpointEvery == nil)
    #expect(recipe.with(seed: 7).training.options.seed == 7)
  }

  @Test("A network without options is that network, not a bag")
  func networkWithoutOptions() throws {
    for (name, width) in [("bag", 100), ("cnn", 300), ("rnn", 128), ("lstm", 128), ("gru", 128), ("transformer", 100)] {
      let recipe = try RecipeSamples.parse(
        RecipeSamples.text, ("cnn: {widths: [3, 4, 5], channels: 100}", "\(name):"))
      #expect(try #require(recipe.configuration).shapes().width == width)
    }
  }

  @Test("Shapes of each step")
  func shapes() throws {
    let image = try #require(RecipeSamples.parse(RecipeSamples.image).configuration).shapes()
    #expect(image.width == 64)
    #expect(
      image.steps.map { "\($0.step): \($0.layer) \($0.output)" } == [
        "preprocess: image [28, 28, 1]", "encode: convolution 32 × 3 [28, 28, 32]", "encode: relu [28, 28, 32]",
        "encode: max_pool 2 [14, 14, 32]", "encode: batch_norm [14, 14, 32]", "pool: flatten [6272]",
        "project: linear 64 [64]",
      ])
    let recipe = try RecipeSamples.parse(RecipeSamples.text, ("pool: max", "pool: [mean, max]"))
    let text = try #require(recipe.configuration).shapes()
    #expect(text.width == 600)
    #expect(text.steps.map(\.output) == ["ids [length]", "[length, 100]", "[length, 300]", "[600]", "[600]"])
  }

  @Test("The shapes are those of the encoder that is built")
  func shapesOfEncoder() throws {
    for file in try RecipeTests.builtExamples() {
      let configuration = try #require(Recipe(contentsOf: file).configuration)
      let encoder = try Encoder(configuration, vocabularySize: 3, at: .random(seed: 0))
      let expected = try configuration.shapes()
      #expect(encoder.width == expected.width)
      #expect(encoder.steps.map(\.output) == expected.steps.filter { $0.step != "decode" }.map(\.output))
    }
  }

  @Test("Every setting of training is read")
  func training() throws {
    let recipe = try RecipeSamples.parse(
      RecipeSamples.text,
      (
        "epochs: 8",
        """
        epochs: 3
          optimizer: {adamw: {weight_decay: 0.1, betas: [0.8, 0.9], epsilon: 1e-6, exclude: bias}}
          schedule: {one_cycle: {warmup: 100}}
          clip_norm: 1
          accumulate: 2
          ema: 0.99
          early_stopping: {metric: f1, patience: 2, minimum_change: 0.01}
          checkpoint_every: 500
          seed: 42
        """
      ))
    let training = recipe.training
    #expect(training.optimizer.rule == .adamW(beta1: 0.8, beta2: 0.9, epsilon: 1e-6))
    #expect(training.optimizer.weightDecay == 0.1 && training.optimizer.exclude == [.bias])
    let group = try #require(training.groups(of: []).first)
    #expect(group.contains("encode.rnn.bias_ih_l0", [4]) && group.contains("head.bias", [2]))
    #expect(!group.contains("norm.weight", [4]) && !group.contains("head.weight", [2, 4]))
    #expect(training.schedule == Schedule(.oneCycle, peak: 0.001, warmUp: .steps(100)))
    #expect((training.options.clipNorm, training.options.accumulate, training.options.emaDecay) == (1, 2, 0.99))
    #expect(training.options.earlyStopping == EarlyStopping("f1", .maximize, patience: 2, minimumChange: 0.01))
    #expect((training.options.checkpointEvery, training.options.seed) == (500, 42))
  }

  @Test("Splits")
  func splits() throws {
    func split(_ text: String) throws -> DataOptions.Split {
      try RecipeSamples.parse(RecipeSamples.text, ("path: reviews.tsv", "path: x\n  split: \(text)")).data.split
    }
    #expect(try split("{column: part}") == .column("part"))
    #expect(try split("column") == .column("split"))
    let tenths = DataOptions.Split.sha256(modulus: 10, train: 0...7, validation: 8...8, test: 9...9)
    #expect(try split("sha256") == tenths)
    #expect(try split("{sha256: {modulus: 10, train: \"0-7\", validation: 8, test: \"9\"}}") == tenths)
    #expect(try split("{random: {test: 0.2}}") == .random(validation: 0.1, test: 0.2))
    let files = try RecipeSamples.parse(
      RecipeSamples.text, ("path: reviews.tsv", "split: {train: a.tsv, test: ../b.tsv}")
    ).data
    #expect(files.url.path == "/recipes/a.tsv")
    #expect(files.split == .files(validation: nil, test: URL(fileURLWithPath: "/b.tsv").absoluteURL))
  }

  static func examples() throws -> [URL] {
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { root.deleteLastPathComponent() }
    let folder = root.appendingPathComponent("Examples/recipes")
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" }.sorted { $0.path < $1.path }
  }

  /// Those whose encoder is built from its four steps.
  static func builtExamples() throws -> [URL] {
    try examples().filter {
      guard case .samples(let recipe) = try RecipeFile(contentsOf: $0) else { return false }
      return recipe.pretrained == nil
    }
  }

  @Test("The examples are read, and their embeddings have the expected width")
  func examples() throws {
    var widths: [String: Int] = [:]
    for file in try RecipeTests.builtExamples() {
      widths[file.deletingPathExtension().lastPathComponent] = try Recipe(contentsOf: file).configuration?.shapes()
        .width
    }
    let expected = [
      "chinese-cnn": 300, "mnist-autoencoder": 64, "mnist-cnn": 128, "reviews-bag": 100, "reviews-bilstm-glove": 256,
      "reviews-cnn": 600, "reviews-cnn-glove": 300, "reviews-gru": 128, "reviews-rnn": 128, "reviews-transformer": 128,
    ]
    #expect(widths.merging(expected) { found, _ in found } == widths)
    for (name, width) in expected { #expect(widths[name] == width, "\(name)") }
  }
}
