import Foundation

/// What is wrong with a file, in one line: the full path, the line or the item in it, what was expected and what was
/// found.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// The kinds of trouble with files.
  public enum Kind: Sendable {
    /// The file, or the named item in it, doesn't exist.
    case missing
    /// The operating system refuses to read it.
    case unreadable
    /// The operating system refuses to write it: no permission, disk full, …
    case unwritable
    /// Its content breaks the rules of its format.
    case malformed
    /// Its content is well formed, but not of the type, shape or kind asked for.
    case mismatched
  }

  /// What kind of trouble it is.
  public let kind: Kind
  /// The full path of the file.
  public let path: String
  /// The line in the file, counted from 1.
  public let line: Int?
  /// The item in the file: a tensor's name, a key, a word.
  public let item: String?
  /// What is wrong.
  public let problem: String

  /// An error about a file, optionally about a line or a named item of it.
  public init(_ kind: Kind, _ url: URL, line: Int? = nil, item: String? = nil, _ problem: String) {
    self.kind = kind
    self.path = url.path
    self.line = line
    self.item = item
    self.problem = problem
  }

  /// An error with the operating system's reason for it (`errno`).
  public init(_ kind: Kind, _ url: URL, code: Int32, doing action: String) {
    self.init(kind, url, "cannot \(action): \(String(cString: strerror(code)))")
  }

  /// `path:line: "item": problem`, always one line.
  public var description: String {
    var text = path
    if let line { text += ":\(line)" }
    if let item { text += ": \(FileError.quoted(item))" }
    return text + ": \(problem)"
  }

  /// Why Foundation couldn't do something, as the operating system puts it where it says so.
  public static func reason(_ error: any Error) -> String {
    let error = error as NSError
    let cause = (error.userInfo[NSUnderlyingErrorKey] as? any Error).map { $0 as NSError } ?? error
    if cause.domain == NSPOSIXErrorDomain, let code = Int32(exactly: cause.code) {
      return String(cString: strerror(code))
    }
    return error.localizedFailureReason ?? error.localizedDescription
  }

  /// The same line, for Foundation's `localizedDescription`.
  public var errorDescription: String? { description }

  /// Text that a terminal shows as it is: control characters are escaped, and those that turn the direction of writing.
  public static func printable(_ text: String) -> String {
    text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069:
        result += scalar.escaped(asASCII: true)
      default: result.unicodeScalars.append(scalar)
      }
    }
  }

  /// Text from a file in quotes, control characters escaped and cut to a readable length.
  public static func quoted(_ text: some StringProtocol) -> String {
    let scalars = text.unicodeScalars
    let head = scalars.prefix(100)
    return String(String.UnicodeScalarView(head)).debugDescription + (head.endIndex < scalars.endIndex ? "…" : "")
  }
}
