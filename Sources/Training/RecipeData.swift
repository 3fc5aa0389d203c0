import Checkpoints
import Encoders
import Foundation

/// Where samples come from, and which are for training, validation and test.
public struct DataOptions: Sendable {
  /// The formats that are read.
  public enum Format: String, Sendable, CaseIterable {
    /// Told by the name of the file or the content of the folder.
    case auto
    /// A table with a header, its columns separated by tabs or commas.
    case tsv, csv
    /// A JSON object a line.
    case jsonl
    /// A folder `train/pos/*.txt` and so on.
    case imdb
    /// MNIST's format, gzipped or not, in a folder.
    case idx
    /// The binary version of CIFAR-10, in a folder.
    case cifar10

    /// Whether it can hold texts, or images.
    func holds(text: Bool) -> Bool { self == .auto || (self == .idx || self == .cifar10) != text }
  }

  /// The file or folder; of a split by files that with the training samples.
  public let url: URL
  /// The format.
  public let format: Format
  /// The column or member that holds the text.
  public let text: String
  /// The column or member that holds the label.
  public let label: String
  /// The column or member that holds the probability of each label, a JSON object; it is learnt instead of the label.
  public let probabilities: String?
  /// What is for training, validation and test.
  public let split: Split
  /// Whether the folder brings test samples of its own.
  let hasOwnTest: Bool

  init(_ section: Section, _ folder: URL, isText: Bool) throws {
    let formatValue = section["format"]
    format = try formatValue?.choice(Format.self) ?? .auto
    if let formatValue, !format.holds(text: isText) {
      let valid = Format.allCases.filter { $0.holds(text: isText) }.map(\.rawValue).joined(separator: ", ")
      let (held, read) = isText ? ("images", "text") : ("text", "images")
      throw formatValue.error("'\(format.rawValue)' holds \(held), preprocess reads \(read); expected one of \(valid)")
    }
    let path = try section["path"]?.string()
    let (textValue, labelValue) = (isText ? section["text"] : nil, isText ? section["label"] : nil)
    text = try textValue?.string() ?? "text"
    label = try labelValue?.string() ?? "label"
    let probabilitiesValue = isText ? section["probabilities"] : nil
    probabilities = try probabilitiesValue?.string()
    let splitValue = section["split"]
    try section.finish()
    let given = try splitValue.map { try Split.read($0, folder) }
    if given?.train != nil, path != nil {
      throw section.error(at: "path", "data: both 'path' and a split with a 'train' file; expected one of them")
    }
    guard let url = given?.train ?? path.map({ resolve($0, folder) }) else {
      throw section.value.error("'path' is missing")
    }
    self.url = url
    // Folders of images do, and those of texts that have parts.
    hasOwnTest = !isText || given?.train == nil && isFolder(url.appendingPathComponent("train"))
    split = given?.split ?? .random(validation: 0.1, test: hasOwnTest ? 0 : 0.1)
    if let splitValue, hasOwnTest { try DataOptions.requireNoTest(split, splitValue) }
    if isText, format == .imdb || isFolder(url) {
      // A recipe with all defaults has the usual names of text and label.
      let columns = [
        text == "text" ? nil : textValue, label == "label" ? nil : labelValue, probabilitiesValue,
        split.isColumn ? splitValue : nil,
      ]
      if let column = columns.compactMap({ $0 }).first {
        throw column.error("a folder of texts has no columns; expected a file: tsv, csv or jsonl")
      }
    }
  }

  private static func requireNoTest(_ split: Split, _ value: Value) throws {
    if case .random(_, let test) = split, test == 0 { return }
    throw value.error("the data come with test samples of their own; expected only random: {validation: 0.1, test: 0}")
  }

  func json(isText: Bool, _ folder: URL) -> JSON {
    var members: [JSON.Member] = []
    if case .files = split {} else { members.append(.init("path", .string(relative(url, to: folder)))) }
    members.append(.init("format", .string(format.rawValue)))
    if isText {
      members += [.init("text", .string(text)), .init("label", .string(label))]
      if let probabilities { members.append(.init("probabilities", .string(probabilities))) }
    }
    return .object(members + [.init("split", split.json(train: url, folder))])
  }
}
