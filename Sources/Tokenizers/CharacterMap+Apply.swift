extension CharacterMap {
  /// Replaces graphemes, or else single scalars, as the table says; or the longest keys there are.
  func apply(_ text: inout AlignedText, _ spare: inout AlignedText, _ origin: Int32) {
    var changes: [ScalarChange] = []
    var isChanged = false
    text.bytes.withUnsafeBufferPointer { bytes in
      changes.reserveCapacity(bytes.count)
      var position = 0
      while position < bytes.count {
        // A grapheme of ASCII is one scalar, but for CR LF and what continues it.
        let byte = bytes[position]
        let isAlone =
          byte < 0x80 && byte != 0x0D && (position + 1 == bytes.count || bytes[position + 1] < 0x80)
        if takesLongest, let next = replace(bytes, position..<bytes.count, &changes) {
          isChanged = true
          position = next
          continue
        }
        let next = position + UTF8Scalars.length(lead: byte)
        let end = isAlone || takesLongest ? next : Graphemes.end(bytes, from: position)
        if !takesLongest, end - position < 6, replace(bytes, position..<end, &changes) != nil {
          isChanged = true
          position = end
          continue
        }
        let isOne = next == end
        while position < end {
          let start = position
          let scalar = UTF8Scalars.decode(bytes, &position)
          if !isOne, replace(bytes, start..<position, &changes) != nil {
            isChanged = true
          } else {
            changes.append(ScalarChange(scalar: scalar, change: 0))
          }
        }
      }
    }
    guard isChanged else { return }
    text.rewrite(&spare, origin: origin) { rewriter in
      for item in changes { rewriter.put(item.scalar, item.change) }
    }
  }

  /// Appends what the table has for a part of a text or, if it takes the longest key, for the part's beginning. Returns
  /// where what is replaced ends; nil if the table has nothing.
  private func replace(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ changes: inout [ScalarChange]
  ) -> Int? {
    let part = UnsafeBufferPointer(rebasing: bytes[range])
    guard let replacement = replacement(of: part) else { return nil }
    let end = takesLongest ? range.lowerBound + replacement.length : range.upperBound
    let oldCount = UTF8Scalars.count(UnsafeBufferPointer(rebasing: bytes[range.lowerBound..<end]))
    var newCount = 0
    withText(replacement.text) { text in
      var position = 0
      while position < text.count {
        changes.append(ScalarChange(scalar: UTF8Scalars.decode(text, &position), change: 0))
        newCount += 1
      }
    }
    let difference = newCount - oldCount
    if difference > 0 {
      for index in changes.indices.suffix(difference) { changes[index].change = 1 }
    } else if difference < 0, !changes.isEmpty {
      changes[changes.count - 1].change += difference
    }
    return end
  }
}

/// Extended grapheme clusters (UAX #29), as far as they can be shorter than six bytes.
///
/// Longer ones are only told apart from those: emoji sequences, flags and Indic conjuncts never are.
enum Graphemes {
  /// Where the grapheme ends that starts at `start`.
  static func end(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var position = start
    var last = UTF8Scalars.decode(bytes, &position)
    while position < bytes.count {
      var next = position
      let scalar = UTF8Scalars.decode(bytes, &next)
      guard continues(last, scalar) else { break }
      (position, last) = (next, scalar)
    }
    return position
  }

  private static func continues(_ last: UInt32, _ scalar: UInt32) -> Bool {
    if last == 0x0D { return scalar == 0x0A }
    let before = ScalarProperties(of: last)
    if before.contains(.control) { return false }
    let properties = ScalarProperties(of: scalar)
    if properties.contains(.extending) { return true }
    if properties.contains(.control) { return false }
    return before.contains(.preceding) || hangul(last).map { hangulContinues($0, scalar) } ?? false
  }

  private enum Jamo { case lead, vowel, trail }

  private static func hangul(_ scalar: UInt32) -> Jamo? {
    switch scalar {
    case 0x1100...0x115F, 0xA960...0xA97C: .lead
    case 0x1160...0x11A7, 0xD7B0...0xD7C6: .vowel
    case 0x11A8...0x11FF, 0xD7CB...0xD7FB: .trail
    case 0xAC00...0xD7A3: (scalar - 0xAC00) % 28 == 0 ? .vowel : .trail
    default: nil
    }
  }

  private static func hangulContinues(_ last: Jamo, _ scalar: UInt32) -> Bool {
    guard let next = hangul(scalar) else { return false }
    let isSyllable = Normalization.isHangul(scalar)
    return switch last {
    case .lead: next == .lead || next == .vowel || isSyllable
    case .vowel: !isSyllable && next != .lead
    case .trail: !isSyllable && next == .trail
    }
  }
}
