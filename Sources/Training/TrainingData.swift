import Checkpoints
import Datasets
import Encoders
import Foundation
import Inputs
import Tensors

/// What is to be learnt of samples.
public struct Targets: Sendable {
  /// Their labels as numbers (−1: a label that training never saw).
  public let labels: [Int]
  /// The probability of each label, which is learnt instead if the data give it.
  public let probabilities: [[Float]]?

  /// Labels, and perhaps the probabilities to learn.
  public init(labels: [Int], probabilities: [[Float]]? = nil) {
    (self.labels, self.probabilities) = (labels, probabilities)
  }

  /// Some of them.
  func subset(_ indices: [Int]) -> Targets {
    Targets(labels: indices.map { labels[$0] }, probabilities: probabilities.map { all in indices.map { all[$0] } })
  }
}

/// Samples of one kind, with what is to be learnt of each.
public enum Samples: Sendable {
  /// Texts.
  case texts([String], Targets)
  /// Images of one size, not yet scaled.
  case images(ImagePixels, Targets)

  /// How many there are.
  public var count: Int {
    switch self {
    case .texts(let texts, _): texts.count
    case .images(let images, _): images.count
    }
  }

  /// What is to be learnt.
  public var targets: Targets {
    switch self {
    case .texts(_, let targets), .images(_, let targets): targets
    }
  }

  /// The labels.
  public var labels: [Int] { targets.labels }

  /// Some of them.
  func subset(_ indices: [Int]) -> Samples {
    switch self {
    case .texts(let texts, let targets): return .texts(indices.map { texts[$0] }, targets.subset(indices))
    case .images(let images, let targets):
      let bytes = indices.flatMap { images.image($0) }
      let pixels = ImagePixels(bytes, height: images.height, width: images.width, channels: images.channels)
      return .images(pixels, targets.subset(indices))
    }
  }
}

/// The samples of a run: for training, validation and test.
public struct TrainingData: Sendable {
  /// For training.
  public let train: Samples
  /// To pick the best epoch by.
  public let validation: Samples
  /// The share of the samples for training that were drawn for validation, where the data have none of their own; nil if none were.
  public let drawnShare: Double?
  /// To score the result on; none if the data have no such part.
  public let test: Samples
  /// The labels by number.
  public let labels: [String]

  /// Reads the data of a recipe.
  ///
  /// - Throws: one-line errors of the files; `ConfigurationError` if a part that must have samples has none.
  public init(_ recipe: Recipe) throws {
    let options = recipe.data
    var parts: [String: Raw] = [:]
    if recipe.readsText {
      func texts(_ file: URL, split: String?, probabilities: String? = nil) throws -> TextExamples {
        try DataFiles.texts(
          file, options.format, options.text, options.label, split: split, probabilities: probabilities)
      }
      if case .files(let validation, let test) = options.split {
        for (name, file) in [("train", options.url), ("validation", validation), ("test", test)] {
          guard let file else { continue }
          parts[name] = .texts(
            try texts(
              file, split: isFolder(file) ? name : nil, probabilities: name == "test" ? nil : options.probabilities))
        }
      } else if options.hasOwnTest {
        for name in ["train", "test"] { parts[name] = .texts(try texts(options.url, split: name)) }
      } else {
        var column: String?
        if case .column(let name) = options.split { column = name }
        let all = try texts(options.url, split: column, probabilities: options.probabilities)
        parts = try TrainingData.divided(all, options, recipe)
      }
    } else {
      for name in ["train", "test"] {
        parts[name] = .images(try DataFiles.images(options.url, options.format, split: name))
      }
    }
    var drawnShare: Double?
    if parts["validation"] == nil, let train = parts["train"] {
      // A share of the training samples, drawn with the recipe's seed.
      var share = 0.1
      if case .random(let validation, _) = options.split { share = validation }
      let order = Random(seed: recipe.training.options.seed).split("validation").permutation(train.count)
      let held = Int((Double(train.count) * share).rounded())
      if held > 0 { drawnShare = share }
      parts["validation"] = train.subset(order.prefix(held).sorted())
      parts["train"] = train.subset(order.dropFirst(held).sorted())
    }
    if parts["train"]?.count ?? 0 == 0 {
      throw FileError(.mismatched, options.url, "no samples for training; expected at least one")
    }
    self.drawnShare = drawnShare
    let labels = TrainingData.labels(of: parts["train"])
    if recipe.objective.task == .binaryClassification, labels.count != 2 {
      throw ConfigurationError(
        recipe.url.path, line: nil, "objective: binary_classification needs two labels, the data have \(labels.count)")
    }
    if recipe.objective.task == .classification, labels.count == 1 {
      throw FileError(
        .mismatched, options.url,
        "expected at least two labels to learn, found one label: '\(TrainingData.shown(labels[0]))'")
    }
    let index = Dictionary(uniqueKeysWithValues: labels.enumerated().map { (ExactText($0.element), $0.offset) })
    func samples(_ name: String) throws -> Samples {
      guard let raw = parts[name] else { return .texts([], Targets(labels: [])) }
      let classified = recipe.objective.task != .reconstruction
      var url = options.url
      if case .files(let validation, let test) = options.split {
        url = (name == "validation" ? validation : name == "test" ? test : nil) ?? url
      }
      return try raw.samples(
        index, url, name, requiresLabels: classified, imageShape: recipe.configuration?.imageShape)
    }
    (train, validation, test, self.labels) = (
      try samples("train"), try samples("validation"), try samples("test"), labels
    )
  }

