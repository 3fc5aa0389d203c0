import Checkpoints

/// What `Split` and `Replace` look for: a text as it is, or a regular expression.
public struct TextPattern: Sendable, Equatable {
  /// The text, or the expression's source.
  public let source: String
  /// Whether `source` is a regular expression.
  public let isRegex: Bool
  let regex: Regex

  /// A text to be found as it is.
  public init(_ text: String) {
    source = text
    isRegex = false
    regex = Regex(literal: text)
  }

  static let space = TextPattern(" ")

  /// A regular expression with Oniguruma's syntax and meaning.
  ///
  /// - Throws: `RegexError` for what isn't understood.
  public init(regex source: String) throws(RegexError) {
    self.source = source
    isRegex = true
    regex = try Regex(source)
  }

  init(_ part: TokenizerPart) throws {
    if let text = part.json["String"]?.string {
      self.init(text)
      return
    }
    guard let source = part.json["Regex"]?.string else {
      throw part.failure("expected {\"String\": …} or {\"Regex\": …}, found \(part.json.kind)")
    }
    do throws(RegexError) {
      try self.init(regex: source)
    } catch {
      throw part.failure("Regex", error.description)
    }
  }

  var json: JSON { isRegex ? ["Regex": .string(source)] : ["String": .string(source)] }

  /// Whether both look for the same.
  public static func == (a: TextPattern, b: TextPattern) -> Bool { a.source == b.source && a.isRegex == b.isRegex }
}
