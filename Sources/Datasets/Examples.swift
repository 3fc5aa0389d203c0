/// Texts with a label each, and the part (train, validation, test) that each belongs to if the file says so.
public struct TextExamples: Sendable, Equatable {
  /// The texts in the order of the file.
  public var texts: [String]
  /// A label for each text; empty strings if no label was asked for.
  public var labels: [String]
  /// The part of each text, if a column of parts was asked for.
  public var splits: [String]?
  /// The probability of each label as JSON objects, if a column of them was asked for.
  public var probabilities: [String]?
  /// The line of the file that each text's row starts on, from 1; none if each text is a file.
  public var lines: [Int]

  /// Texts and their labels.
  public init(
    texts: [String], labels: [String], splits: [String]? = nil, probabilities: [String]? = nil, lines: [Int] = []
  ) {
    self.texts = texts
    self.labels = labels
    self.splits = splits
    self.probabilities = probabilities
    self.lines = lines
  }

  /// Some of them, without their parts.
  public func subset(_ indices: [Int]) -> TextExamples {
    TextExamples(
      texts: indices.map { texts[$0] }, labels: indices.map { labels[$0] },
      probabilities: probabilities.map { all in indices.map { all[$0] } },
      lines: lines.isEmpty ? [] : indices.map { lines[$0] })
  }
}

/// Images of one size with a label each.
public struct ImageExamples: Sendable, Equatable {
  /// `count · height · width · channels` bytes, channels last.
  public var pixels: [UInt8]
  /// The number of images.
  public var count: Int
  /// Pixels from top to bottom.
  public var height: Int
  /// Pixels from left to right.
  public var width: Int
  /// Bytes of a pixel.
  public var channels: Int
  /// The class of each image, an index of `classes`.
  public var labels: [Int]
  /// The names of the classes.
  public var classes: [String]

  /// Images and their classes.
  public init(
    pixels: [UInt8], count: Int, height: Int, width: Int, channels: Int, labels: [Int], classes: [String]
  ) {
    self.pixels = pixels
    self.count = count
    self.height = height
    self.width = width
    self.channels = channels
    self.labels = labels
    self.classes = classes
  }
}
