import Checkpoints
import Datasets
import Encoders
import Foundation
import Inputs
import Tensors
import Training

/// Reads a model's input in batches from a file or standard input: texts or paths, one a line, or JSON lines {"text": …}.
///
/// The input is of JSON lines if its first line begins with a brace, or its name ends with .jsonl. So a text may begin with a brace, but
/// the first one. Blank lines among JSON lines are skipped; else an empty line is an empty text.
struct InputLines {
  let source: String
  /// A batch ends at so many lines, or at so many bytes of them.
  private static let (batchLines, batchBytes) = (512, 1 << 22)
  /// So that an endless line doesn't fill the memory.
  private static let longestLine = 1 << 30

  /// Calls `body` with up to `size` texts at a time. Bytes that are no UTF-8, and no object with a text among JSON lines, are an error
  /// with their line.
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

  /// Calls `body` with up to `size` texts at a time, and where they end, from a place in the file on, as long as it says true.
  func forEachBatch(
    of size: Int = batchLines, after start: InputPosition, _ body: ([String], InputPosition) throws -> Bool
  ) throws {
    let handle = try open()
    var (rest, lines, position) = ([UInt8](), [String](), start)
    var isJSON = source.hasSuffix(".jsonl")
    if start.bytes > 0 {
      let head = try handle.read(upToCount: InputLines.mark.count + 1) ?? Data()
      isJSON = isJSON || InputLines.withoutMark(Array(head)[...]).first == UInt8(ascii: "{")
      try handle.seek(toOffset: UInt64(start.bytes))
    }
    var (batchStart, goesOn) = (start.bytes, true)
    func giveBatch() throws {
      goesOn = try body(lines, position)
      lines.removeAll(keepingCapacity: true)
      batchStart = position.bytes
    }
    /// Takes a line with its end.
    func take(_ bytes: ArraySlice<UInt8>) throws {
      var line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes
      if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
      if position.allLines == 0 {
        line = InputLines.withoutMark(line)
        isJSON = isJSON || line.first == UInt8(ascii: "{")
      }
      let isSkipped = isJSON && line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
      position.take(bytes, counts: !isSkipped)
      if isSkipped { return }
      guard let text = String(validating: line, as: UTF8.self) else {
        throw InputError(description: "\(name):\(position.allLines): expected UTF-8 text, found other bytes")
      }
      lines.append(isJSON ? try self.text(of: text, number: position.allLines) : text)
      if lines.count == size || position.bytes - batchStart >= InputLines.batchBytes { try giveBatch() }
    }
    while goesOn {
      let chunk = try read(handle)
      if chunk.isEmpty { break }
      var start = 0
      // What was left of the chunk before has no line end.
      var search = rest.count
      rest.append(contentsOf: chunk)
      while goesOn, let end = rest[search...].firstIndex(of: UInt8(ascii: "\n")) {
        try take(rest[start...end])
        (start, search) = (end + 1, end + 1)
      }
      rest.removeFirst(start)
      guard rest.count <= InputLines.longestLine else {
        throw InputError(
          description: "\(name):\(position.allLines + 1): expected a line of at most \(InputLines.longestLine) bytes")
      }
      // Who writes line by line, or types, gets answers line by line.
      if goesOn, !lines.isEmpty, isWaiting(handle) { try giveBatch() }
    }
    if goesOn, !rest.isEmpty { try take(rest[...]) }
    if goesOn, !lines.isEmpty { _ = try body(lines, position) }
  }

  /// What begins files that some programs write, and is no part of the text.
  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private static func withoutMark(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    line.starts(with: mark) ? line.dropFirst(mark.count) : line
  }

  /// As errors call it.
  var name: String { source == "-" ? "standard input" : path(source).path }

