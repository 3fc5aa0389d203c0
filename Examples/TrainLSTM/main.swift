// A bidirectional LSTM that tells positive from negative film reviews: layers, loop and score by hand, without a recipe.
//
//     swift run -c release example-train-lstm .cache/data/movie-reviews/reviews.tsv
import Datasets
import Foundation
import Layers
import Tensors
import Tokenizers
import Training

let file = URL(fileURLWithPath: CommandLine.arguments.dropFirst().first ?? ".cache/data/movie-reviews/reviews.tsv")
let reviews = try TextTable.read(file, split: "split")
let rows = { (part: String) in reviews.texts.indices.filter { reviews.splits?[$0] == part } }
let (train, test) = (rows("train"), rows("test"))
let tokenizer = WordTokenizer.train(texts: train.map { reviews.texts[$0] }, minimumCount: 2)

let scope = Scope.random(seed: 0)
let embedding = try Embedding(tokenizer.count, 64, at: scope["embedding"])
let lstm = try Recurrence(.lstm, 64, 64, bidirectional: true, at: scope["lstm"])
let head = try Linear(128, 2, at: scope["head"])
let optimizer = Optimizer(Adam())

/// The logits of some reviews: one ragged batch, no padding.
func logits(_ rows: some Sequence<Int>) -> Tensor {
  head(lstm(embedding(Ragged(rows.map { tokenizer.encode(reviews.texts[$0]) }))).pooled(.max).dropout(0.5))
}
func labels(_ rows: some Sequence<Int>) -> IDs { IDs(rows.map { reviews.labels[$0] == "positive" ? 1 : 0 }) }

let random = Random(seed: 1)
for epoch in 1...2 {
  let epochRandom = random.split(UInt64(epoch))
  let order = epochRandom.permutation(train.count).map { train[$0] }
  var total: Float = 0
  for start in stride(from: 0, to: order.count, by: 50) {
    let batch = order[start..<min(start + 50, order.count)]
    let (loss, gradients) = training(epochRandom.split(UInt64(start))) {
      let loss = logits(batch).crossEntropy(labels(batch))
      return (loss.scalar, loss.gradients())
    }
    optimizer.step(gradients, learningRate: 0.001)
    total += loss * Float(batch.count)
  }
  print("epoch \(epoch): loss \(total / Float(order.count))")
}

let scores = logits(test).softmax().columns(1..<2).scalars
let correct = zip(scores, labels(test).values).count { ($0 > 0.5) == ($1 == 1) }
print("test accuracy: \(Float(correct) / Float(test.count)) of \(test.count) reviews")