  /// What tells the samples for training and validation from others.
  var digest: String {
    var digest = SampleDigest()
    for samples in [train, validation] {
      switch samples {
      case .texts(let texts, _): for text in texts { digest.add(text) }
      case .images(let pixels, _): digest.add(pixels.bytes)
      }
      digest.add(samples.labels)
      for row in samples.targets.probabilities ?? [] { digest.add(row) }
    }
    return digest.text
  }

  /// Samples as the files have them.
  enum Raw {
    case texts(TextExamples)
    case images(ImageExamples)

    var count: Int {
      switch self {
      case .texts(let examples): examples.texts.count
      case .images(let examples): examples.count
      }
    }

    func subset(_ indices: [Int]) -> Raw {
      switch self {
      case .texts(let all):
        return .texts(all.subset(indices))
      case .images(let all):
        let size = all.height * all.width * all.channels
        return .images(
          ImageExamples(
            pixels: indices.flatMap { all.pixels[$0 * size..<($0 + 1) * size] }, count: indices.count,
            height: all.height,
            width: all.width, channels: all.channels, labels: indices.map { all.labels[$0] }, classes: all.classes))
      }
    }

    /// The samples with labels as numbers.
    func samples(
      _ index: [ExactText: Int], _ url: URL, _ part: String, requiresLabels: Bool, imageShape: ImageShape?
    ) throws -> Samples {
      func number(_ label: String, _ place: Int, _ lines: [Int] = []) throws -> Int {
        if let number = index[ExactText(label)] { return number }
        guard requiresLabels else { return -1 }
        let sample = lines.isEmpty ? "\(part) sample \(place + 1): " : ""
        throw FileError(
          .mismatched, url, line: lines.isEmpty ? nil : lines[place],
          "\(sample)\(Raw.unseen(label, index))")
      }
      switch self {
      case .texts(let all):
        let labels = try all.labels.enumerated().map { try number($0.element, $0.offset, all.lines) }
        let probabilities = try all.probabilities.map { cells in
          try zip(cells, all.lines).map { try Raw.probabilities($0, index, url, line: $1) }
        }
        return .texts(all.texts, Targets(labels: labels, probabilities: probabilities))
      case .images(let all):
        if let shape = imageShape, (shape.height, shape.width, shape.channels) != (all.height, all.width, all.channels)
        {
          throw ConfigurationError(
            url.path, line: nil,
            "expected images of \(shape.height) × \(shape.width) × \(shape.channels), as the model's preprocess says, "
              + "found \(all.height) × \(all.width) × \(all.channels)")
        }
        let labels = try all.labels.enumerated().map { try number(all.classes[$0.element], $0.offset) }
        return .images(
          ImagePixels(all.pixels, height: all.height, width: all.width, channels: all.channels), Targets(labels: labels)
        )
      }
    }

