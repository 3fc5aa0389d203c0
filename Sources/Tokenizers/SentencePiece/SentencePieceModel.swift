import Checkpoints
import Foundation

/// A SentencePiece `.model` file: pieces with scores, and how text is cleaned (google/sentencepiece,
/// `sentencepiece_model.proto`). `Tokenizer(sentencePiece:)` makes a tokenizer of it.
public struct SentencePieceModel: Sendable {
  /// What a piece is.
  public enum Kind: Int, Sendable {
    /// Found in text.
    case normal = 1
    /// Stands for what can't be spelt.
    case unknown = 2
    /// Never found in text: `</s>`.
    case control = 3
    /// Found in text before anything else.
    case userDefined = 4
    /// No token of a text; BPE may make longer pieces of it.
    case unused = 5
    /// `<0x00>` … `<0xFF>`.
    case byte = 6
  }

  /// A piece of the vocabulary; its number is its id.
  public struct Piece: Sendable {
    /// Its text, spaces as `▁`.
    public var text = ""
    /// Its log probability, or minus its rank.
    public var score: Float = 0
    /// What it is.
    public var kind = Kind.normal
  }

  /// How text is cut.
  public enum Algorithm: Int, Sendable {
    /// Into the most probable pieces. Source: Kudo 2018.
    case unigram = 1
    /// By merging neighbours, the best pair first. Source: Sennrich et al. 2016.
    case bpe = 2
  }

  /// The pieces in the order of their ids.
  public private(set) var pieces: [Piece] = []
  /// How text is cut.
  public private(set) var algorithm = Algorithm.unigram
  /// Whether what can't be spelt becomes bytes.
  public private(set) var fallsBackToBytes = false
  /// The id of the unknown piece.
  public private(set) var unknownID = 0
  /// The table of replacements, if text is normalized.
  public private(set) var characterMap: CharacterMap?
  /// Whether a space is put before text.
  public private(set) var addsDummyPrefix = true
  /// Whether spaces at the ends and repeated ones are dropped.
  public private(set) var removesExtraSpaces = true
  /// Whether spaces are written as `▁`.
  public private(set) var escapesSpaces = true

  /// Reads a `.model` file.
  ///
  /// - Throws: `FileError` for a file that is cut or damaged, and for kinds of models and settings that aren't known.
  public init(contentsOf url: URL) throws {
    self = try MappedFile(url).withBytes { bytes in
      do {
        return try SentencePieceModel(bytes, url)
      } catch let failure as ProtobufReader.Failure {
        throw FileError(
          .malformed, url, "not a SentencePiece model: at byte \(failure.offset), \(failure.problem)")
      }
    }
  }

  private init(_ bytes: UnsafeRawBufferPointer, _ url: URL) throws {
    var (trainer, normalizer): (Range<Int>?, Range<Int>?)
    var known = WordTable()
    var reader = ProtobufReader(bytes, 0..<bytes.count)
    try reader.forEachField { number, value in
      switch (number, value) {
      case (1, .bytes(let range)):
        let piece = try SentencePieceModel.piece(bytes, range, number: pieces.count, url)
        guard known.insert(piece.text).isNew else {
          throw FileError(.malformed, url, item: piece.text, "the piece appears twice")
        }
        pieces.append(piece)
      case (2, .bytes(let range)): trainer = range
      case (3, .bytes(let range)): normalizer = range
      default: break
      }
    }
    guard !pieces.isEmpty, let trainer, let normalizer else {
      let missing = pieces.isEmpty ? "pieces" : trainer == nil ? "trainer_spec" : "normalizer_spec"
      throw FileError(.malformed, url, "not a SentencePiece model, or cut: it has no \(missing)")
    }
    try readTrainer(bytes, trainer, url)
    try readNormalizer(bytes, normalizer, url)
    let unknown = pieces.indices.filter { pieces[$0].kind == .unknown }
    guard unknown.count == 1 else {
      throw FileError(.malformed, url, "expected one unknown piece, found \(unknown.count)")
    }
    unknownID = unknown[0]
    let byteCount = pieces.count { $0.kind == .byte }
    guard !fallsBackToBytes || byteCount == 256 else {
      throw FileError(.malformed, url, "byte_fallback: expected 256 byte pieces, found \(byteCount)")
    }
  }

  private static func piece(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, number: Int, _ url: URL) throws
    -> Piece
  {
    var piece = Piece()
    func failure(_ problem: String) -> FileError { FileError(.malformed, url, item: "pieces[\(number)]", problem) }
    var reader = ProtobufReader(bytes, range)
    try reader.forEachField { field, value in
      switch (field, value) {
      case (1, .bytes(let range)):
        guard let text = String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self) else {
          throw failure("the text is not valid UTF-8")
        }
        piece.text = text
      case (2, .float(let score)):
        guard score.isFinite else { throw failure("expected a finite score, found \(score)") }
        piece.score = score
      case (3, .integer(let kind)):
        guard let known = Int(exactly: kind).flatMap(Kind.init) else { throw failure("unknown type \(kind)") }
        piece.kind = known
      default: break
      }
    }
    guard !piece.text.isEmpty else { throw failure("expected a text, found none") }
    return piece
  }

  private mutating func readTrainer(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ url: URL) throws {
    var reader = ProtobufReader(bytes, range)
    try reader.forEachField { field, value in
      switch (field, value) {
      case (3, .integer(let type)):
        guard let known = Int(exactly: type).flatMap(Algorithm.init) else {
          let name = type == 3 ? "words" : type == 4 ? "characters" : "type \(type)"
          throw FileError(.mismatched, url, item: "trainer_spec.model_type", "expected unigram or bpe, found \(name)")
        }
        algorithm = known
      case (24, .integer(1...)):
        throw FileError(
          .mismatched, url, item: "trainer_spec.treat_whitespace_as_suffix", "expected false, found true")
      case (35, .integer(let flag)): fallsBackToBytes = flag != 0
      case (53, .bytes(let range)) where !range.isEmpty:
        throw FileError(.mismatched, url, item: "trainer_spec.pretokenization_delimiter", "expected none, found one")
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ url: URL) throws {
    var reader = ProtobufReader(bytes, range)
    try reader.forEachField { field, value in
      switch (field, value) {
      case (2, .bytes(let range)) where !range.isEmpty:
        guard let map = CharacterMap(bytes: Array(bytes[range])) else {
          throw FileError(
            .malformed, url, item: "normalizer_spec.precompiled_charsmap", "expected a compiled character map")
        }
        characterMap = map
      case (3, .integer(let flag)): addsDummyPrefix = flag != 0
      case (4, .integer(let flag)): removesExtraSpaces = flag != 0
      case (5, .integer(let flag)): escapesSpaces = flag != 0
      default: break
      }
    }
  }
}