  /// What there is to read, and no more; nothing at the end.
  private func read(_ handle: FileHandle) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: 1 << 16) { bytes, count in
      repeat {
        let result = Glibc.read(handle.fileDescriptor, bytes.baseAddress, bytes.count)
        if result >= 0 { return count = result }
      } while errno == EINTR
      throw InputError(description: "\(name): cannot read: \(String(cString: strerror(errno)))")
    }
  }

  /// Whether standard input has nothing to read yet.
  private func isWaiting(_ handle: FileHandle) -> Bool {
    var question = pollfd(fd: handle.fileDescriptor, events: Int16(POLLIN), revents: 0)
    return source == "-" && poll(&question, 1, 0) == 0
  }

  /// The text of a JSON line; a number or a boolean is one as in the data that models are trained on.
  private func text(of line: String, number: Int) throws -> String {
    var line = line
    var found = FileError.quoted(line.prefix(60))
    do {
      let object = try line.withUTF8 { try JSON(parsing: UnsafeRawBufferPointer($0)) }
      if let value = object["text"] {
        if let text = JSONLines.text(value) { return text }
        found = "one that is \(value.kind)"
      }
    } catch let error as JSON.SyntaxError {
      found += ", which isn't JSON: at byte \(error.offset), \(error.problem)"
    }
    throw InputError(
      description: "\(name):\(number): expected an object with a \"text\", as in all JSON lines, found \(found)")
  }

  /// Opens what is read.
  func open() throws -> FileHandle {
    let (isStandardInput, url) = (source == "-", path(source))
    guard isStandardInput || !isMissing(url) else {
      throw FileError(.missing, url, "no such file; expected input lines")
    }
    if !isStandardInput, isFolder(url) {
      throw FileError(.unreadable, url, "expected a file of input lines, found a folder")
    }
    if isStandardInput { return FileHandle.standardInput }
    do {
      return try FileHandle(forReadingFrom: url)
    } catch {
      throw FileError(.unreadable, url, "cannot open: \(FileError.reason(error))")
    }
  }
}

/// Throws if what a verb writes would take the place of what it reads, by whatever names.
func requireOther(_ output: String, than input: String) throws {
  var (read, written) = (stat(), stat())
  guard output != "-", stat(path(output).path, &written) == 0, written.st_mode & S_IFMT == S_IFREG,
    (input == "-" ? fstat(STDIN_FILENO, &read) : stat(path(input).path, &read)) == 0,
    read.st_dev == written.st_dev, read.st_ino == written.st_ino
  else { return }
  throw InputError(description: "\(path(output).path): --output: expected another file than the input, found the same")
}

/// A problem with an input line.
struct InputError: Error, CustomStringConvertible {
  let description: String
}

/// Opens a model folder, and says what it doesn't tell and was assumed.
func openModel(_ folder: URL) throws -> Model {
  let model = try Model.open(folder)
  for line in model.sentenceEncoder?.notes ?? [] { note("\(folder.path): \(line)") }
  return model
}

/// Checks what a model computed: damaged weights give numbers that aren't finite, which neither JSON nor a ranking has a place for.
func requireFinite(_ numbers: some Sequence<Float>, from folder: URL) throws {
  guard numbers.allSatisfy({ $0.isFinite }) else {
    throw InputError(
      description: "\(folder.path): the model gives numbers that aren't finite: are its weights damaged?")
  }
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
    guard let shape = imageShape else { return try input(texts: lines, prompt: prompt) }
    try requireNoPrompt(prompt)
    let images = try lines.enumerated().map { index, line in
      guard !line.isEmpty else {
        throw InputError(description: "input line \(count + index + 1): expected the path of an image, found nothing")
      }
      return try ImageFile.read(path(line), height: shape.height, width: shape.width, channels: shape.channels)
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

  /// Writes whole lines with their ends.
  func write(_ lines: [UInt8]) throws {
    guard let writer else { return try lines.withUnsafeBufferPointer { try printBytes($0) } }
    try lines.withUnsafeBytes { try writer.write($0) }
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