    private static func unseen(_ label: String, _ index: [ExactText: Int]) -> String {
      let known = index.keys.sorted().prefix(10).map { TrainingData.shown($0.text) }
      return "the label '\(TrainingData.shown(label))' was never seen in training (\(known.joined(separator: ", ")))"
    }

    /// The probability of each label, from a JSON object of them as `encoders predict` writes it. Labels left out have none.
    private static func probabilities(
      _ cell: String, _ index: [ExactText: Int], _ url: URL, line: Int
    ) throws -> [Float] {
      func wrong(_ problem: String) -> FileError {
        FileError(.mismatched, url, line: line, "probabilities: \(problem)")
      }
      guard let members = (try? Array(cell.utf8).withUnsafeBytes { try JSON(parsing: $0) })?.members else {
        throw wrong("expected a JSON object of a number for each label, found '\(cell.prefix(60))'")
      }
      var row = [Float](repeating: 0, count: index.count)
      for member in members {
        guard let place = index[ExactText(member.name)] else { throw wrong(Raw.unseen(member.name, index)) }
        guard let share = member.value.double, (0...1).contains(share) else {
          throw wrong("'\(member.name)': expected a number from 0 to 1, found \(member.value.text().prefix(60))")
        }
        row[place] = Float(share)
      }
      let sum = row.reduce(0, +)
      guard abs(sum - 1) < 1e-3 else { throw wrong("expected numbers that add up to 1, found a sum of \(sum)") }
      return row
    }
  }

  /// All different labels: numbers by value, else by their bytes.
  private static func labels(of raw: Raw?) -> [String] {
    switch raw {
    case .images(let all): return all.classes
    case .texts(let all):
      return sorted(all.labels)
    case nil: return []
    }
  }

  /// The different ones of some labels in order: numbers by value, else by their bytes.
  static func sorted(_ labels: [String]) -> [String] {
    let names = Set(labels.map(ExactText.init)).sorted().map(\.text)
    guard names.allSatisfy({ Int($0) != nil }) else { return names }
    return names.sorted { (Int($0) ?? 0, $0) < (Int($1) ?? 0, $1) }
  }

  /// A label cut to a readable length, for messages.
  static func shown(_ label: String) -> String {
    let head = label.unicodeScalars.prefix(60)
    return String(String.UnicodeScalarView(head)) + (head.endIndex < label.unicodeScalars.endIndex ? "…" : "")
  }

  private static func divided(_ all: TextExamples, _ options: DataOptions, _ recipe: Recipe) throws -> [String: Raw] {
    return try options.split.places(
      all.texts, splits: all.splits, lines: all.lines, options.url, seed: recipe.training.options.seed
    ).mapValues { Raw.texts(all).subset($0) }
  }
}

extension DataOptions.Split {
  /// The samples of `train`, `validation` and `test`, by their texts, or by what a column says of each.
  func places(_ texts: [String], splits: [String]?, lines: [Int], _ url: URL, seed: UInt64) throws -> [String: [Int]] {
    var places: [String: [Int]] = [:]
    switch self {
    case .column(let column):
      places = ["train": [], "validation": [], "test": []]
      let names = [
        "train": "train", "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
        "test": "test",
      ]
      for (place, name) in (splits ?? []).enumerated() {
        guard let part = names[name] else {
          throw ConfigurationError(
            url.path, line: lines[place], "column '\(column)': expected train, validation or test, found '\(name)'")
        }
        places[part, default: []].append(place)
      }
    case .sha256(let modulus, let train, let validation, let test):
      let split = HashSplit(
        modulus: modulus, train: Range(train), validation: validation.map { Range($0) } ?? 0..<0,
        test: test.map { Range($0) } ?? 0..<0)
      for (place, text) in texts.enumerated() { places[split.split(of: text), default: []].append(place) }
    case .random(let validation, let test):
      let order = Random(seed: seed).split("split").permutation(texts.count)
      let (held, last) = (
        Int((Double(order.count) * validation).rounded()), Int((Double(order.count) * test).rounded())
      )
      places = [
        "validation": order.prefix(held).sorted(), "test": order.dropFirst(held).prefix(last).sorted(),
        "train": order.dropFirst(held + last).sorted(),
      ]
    case .files: places["train"] = Array(texts.indices)
    }
    return places
  }
}

