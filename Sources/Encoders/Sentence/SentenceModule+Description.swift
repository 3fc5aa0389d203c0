import Layers
import Tensors

extension CrossEncoder {
  /// The encoder and its classifier, with the shapes that come out of them.
  public var steps: [StepDescription] {
    let (layer, output) = SentenceModule.transformer(classifier.transformer).description
    let scores = activation.map { ", \($0.rawValue)" } ?? ""
    return [
      StepDescription(step: "Transformer", layer: layer, output: output),
      StepDescription(step: "Classifier", layer: "\(problem.rawValue)\(scores)", output: "[\(labels.count)]"),
    ]
  }
}

extension SentenceModule {
  /// What it is and the shape that comes out, for people.
  var description: (layer: String, output: String) {
    switch self {
    case .transformer(let transformer):
      let configuration = transformer.configuration
      let sizes = "\(configuration.layers) layers, \(configuration.heads) heads, \(configuration.intermediate) inside"
      return ("\(configuration.family.rawValue): \(sizes)", "[tokens, \(configuration.width)]")
    case .maskedLanguageModel(let model):
      let configuration = model.transformer.configuration
      let layer =
        "\(configuration.family.rawValue): \(configuration.layers) layers, \(configuration.heads) heads, logits"
      return (layer, "[tokens, \(configuration.vocabularySize)]")
    case .weightedLayers(let weights, let first):
      return ("mean of \(weights.count) layers from \(first) on", "the same")
    case .sparseCoder(let coder): return ("the largest of \(coder.width)", "[\(coder.width)], sparse")
    case .spladePooling(let sums, _):
      return (sums ? "sum of log(1 + logit)" : "max of log(1 + logit)", "the same, sparse")
    case .multiVectorMask(let skipped, _, _): return ("without \(skipped.count) kinds of tokens", "the same")
    case .wordEmbeddings(let table): return ("\(table.entries) entries", "[tokens, \(table.weight.shape[1])]")
    case .staticEmbedding(let table): return ("mean of \(table.entries) entries", "[\(table.weight.shape[1])]")
    case .wordWeights(let weights): return ("\(weights.count) weights", "the same")
    case .cnn(let convolutions):
      let widths = convolutions.map { "\($0.weight.shape[2])" }.joined(separator: ", ")
      return ("widths \(widths)", "[tokens, \(convolutions.reduce(0) { $0 + $1.weight.shape[0] })]")
    case .lstm(let recurrence): return ("LSTM", "[tokens, \(recurrence.width)]")
    case .bagOfWords(let weights, _): return ("counts of words", "[\(weights.count)]")
    case .pooling(let modes, let width, _):
      return (modes.map(\.rawValue).joined(separator: ", "), "[\(width * modes.count)]")
    case .dense(let linear, let activation, let name, _):
      let size = linear.weight.shape[0]
      let layer = "linear \(size)" + (activation.map { ", \($0.rawValue)" } ?? "")
      return (layer, name == .tokens ? "[tokens, \(size)]" : "[\(size)]")
    case .layerNorm: return ("layer norm", "the same")
    case .dropout(let dropout): return ("dropout \(dropout.rate)", "the same")
    case .normalize: return ("length 1", "the same")
    }
  }
}
