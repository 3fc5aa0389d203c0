extension Truncation {
  /// How many tokens of a text, and of a second one, are kept so that together there are `most`.
  func lengths(_ first: Int, _ second: Int?, most: Int) -> (first: Int, second: Int) {
    let all = first + (second ?? 0)
    guard all > most else { return (first, second ?? 0) }
    if most == 0 { return (0, 0) }
    guard let second else { return (strategy == .onlySecond ? first : most, 0) }
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
  /// What an encoding is put together from.
  enum Part {
    case text(Encoding)
    case special([Token], typeID: Int32)
  }

  /// Encodings with special tokens round them or, without, only trimmed offsets and type ids.
  func apply(_ encodings: consuming [Encoding], specialTokens: Bool) -> Encoding {
    Encoding(joining: parts(encodings, specialTokens: specialTokens).flatMap { $0 })
  }

  /// The parts of each encoding that comes out.
  private func parts(_ encodings: consuming [Encoding], specialTokens: Bool) -> [[Part]] {
    switch self {
    case .bert(let start, let separator):
      guard specialTokens else { break }
      return encodings.enumerated().map { index, encoding in
        index == 0
          ? [.special([start], typeID: 0), .text(encoding.withoutMask()), .special([separator], typeID: 0)]
          : [.text(encoding.withoutMask()), .special([separator], typeID: 1)]
      }
    case .roberta(let start, let separator, let step):
      for index in encodings.indices {
        if step.trimsOffsets { encodings[index].trimOffsets(step) }
        encodings[index].setTypeIDs(0)
      }
      guard specialTokens else { break }
      return encodings.enumerated().map { index, encoding in
        var encoding = encoding.withoutMask()
        for part in encoding.overflowing.indices { encoding.overflowing[part].setTypeIDs(0) }
        return [
          .special([index == 0 ? start : separator], typeID: 0), .text(encoding), .special([separator], typeID: 0),
        ]
      }
    case .byteLevel(let step):
      if step.trimsOffsets { for index in encodings.indices { encodings[index].trimOffsets(step) } }
    case .template(let template):
      guard encodings.count <= 2 else { break }
      return (encodings.count == 2 ? template.pair : template.single).compactMap { piece in
        switch piece {
        case .text(let index, let typeID):
          guard index < encodings.count else { return nil }
          encodings[index].setTypeIDs(typeID)
          return [.text(encodings[index])]
        case .special(let name, let typeID):
          return specialTokens ? [.special(template.tokens(name), typeID: typeID)] : nil
        }
      }
    case .sequence(let steps):
      guard let last = steps.last else { break }
      for step in steps.dropLast() {
        encodings = step.parts(encodings, specialTokens: specialTokens).map { Encoding(joining: $0) }
      }
      return last.parts(encodings, specialTokens: specialTokens)
    }
    return encodings.map { [.text($0)] }
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
  /// Parts one after the other; what overflows of each is combined with the others.
  fileprivate init(joining parts: [PostProcessor.Part]) {
    var texts: [Encoding] = []
    var places: [Int] = []
    for (place, part) in parts.enumerated() {
      guard case .text(let text) = part else { continue }
      texts.append(text)
      places.append(place)
    }
    guard texts.count == 1, texts[0].overflowing.isEmpty else {
      for part in parts {
        switch part {
        case .text(let text): append(text)
        case .special(let tokens, let typeID): append(Encoding(special: tokens, typeID: typeID))
        }
      }
      return
    }
    // Special tokens are put round a text, whose memory mostly has room for them.
    swap(&self, &texts[0])
    for part in parts[..<places[0]].reversed() { insert(part, at: 0) }
    for part in parts[(places[0] + 1)...] { insert(part, at: count) }
  }

  private mutating func insert(_ part: PostProcessor.Part, at place: Int) {
    guard case .special(let tokens, let typeID) = part else { return }
    for token in tokens.reversed() { insert(special: token, typeID: typeID, at: place) }
  }

  /// The same type id for all tokens.
  fileprivate mutating func setTypeIDs(_ id: Int32) {
    for index in typeIDs.indices where typeIDs[index] != id { typeIDs[index] = id }
  }

  /// The reference says of all that stood there before that it is no special token.
  fileprivate consuming func withoutMask() -> Encoding {
    for index in specialTokensMask.indices where specialTokensMask[index] { specialTokensMask[index] = false }
    for index in overflowing.indices { overflowing[index] = overflowing[index].withoutMask() }
    return self
  }
}
