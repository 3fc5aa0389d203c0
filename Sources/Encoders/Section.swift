import Foundation
import Yams

/// What is wrong with a recipe or a model's configuration, in one line: file, line, column, where in it, what was
/// expected and found.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
  /// The whole line.
  public let description: String
  /// The same line, for Foundation.
  public var errorDescription: String? { description }

  /// An error at a line, and perhaps a column, of a file; both count from 1.
  public init(_ file: String, line: Int?, column: Int? = nil, _ problem: String) {
    let place = [line, line == nil ? nil : column].compactMap { $0.map { ":\($0)" } }.joined()
    description = "\(file)\(place): \(problem)"
  }
}

/// A value of a YAML (or JSON) file that knows where it stands, and reads itself as what is expected there.
public struct Value {
  /// The parsed node.
  public let node: Node
  /// The file's path, as the user gave it.
  public let file: String
  /// The keys that lead here, joined with dots; empty at the root.
  public let path: String

  /// The root of a document.
  ///
  /// - Throws: `ConfigurationError` with the line where the text stops being YAML.
  public init(parsing text: String, file: String) throws {
    do {
      // Some programs begin a file with a mark of its encoding.
      let text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
      guard let node = try Yams.compose(yaml: text) else {
        throw ConfigurationError(file, line: nil, "the file is empty")
      }
      self.init(node: node, file: file, path: "")
    } catch let error as YamlError {
      switch error {
      case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
        .composer(let context, let problem, let mark, _):
        var problem = problem
        if problem.hasPrefix("but "), let context { problem = "\(context.text) \(problem)" }
        if problem.hasPrefix("Maximum nesting level") { problem = "sections and lists are nested too deeply" }
        throw ConfigurationError(file, line: mark.line, column: mark.column, "not valid YAML: \(problem)")
      case .reader(let problem, let offset, _, let text):
        let line = offset.map { 1 + text.utf8.prefix($0).count { $0 == UInt8(ascii: "\n") } }
        throw ConfigurationError(file, line: line, "not valid YAML: \(problem)")
      case .duplicatedKeysInMapping(let duplicates, let context):
        let keys = duplicates.map { "'\($0)'" }.joined(separator: ", ")
        let noun = duplicates.count == 1 ? "the key \(keys) stands" : "the keys \(keys) stand"
        throw ConfigurationError(
          file, line: context.mark.line, column: context.mark.column, "\(noun) twice in one section")
      default:
        throw ConfigurationError(
          file, line: nil, "not valid YAML: \(error)".split(separator: "\n").joined(separator: " "))
      }
    }
  }

  init(node: Node, file: String, path: String) {
    self.node = node
    self.file = file
    self.path = path
  }

  /// The line, counted from 1.
  public var line: Int? { node.mark?.line }
  /// The column, counted from 1 in Unicode scalars.
  public var column: Int? { node.mark?.column }

  /// An error about this value.
  public func error(_ problem: String) -> ConfigurationError {
    ConfigurationError(file, line: line, column: column, path.isEmpty ? problem : "\(path): \(problem)")
  }

  /// Whether it's absent on purpose.
  public var isNull: Bool { node.null != nil }

  private var quoted: String {
    let scalars = (node.string ?? "").unicodeScalars
    let head = scalars.prefix(60)
    return "'" + String(String.UnicodeScalarView(head)) + (head.endIndex < scalars.endIndex ? "…'" : "'")
  }

  /// As the error messages show it.
  public var shown: String {
    switch node {
    case .scalar: isNull ? "nothing" : quoted
    case .mapping: "a section"
    case .sequence: "a list"
    case .alias: "an alias"
    }
  }

  /// A whole number in a range.
  public func int(_ range: ClosedRange<Int> = 1...Int.max) throws -> Int {
    guard let value = node.int else { throw error("expected a whole number, found \(shownForNumber)") }
    guard range.contains(value) else {
      let bounds =
        range.upperBound == .max
        ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw error("expected a whole number \(bounds), found \(value)")
    }
    return value
  }

  /// The size of a layer or of one of its axes.
  public func size() throws -> Int { try int(1...1_048_576) }

  /// A number that fulfils a condition described by `expected`, also when it's rounded to float32, as what is computed with it is.
  public func double(_ expected: String = "a number", where condition: (Double) -> Bool = { _ in true }) throws
    -> Double
  {
    guard let value = node.float ?? node.int.map(Double.init), value.isFinite, condition(value) else {
      throw error("expected \(expected), found \(shownForNumber)")
    }
    let rounded = Double(Float(value))
    guard rounded.isFinite, (rounded == 0) == (value == 0), condition(rounded) else {
      throw error("expected \(expected) that float32 can hold, found \(shown)")
    }
    return value
  }

  /// What stands where a number should: of one in quotes, that these make it a text.
  private var shownForNumber: String {
    guard node.int == nil, node.float == nil, let text = node.scalar?.string, Double(text) != nil else { return shown }
    return "the text \(shown): a number has no quotes"
  }

  /// A share in [0, 1), such as a dropout rate.
  public func rate() throws -> Float { Float(try double("a number from 0 to below 1") { $0 >= 0 && $0 < 1 }) }

  /// true or false.
  public func bool() throws -> Bool {
    guard let value = node.bool else { throw error("expected true or false, found \(shown)") }
    return value
  }

  /// A text.
  public func string() throws -> String {
    guard case .scalar(let scalar) = node, !isNull else { throw error("expected a text, found \(shown)") }
    return scalar.string
  }

  /// One of some words.
  public func choice<Choice: RawRepresentable & CaseIterable>(_: Choice.Type) throws -> Choice
  where Choice.RawValue == String {
    let name = try string()
    if let choice = Choice(rawValue: name) { return choice }
    throw error(unknown("value", name, Choice.allCases.map(\.rawValue)))
  }

