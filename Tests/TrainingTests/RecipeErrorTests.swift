import Encoders
import Foundation
import Testing

@testable import Training

/// The exact line that a person reads for each kind of mistake.
@Suite struct RecipeErrorTests {
  struct Mistake: Sendable, CustomTestStringConvertible {
    let old: String, new: String, expected: String
    init(_ old: String, _ new: String, _ expected: String) {
      (self.old, self.new, self.expected) = (old, new, expected)
    }
    var testDescription: String { new }
  }

  @Test(
    "Texts",
    arguments: [
      // Names.
      Mistake(
        "learning_rate: 0.001", "learnig_rate: 0.001",
        "recipe.yaml:15:3: unknown key 'learnig_rate' in 'training' (did you mean 'learning_rate'?)"),
      Mistake("training:", "trainings:", "recipe.yaml:12:1: unknown key 'trainings' (did you mean 'training'?)"),
      Mistake(
        "dimension: 100", "dimensions: 100",
        "recipe.yaml:4:15: unknown key 'dimensions' in 'encode.embedding' (did you mean 'dimension'?)"),
      Mistake(
        "tokens: words", "zebra: 1",
        "recipe.yaml:2:10: unknown key 'zebra' in 'preprocess.text' "
          + "(expected one of tokens, lowercase, max_length, minimum_count, maximum_size)"),
      Mistake("cnn:", "cmn:", "recipe.yaml:5:3: unknown key 'cmn' in 'encode' (did you mean 'cnn'?)"),
      Mistake(
        "tokens: words", "tokens: word",
        "recipe.yaml:2:18: preprocess.text.tokens: unknown value 'word' (did you mean 'words'?)"),
      Mistake("pool: max", "pool: flaten", "recipe.yaml:6:7: pool: unknown value 'flaten' (did you mean 'flatten'?)"),
      Mistake("pool: max", "pool: [mean, flatten]", "recipe.yaml:6:14: pool[1]: 'flatten' stands alone, not in a list"),
      Mistake(
        "- dropout: 0.5", "- dropuot: 0.5",
        "recipe.yaml:8:5: project[0]: unknown layer 'dropuot' (did you mean 'dropout'?)"),
      Mistake(
        "classification", "clasification",
        "recipe.yaml:11:12: objective: unknown objective 'clasification' (did you mean 'classification'?)"),
      Mistake(
        "epochs: 8", "optimizer: lion",
        "recipe.yaml:13:14: training.optimizer: unknown optimizer 'lion' (expected one of adam, adamw, sgd, "
          + "adagrad, rmsprop)"),
      Mistake(
        "epochs: 8", "schedule: cosin",
        "recipe.yaml:13:13: training.schedule: unknown schedule 'cosin' (did you mean 'cosine'?)"),
      Mistake(
        "epochs: 8", "best: acuracy",
        "recipe.yaml:13:9: training.best: unknown metric 'acuracy' (did you mean 'accuracy'?) of classification"),
      Mistake(
        "path: reviews.tsv", "path: x\n  split: {colum: y}",
        "recipe.yaml:11:10: data.split: unknown split 'colum' (did you mean 'column'?)"),
      // What is missing or twice there.
      Mistake("pool: max\n", "", "recipe.yaml:1:1: the section 'pool' is missing"),
      Mistake("objective: classification\n", "", "recipe.yaml:1:1: the section 'objective' is missing"),
      Mistake("path: reviews.tsv", "format: tsv", "recipe.yaml:10:3: data: 'path' is missing"),
      Mistake("batch_size: 50", "epochs: 50", "recipe.yaml:13:3: the key 'epochs' stands twice in one section"),
      Mistake(
        "cnn: {widths: [3, 4, 5], channels: 100}", "cnn: {}\n  gru: {}",
        "recipe.yaml:6:3: encode: a second network, 'gru'; an encoder has one of "
          + "bag, cnn, rnn, lstm, gru, transformer"),
      Mistake(
        "text: {tokens: words}", "text: {}\n  image: {}",
        "recipe.yaml:3:3: preprocess: a second kind of input, 'image' besides 'text'"),
      // Types.
      Mistake(
        "epochs: 8", "epochs: eight", "recipe.yaml:13:11: training.epochs: expected a whole number, found 'eight'"),
      Mistake("epochs: 8", "epochs: 8.5", "recipe.yaml:13:11: training.epochs: expected a whole number, found '8.5'"),
      Mistake("epochs: 8", "epochs: [8]", "recipe.yaml:13:11: training.epochs: expected a whole number, found a list"),
      Mistake(
        "learning_rate: 0.001", "learning_rate: \"0.001\"",
        "recipe.yaml:15:18: training.learning_rate: expected a number above 0, found the text '0.001': a number has no quotes"
      ),
      Mistake(
        "tokens: words", "lowercase: maybe",
        "recipe.yaml:2:21: preprocess.text.lowercase: expected true or false, found 'maybe'"),
      Mistake(
        "embedding: {dimension: 100}", "embedding: 100",
        "recipe.yaml:4:14: encode.embedding: takes no value here, found '100'"),
      Mistake("path: reviews.tsv", "path: [a, b]", "recipe.yaml:10:9: data.path: expected a text, found a list"),
      Mistake(
        "- dropout: 0.5", "- linear: {sise: 3}",
        "recipe.yaml:8:14: unknown key 'sise' in 'project[0].linear' (did you mean 'size'?)"),
      Mistake(
        "- dropout: 0.5", "- truncate: {siz: 3}",
        "recipe.yaml:8:16: unknown key 'siz' in 'project[0].truncate' (did you mean 'size'?)"),
      Mistake(
        "- dropout: 0.5", "- linear: {bias: false}",
        "recipe.yaml:8:5: project[0]: expected the number of outputs, as linear: 128"),
      // Ranges.
      Mistake(
        "objective: classification", "objective: {classification: {class_weights: [0, 0.0]}}",
        "recipe.yaml:11:45: objective.classification.class_weights: expected at least one number above 0, found only 0"
      ),
      Mistake(
        "objective: classification", "objective: {classification: {class_weights: [1, -1]}}",
        "recipe.yaml:11:49: objective.classification.class_weights[1]: expected a number from 0, found '-1'"),
      Mistake(
        "dropout: 0.5", "dropout: 1.0",
        "recipe.yaml:8:14: project[0].dropout: expected a number from 0 to below 1, found '1.0'"),
      Mistake(
        "dropout: 0.5", "dropout: -0.1",
        "recipe.yaml:8:14: project[0].dropout: expected a number from 0 to below 1, found '-0.1'"),
      Mistake(
        "channels: 100", "channels: 0",
        "recipe.yaml:5:38: encode.cnn.channels: expected a whole number from 1 to 1048576, found 0"),
      Mistake(
        "[3, 4, 5]", "[3, -4]",
        "recipe.yaml:5:21: encode.cnn.widths[1]: expected a whole number from 1 to 64, found -4"),
      Mistake(
        "[3, 4, 5]", "[]",
        "recipe.yaml:5:17: encode.cnn.widths: expected widths of windows, as [3, 4, 5], found an empty list"),
      Mistake(
        "learning_rate: 0.001", "learning_rate: .nan",
        "recipe.yaml:15:18: training.learning_rate: expected a number above 0, found '.nan'"),
      Mistake(
        "dropout: 0.5", "dropout: 0.9999999999",
        "recipe.yaml:8:14: project[0].dropout: expected a number from 0 to below 1 that float32 can hold, "
          + "found '0.9999999999'"),
      Mistake(
        "dimension: 100", "uniform: 1e39",
        "recipe.yaml:4:24: encode.embedding.uniform: expected a number above 0 that float32 can hold, found '1e39'"),
      Mistake("epochs: 8", "ema: 1", "recipe.yaml:13:8: training.ema: expected a decay from 0 to below 1, found '1'"),
      Mistake(
        "epochs: 8", "schedule: {linear: {warmup: 1.5}}",
        "recipe.yaml:13:31: training.schedule.linear.warmup: expected a part of all steps from 0 to below "
          + "1, or a number of steps, found '1.5'"),
      Mistake(
        "epochs: 8", "optimizer: {adam: {betas: [0.9]}}",
        "recipe.yaml:13:29: training.optimizer.adam.betas: expected two numbers, as [0.9, 0.999], found 1"),
      Mistake(
        "epochs: 8", "optimizer: {sgd: {nesterov: true}}",
        "recipe.yaml:13:31: training.optimizer.sgd.nesterov: needs a momentum above 0"),
      Mistake(
        "epochs: 8", "checkpoint_every: day",
        "recipe.yaml:13:21: training.checkpoint_every: expected a number of steps or 'epoch', found 'day'"),
      // Splits.
      Mistake(
        "path: reviews.tsv", "path: x\n  split: {sha256: {train: 0-7, test: 9}}",
        "recipe.yaml:11:19: data.split.sha256: remainder 8 of 10 is in no part"),
      Mistake(
        "path: reviews.tsv", "path: x\n  split: {sha256: {train: 0-7, validation: 7-8, test: 9}}",
        "recipe.yaml:11:19: data.split.sha256: remainder 7 is in train and in validation"),
      Mistake(
        "path: reviews.tsv", "path: x\n  split: {sha256: {train: 0-10}}",
        "recipe.yaml:11:27: data.split.sha256.train: expected remainders below 10, as 8 or 0-7, found '0-10'"),
      Mistake(
        "path: reviews.tsv", "path: x\n  split: {random: {validation: 0.5, test: 0.5}}",
        "recipe.yaml:11:19: data.split.random: validation 0.5 and test 0.5 leave nothing for training"),
      Mistake(
        "path: reviews.tsv", "path: x\n  split: {train: a, test: b}",
        "recipe.yaml:10:3: data: both 'path' and a split with a 'train' file; expected one of them"),
      // Parts that don't belong together.
      Mistake(
        "path: reviews.tsv", "path: x\n  format: idx",
        "recipe.yaml:11:11: data.format: 'idx' holds images, preprocess reads text; "
          + "expected one of auto, tsv, csv, jsonl, imdb"
      ),
      Mistake(
        "objective: classification", "objective: reconstruction",
        "recipe.yaml:11:12: objective: reconstruction needs images or sequences; preprocess gives text"),
      Mistake(
        "data:\n", "decode: []\ndata:\n",
        "recipe.yaml:9:9: decode: only auto-encoders have a decoder; the objective is classification"),
      Mistake(
        "epochs: 8", "best: accuracy\n  early_stopping: {metric: loss}",
        "recipe.yaml:14:28: training.early_stopping.metric: expected 'accuracy', which picks the best "
          + "epoch, found 'loss'"),
      Mistake(
        "epochs: 8", "best: mse",
        "recipe.yaml:13:9: training.best: unknown metric 'mse' (expected one of accuracy, loss, f1) of classification"),
      // No YAML at all.
      Mistake("pool: max", "pool: [max", "recipe.yaml:7:8: not valid YAML: did not find expected ',' or ']'"),
    ])
  func text(_ mistake: Mistake) {
    #expect(RecipeSamples.error(RecipeSamples.text, mistake.old, mistake.new) == mistake.expected)
  }

