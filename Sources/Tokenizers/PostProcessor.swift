import Checkpoints

/// Which special tokens stand round a text or a pair of texts, as Hugging Face's post-processors of the same names.
public indirect enum PostProcessor: Sendable, Equatable {
  /// `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.
  case bert(start: Token, separator: Token)
  /// `<s> A </s>` and `<s> A </s></s> B </s>`; type ids are 0.
  case roberta(start: Token, separator: Token, byteLevel: ByteLevel)
  /// No tokens; offsets trimmed.
  case byteLevel(ByteLevel)
  /// As the templates say.
  case template(Template)
  /// One after the other.
  case sequence([PostProcessor])

  /// A special token.
  public struct Token: Sendable, Equatable {
    /// Its text.
    public var text: String
    /// Its id.
    public var id: Int32

    /// A special token.
    public init(_ text: String, _ id: Int32) {
      self.text = text
      self.id = id
    }
  }

  /// Where texts and special tokens stand.
  public struct Template: Sendable, Equatable {
    /// A place in a template.
    public enum Piece: Sendable, Equatable {
      /// The first text (0) or the second (1).
      case text(Int, typeID: Int32)
      /// Special tokens, by the name under which they are defined.
      case special(String, typeID: Int32)
    }

    /// The order for one text.
    public var single: [Piece]
    /// The order for a pair.
    public var pair: [Piece]
    /// What the names of special tokens stand for.
    public var specialTokens: [(name: String, tokens: [Token])]

    /// A template; every name must be among `specialTokens`.
    public init(single: [Piece], pair: [Piece], specialTokens: [(name: String, tokens: [Token])]) {
      self.single = single
      self.pair = pair
      self.specialTokens = specialTokens
    }

    func tokens(_ name: String) -> [Token] { specialTokens.first { $0.name == name }?.tokens ?? [] }

    /// Whether both are written alike.
    public static func == (a: Template, b: Template) -> Bool {
      a.single == b.single && a.pair == b.pair
        && a.specialTokens.elementsEqual(b.specialTokens) { $0.name == $1.name && $0.tokens == $1.tokens }
    }
  }
}

extension PostProcessor {
  /// How many special tokens are added.
  func addedCount(isPair: Bool) -> Int {
    switch self {
    case .bert: isPair ? 3 : 2
    case .roberta: isPair ? 4 : 2
    case .byteLevel: 0
    case .template(let template):
      (isPair ? template.pair : template.single).reduce(0) { count, piece in
        if case .special(let name, _) = piece { count + template.tokens(name).count } else { count }
      }
    case .sequence(let steps): steps.reduce(0) { $0 + $1.addedCount(isPair: isPair) }
    }
  }

  init(_ part: TokenizerPart) throws {
    switch try part.type() {
    case "BertProcessing": self = .bert(start: try Token(part, "cls"), separator: try Token(part, "sep"))
    case "RobertaProcessing":
      self = .roberta(
        start: try Token(part, "cls"), separator: try Token(part, "sep"),
        byteLevel: ByteLevel(
          addsPrefixSpace: try part.bool("add_prefix_space"), trimsOffsets: try part.bool("trim_offsets")))
    case "ByteLevel": self = .byteLevel(try ByteLevel(part))
    case "TemplateProcessing": self = .template(try Template(part))
    case "Sequence": self = .sequence(try part.parts("processors").map { try PostProcessor($0) })
    case let type: throw part.unknownType(type, "post-processor")
    }
  }

  /// As `tokenizer.json` has it.
  var json: JSON {
    switch self {
    case .bert(let start, let separator):
      ["type": "BertProcessing", "sep": separator.json, "cls": start.json]
    case .roberta(let start, let separator, let byteLevel):
      [
        "type": "RobertaProcessing", "sep": separator.json, "cls": start.json,
        "trim_offsets": .bool(byteLevel.trimsOffsets), "add_prefix_space": .bool(byteLevel.addsPrefixSpace),
      ]
    case .byteLevel(let step): step.json
    case .template(let template): template.json
    case .sequence(let steps): ["type": "Sequence", "processors": .array(steps.map(\.json))]
    }
  }
}

extension PostProcessor.Token {
  fileprivate init(_ part: TokenizerPart, _ key: String) throws {
    guard let pair = part.json[key]?.elements, pair.count == 2, let text = pair[0].string,
      let id = pair[1].integer.flatMap({ Int32(exactly: $0) }), id >= 0
    else { throw part.failure(key, "expected [token, id]") }
    self.init(text, id)
  }

  fileprivate var json: JSON { .array([.string(text), .integer(Int(id))]) }
}

extension PostProcessor.Template {
  fileprivate init(_ part: TokenizerPart) throws {
    guard let members = part.json["special_tokens"]?.members else {
      throw part.failure("special_tokens", "expected an object")
    }
    var specialTokens: [(name: String, tokens: [PostProcessor.Token])] = []
    for member in members {
      guard member.value["id"]?.string != nil else {
        throw part.failure("special_tokens.\(member.name).id", "expected a string")
      }
      guard let ids = member.value["ids"]?.elements, let texts = member.value["tokens"]?.elements,
        ids.count == texts.count
      else { throw part.failure("special_tokens.\(member.name)", "expected as many ids as tokens") }
      let tokens = try zip(texts, ids).map { text, id in
        guard let text = text.string, let id = id.integer.flatMap({ Int32(exactly: $0) }), id >= 0 else {
          throw part.failure("special_tokens.\(member.name)", "expected tokens with ids from 0 up")
        }
        return PostProcessor.Token(text, id)
      }
      specialTokens.append((member.name, tokens))
    }
    func pieces(_ key: String) throws -> [Piece] {
      try part.parts(key).map { piece in
        guard let members = piece.json.members, members.count == 1, let member = members.first,
          let id = member.value["id"]?.string,
          let typeID = member.value["type_id"]?.integer.flatMap({ Int32(exactly: $0) })
        else { throw piece.failure("expected a SpecialToken or a Sequence with id and type_id") }
        switch (member.name, id) {
        case ("Sequence", "A"): return .text(0, typeID: typeID)
        case ("Sequence", "B"): return .text(1, typeID: typeID)
        case ("SpecialToken", _):
          guard specialTokens.contains(where: { $0.name == id }) else {
            throw piece.failure("no such special token: \(FileError.quoted(id))")
          }
          return .special(id, typeID: typeID)
        default: throw piece.failure("expected a SpecialToken or a Sequence, found \(FileError.quoted(member.name))")
        }
      }
    }
    let single = try pieces("single")
    for case .text(1, _) in single { throw part.failure("single", "expected no second text") }
    self.init(single: single, pair: try pieces("pair"), specialTokens: specialTokens)
  }

  fileprivate var json: JSON {
    func json(_ pieces: [Piece]) -> JSON {
      .array(
        pieces.map { piece in
          switch piece {
          case .text(let index, let typeID):
            ["Sequence": ["id": index == 0 ? "A" : "B", "type_id": .integer(Int(typeID))]]
          case .special(let name, let typeID):
            ["SpecialToken": ["id": .string(name), "type_id": .integer(Int(typeID))]]
          }
        })
    }
    let tokens = specialTokens.map { name, tokens in
      JSON.Member(
        name,
        [
          "id": .string(name), "ids": .array(tokens.map { .integer(Int($0.id)) }),
          "tokens": .array(tokens.map { .string($0.text) }),
        ])
    }
    return [
      "type": "TemplateProcessing", "single": json(single), "pair": json(pair), "special_tokens": .object(tokens),
    ]
  }
}