  /// The elements of a list; a single value counts as a list of one.
  public func list() throws -> [Value] {
    guard case .sequence(let sequence) = node else { return [self] }
    return sequence.enumerated().map { Value(node: $0.element, file: file, path: "\(path)[\($0.offset)]") }
  }

  /// The elements of a list that must have some; a single value counts as a list of one.
  public func list(of what: String) throws -> [Value] {
    let elements = try list()
    if elements.isEmpty { throw error("expected \(what), found an empty list") }
    return elements
  }

  /// A value that is either a word, or a section of one key with its options: `adam` or `adam: {betas: …}`.
  public func variant() throws -> (name: String, options: Section) {
    switch node {
    case .scalar:
      return (try string(), Section(self, values: [:]))
    case .mapping(let mapping):
      guard mapping.count == 1, let (key, value) = mapping.first, let name = key.string else {
        throw error("expected one name with its options, found \(mapping.count) keys")
      }
      let inner = Value(node: value, file: file, path: path.isEmpty ? name : "\(path).\(name)")
      return (name, try Section(optionsOf: inner))
    default: throw error("expected a name, or a name with options, found \(shown)")
    }
  }
}

/// A mapping of a YAML file whose keys are asked for one by one; `finish` then names those that nobody asked for.
public final class Section {
  /// The mapping itself.
  public let value: Value
  private let values: [String: Value]
  private let marks: [String: Mark]
  private var asked: [String] = []

  init(_ value: Value, values: [String: Value], marks: [String: Mark] = [:]) {
    self.value = value
    self.values = values
    self.marks = marks
  }

  /// A section.
  ///
  /// - Throws: `ConfigurationError` if the value is no mapping.
  public convenience init(_ value: Value) throws {
    guard case .mapping(let mapping) = value.node else {
      throw value.error("expected a section of keys, found \(value.shown)")
    }
    var values: [String: Value] = [:]
    var marks: [String: Mark] = [:]
    for (key, inner) in mapping {
      marks[key.string ?? ""] = key.mark
      guard let name = key.string else { throw value.error("a key is not a text") }
      values[name] = Value(node: inner, file: value.file, path: value.path.isEmpty ? name : "\(value.path).\(name)")
    }
    self.init(value, values: values, marks: marks)
  }

  /// The options of a variant: a section, nothing, or one value under the name "" (`max_pool: 2`).
  convenience init(optionsOf value: Value) throws {
    if case .mapping = value.node {
      try self.init(value)
    } else {
      self.init(value, values: value.isNull ? [:] : ["": value])
    }
  }

  /// The value of a key, nil if it's absent or null.
  public subscript(key: String) -> Value? {
    asked.append(key)
    return values[key].flatMap { $0.isNull ? nil : $0 }
  }

  /// The value of a key, or the lone value that stands in place of the section.
  public func main(_ key: String) -> Value? { self[key] ?? self[""] }

  /// The value of a key that must be there.
  public func required(_ key: String) throws -> Value {
    guard let found = self[key] else { throw value.error("'\(key)' is missing") }
    return found
  }

  /// Whether a key is there, even if its value is null.
  public func has(_ key: String) -> Bool { values[key] != nil }

  /// The options under a key, none of them if it stands alone (`lstm:`); nil if the key is absent.
  public func options(_ key: String) throws -> Section? {
    asked.append(key)
    return try values[key].map { try Section(optionsOf: $0) }
  }

  /// An error about one of the keys.
  public func error(at key: String, _ problem: String) -> ConfigurationError {
    ConfigurationError(value.file, line: marks[key]?.line, column: marks[key]?.column, problem)
  }

  /// Checks that every key has been asked for.
  ///
  /// - Throws: `ConfigurationError` with the first unknown key's line and column and the nearest valid key.
  public func finish() throws {
    func place(_ key: String) -> (Int, Int, String) { (marks[key]?.line ?? 0, marks[key]?.column ?? 0, key) }
    guard let key = values.keys.filter({ !asked.contains($0) }).min(by: { place($0) < place($1) }) else { return }
    if key.isEmpty { throw value.error("takes no value here, found \(values[key]?.shown ?? "nothing")") }
    var valid: [String] = []
    for name in asked where !name.isEmpty && !valid.contains(name) { valid.append(name) }
    if valid.isEmpty { throw error(at: key, "unknown key '\(key)': '\(value.path)' takes no options") }
    throw error(at: key, unknown("key", key, in: value.path, valid))
  }
}

/// `unknown value 'x' (did you mean 'y'?)`, or the valid names if none is near.
public func unknown(_ what: String, _ name: String, in place: String = "", _ valid: [String]) -> String {
  let unknown = "unknown \(what) '\(name)'\(place.isEmpty ? "" : " in '\(place)'")"
  func distance(_ valid: String) -> Int { editDistance(valid.lowercased(), name.lowercased()) }
  if let nearest = valid.min(by: { distance($0) < distance($1) }),
    distance(nearest) <= max(1, min(nearest.utf8.count, name.utf8.count) / 3)
  {
    return "\(unknown) (did you mean '\(nearest)'?)"
  }
  return "\(unknown) (expected \(valid.count > 1 ? "one of " : "")\(valid.joined(separator: ", ")))"
}

/// How many letters to add, drop, replace or swap with their neighbour (optimal string alignment).
func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.utf8), Array(b.utf8))
  var (before, last) = ([Int](), Array(0...b.count))
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var distance = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { distance = min(distance, before[j - 1] + 1) }
      row.append(distance)
    }
    (before, last) = (last, row)
  }
  return last[b.count]
}
