import Checkpoints
import Yams

extension JSON {
  /// The value as YAML: sections a key a line, lists and the options of one layer on one line.
  ///
  /// - Throws: `YamlError` for text that YAML can't hold.
  func yaml() throws -> String {
    try Yams.serialize(node: node(isTop: true), width: -1, allowUnicode: true)
  }

  private func node(isTop: Bool = false) -> Node {
    switch self {
    case .null: Node("null")
    case .bool(let value): Node(value ? "true" : "false")
    case .integer(let value): Node(String(value))
    case .digits(let digits): Node(digits)
    case .number(let value): Node(value.description)
    case .string(let text):
      // A text that would be read as something else, as "8" or "no", is quoted.
      Node(text, .implicit, Resolver.default.resolveTag(of: Node(text)) == .str ? .any : .doubleQuoted)
    case .array(let elements):
      Node(elements.map { $0.node() }, .implicit, elements.allSatisfy(\.isScalar) ? .flow : .block)
    case .object(let members):
      Node(
        members.map { (Node($0.name), $0.value.node()) }, .implicit,
        !isTop && members.allSatisfy(\.value.isFlat) && members.count < 8 ? .flow : .block)
    }
  }

  private var isScalar: Bool { members == nil && elements == nil }
  /// Whether it's a scalar or a list of them.
  private var isFlat: Bool { isScalar || elements?.allSatisfy(\.isScalar) == true }
}
