import Checkpoints
import Foundation

/// The official binary version of CIFAR-10 (Krizhevsky 2009): records of a label byte and 3,072 bytes of 32 × 32 pixels, plane by plane.
public enum CIFAR10 {
  private static let side = 32
  private static let record = 1 + 3 * side * side

  /// The images of `data_batch_*.bin` (train) or `test_batch.bin` (test) in a folder; names from `batches.meta.txt` if it's there.
  ///
  /// - Throws: `FileError`: another part, no batch or one between others missing, a size that is no whole number of records, a label that has no class,
  ///   two classes of one name.
  public static func read(directory: URL, split: String) throws -> ImageExamples {
    let isTraining = try isTrainingPart(split, of: directory)
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    let batches = names.filter { $0.hasSuffix(".bin") && $0.hasPrefix(isTraining ? "data_batch" : "test_batch") }
    guard !batches.isEmpty else {
      throw FileError(
        .missing, directory, "expected \(isTraining ? "data_batch_*.bin" : "test_batch.bin"), found no such file")
    }
    let numbers = batches.compactMap { Int($0.dropFirst("data_batch_".count).dropLast(".bin".count)) }
    if let last = numbers.max(), let gap = (1...max(1, last)).first(where: { !numbers.contains($0) }) {
      throw FileError(
        .missing, directory.appendingPathComponent("data_batch_\(gap).bin"),
        "no such file, though there is data_batch_\(last).bin")
    }
    let classes = try classNames(directory)
    var examples = ImageExamples(
      pixels: [], count: 0, height: side, width: side, channels: 3, labels: [], classes: classes)
    for name in batches { try read(directory.appendingPathComponent(name), into: &examples) }
    guard examples.count > 0 else { throw FileError(.malformed, directory, "expected at least one image, found none") }
    return examples
  }

  private static func read(_ url: URL, into examples: inout ImageExamples) throws {
    try MappedFile(url).withBytes { bytes in
      guard bytes.count % record == 0 else {
        throw FileError(.malformed, url, "expected whole records of \(record) bytes, found \(bytes.count) bytes")
      }
      let plane = side * side
      for start in stride(from: 0, to: bytes.count, by: record) {
        let label = Int(bytes[start])
        guard label < examples.classes.count else {
          throw FileError(
            .malformed, url,
            "record \(start / record + 1): expected a label below \(examples.classes.count), found \(label)")
        }
        examples.labels.append(label)
        examples.count += 1
        for pixel in 0..<plane {
          for channel in 0..<3 { examples.pixels.append(bytes[start + 1 + channel * plane + pixel]) }
        }
      }
    }
  }

  private static func classNames(_ directory: URL) throws -> [String] {
    let url = directory.appendingPathComponent("batches.meta.txt")
    guard FileManager.default.fileExists(atPath: url.path) else {
      return ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    }
    let text = try MappedFile(url).withBytes { try utf8Text($0, url, line: 1) }
    var names: [String] = []
    for (place, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
    where !line.isEmpty {
      guard !names.contains(String(line)) else {
        throw FileError(
          .malformed, url, line: place + 1,
          "expected a name of its own for each class, found \(FileError.quoted(line)) twice")
      }
      names.append(String(line))
    }
    return names
  }
}