  @Test(
    "Shapes of texts",
    arguments: [
      Mistake(
        "pool: max", "pool: flatten",
        "recipe.yaml:6:7: pool: flatten gets [length, 300], expected inputs of a fixed size; use max or mean"),
      Mistake(
        "- dropout: 0.5", "- truncate: 301",
        "recipe.yaml:8:5: project[0]: truncate 301 gets [300], expected at least 301 columns"),
      Mistake(
        "cnn: {widths: [3, 4, 5], channels: 100}", "transformer: {heads: 3}",
        "recipe.yaml:5:24: encode.transformer.heads: 3 heads do not divide the embedding's dimension 100"),
      Mistake(
        "cnn: {widths: [3, 4, 5], channels: 100}", "transformer: {hidden: 128}",
        "recipe.yaml:5:25: encode.transformer.hidden: expected 100, the embedding's dimension, found 128"),
      Mistake(
        "cnn: {widths: [3, 4, 5], channels: 100}", "layers: []",
        "recipe.yaml:5:3: encode: 'layers' are for images and sequences; preprocess gives text, "
          + "which takes one of bag, cnn, rnn, lstm, gru, transformer"),
    ])
  func textShapes(_ mistake: Mistake) {
    #expect(RecipeSamples.error(RecipeSamples.text, mistake.old, mistake.new) == mistake.expected)
  }

