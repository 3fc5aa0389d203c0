import Checkpoints
import Encoders
import Foundation

extension Recipe {
  /// The files a run learns from, and what part of them it is tested on.
  public struct DataOptions: Sendable, Equatable {
    /// The formats of data sets.
    public enum Format: String, Sendable, Codable, CaseIterable {
      /// Told by the name and content of the file or folder.
      case auto
      /// A table with a header, columns separated by tabs or by commas.
      case tsv, csv
      /// A JSON object a line.
      case jsonl
      /// A folder `train/pos/*.txt` and so on.
      case imdb
      /// MNIST's format, gzipped or not.
      case idx
      /// The binary version of CIFAR-10.
      case cifar10

      /// Whether it can hold texts, or images.
      func holds(text: Bool) -> Bool { self == .auto || (self == .idx || self == .cifar10) != text }
    }

    /// The file or folder, as a full path; nil if the split names the files.
    public var path: String?
    /// IDX labels of the images in `path`, as a full path; nil if `path` is a folder with the official names.
    public var labels: String?
    /// The format.
    public var format: Format
    /// The column or member that holds the text.
    public var text: String
    /// The column or member that holds the label.
    public var label: String
    /// What is for training, validation and test.
    public var split: Split

    init(_ section: Section, isText: Bool, folder: URL) throws {
      let formatValue = section["format"]
      format = try formatValue?.choice(Format.self) ?? .auto
      if let formatValue, !format.holds(text: isText) {
        let valid = Format.allCases.filter { $0.holds(text: isText) }.map(\.rawValue).joined(separator: ", ")
        let (held, read) = isText ? ("images", "text") : ("text", "images")
        throw formatValue.error("'\(format.rawValue)' holds \(held), preprocess reads \(read); expected one of \(valid)")
      }
      let path = try section["path"]?.string()
      labels = isText ? nil : try section["labels"].map { Recipe.path(try $0.string(), in: folder) }
      text = isText ? try section["text"]?.string() ?? "text" : "text"
      label = isText ? try section["label"]?.string() ?? "label" : "label"
      let hasOwnSplit = !isText || format == .imdb
      split = try section["split"].map { try Split($0, isText: isText, folder: folder) }
        ?? (hasOwnSplit ? .provided(validation: 0.1, seed: 0) : .sha256)
      try section.finish()
      self.path = path.map { Recipe.path($0, in: folder) }
      if case .files = split {
        if path != nil { throw section.error(at: "path", "data: 'path' and a split that names the files exclude each other") }
      } else if path == nil {
        throw section.value.error("'path' is missing")
      }
    }

    func json(isText: Bool, _ path: (String) -> String) -> JSON {
      var members: [JSON.Member] = []
      if let own = self.path { members.append(.init("path", .string(path(own)))) }
      if let labels { members.append(.init("labels", .string(path(labels)))) }
      members.append(.init("format", .string(format.rawValue)))
      if isText { members += [.init("text", .string(text)), .init("label", .string(label))] }
      return .object(members + [.init("split", split.json(path))])
    }
  }
}
