extension Truncation {
  /// How many tokens of a text, and of a second one, are kept so that together there are `most`.
  func lengths(_ first: Int, _ second: Int?, most: Int) -> (first: Int, second: Int) {
    let all = first + (second ?? 0)
    guard all > most else { return (first, second ?? 0) }
    guard let second else { return (most, 0) }
    if most == 0 { return (0, 0) }
    let excess = all - most
    if strategy == .onlyFirst, first > excess { return (first - excess, second) }
    if strategy == .onlySecond, second > excess { return (first, second - excess) }
    // The longer one gives way until both are as long; then both do.
    var (shorter, longer) = (min(first, second), max(first, second))
    longer = shorter > most ? shorter : max(shorter, most - shorter)
    if shorter + longer > most { (shorter, longer) = (most / 2, most / 2 + most % 2) }
    return first > second ? (longer, shorter) : (shorter, longer)
  }
}

extension PostProcessor {
  /// Puts special tokens round encodings, or only trims offsets and sets type ids.
  func apply(_ encodings: [Encoding], specialTokens: Bool) -> [Encoding] {
    var encodings = encodings
    switch self {
    case .bert(let start, let separator):
      guard specialTokens else { return encodings }
      return encodings.enumerated().map { index, encoding in
        index == 0
          ? encoding.wrapped([start], [separator], typeID: 0) : encoding.wrapped([], [separator], typeID: 1)
      }
    case .roberta(let start, let separator, let step):
      for index in encodings.indices {
        if step.trimsOffsets { encodings[index].trimOffsets(step) }
        encodings[index].typeIDs = [Int32](repeating: 0, count: encodings[index].count)
      }
      guard specialTokens else { return encodings }
      return encodings.enumerated().map { index, encoding in
        var encoding = encoding
        for part in encoding.overflowing.indices {
          encoding.overflowing[part].typeIDs = [Int32](repeating: 0, count: encoding.overflowing[part].count)
        }
        return encoding.wrapped([index == 0 ? start : separator], [separator], typeID: 0)
      }
    case .byteLevel(let step):
      if step.trimsOffsets { for index in encodings.indices { encodings[index].trimOffsets(step) } }
      return encodings
    case .template(let template):
      guard encodings.count <= 2 else { return encodings }
      return (encodings.count == 2 ? template.pair : template.single).compactMap { piece in
        switch piece {
        case .text(let index, let typeID):
          guard index < encodings.count else { return nil }
          encodings[index].typeIDs = [Int32](repeating: typeID, count: encodings[index].count)
          return encodings[index]
        case .special(let name, let typeID):
          return specialTokens ? Encoding(special: template.tokens(name), typeID: typeID) : nil
        }
      }
    case .sequence(let steps):
      return steps.reduce(encodings) { $1.apply($0, specialTokens: specialTokens) }
    }
  }

  /// The same for ids only.
  func apply(ids: [[Int32]]) -> [[Int32]] {
    switch self {
    case .bert(let start, let separator):
      ids.enumerated().map { $0.offset == 0 ? [start.id] + $0.element + [separator.id] : $0.element + [separator.id] }
    case .roberta(let start, let separator, _):
      ids.enumerated().map { [$0.offset == 0 ? start.id : separator.id] + $0.element + [separator.id] }
    case .byteLevel: ids
    case .template(let template):
      ids.count > 2
        ? ids
        : (ids.count == 2 ? template.pair : template.single).compactMap { piece in
          switch piece {
          case .text(let index, _): index < ids.count ? ids[index] : nil
          case .special(let name, _): template.tokens(name).map(\.id)
          }
        }
    case .sequence(let steps): steps.reduce(ids) { $1.apply(ids: $0) }
    }
  }
}

extension Encoding {
  /// The encoding, and each part that overflowed, with special tokens round it.
  fileprivate func wrapped(
    _ before: [PostProcessor.Token], _ after: [PostProcessor.Token], typeID: Int32
  ) -> Encoding {
    func wrap(_ encoding: Encoding) -> Encoding {
      var result = Encoding(special: before, typeID: typeID)
      var plain = encoding
      plain.overflowing = []
      // The reference says of all that stood there before that it is no special token.
      plain.specialTokensMask = [Bool](repeating: false, count: plain.count)
      result.append(plain)
      result.append(Encoding(special: after, typeID: typeID))
      return result
    }
    var result = wrap(self)
    result.overflowing = overflowing.map { wrap($0) }
    return result
  }
}
