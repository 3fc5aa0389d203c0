import Checkpoints
import Foundation

extension Tokenizer {
  /// Reads a `tokenizer.json`.
  ///
  /// - Throws: `FileError` naming the key, for what is malformed and for every component that isn't known.
  public init(contentsOf url: URL) throws { try self.init(contentsOf: url, nearestScores: false) }

  /// - Parameter nearestScores: a unigram model's scores are read as Python reads them, not as Rust.
  init(contentsOf url: URL, nearestScores: Bool) throws {
    self = try MappedFile(url).withBytes { bytes in
      do {
        return try Tokenizer(parsing: bytes, url: url, nearestScores: nearestScores)
      } catch let failure as JSONCursor.Failure {
        let line = 1 + bytes.prefix(failure.offset).count { $0 == UInt8(ascii: "\n") }
        throw FileError(.malformed, url, line: line, item: failure.key.isEmpty ? nil : failure.key, failure.problem)
      }
    }
  }

  private static let keys = [
    "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder",
    "model",
  ]

  private init(parsing bytes: UnsafeRawBufferPointer, url: URL, nearestScores: Bool) throws {
    var cursor = JSONCursor(bytes)
    // What isn't an object isn't read through, however long it is.
    if cursor.next() == UInt8(ascii: "{"), let offset = UTF8Scalars.firstInvalid(bytes) {
      throw JSONCursor.Failure(offset: offset, problem: "not JSON: the text is not valid UTF-8")
    }
    var members: [JSON.Member] = []
    var model: TokenizerModelFile?
    try cursor.forEachMember { cursor, name in
      let name = String(decoding: name, as: UTF8.self)
      guard Tokenizer.keys.contains(name) else {
        throw FileError(.malformed, url, item: name, "unknown key; expected \(Tokenizer.keys.joined(separator: ", "))")
      }
      if name == "model" {
        try JSONCursor.naming("model") {
          model = try TokenizerModelFile(&cursor, url: url, nearestScores: nearestScores)
        }
      } else {
        members.append(JSON.Member(name, try cursor.value()))
      }
    }
    try cursor.finish()
    let file = TokenizerPart(json: .object(members), name: "", url: url)
    let version = try file.string("version", default: "1.0")
    guard version == "1.0" else { throw file.failure("version", "expected 1.0, found \(FileError.quoted(version))") }
    guard let model else { throw file.failure("model", "expected a model, found none") }
    let postProcessor = try file.optionalPart("post_processor").map { try PostProcessor($0) }
    let truncation = try file.optionalPart("truncation").map { try Truncation($0) }
    if let truncation, truncation.stride > 0 {
      let room = max(0, truncation.maximumLength - (postProcessor?.addedCount(isPair: false) ?? 0))
      guard truncation.stride < room else {
        throw file.failure(
          "truncation.stride",
          "expected less than the \(room) tokens that special ones leave of max_length, found \(truncation.stride)")
      }
    }
    self.init(
      model: try model.model(),
      normalizer: try file.optionalPart("normalizer").map { try Normalizer($0) },
      preTokenizer: try file.optionalPart("pre_tokenizer").map { try PreTokenizer($0) },
      postProcessor: postProcessor, decoder: try file.optionalPart("decoder").map { try TokenDecoder($0) },
      addedTokens: file.json["added_tokens"] == nil
        ? [] : try file.parts("added_tokens").map { try AddedToken($0) },
      truncation: truncation, padding: try file.optionalPart("padding").map { try Padding($0) })
  }

  /// Writes a `tokenizer.json` that Hugging Face `tokenizers` reads as the same tokenizer.
  ///
  /// - Throws: `FileError` with the operating system's reason.
  public func write(to url: URL) throws {
    let file: JSON = [
      "version": "1.0",
      "truncation": truncation?.json ?? .null,
      "padding": padding?.json ?? .null,
      "added_tokens": .array(addedTokens.map(\.json)),
      "normalizer": normalizer?.json ?? .null,
      "pre_tokenizer": preTokenizer?.json ?? .null,
      "post_processor": postProcessor?.json ?? .null,
      "decoder": decoder?.json ?? .null,
      "model": model.json,
    ]
    try AtomicFile.write(file, to: url)
  }
}

extension TokenizerModel {
  /// As `tokenizer.json` has it.
  var json: JSON {
    let tokens = (0..<Int32(vocabulary.idLimit)).compactMap { id in vocabulary[id].map { (token: $0, id: id) } }
    let members: JSON = .object(tokens.map { JSON.Member($0.token, .integer(Int($0.id))) })
    switch self {
    case .wordPiece(let model):
      return [
        "type": "WordPiece", "unk_token": .string(model.unknown),
        "continuing_subword_prefix": .string(model.continuationPrefix),
        "max_input_chars_per_word": .integer(model.maximumWordLength), "vocab": members,
      ]
    case .wordLevel(let model): return ["type": "WordLevel", "vocab": members, "unk_token": .string(model.unknown)]
    case .bpe(let model):
      let merges = model.merges.pairs.map { pair in
        JSON.array([.string(vocabulary[pair.left] ?? ""), .string(vocabulary[pair.right] ?? "")])
      }
      let options = model.options
      return [
        "type": "BPE", "dropout": options.dropout.map { .number($0) } ?? .null,
        "unk_token": options.unknown.map { .string($0) } ?? .null,
        "continuing_subword_prefix": options.continuationPrefix.map { .string($0) } ?? .null,
        "end_of_word_suffix": options.endOfWordSuffix.map { .string($0) } ?? .null,
        "fuse_unk": .bool(options.fusesUnknown), "byte_fallback": .bool(options.fallsBackToBytes),
        "ignore_merges": .bool(options.ignoresMerges), "vocab": members, "merges": .array(merges),
      ]
    case .unigram(let model):
      let pieces = tokens.map { JSON.array([.string($0.token), .number(model.scores[Int($0.id)])]) }
      return [
        "type": "Unigram", "unk_id": model.unknownID < 0 ? .null : .integer(Int(model.unknownID)),
        "vocab": .array(pieces),
        "byte_fallback": .bool(model.fallsBackToBytes),
      ]
    }
  }
}
