import Foundation

extension Workplace {
  /// 60 short texts in two kinds, `reviews.tsv`, and a recipe for them, `recipe.yaml`.
  func writeTexts(epochs: Int = 2, training: String = "", encode: String = "cnn: {widths: [2, 3], channels: 8}") throws
  {
    let (good, bad) = (["good", "great", "fine", "moving"], ["bad", "dull", "poor", "boring"])
    let things = ["film", "plot", "cast", "score", "ending"]
    let parts = ["train", "train", "train", "train", "validation", "test"]
    var rows = ["text\tlabel\tsplit"]
    for index in 0..<60 {
      let isGood = index % 2 == 0
      let words = isGood ? good : bad
      let text =
        "a \(words[index / 2 % 4]) \(things[index % 5]) and a \(words[(index / 3 + 1) % 4]) \(things[index / 7 % 5])"
      rows.append(
        "\(text)\t\(isGood ? "yes" : "no")\t\(parts[index / 2 % 6])"
      )
    }
    try write(rows.joined(separator: "\n") + "\n", to: "reviews.tsv")
    try write(recipe(epochs: epochs, training: training, encode: encode), to: "recipe.yaml")
  }

  func recipe(epochs: Int = 2, training: String = "", encode: String = "cnn: {widths: [2, 3], channels: 8}") -> String {
    """
    preprocess:
      text: {tokens: words, max_length: 16}
    encode:
      embedding: {dimension: 12}
      \(encode)
    pool: max
    project:
      - dropout: 0.3
    data:
      path: reviews.tsv
      split: {column: split}
    objective: classification
    training:
      epochs: \(epochs)
      batch_size: 8
      optimizer: adam
      learning_rate: 0.01
    \(training)
    """
  }

  /// 40 images of 6 × 6 in two classes (bright above or below) as IDX files in `images/`, and `images.yaml`.
  func writeImages(project: String = "[{linear: 8}]") throws {
    try FileManager.default.createDirectory(at: url("images"), withIntermediateDirectories: true)
    for (name, count) in [("train", 40), ("t10k", 10)] {
      var (pixels, labels): ([UInt8], [UInt8]) = (
        [0, 0, 8, 3, 0, 0, 0, UInt8(count), 0, 0, 0, 6, 0, 0, 0, 6], [0, 0, 8, 1, 0, 0, 0, UInt8(count)]
      )
      for index in 0..<count {
        let label = index % 2
        labels.append(UInt8(label))
        for place in 0..<36 { pixels.append(UInt8((place / 18 == label ? 200 : 20) + (index * 7 + place * 5) % 20)) }
      }
      try Data(pixels).write(to: url("images/\(name)-images-idx3-ubyte"))
      try Data(labels).write(to: url("images/\(name)-labels-idx1-ubyte"))
    }
    let recipe = """
      preprocess:
        image: {size: [6, 6]}
      encode:
        layers:
          - convolution: {channels: 4, kernel: 3}
          - relu
          - max_pool: 2
      pool: flatten
      project: \(project)
      data: {path: images}
      objective: classification
      training: {epochs: 3, batch_size: 8, learning_rate: 0.01}
      """
    try write(recipe, to: "images.yaml")
  }

  /// One of these images as a PGM file.
  func writePGM(_ name: String, label: Int) throws {
    let pixels = (0..<36).map { UInt8($0 / 18 == label ? 210 : 25) }
    try (Data("P5 6 6 255\n".utf8) + Data(pixels)).write(to: url(name))
  }
}
