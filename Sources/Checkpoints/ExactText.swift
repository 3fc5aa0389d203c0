/// A text that is told apart from others by its UTF-8 bytes, as Python tells strings apart: to `String`, `é` and `e` + accent are
/// the same. For keys of dictionaries and members of sets.
package struct ExactText: Hashable, Comparable, Sendable {
  /// The text itself.
  package let text: String

  /// A text.
  package init(_ text: String) { self.text = text }

  package static func == (left: ExactText, right: ExactText) -> Bool {
    left.text.utf8.elementsEqual(right.text.utf8)
  }

  package static func < (left: ExactText, right: ExactText) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