/// Reads data files by their format.
public enum DataFiles {
  /// The texts of a table, where `split` is the column of parts; or of a folder, where it's the part.
  static func texts(
    _ url: URL, _ format: DataOptions.Format, _ text: String, _ label: String?, split: String? = nil,
    probabilities: String? = nil
  ) throws -> TextExamples {
    let isTable = !isFolder(url)
    guard format == .auto || (format == .imdb) != isTable || isMissing(url) else {
      let (kind, found) = isTable ? ("a folder of texts", "a file") : ("a file", "a folder")
      throw FileError(
        .mismatched, url, "expected \(kind), as the recipe's format '\(format.rawValue)' says, found \(found)")
    }
    guard isTable else { return try IMDBFolder.read(url, split: split ?? "train") }
    return try TextTable.read(
      url, format: TextFormat(rawValue: format.rawValue), text: text, label: label, split: split,
      probabilities: probabilities)
  }

  static func images(_ url: URL, _ format: DataOptions.Format, split: String) throws -> ImageExamples {
    guard isFolder(url) else {
      let found = FileManager.default.fileExists(atPath: url.path) ? "a file" : "nothing"
      throw FileError(.mismatched, url, "expected a folder of IDX or CIFAR-10 files, found \(found)")
    }
    switch format == .auto ? imageFormat(of: url) : format {
    case .idx: return try IDX.read(directory: url, split: split)
    case .cifar10: return try CIFAR10.read(directory: url, split: split)
    default: throw FileError(.missing, url, "expected IDX or CIFAR-10 files in the folder, found none")
    }
  }

  /// What the names of a folder's files suggest.
  private static func imageFormat(of folder: URL) -> DataOptions.Format? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    if names.contains(where: { $0.contains("-idx") }) { return .idx }
    if names.contains(where: { $0.hasPrefix("data_batch") || $0 == "test_batch.bin" }) { return .cifar10 }
    return nil
  }

  /// Samples to evaluate a model on.
  ///
  /// - Throws: one-line errors, among them one for a label that the model doesn't know.
  public static func samples(
    for model: Model, _ url: URL, text: String = "text", label: String = "label", splitColumn: String? = nil,
    split: String = "test"
  ) throws -> Samples {
    guard !isMissing(url) else {
      throw FileError(.missing, url, "no such file or folder; expected data to evaluate on")
    }
    let index = Dictionary(uniqueKeysWithValues: model.labels.enumerated().map { (ExactText($0.element), $0.offset) })
    let requiresLabels = model.task.hasLabels
    var raw: TrainingData.Raw
    if model.readsText {
      var all = try texts(url, .auto, text, label, split: isFolder(url) ? split : splitColumn)
      if let splits = all.splits, splitColumn != nil {
        let kept = splits.indices.filter { splits[$0] == split }
        if kept.isEmpty {
          throw FileError(.mismatched, url, "no row has '\(split)' in the column '\(splitColumn ?? "")'")
        }
        all = all.subset(kept)
      }
      raw = .texts(all)
    } else {
      raw = .images(try images(url, .auto, split: split))
    }
    return try raw.samples(
      index, url, "data", requiresLabels: requiresLabels, imageShape: model.imageShape)
  }
}
