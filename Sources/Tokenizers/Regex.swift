/// Why a regular expression isn't understood.
public struct RegexError: Error, Equatable, CustomStringConvertible {
  /// The reason, in one line.
  public let description: String
}

/// A regular expression with Oniguruma's syntax and meaning (Ruby), on UTF-8.
struct Regex: Sendable {
  init(_ source: String) throws(RegexError) {}
  init(literal: String) {}
}
