/// A JSON value that keeps what Foundation's loses: the order of an object's members, and names apart that differ only
/// in their Unicode normal form (both matter in vocabularies).
public enum JSON: Sendable, Equatable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A whole number that `Int` can hold, written without a fraction or exponent.
  case integer(Int)
  /// The digits of a whole number that `Int` can't hold, as they are written.
  case digits(String)
  /// Any other number; one that isn't finite is written as `null`.
  case number(Double)
  /// A text.
  case string(String)
  /// Values in order.
  case array([JSON])
  /// Members in the order of the file, names that come twice included.
  case object([Member])

  /// A member of an object.
  public struct Member: Sendable, Equatable {
    /// The member's name.
    public let name: String
    /// Its value.
    public let value: JSON

    /// A member.
    public init(_ name: String, _ value: JSON) {
      self.name = name
      self.value = value
    }
  }

  /// The members of an object, or nil.
  public var members: [Member]? { if case .object(let members) = self { members } else { nil } }
  /// The elements of an array, or nil.
  public var elements: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
  /// The text of a string, or nil.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// The value of a whole number that `Int` can hold, or nil.
  public var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  /// The value of true or false, or nil.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// Any number as a double, or nil.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .digits(let digits): Double(digits)
    case .number(let value): value
    default: nil
    }
  }

  /// The value of the object's last member of that name, as Python and Rust read it, or nil. Takes time in proportion to the number of members.
  public subscript(name: String) -> JSON? { members?.last { $0.name == name }?.value }

  /// What kind of value it is, for messages.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .integer, .digits, .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// The value as UTF-8 text; `indented` by two spaces with a member or element a line, or all on one line.
  public func text(indented: Bool = false) -> String {
    var output = ""
    write(to: &output, indentation: indented ? 0 : nil)
    return output
  }

  private func write(to output: inout String, indentation: Int?) {
    switch self {
    case .null: output += "null"
    case .bool(let value): output += value ? "true" : "false"
    case .integer(let value): output += String(value)
    case .digits(let digits): output += digits
    case .number(let value): output += value.isFinite ? value.description : "null"
    case .string(let text): JSON.writeQuoted(text, to: &output)
    case .array(let elements):
      JSON.writeList(elements, "[", "]", to: &output, indentation) { output, element, inner in
        element.write(to: &output, indentation: inner)
      }
    case .object(let members):
      JSON.writeList(members, "{", "}", to: &output, indentation) { output, member, inner in
        JSON.writeQuoted(member.name, to: &output)
        output += inner == nil ? ":" : ": "
        member.value.write(to: &output, indentation: inner)
      }
    }
  }

  private static func writeList<Item>(
    _ items: [Item], _ opening: String, _ closing: String, to output: inout String, _ indentation: Int?,
    _ write: (inout String, Item, Int?) -> Void
  ) {
    let inner = indentation.map { $0 + 2 }
    output += opening
    for (index, item) in items.enumerated() {
      if index > 0 { output += "," }
      if let inner { output += "\n" + String(repeating: " ", count: inner) }
      write(&output, item, inner)
    }
    if let indentation, !items.isEmpty { output += "\n" + String(repeating: " ", count: indentation) }
    output += closing
  }

  private static func writeQuoted(_ text: String, to output: inout String) {
    output += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: output.unicodeScalars.append(scalar)
      }
    }
    output += "\""
  }
}

/// Objects and strings as literals: `["type": "WordLevel", "unk_token": .string(unknown)]`.
extension JSON: ExpressibleByDictionaryLiteral, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral {
  /// An object of the literal's members, in its order.
  public init(dictionaryLiteral members: (String, JSON)...) { self = .object(members.map { Member($0.0, $0.1) }) }

  /// A string.
  public init(stringLiteral text: String) { self = .string(text) }

  /// True or false.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
}
