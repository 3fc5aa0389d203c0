import Checkpoints
import Foundation

/// A JSON object on disk, read key by key; what isn't asked for is left alone, as other programs' files have keys of their own.
struct ConfigFile {
  let url: URL
  let json: JSON

  /// - Throws: `FileError` if the file is missing, no JSON or no object.
  init(_ url: URL) throws {
    self.url = url
    json = try JSON(contentsOf: url)
    guard json.members != nil else { throw FileError(.malformed, url, "expected a JSON object, found \(json.kind)") }
  }

  /// An object in a file.
  init(_ url: URL, _ json: JSON) { (self.url, self.json) = (url, json) }

  /// The file if there is one.
  static func ifPresent(_ url: URL) throws -> ConfigFile? {
    FileManager.default.fileExists(atPath: url.path) ? try ConfigFile(url) : nil
  }

  /// The value of a key; nil if it's absent or null.
  subscript(key: String) -> JSON? { json[key].flatMap { $0 == .null ? nil : $0 } }

  func integer(_ key: String) throws -> Int? { try value(key, "a whole number") { $0.integer } }
  func bool(_ key: String) throws -> Bool? { try value(key, "true or false") { $0.bool } }
  func string(_ key: String) throws -> String? { try value(key, "a string") { $0.string } }
  func number(_ key: String) throws -> Double? { try value(key, "a number") { $0.double } }
  func strings(_ key: String) throws -> [String]? { try list(key, "a list of strings") { $0.string } }
  func integers(_ key: String) throws -> [Int]? { try list(key, "a list of whole numbers") { $0.integer } }

  /// A size: a whole number from 1 to 2³⁰.
  func size(_ key: String) throws -> Int {
    guard let found = self[key] else { throw FileError(.malformed, url, item: key, "missing") }
    return try expect(found.integer.flatMap { (1...1 << 30).contains($0) ? $0 : nil }, key, "a size", found)
  }

  func value<T>(_ key: String, _ expected: String, _ read: (JSON) -> T?) throws -> T? {
    try self[key].map { try expect(read($0), key, expected, $0) }
  }

  private func list<T>(_ key: String, _ expected: String, _ read: (JSON) -> T?) throws -> [T]? {
    try value(key, expected) { json in
      guard let elements = json.elements else { return nil }
      let values = elements.compactMap(read)
      return values.count == elements.count ? values : nil
    }
  }

  private func expect<T>(_ value: T?, _ key: String, _ expected: String, _ found: JSON) throws -> T {
    guard let value else {
      throw FileError(
        .malformed, url, item: key, "expected \(expected), found \(String(found.text().prefix(60)))")
    }
    return value
  }
}