  @Test(
    "Images",
    arguments: [
      Mistake(
        "max_pool: 2", "max_pool: 30",
        "recipe.yaml:7:7: encode.layers[2]: max_pool 30 gets [28, 28, 32], expected at least 30 × 30"),
      Mistake(
        "channels: 32, kernel: 3", "channels: 32, kernel: 4",
        "recipe.yaml:5:7: encode.layers[0]: padding 'same' needs an odd kernel on images, found 4; give "
          + "padding a number"),
      Mistake(
        "kernel: 3", "kernel: 3, stride: 2",
        "recipe.yaml:5:54: encode.layers[0].convolution.stride: padding 'same' needs a stride of 1, found "
          + "2; give padding a number"),
      Mistake(
        "kernel: 3", "groups: 3",
        "recipe.yaml:5:7: encode.layers[0]: 3 groups do not divide 1 channels in and 32 out"),
      Mistake(
        "channels: 32, kernel: 3", "kernel: 3",
        "recipe.yaml:5:7: encode.layers[0]: expected its number of channels, "
          + "as convolution: {channels: 32, kernel: 3}"),
      Mistake(
        "channels: 32,", "chanels: 32,",
        "recipe.yaml:5:21: unknown key 'chanels' in 'encode.layers[0].convolution' (did you mean 'channels'?)"),
      Mistake(
        "kernel: 3", "padding: equal",
        "recipe.yaml:5:44: encode.layers[0].convolution.padding: expected 'same' or a whole number, found 'equal'"),
      Mistake("- relu", "- rellu", "recipe.yaml:6:7: encode.layers[1]: unknown layer 'rellu' (did you mean 'relu'?)"),
      Mistake("- relu", "- relu: 3", "recipe.yaml:6:13: encode.layers[1].relu: takes no value here, found '3'"),
      Mistake(
        "- relu", "- {relu: {slope: 1}}",
        "recipe.yaml:6:15: unknown key 'slope': 'encode.layers[1].relu' takes no options"),
      Mistake(
        "max_pool: 2", "max_pool: {kernal: 2}",
        "recipe.yaml:7:18: unknown key 'kernal' in 'encode.layers[2].max_pool' (did you mean 'kernel'?)"),
      Mistake("max_pool: 2", "max_pool:", "recipe.yaml:7:7: encode.layers[2]: expected a window size, as max_pool: 2"),
      Mistake(
        "size: [28, 28]", "size: []",
        "recipe.yaml:2:17: preprocess.image.size: expected [height, width], found an empty list"),
      Mistake(
        "size: [28, 28]", "size: [28, 28, 1]",
        "recipe.yaml:2:17: preprocess.image.size: expected [height, width], found 3 numbers"),
      Mistake(
        "channels: 1}", "channels: 1, std: 0}",
        "recipe.yaml:2:45: preprocess.image.std: expected a number above 0, found '0'"),
      Mistake(
        "channels: 1}", "channels: 1, std: 1e-50}",
        "recipe.yaml:2:45: preprocess.image.std: expected a number above 0 that float32 can hold, found '1e-50'"),
      Mistake(
        "channels: 1}", "channels: 1, mean: -1e39}",
        "recipe.yaml:2:46: preprocess.image.mean: expected a number that float32 can hold, found '-1e39'"),
      Mistake(
        "channels: 1}", "channels: 3, mean: [0, 1]}",
        "recipe.yaml:2:46: preprocess.image.mean: expected one number or 3 (one a channel), found 2"),
      Mistake(
        "layers:", "cnn: {}\n  layers:",
        "recipe.yaml:4:3: encode: 'cnn' is for text; preprocess gives images, which take 'layers'"),
      Mistake(
        "path: mnist", "path: mnist\n  split: {column: part}",
        "recipe.yaml:14:10: data.split: the data come with test samples of their own; expected only random: "
          + "{validation: 0.1, test: 0}"),
    ])
  func image(_ mistake: Mistake) {
    #expect(RecipeSamples.error(RecipeSamples.image, mistake.old, mistake.new) == mistake.expected)
  }

