import CKernels
import Checkpoints
import Crypto
import Encoders
import Foundation
import Tensors

/// What `embed --resume` goes on from: the rows done so far in `X.partial`, and in `X.partial.json` how many they are and what
/// they are of.
///
/// The rows are put on the disk before the JSON that counts them takes its name, so that whenever the process dies, or the power
/// goes, the JSON counts no row that isn't there; those that it doesn't count are cut off and computed again.
final class EmbedCheckpoint {
  /// Where the rows grow.
  let writer: AtomicWriter
  /// Where the input goes on, as many rows done as lines before it.
  private(set) var position: InputPosition
  private let settings: [String: String]
  private let file: URL
  private var bytes: Int
  /// When it was last; not yet at all, so that what can't be saved is known soon.
  private var saved: ContinuousClock.Instant?
  /// What is lost at most.
  private static let interval = Duration.seconds(5)

  private struct State: Codable {
    /// What the rows' bits depend on.
    let settings: [String: String]
    /// Rows done, and lines read.
    let rows: Int
    /// Bytes of `X.partial` that have them.
    let bytes: Int
    /// Bytes of the input that they are of, and their SHA-256.
    let inputBytes: Int
    let inputDigest: String?

    /// Whether the rows have these bytes of a file, which are there. A row is of a line of the input, which has a byte or more.
    func isOf(_ file: URL, _ byteCount: ((Int) -> Int)?) throws -> Bool {
      guard bytes > 0 else { return bytes == 0 && rows == 0 }
      guard 0...inputBytes ~= rows else { return false }
      if let byteCount { return bytes == byteCount(rows) }
      let newline = UInt8(ascii: "\n")
      return try MappedFile(file).withBytes { written in
        written[bytes - 1] == newline && written[..<bytes].count { $0 == newline } == rows
      }
    }
  }

  /// Goes on where an earlier run with the same settings was cut off, or starts anew where there was none.
  ///
  /// - Parameter byteCount: How many bytes so many rows take; nil: each is a line.
  /// - Throws: `FileError` that says what differs.
  init(output: URL, input: InputLines, settings: [String: String], byteCount: ((Int) -> Int)?) throws {
    _ = try input.open()
    let source = path(input.source)
    guard input.byteCount != nil else {
      throw FileError(.unreadable, source, "--resume: expected a file of input lines, found a pipe or a device")
    }
    writer = try AtomicWriter(resuming: output)
    let partial = AtomicWriter.partial(of: writer.url)
    file = URL(fileURLWithPath: partial.path + ".json")
    self.settings = settings
    // A count without rows is what a run left that ended just after its file had its name.
    guard FileManager.default.fileExists(atPath: file.path), writer.count > 0 else {
      (position, bytes) = (InputPosition(notesBytes: true), 0)
      unlink(file.path)
      try writer.goOn(after: 0)
      return
    }
    let state: State
    do {
      state = try JSONDecoder().decode(State.self, from: Data(contentsOf: file))
    } catch {
      throw FileError(
        .malformed, file,
        "it doesn't say what was done; without it and \(partial.lastPathComponent) the run begins anew")
    }
    let remedy = "; delete \(partial.lastPathComponent) to begin anew"
    for (name, wanted) in settings.sorted(by: { $0.key < $1.key }) where state.settings[name] != wanted {
      throw FileError(.mismatched, file, "expected \(name) \(wanted), found \(state.settings[name] ?? "none")" + remedy)
    }
    guard
      let place = try InputPosition(
        after: state.rows, bytes: state.inputBytes, digest: state.inputDigest, in: source)
    else {
      throw FileError(
        .mismatched, source,
        "its first \(state.inputBytes) bytes changed since \(state.rows) rows were made of them" + remedy)
    }
    guard try state.bytes > writer.count || state.isOf(partial, byteCount) else {
      throw FileError(.malformed, file, "expected the bytes of \(state.rows) rows, found \(state.bytes)" + remedy)
    }
    (position, bytes) = (place, state.bytes)
    try writer.goOn(after: state.bytes)
  }

  /// What the bits of a row depend on besides its line.
  static func settings(model: URL, _ options: [String: String]) throws -> [String: String] {
    let digests = try ReferenceVectors.digests(model).sorted { $0.key < $1.key }
    var hash = SHA256()
    for (name, digest) in digests { hash.update(data: Data("\(name) \(digest)\n".utf8)) }
    let settings = [
      "the model's SHA-256": hash.finalize().prefix(16).hexadecimal,
      "the program's version": EncodersCommand.configuration.version,
      "the instruction set": String(cString: enc_isa()),
      "--compute": Precision.default.rawValue,
    ]
    return settings.merging(options) { $1 }
  }

  /// Counts the rows written up to a place in the input, and every few seconds puts them on the disk.
  func wrote(upTo position: InputPosition) throws {
    (self.position, bytes) = (position, writer.count)
    if saved.map({ $0.duration(to: .now) >= EmbedCheckpoint.interval }) ?? true { try save() }
  }

  /// Puts the rows that are counted on the disk, and then their count.
  func save() throws {
    try writer.sync()
    let state = State(
      settings: settings, rows: position.lines, bytes: bytes, inputBytes: position.bytes, inputDigest: position.digest)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(encoder.encode(state), to: file)
    saved = .now
  }

  /// Removes the count, once the rows have their own name.
  func remove() {
    unlink(AtomicWriter.partial(of: writer.url).path)
    unlink(file.path)
  }
}
