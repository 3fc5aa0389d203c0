import Checkpoints
import Encoders
import Foundation
import Inputs
import Tensors
import Training

/// Reads a model's input in batches from a file or standard input.
struct InputLines {
  let source: String
  /// A batch ends at so many lines, or at so many bytes of them.
  private static let (batchLines, batchBytes) = (512, 1 << 22)

  /// Calls `body` with up to `size` lines at a time. Bytes that are no UTF-8 are an error with their line.
  func forEachBatch(of size: Int = batchLines, _ body: ([String]) throws -> Void) throws {
    try forEachBatch(of: size, after: InputPosition()) { lines, _ in
      try body(lines)
      return true
    }
  }

  /// The size of the file in bytes; nil if what is read isn't a file.
  var byteCount: Int? {
    var status = stat()
    guard source != "-", stat(path(source).path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  /// Calls `body` with up to `size` lines at a time, and where they end, from a place in the file on, as long as it says true.
  func forEachBatch(
    of size: Int = batchLines, after start: InputPosition, _ body: ([String], InputPosition) throws -> Bool
  ) throws {
    let handle = try open()
    let name = source == "-" ? "standard input" : path(source).path
    var (rest, lines, position) = ([UInt8](), [String](), start)
    if start.bytes > 0 { try handle.seek(toOffset: UInt64(start.bytes)) }
    var (batchStart, goesOn) = (start.bytes, true)
    /// Takes a line with its end.
    func take(_ bytes: ArraySlice<UInt8>) throws {
      position.take(bytes)
      var line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes
      if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
      guard let text = String(validating: line, as: UTF8.self) else {
        throw InputError(description: "\(name):\(position.lines): expected UTF-8 text, found other bytes")
      }
      lines.append(text)
      if lines.count == size || position.bytes - batchStart >= InputLines.batchBytes {
        goesOn = try body(lines, position)
        lines.removeAll(keepingCapacity: true)
        batchStart = position.bytes
      }
    }
    while goesOn, let chunk = try handle.read(upToCount: 1 << 16), !chunk.isEmpty {
      var start = 0
      // What was left of the chunk before has no line end.
      var search = rest.count
      rest.append(contentsOf: chunk)
      while goesOn, let end = rest[search...].firstIndex(of: UInt8(ascii: "\n")) {
        try take(rest[start...end])
        (start, search) = (end + 1, end + 1)
      }
      rest.removeFirst(start)
    }
    if goesOn, !rest.isEmpty { try take(rest[...]) }
    if goesOn, !lines.isEmpty { _ = try body(lines, position) }
  }

  /// Opens what is read.
  func open() throws -> FileHandle {
    let (isStandardInput, url) = (source == "-", path(source))
    guard isStandardInput || FileManager.default.fileExists(atPath: url.path) else {
      throw FileError(.missing, url, "no such file; expected input lines")
    }
    if !isStandardInput, isDirectory(url) {
      throw FileError(.unreadable, url, "expected a file of input lines, found a folder")
    }
    return isStandardInput ? FileHandle.standardInput : try FileHandle(forReadingFrom: url)
  }

  private func isDirectory(_ url: URL) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) && isDirectory.boolValue
  }
}

/// A line of input as a text: itself, or the "text" of a JSON object.
private func text(of line: String, number: Int) throws -> String {
  guard line.utf8.first == UInt8(ascii: "{") else { return line }
  struct Line: Decodable { let text: String }
  guard let parsed = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)) else {
    throw InputError(
      description: "input line \(number): expected a JSON object with a \"text\", found \(line.prefix(60))")
  }
  return parsed.text
}

/// Lines of input, which come after so many others, as texts.
func texts(of lines: [String], after count: Int) throws -> [String] {
  try lines.enumerated().map { try text(of: $0.element, number: count + $0.offset + 1) }
}

/// A problem with an input line.
struct InputError: Error, CustomStringConvertible {
  let description: String
}

extension Model {
  /// Checks that a model opened from `folder` takes texts.
  func requireTexts(_ folder: URL) throws {
    guard readsText else {
      throw InputError(description: "\(folder.path): expected a model of texts, found one of images")
    }
  }

  /// Lines of input as the encoder takes them: texts, or paths of images.
  func input(lines: [String], after count: Int, prompt: String? = nil) throws -> EncoderInput {
    guard let shape = imageShape else {
      return try input(texts: try texts(of: lines, after: count), prompt: prompt)
    }
    let images = try lines.map {
      try ImageFile.read(path($0), height: shape.height, width: shape.width, channels: shape.channels)
    }
    let pixels = ImagePixels(Array(images.joined()), height: shape.height, width: shape.width, channels: shape.channels)
    let scaling = PixelScaling(mean: shape.mean, deviation: shape.deviation)
    return .images(pixels.batch(Array(0..<images.count), scaling))
  }
}

/// Writes lines or rows to a file (under a temporary name until all is done) or to standard output.
final class OutputLines {
  private let writer: AtomicWriter?

  convenience init(_ target: String) throws { self.init(target == "-" ? nil : try AtomicWriter(path(target))) }

  /// Writes to a file, or to standard output.
  init(_ writer: AtomicWriter?) { self.writer = writer }

  func write(_ line: String) throws {
    guard let writer else { return try printLine(line) }
    try writer.write(line + "\n")
  }

  func finish() throws { try writer?.commit() }

  /// Removes what was written, unless it is finished.
  func discard() { writer?.discard() }
}

/// A number as JSON has it, shortest that reads back the same.
func jsonNumbers(_ values: some Sequence<Float>) -> String {
  "[" + values.map { $0.isFinite ? "\($0)" : "null" }.joined(separator: ",") + "]"
}

func jsonText(_ text: String) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = .withoutEscapingSlashes
  return String(decoding: try encoder.encode(text), as: UTF8.self)
}
