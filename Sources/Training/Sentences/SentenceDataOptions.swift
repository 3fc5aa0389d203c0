import Checkpoints
import Datasets
import Encoders
import Foundation

/// The section `data` of a recipe that fine-tunes: one data set or several, and what the result is scored on.
public struct SentenceDataOptions: Sendable {
  /// A data set of pairs, triplets and the like.
  public struct Set: Sendable {
    /// The file; of a split by files that with the training samples.
    public let url: URL
    /// The format; nil goes by the file's extension.
    public let format: TextFormat?
    /// The columns of the texts in order; nil: by the names that the objective's form has.
    public let columns: [String]?
    /// The column of the score or the class; nil: by its usual names.
    public let label: String?
    /// What is for training, validation and test; nil: all for training.
    public let split: DataOptions.Split?
    /// What is learnt from it.
    public let objective: SentenceObjective
  }

  /// What a model is scored on.
  public enum Scoring: Sendable, Equatable {
    /// A table of scored pairs, of triplets or of pairs that belong together.
    case table(URL, TextFormat?, columns: [String]?, label: String?)
    /// Files of queries, of a corpus and of which of it is relevant to which query.
    case retrieval(queries: URL, corpus: URL, relevant: URL)
    /// A folder with these three files.
    case folder(URL)
  }

  /// The data sets.
  public let sets: [Set]
  /// How their batches follow each other.
  public let mixing: BatchMixing
  /// What picks the best epoch.
  public let validation: Scoring?
  /// What the result is scored on.
  public let test: Scoring?
  /// Whether the recipe lists sets.
  private let isList: Bool

  init(_ section: Section, _ objective: SentenceObjective?, _ folder: URL) throws {
    isList = section.has("sets")
    if let list = section["sets"] {
      sets = try list.list(of: "at least one data set").map { try Set(Section($0), objective, folder, isListed: true) }
      if let own = ["path", "format", "columns", "label", "split"].first(where: { section.has($0) }) {
        throw section.error(at: own, "data: both 'sets' and '\(own)'; expected '\(own)' in each of the sets")
      }
      mixing = try section["mixing"]?.choice(BatchMixing.self) ?? .proportional
    } else {
      sets = [try Set(section, objective, folder, isListed: false)]
      mixing = .proportional
    }
    validation = try section["validation"].map { try Scoring($0, folder) }
    test = try section["test"].map { try Scoring($0, folder) }
    try section.finish()
  }

  func json(_ objective: SentenceObjective?, _ folder: URL) -> JSON {
    var members: [JSON.Member] = []
    if isList {
      members = [
        .init("sets", .array(sets.map { .object($0.members(objective, folder)) })),
        .init("mixing", .string(mixing.rawValue)),
      ]
    } else {
      members = sets[0].members(objective, folder)
    }
    return .object(
      members + [
        .init("validation", validation?.json(folder) ?? .null), .init("test", test?.json(folder) ?? .null),
      ])
  }
}

extension SentenceDataOptions.Set {
  fileprivate init(_ section: Section, _ objective: SentenceObjective?, _ folder: URL, isListed: Bool) throws {
    let path = try section["path"]?.string()
    format = try section["format"]?.choice(TextFormat.self)
    columns = try section["columns"]?.list(of: "names of columns").map { try $0.string() }
    label = try section["label"]?.string()
    var train: URL?
    if let value = section["split"] {
      let (found, file) = try DataOptions.Split.read(value, folder)
      (split, train) = (found, file)
    } else {
      split = nil
    }
    if train != nil, path != nil {
      throw section.error(at: "path", "data: both 'path' and a split with a 'train' file; expected one of them")
    }
    guard let url = train ?? path.map({ resolve($0, folder) }) else {
      // A misspelt key is no missing one.
      for key in isListed ? ["objective"] : ["sets", "mixing", "validation", "test"] { _ = section[key] }
      try section.finish()
      throw section.value.error("'path' is missing")
    }
    self.url = url
    if isListed, let own = section["objective"] {
      self.objective = try SentenceObjective(own, folder)
    } else if let objective {
      self.objective = objective
    } else {
      throw section.value.error("'objective' is missing, here and as a section of the recipe")
    }
    if isListed { try section.finish() }
  }

  fileprivate func members(_ common: SentenceObjective?, _ folder: URL) -> [JSON.Member] {
    var members: [JSON.Member] = []
    if case .files = split {} else { members.append(.init("path", .string(relative(url, to: folder)))) }
    members += [
      .init("format", format.map { .string($0.rawValue) } ?? .null),
      .init("columns", columns.map { .array($0.map { .string($0) }) } ?? .null),
      .init("label", label.map { .string($0) } ?? .null), .init("split", split?.json(train: url, folder) ?? .null),
    ]
    return objective == common ? members : members + [.init("objective", objective.json(folder))]
  }
}

extension SentenceDataOptions.Scoring {
  /// A path, `{path: FILE, columns: …}`, `{scored: FILE}` or `{retrieval: FOLDER}` or `{retrieval: {queries: …}}`.
  init(_ value: Value, _ folder: URL) throws {
    if value.node.mapping == nil {
      self.init(resolve(try value.string(), folder))
      return
    }
    let section = try Section(value)
    if let retrieval = section["retrieval"] {
      if retrieval.node.mapping == nil {
        self = .folder(resolve(try retrieval.string(), folder))
      } else {
        let files = try Section(retrieval)
        self = .retrieval(
          queries: resolve(try files.required("queries").string(), folder),
          corpus: resolve(try files.required("corpus").string(), folder),
          relevant: resolve(try files.required("relevant").string(), folder))
        try files.finish()
      }
    } else {
      let path = try section["scored"] ?? section.required("path")
      self = .table(
        resolve(try path.string(), folder), try section["format"]?.choice(TextFormat.self),
        columns: try section["columns"]?.list(of: "names of columns").map { try $0.string() },
        label: try section["label"]?.string())
    }
    try section.finish()
  }

  /// What a path is: a folder of retrieval, or a table.
  public init(_ url: URL, columns: [String]? = nil, label: String? = nil) {
    self = isFolder(url) ? .folder(url) : .table(url, nil, columns: columns, label: label)
  }

  func json(_ folder: URL) -> JSON {
    func path(_ url: URL) -> JSON { .string(relative(url, to: folder)) }
    return switch self {
    case .table(let url, let format, let columns, let label):
      [
        "path": path(url), "format": format.map { .string($0.rawValue) } ?? .null,
        "columns": columns.map { .array($0.map { .string($0) }) } ?? .null, "label": label.map { .string($0) } ?? .null,
      ]
    case .retrieval(let queries, let corpus, let relevant):
      ["retrieval": ["queries": path(queries), "corpus": path(corpus), "relevant": path(relevant)]]
    case .folder(let url): ["retrieval": path(url)]
    }
  }
}
