import Checkpoints
import Encoders
import Foundation

extension DataOptions {
  /// How samples are divided.
  ///
  /// For an encoder of its own four steps, or one that learns labels, a tenth of the training samples is drawn at random for validation where
  /// `sha256` or `files` gives it none; `column`, and `random` with a share of 0, leave it without.
  public enum Split: Sendable, Equatable {
    /// As a column of the file says: train, validation, test.
    case column(String)
    /// By SHA-256 of the text modulo a number: the remainders of each part.
    case sha256(modulus: Int, train: ClosedRange<Int>, validation: ClosedRange<Int>?, test: ClosedRange<Int>?)
    /// At random: the shares of validation and test.
    case random(validation: Double, test: Double)
    /// By file; `DataOptions.url` is that of training.
    case files(validation: URL?, test: URL?)

    /// Whether a column says it.
    var isColumn: Bool { if case .column = self { true } else { false } }

    /// The split, and the file of the training samples if it names one.
    static func read(_ value: Value, _ folder: URL) throws -> (split: Split, train: URL?) {
      if value.node.mapping != nil {
        let files = try Section(value)
        if ["train", "validation", "test"].contains(where: { files.has($0) }) {
          let train = resolve(try files.required("train").string(), folder)
          let validation = try files["validation"].map { resolve(try $0.string(), folder) }
          let test = try files["test"].map { resolve(try $0.string(), folder) }
          try files.finish()
          return (.files(validation: validation, test: test), train)
        }
      }
      let (name, options) = try value.variant()
      let split: Split
      switch name {
      case "column": split = .column(try options.main("name")?.string() ?? "split")
      case "sha256": split = try remainders(options)
      case "random":
        let (validation, test) = (try options["validation"]?.part() ?? 0.1, try options["test"]?.part() ?? 0.1)
        guard validation + test < 1 else {
          throw options.value.error("validation \(validation) and test \(test) leave nothing for training")
        }
        split = .random(validation: validation, test: test)
      default:
        throw value.error(
          unknown("split", name, ["column", "sha256", "random", "{train: FILE, validation: FILE, test: FILE}"]))
      }
      try options.finish()
      return (split, nil)
    }

    private static func remainders(_ options: Section) throws -> Split {
      let modulus = try options["modulus"]?.int(2...1000) ?? 10
      let values = (train: options["train"], validation: options["validation"], test: options["test"])
      try options.finish()
      if values.train == nil, values.validation == nil, values.test == nil, modulus == 10 {
        return .sha256(modulus: 10, train: 0...7, validation: 8...8, test: 9...9)
      }
      let train = try range(options.required("train"), modulus)
      let validation = try values.validation.map { try range($0, modulus) }
      let test = try values.test.map { try range($0, modulus) }
      let parts = [("train", train), ("validation", validation), ("test", test)]
      for remainder in 0..<modulus {
        let owners = parts.filter { $0.1?.contains(remainder) == true }.map(\.0)
        if owners.isEmpty { throw options.value.error("remainder \(remainder) of \(modulus) is in no part") }
        if owners.count > 1 {
          throw options.value.error("remainder \(remainder) is in \(owners[0]) and in \(owners[1])")
        }
      }
      return .sha256(modulus: modulus, train: train, validation: validation, test: test)
    }

    /// `8` or `0-7`
    private static func range(_ value: Value, _ modulus: Int) throws -> ClosedRange<Int> {
      let bounds = try value.string().split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard let low = bounds.first ?? nil, let high = bounds.last ?? nil, bounds.count <= 2, low <= high, high < modulus
      else { throw value.error("expected remainders below \(modulus), as 8 or 0-7, found \(value.shown)") }
      return low...high
    }

    func json(train: URL, _ folder: URL) -> JSON {
      func object(_ parts: [(String, JSON?)]) -> JSON {
        .object(parts.compactMap { name, value in value.map { .init(name, $0) } })
      }
      func shown(_ range: ClosedRange<Int>) -> JSON {
        .string(range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)")
      }
      func path(_ url: URL) -> JSON { .string(relative(url, to: folder)) }
      return switch self {
      case .column(let name): ["column": .string(name)]
      case .sha256(let modulus, let train, let validation, let test):
        [
          "sha256": object([
            ("modulus", .integer(modulus)), ("train", shown(train)), ("validation", validation.map(shown)),
            ("test", test.map(shown)),
          ])
        ]
      case .random(let validation, let test): ["random": ["validation": .number(validation), "test": .number(test)]]
      case .files(let validation, let test):
        object([("train", path(train)), ("validation", validation.map(path)), ("test", test.map(path))])
      }
    }
  }
}

extension Value {
  /// A part of something, in [0, 1).
  func part() throws -> Double { try double("a number from 0 to below 1") { $0 >= 0 && $0 < 1 } }
}
