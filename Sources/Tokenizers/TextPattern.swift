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
    let only = part.json.members.flatMap { $0.count == 1 ? $0[0] : nil }
    switch (only?.name, only?.value.string) {
    case ("String", let text?): self.init(text)
    case ("Regex", let source?):
      do throws(RegexError) {
        try self.init(regex: source)
      } catch {
        throw part.failure("Regex", error.description)
      }
    default:
      let found = part.json.members.map { "an object of \($0.count) members" } ?? part.json.kind
      throw part.failure("expected {\"String\": \"…\"} or {\"Regex\": \"…\"}, found \(found)")
    }
  }

  var json: JSON { isRegex ? ["Regex": .string(source)] : ["String": .string(source)] }

  /// Whether both look for the same.
  public static func == (a: TextPattern, b: TextPattern) -> Bool { a.source == b.source && a.isRegex == b.isRegex }
}