  @Test("Sequences shorter than a window")
  func sequence() {
    let recipe = RecipeSamples.image.replacingOccurrences(
      of: "image: {size: [28, 28], channels: 1}", with: "sequence: {length: 3, width: 28}")
    #expect(
      RecipeSamples.error(recipe, "max_pool: 2", "max_pool: 4")
        == "recipe.yaml:7:7: encode.layers[2]: max_pool 4 gets [3, 32], expected a length of at least 4")
  }

  @Test("Files that are no recipe, each with its full path")
  func files() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("recipe-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func error(_ bytes: [UInt8]?) throws -> String {
      let file = folder.appendingPathComponent("recipe.yaml")
      if let bytes { try Data(bytes).write(to: file) }
      do {
        _ = try Recipe(contentsOf: file)
        return ""
      } catch { return "\(error)".replacingOccurrences(of: folder.path, with: "FOLDER") }
    }
    #expect(try error(nil).hasPrefix("FOLDER/recipe.yaml: "))
    #expect(try error([]) == "FOLDER/recipe.yaml: the file is empty")
    #expect(try error([0x61, 0xff]) == "FOLDER/recipe.yaml: expected UTF-8 text, found other bytes")
    #expect(try error(Array("- 1".utf8)) == "FOLDER/recipe.yaml:1:1: expected a section of keys, found a list")
    #expect(try error(Array("a: \u{1}".utf8)).split(separator: "\n").count == 1)
  }
}
