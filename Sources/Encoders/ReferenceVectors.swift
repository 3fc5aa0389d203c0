import Checkpoints
import Crypto
import Foundation
import Tensors

/// Some texts and the vectors (a cross-encoder's logits) that a model gave for them when `encoders verify --create` asked for it, kept in
/// its folder as `reference.json`: whether they still come out tells whether the folder, the program and the machine still agree.
public struct ReferenceVectors: Sendable, Codable {
  /// A text with its tokens and its vector.
  public struct Sample: Sendable, Codable {
    /// The text.
    public let text: String
    /// Its token ids.
    public let ids: [Int32]
    /// Its embedding, or its logits.
    public let embedding: [Float]
  }
  /// What gives a text its tokens and numbers.
  public typealias Source = (String) throws -> (ids: [Int32], numbers: [Float])

  /// The SHA-256 of the files that the vectors depend on, by their path in the folder.
  public let files: [String: String]
  /// The texts.
  public let samples: [Sample]

  /// The file's name.
  public static let fileName = "reference.json"
  /// How far a number may be from the kept one: instruction sets sum in different orders.
  public static let tolerance: Float = 2e-5
  private static let texts = [
    "A splendid film, moving and funny.", "The plot is thin; the acting, worse.", "How many legs has a spider?",
    "naïve café – “quoted” 100 %", "北京的春天很美。", "😀👍🏽", "def f(x): return x ** 2  # code", "a",
    String(repeating: "long ", count: 300),
  ]
}

extension ReferenceVectors {
  /// The vectors of a model of texts that was opened from `folder`, or written to it.
  ///
  /// - Throws: `FileError` if a file can't be read, or a number isn't finite; `TokenError` from the tokenizer.
  public init(folder: URL, of source: Source) throws {
    let samples = try ReferenceVectors.texts.map { text in
      let found = try source(text)
      guard found.numbers.allSatisfy(\.isFinite) else {
        throw FileError(.malformed, folder, "the model gives numbers that aren't finite: its weights are damaged")
      }
      return Sample(text: text, ids: found.ids, embedding: found.numbers)
    }
    self.init(files: try ReferenceVectors.digests(folder), samples: samples)
  }

  /// Reads a folder's.
  ///
  /// - Throws: `FileError` if it has none, it's damaged or there are no texts in it.
  public init(contentsOf folder: URL) throws {
    let url = folder.appendingPathComponent(ReferenceVectors.fileName)
    _ = try JSON(contentsOf: url)
    let data = try MappedFile(url).withBytes { Data($0) }
    do {
      self = try JSONDecoder().decode(ReferenceVectors.self, from: data)
    } catch let error as DecodingError {
      throw FileError(
        .malformed, url, item: error.key, "expected reference vectors, as `encoders verify --create` writes them")
    }
    guard !samples.isEmpty else { throw FileError(.malformed, url, "expected reference vectors, found none") }
  }

  /// Writes it into a folder.
  public func write(to folder: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(try encoder.encode(self), to: folder.appendingPathComponent(ReferenceVectors.fileName))
  }

  /// What became of it.
  public struct Comparison: Sendable, Codable {
    /// Files that have other bytes, are gone or are new.
    public let changedFiles: [String]
    /// How many texts have other tokens, of those up to the first whose vector has another width.
    public let changedTokens: Int
    /// The greatest difference of two numbers of the vectors; nil if their widths differ.
    public let maximumDifference: Float?
    /// Whether the vectors come out.
    public let isSame: Bool
    /// How many texts were compared.
    public let count: Int
  }

  /// Compares with what the model gives now.
  ///
  /// - Throws: `FileError` if a file can't be read; `TokenError` from the tokenizer.
  public func compare(folder: URL, with source: Source) throws -> Comparison {
    let now = try ReferenceVectors.digests(folder)
    let changed = Set(files.keys).union(now.keys).filter { files[$0] != now[$0] }.sorted()
    var (tokens, difference) = (0, Float(0) as Float?)
    for sample in samples {
      let found = try source(sample.text)
      if found.ids != sample.ids { tokens += 1 }
      guard found.numbers.count == sample.embedding.count else {
        difference = nil
        break
      }
      // A number that isn't one is further away than any.
      let differences = zip(found.numbers, sample.embedding).map { $0 == $1 ? 0 : abs($0 - $1) }
      difference = difference.map { max($0, differences.contains(where: \.isNaN) ? .infinity : differences.max() ?? 0) }
    }
    let isSame = tokens == 0 && (difference ?? .infinity) <= ReferenceVectors.tolerance
    return Comparison(
      changedFiles: changed, changedTokens: tokens, maximumDifference: difference, isSame: isSame,
      count: samples.count)
  }

  /// The SHA-256 of each file of a model folder that its vectors may depend on, in hexadecimal, by name: links are followed, hidden files
  /// left out, and those of the model that an adapter changes stand under `base/`.
  ///
  /// - Throws: `FileError` if a file or folder can't be read, and for a folder so deep that links must lead round and round.
  public static func digests(_ folder: URL) throws -> [String: String] {
    var digests: [String: String] = [:]
    func walk(_ place: URL, _ prefix: String, _ depth: Int) throws {
      guard depth < 16 else { throw FileError(.unreadable, place, "expected folders at most 16 deep") }
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: place.path) else {
        throw FileError(.unreadable, place, code: errno, doing: "read the folder")
      }
      for name in names where !name.hasPrefix(".") && !["checkpoint", fileName, "training.json"].contains(name) {
        let url = place.appendingPathComponent(name)
        if isFolder(url) {
          // A link may lead back up.
          if !isWithin(place, url) { try walk(url, prefix + name + "/", depth + 1) }
        } else if [".json", ".safetensors", ".txt", ".model", "artifact.metadata"].contains(where: name.hasSuffix) {
          digests[prefix + name] = try MappedFile(url).withBytes { SHA256.hash(data: $0).hexadecimal }
        }
      }
    }
    try walk(folder, "", 0)
    // The adapter beside a model that it's merged into is no part of that.
    let modules = try ModuleEntry.read(folder) ?? []
    for path in Set([""] + modules.map(\.path)) {
      let module = path.isEmpty ? folder : folder.appendingPathComponent(path)
      if AdapterFolder.isOne(module) {
        try walk(AdapterFolder(module).base(), path.isEmpty ? "base/" : path + "/base/", 0)
      }
    }
    return digests
  }
}

extension Model {
  /// A text's tokens and embedding.
  public func reference(_ text: String) throws -> (ids: [Int32], numbers: [Float]) {
    let input = try input(texts: [text])
    let ids: [Int32] =
      switch input {
      case .text(let ids): Array(ids.rows.values)
      case .sentences(let batch): Array(batch.ids.rows.values)
      case .images: []
      }
    return (ids, embed(input).scalars)
  }
}

extension CrossEncoder {
  /// A text's tokens and logits.
  public func reference(_ text: String) throws -> (ids: [Int32], numbers: [Float]) {
    (tokenizer.encode(prompt + text), try logits([(text, nil)]).scalars)
  }
}

extension DecodingError {
  /// The keys that lead to what isn't as expected, or nil for the whole.
  fileprivate var key: String? {
    let path: [any CodingKey] =
      switch self {
      case .keyNotFound(let key, let context): context.codingPath + [key]
      case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
        context.codingPath
      @unknown default: []
      }
    return path.isEmpty
      ? nil
      : path.map { $0.intValue.map { "[\($0)]" } ?? "." + $0.stringValue }.joined().trimmingPrefix(".").description
  }
}
