import Checkpoints
import Encoders
import Foundation

extension Recipe {
  /// Which samples are for training, for validation and for the test.
  public enum Split: Sendable, Equatable {
    /// A column says `train`, `validation` or `test`.
    case column(String)
    /// By the SHA-256 of the text's UTF-8 bytes, as one big-endian number, modulo `modulus`: which remainders go where.
    case sha256(modulus: Int, train: [Int], validation: [Int], test: [Int])
    /// These parts of the samples, in [0, 1), drawn at random; the rest is for training.
    case random(validation: Double, test: Double, seed: UInt64)
    /// A file each, as full paths.
    case files(train: String, validation: String?, test: String?)
    /// As the data set itself comes, in training and test; a part of its training samples, drawn at random, validates.
    case provided(validation: Double, seed: UInt64)

    /// Tenths of the texts: eight train, one validates, one tests.
    public static let sha256 = Split.sha256(modulus: 10, train: Array(0..<8), validation: [8], test: [9])

    init(_ value: Value, isText: Bool, folder: URL) throws {
      if value.node.mapping != nil, try Section(value).has("train") {
        let files = try Section(value)
        func file(_ key: String) throws -> String? { try files[key].map { Recipe.path(try $0.string(), in: folder) } }
        let train = Recipe.path(try files.required("train").string(), in: folder)
        self = .files(train: train, validation: try file("validation"), test: try file("test"))
        return try files.finish()
      }
      let (name, options) = try value.variant()
      let seed = { UInt64(try options["seed"]?.int(0...Int.max) ?? 0) }
      switch name {
      case "column": self = .column(try options.main("name")?.string() ?? "split")
      case "sha256": self = try Split.sha256(value, options)
      case "random":
        let (validation, test) = (try options["validation"]?.part() ?? 0.1, try options["test"]?.part() ?? 0.1)
        guard validation + test < 1 else {
          throw options.value.error("validation \(validation) and test \(test) leave nothing for training")
        }
        self = .random(validation: validation, test: test, seed: try seed())
      case "provided": self = .provided(validation: try options["validation"]?.part() ?? 0.1, seed: try seed())
      default:
        let names = ["column", "sha256", "random", "provided"]
        throw value.error(value.unknown("split", name, names) + "; or {train: FILE, validation: FILE, test: FILE}")
      }
      try options.finish()
      switch self {
      case .column where !isText: throw value.error("images have no columns; expected random, provided or files")
      case .sha256 where !isText: throw value.error("sha256 is of texts, preprocess gives images; expected random, provided or files")
      default: break
      }
    }

    private static func sha256(_ value: Value, _ options: Section) throws -> Split {
      let modulus = try options["modulus"]?.int(2...1000) ?? 10
      func remainders(_ key: String) throws -> [Int]? {
        try options[key].map { part in try part.list().flatMap { try remaindersOf($0, below: modulus) }.sorted() }
      }
      var parts: [(name: String, remainders: [Int]?)] = []
      for key in ["train", "validation", "test"] { parts.append((key, try remainders(key))) }
      if parts.allSatisfy({ $0.remainders == nil }), modulus == 10 { return .sha256 }
      for remainder in 0..<modulus {
        let owners = parts.flatMap { part in (part.remainders ?? []).filter { $0 == remainder }.map { _ in part.name } }
        if owners.isEmpty { throw options.value.error("the remainder \(remainder) of \(modulus) is in no part") }
        if owners.count > 1 {
          let names = owners[0] == owners[1] ? "twice in \(owners[0])" : "in \(owners[0]) and in \(owners[1])"
          throw options.value.error("the remainder \(remainder) is \(names)")
        }
      }
      guard let train = parts[0].remainders, !train.isEmpty else { throw options.value.error("'train' is missing") }
      return .sha256(modulus: modulus, train: train, validation: parts[1].remainders ?? [], test: parts[2].remainders ?? [])
    }

    /// "0-7", "8" or 8.
    private static func remaindersOf(_ value: Value, below modulus: Int) throws -> [Int] {
      let bounds = try value.string().split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard let low = bounds.first ?? nil, let high = bounds.last ?? nil, bounds.count <= 2, low <= high else {
        throw value.error("expected remainders as 8 or \"0-7\", found '\(try value.string())'")
      }
      guard high < modulus else { throw value.error("expected remainders below \(modulus), found \(high)") }
      return Array(low...high)
    }

    func json(_ path: (String) -> String) -> JSON {
      switch self {
      case .column(let name): return ["column": .string(name)]
      case .sha256(let modulus, let train, let validation, let test):
        let parts = [("train", train), ("validation", validation), ("test", test)].filter { !$0.1.isEmpty }
        return [
          "sha256": .object([.init("modulus", .integer(modulus))] + parts.map { .init($0.0, Split.shown($0.1)) })
        ]
      case .random(let validation, let test, let seed):
        return ["random": ["validation": .number(validation), "test": .number(test), "seed": .integer(Int(seed))]]
      case .files(let train, let validation, let test):
        let files = [("train", train), ("validation", validation), ("test", test)]
        return .object(files.compactMap { name, file in file.map { .init(name, .string(path($0))) } })
      case .provided(let validation, let seed):
        return ["provided": ["validation": .number(validation), "seed": .integer(Int(seed))]]
      }
    }

    /// Remainders as they are read: runs as "0-7", lone ones as numbers.
    private static func shown(_ remainders: [Int]) -> JSON {
      var runs: [ClosedRange<Int>] = []
      for remainder in remainders {
        if let last = runs.last, last.upperBound + 1 == remainder {
          runs[runs.count - 1] = last.lowerBound...remainder
        } else {
          runs.append(remainder...remainder)
        }
      }
      let shown = runs.map { JSON.string($0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)") }
      return shown.count == 1 ? shown[0] : .array(shown)
    }
  }
}

extension Value {
  /// A part of something, in [0, 1).
  func part() throws -> Double { try double("a part from 0 to below 1") { $0 >= 0 && $0 < 1 } }
}
