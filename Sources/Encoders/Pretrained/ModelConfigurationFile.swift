import Checkpoints
import Foundation
import Tensors

/// A Hugging Face `config.json` being read: every error names the file, the key, what it has and what it may have.
struct ModelConfigurationFile {
  let json: JSON
  let url: URL

  /// The value of the first of these keys that has one; null counts as none.
  func value(_ keys: [String]) -> (key: String, value: JSON)? {
    for key in keys { if let value = json[key], value != .null { return (key, value) } }
    return nil
  }

  func error(_ key: String, _ problem: String) -> FileError { FileError(.mismatched, url, item: key, problem) }

  /// A whole number from `least` up to `most`.
  func integer(_ keys: String..., default standard: Int? = nil, least: Int = 1, most: Int = 1 << 30) throws -> Int {
    guard let number = try integerIfAny(keys, least, most) ?? standard else {
      throw FileError(.missing, url, item: keys[0], "no such key")
    }
    return number
  }

  /// Like `integer`, nil if there is none.
  func integerIfAny(_ keys: String..., least: Int = 0) throws -> Int? { try integerIfAny(keys, least, 1 << 30) }

  private func integerIfAny(_ keys: [String], _ least: Int, _ most: Int) throws -> Int? {
    guard let (key, value) = value(keys) else { return nil }
    guard let number = value.integer, (least...most).contains(number) else {
      throw error(key, "expected a whole number from \(least) to \(most), found \(value.text().prefix(40))")
    }
    return number
  }

  /// A finite number.
  func number(_ keys: String..., default standard: Float) throws -> Float {
    guard let (key, value) = value(keys) else { return standard }
    guard let number = value.double, Float(number).isFinite else {
      throw error(key, "expected a number, found \(value.text().prefix(40))")
    }
    return Float(number)
  }

  /// A number above 0.
  func positive(_ keys: String..., default standard: Float? = nil) throws -> Float {
    guard let (key, value) = value(keys) else {
      guard let standard else { throw FileError(.missing, url, item: keys[0], "no such key") }
      return standard
    }
    guard let number = value.double, Float(number).isFinite, Float(number) > 0 else {
      throw error(key, "expected a number above 0, found \(value.text().prefix(40))")
    }
    return Float(number)
  }

  /// A probability of dropping.
  func rate(_ keys: String..., default standard: Float) throws -> Float {
    guard let (key, value) = value(keys) else { return standard }
    guard let number = value.double, number >= 0, number < 1 else {
      throw error(key, "expected a number in [0, 1), found \(value.text().prefix(40))")
    }
    return Float(number)
  }

  func bool(_ key: String, default standard: Bool) throws -> Bool {
    guard let (_, value) = value([key]) else { return standard }
    guard let bool = value.bool else { throw error(key, "expected true or false, found \(value.kind)") }
    return bool
  }

  /// One of these words.
  func choice(_ key: String, _ supported: [String], default standard: String) throws -> String {
    guard let (_, value) = value([key]) else { return standard }
    guard let word = value.string, supported.contains(word) else {
      let found = value.string.map { FileError.quoted($0) } ?? value.kind
      throw error(key, "\(found) is not supported; supported: \(supported.joined(separator: ", "))")
    }
    return word
  }

  func activation(_ keys: String..., default standard: String) throws -> Activation {
    let key = value(keys)?.key ?? keys[0]
    let names = ModelConfigurationFile.activations.map(\.0)
    let name = try choice(key, names, default: standard)
    return ModelConfigurationFile.activations.first { $0.0 == name }?.1 ?? .gelu
  }

  /// Hugging Face's names of activations.
  private static let activations: [(String, Activation)] = [
    ("gelu", .gelu), ("gelu_python", .gelu), ("gelu_new", .geluTanh), ("gelu_pytorch_tanh", .geluTanh),
    ("gelu_fast", .geluTanh), ("gelu_python_tanh", .geluTanh), ("relu", .relu), ("silu", .silu), ("swish", .silu),
    ("tanh", .tanh), ("sigmoid", .sigmoid),
  ]

  /// The names of the labels by number: `id2label`, else `num_labels` or 2 of `LABEL_0`, ….
  func labels() throws -> [String] {
    guard let members = json["id2label"]?.members, !members.isEmpty else {
      return (0..<(try integer("num_labels", default: 2, most: 1 << 20))).map { "LABEL_\($0)" }
    }
    var labels = [String?](repeating: nil, count: members.count)
    for member in members {
      guard let place = Int(member.name), labels.indices.contains(place), labels[place] == nil else {
        throw error("id2label", "expected the numbers 0 ..< \(members.count), found \(FileError.quoted(member.name))")
      }
      labels[place] = member.value.string ?? member.value.text()
    }
    return labels.map { $0 ?? "" }
  }
}
