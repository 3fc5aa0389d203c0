import Checkpoints
import Foundation

/// A component of a `tokenizer.json` being read: its value, and where it stands for messages.
struct TokenizerPart {
  let json: JSON
  /// The keys that lead to it, joined by dots.
  let name: String
  let url: URL

  /// An error about it.
  func failure(_ problem: String) -> FileError { FileError(.malformed, url, item: name, problem) }

  /// An error about one of its keys.
  func failure(_ key: String, _ problem: String) -> FileError {
    FileError(.malformed, url, item: name.isEmpty ? key : "\(name).\(key)", problem)
  }

  /// What "type" says.
  func type() throws -> String {
    guard json.members != nil else { throw failure("expected an object, found \(json.kind)") }
    return try string("type")
  }

  /// An error for a type that isn't understood.
  func unknownType(_ type: String, _ what: String) -> FileError {
    failure("type", "expected a known \(what), found \(FileError.quoted(type))")
  }

  private func value(_ key: String) -> JSON? { json[key].flatMap { $0 == .null ? nil : $0 } }

  private func found(_ key: String) -> String { value(key)?.kind ?? "none" }

  func bool(_ key: String, default value: Bool? = nil) throws -> Bool {
    if self.value(key) == nil, let value { return value }
    guard let bool = json[key]?.bool else { throw failure(key, "expected true or false, found \(found(key))") }
    return bool
  }

  func optionalBool(_ key: String) throws -> Bool? { value(key) == nil ? nil : try bool(key) }

  func string(_ key: String, default text: String? = nil) throws -> String {
    if value(key) == nil, let text { return text }
    guard let string = json[key]?.string else { throw failure(key, "expected a string, found \(found(key))") }
    return string
  }

  func optionalString(_ key: String) throws -> String? { value(key) == nil ? nil : try string(key) }

  /// A whole number from 0 to `most`.
  func count(_ key: String, default number: Int? = nil, most: Int = Int(Int32.max)) throws -> Int {
    if value(key) == nil, let number { return number }
    guard let integer = json[key]?.integer, integer >= 0, integer <= most else {
      let found = json[key]?.integer.map { String($0) } ?? found(key)
      throw failure(key, "expected a whole number from 0 to \(most), found \(found)")
    }
    return integer
  }

  /// A string of one scalar.
  func scalar(_ key: String) throws -> Unicode.Scalar {
    let text = try string(key).unicodeScalars
    guard let first = text.first, text.count == 1 else {
      throw failure(key, "expected one character, found \(text.count)")
    }
    return first
  }

  /// The value under a key, as a part of its own; none if there is none.
  func optionalPart(_ key: String) -> TokenizerPart? {
    value(key).map { TokenizerPart(json: $0, name: name.isEmpty ? key : "\(name).\(key)", url: url) }
  }

  func part(_ key: String) throws -> TokenizerPart {
    guard let part = optionalPart(key) else { throw failure(key, "expected a value, found none") }
    return part
  }

  /// The elements of the array under a key, as parts of their own.
  func parts(_ key: String) throws -> [TokenizerPart] {
    guard let elements = json[key]?.elements else { throw failure(key, "expected an array, found \(found(key))") }
    return elements.enumerated().map {
      TokenizerPart(json: $0.element, name: "\(name.isEmpty ? "" : name + ".")\(key)[\($0.offset)]", url: url)
    }
  }
}
