import Checkpoints
import Encoders
import Foundation
import Inputs
import Tensors
import Training

/// Reads a model's input in batches from a file or standard input.
struct InputLines {
  let source: String

  /// Calls `body` with up to `size` lines at a time. Bytes that are no UTF-8 are an error with their line.
  func forEachBatch(of size: Int = 512, _ body: ([String]) throws -> Void) throws {
    let isStandardInput = source == "-"
    let url = path(source)
    guard isStandardInput || FileManager.default.fileExists(atPath: url.path) else {
      throw FileError(.missing, url, "no such file; expected input lines")
    }
    if !isStandardInput, isDirectory(url) {
      throw FileError(.unreadable, url, "expected a file of input lines, found a folder")
    }
    let handle = isStandardInput ? FileHandle.standardInput : try FileHandle(forReadingFrom: url)
    let name = isStandardInput ? "standard input" : url.path
    var (rest, lines, number) = ([UInt8](), [String](), 0)
    func take(_ bytes: ArraySlice<UInt8>) throws {
      number += 1
      let line = bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
      guard let text = String(validating: line, as: UTF8.self) else {
        throw InputError(description: "\(name):\(number): expected UTF-8 text, found other bytes")
      }
      lines.append(text)
      if lines.count == size {
        try body(lines)
        lines.removeAll(keepingCapacity: true)
      }
    }
    while let chunk = try handle.read(upToCount: 1 << 16), !chunk.isEmpty {
      var start = 0
      // What was left of the chunk before has no line end.
      var search = rest.count
      rest.append(contentsOf: chunk)
      while let end = rest[search...].firstIndex(of: UInt8(ascii: "\n")) {
        try take(rest[start..<end])
        (start, search) = (end + 1, end + 1)
      }
      rest.removeFirst(start)
    }
    if !rest.isEmpty { try take(rest[...]) }
    if !lines.isEmpty { try body(lines) }
  }

  private func isDirectory(_ url: URL) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) && isDirectory.boolValue
  }
}

/// A line of input as a text: itself, or the "text" of a JSON object.
func text(of line: String, number: Int) throws -> String {
  guard line.utf8.first == UInt8(ascii: "{") else { return line }
  struct Line: Decodable { let text: String }
  guard let parsed = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)) else {
    throw InputError(
      description: "input line \(number): expected a JSON object with a \"text\", found \(line.prefix(60))")
  }
  return parsed.text
}

/// A problem with an input line.
struct InputError: Error, CustomStringConvertible {
  let description: String
}

extension Model {
  /// Lines of input as the encoder takes them: texts, or paths of images.
  func input(lines: [String], after count: Int, prompt: String? = nil) throws -> EncoderInput {
    guard let shape = imageShape else {
      return try input(
        texts: try lines.enumerated().map { try text(of: $0.element, number: count + $0.offset + 1) }, prompt: prompt)
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

  init(_ target: String) throws { writer = target == "-" ? nil : try AtomicWriter(path(target)) }

  func write(_ line: String) throws {
    guard let writer else { return try printLine(line) }
    try writer.write(line + "\n")
  }

  func finish() throws { try writer?.commit() }
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
