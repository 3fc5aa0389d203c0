import Checkpoints
import Datasets
import Foundation
import Testing

@Suite final class ReaderTests {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("datasets-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func file(_ name: String, _ text: String) throws -> URL { try file(name, Array(text.utf8)) }

  func file(_ name: String, _ bytes: [UInt8]) throws -> URL {
    let url = folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return url
  }

  /// The error of `body`, without the folder's path.
  func message(_ body: () throws -> some Any) -> String {
    do {
      _ = try body()
      return "no error"
    } catch {
      return "\(error)".replacingOccurrences(of: folder.path + "/", with: "")
    }
  }

  @Test func readsTablesOfEveryFormat() throws {
    let tsv = try file("a.tsv", "split\ttext\tlabel\ntrain\tit's \"fine\"\tgood\r\ntest\t\tbad\n")
    #expect(
      try TextTable.read(tsv, split: "split")
        == TextExamples(
          texts: ["it's \"fine\"", ""], labels: ["good", "bad"], splits: ["train", "test"], lines: [2, 3]))
    let csv = try file("a.csv", "\u{FEFF}label,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n0,plain\r\n")
    #expect(
      try TextTable.read(csv) == TextExamples(texts: ["a, \"b\"\nc", "plain"], labels: ["1", "0"], lines: [2, 4]))
    let json = try file("a.jsonl", "{\"text\": \"你好\", \"label\": 3}\n\n{\"label\": true, \"text\": \"x\"}\n")
    #expect(try TextTable.read(json) == TextExamples(texts: ["你好", "x"], labels: ["3", "true"], lines: [1, 3]))
    let large = try file(
      "large.jsonl", ["614", "615"].map { "{\"text\": \"x\", \"label\": 18446744073709551\($0)}\n" }.joined())
    #expect(try TextTable.read(large).labels == ["18446744073709551614", "18446744073709551615"])
    let shares = try file(
      "shares.jsonl", "{\"text\": \"x\", \"label\": \"b\", \"probabilities\": {\"a\": 0.25, \"b\": 0.75}}\n")
    #expect(
      try TextTable.read(shares, probabilities: "probabilities")
        == TextExamples(texts: ["x"], labels: ["b"], probabilities: ["{\"a\":0.25,\"b\":0.75}"], lines: [1]))
  }

  @Test func badTablesGetOneLineEach() throws {
    #expect(message { try TextTable.read(folder.appendingPathComponent("no.tsv")) }.hasPrefix("no.tsv: "))
    let ragged = try file("ragged.csv", "text,label\na,b\n\"x\ny\",c\nd\n")
    #expect(message { try TextTable.read(ragged) } == "ragged.csv:5: expected 2 columns, found 1")
    let column = try file("column.tsv", "text\tstars\na\t1\n")
    #expect(message { try TextTable.read(column) } == "column.tsv:1: no column 'label' in the header \"text, stars\"")
    let array = try file("array.json", "[" + String(repeating: "{\"text\": \"a\"},\r", count: 1000) + "]")
    let found = message { try TextTable.read(array) }
    #expect(found.hasPrefix("array.json:1: no column 'text' in the header \"[{") && found.utf8.count < 250)
    #expect(!found.contains("\r"))
    let bytes = try file("bytes.tsv", Array("text\tlabel\n".utf8) + [0x61, 0xFF, 0x09, 0x62, 0x0A])
    #expect(
      message { try TextTable.read(bytes) }
        == "bytes.tsv:2: expected UTF-8 text, found the byte 0xFF at offset 1 of the field")
    let empty = try file("empty.tsv", "text\tlabel\n")
    #expect(message { try TextTable.read(empty) } == "empty.tsv: expected at least one row of data, found none")
    let quote = try file("quote.csv", "text,label\n\"a,b\n")
    #expect(message { try TextTable.read(quote) } == "quote.csv:2: a quoted field of this row is never closed")
    let json = try file("bad.jsonl", "{\"text\": \"a\", \"label\": \"b\"}\n{\"text\": \n")
    #expect(message { try TextTable.read(json) }.hasPrefix("bad.jsonl:2: not valid JSON"))
    let key = try file("key.jsonl", "{\"text\": \"a\"}\n")
    #expect(message { try TextTable.read(key) } == "key.jsonl:1: no key 'label'")
  }

  @Test func readsFoldersAsIMDBHasThem() throws {
    for (name, text) in [("train/pos/1_9.txt", "great"), ("train/neg/0_2.txt", "poor"), ("train/unsup/0_0.txt", "?")] {
      _ = try file("imdb/" + name, text)
    }
    let root = folder.appendingPathComponent("imdb")
    #expect(
      try IMDBFolder.read(root, split: "train") == TextExamples(texts: ["poor", "great"], labels: ["neg", "pos"]))
    #expect(
      message { try IMDBFolder.read(root, split: "test") } == "imdb/test: expected a folder of classes, found none")
    let flat = root.appendingPathComponent("train")
    #expect(try IMDBFolder.read(flat, split: "test").labels == ["neg", "pos"])
    #expect(
      message { try IMDBFolder.read(flat, split: "foo") } == "imdb/train/foo: expected a folder of classes, found none")
  }

  func idx(_ magic: UInt32, _ sizes: [UInt32], _ data: [UInt8]) -> [UInt8] {
    ([magic] + sizes).flatMap { number in [24, 16, 8, 0].map { UInt8(number >> UInt32($0) & 0xFF) } } + data
  }

  @Test func readsIDXAndNamesWhatIsWrong() throws {
    let images = try file("train-images-idx3-ubyte", idx(0x803, [2, 2, 3], Array(0..<12)))
    let labels = try file("train-labels-idx1-ubyte", idx(0x801, [2], [1, 0]))
    let read = try IDX.read(directory: folder, split: "train")
    #expect((read.count, read.height, read.width, read.labels) == (2, 2, 3, [1, 0]))
    #expect(read.pixels == Array(0..<12))
    #expect(
      message { try IDX.read(images: labels, labels: labels) }
        == "train-labels-idx1-ubyte: expected the magic number 0x00000803, found 0x00000801")
    let short = try file("short", idx(0x803, [2, 2, 3], Array(0..<11)))
    #expect(
      message { try IDX.read(images: short, labels: labels) }
        == "short: expected 12 bytes of data after the header, found 11")
    let huge = try file("huge", idx(0x803, [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], []))
    #expect(message { try IDX.read(images: huge, labels: labels) }.hasPrefix("huge: expected "))
    let three = try file("three", idx(0x801, [3], [1, 0, 1]))
    #expect(
      message { try IDX.read(images: images, labels: three) }
        == "three: expected 2 labels, as train-images-idx3-ubyte has images, found 3")
    #expect(message { try IDX.read(directory: folder, split: "test") }.contains("t10k-images-idx3-ubyte: no such file"))
  }

  @Test func imagesHaveNoOtherPartsThanTrainAndTest() throws {
    let expected = "\(folder.path): expected the part train or test, found \"validation\""
    #expect(message { try IDX.read(directory: folder, split: "validation") } == expected)
    #expect(message { try CIFAR10.read(directory: folder, split: "validation") } == expected)
  }

  @Test func readsGzipAndNoticesItsMissingEnd() throws {
    let plain = idx(0x803, [40, 10, 10], (0..<4000).map { UInt8(truncatingIfNeeded: $0 * $0 >> 3) })
    let url = try file("x/images.gz.plain", plain)
    let gzip = Process()
    gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    gzip.arguments = ["gzip", "-kf", url.path]
    try gzip.run()
    gzip.waitUntilExit()
    let packed = [UInt8](try Data(contentsOf: url.appendingPathExtension("gz")))
    let labels = try file("x/labels", idx(0x801, [40], Array(repeating: 0, count: 40)))
    let whole = try file("x/whole.gz", packed)
    #expect(try IDX.read(images: whole, labels: labels).pixels == Array(plain[16...]))
    for missing in [1, 4, 8, 9, packed.count / 2, packed.count - 12] {
      let cut = try file("x/cut.gz", Array(packed.dropLast(missing)))
      let found = message { try IDX.read(images: cut, labels: labels) }
      #expect(found.hasPrefix("x/cut.gz: ") && found.contains("gzip"), "\(missing) bytes missing: \(found)")
    }
    // What stands in the trailer: a checksum, and a length.
    for place in [packed.count - 8, packed.count - 1] {
      var changed = packed
      changed[place] ^= 1
      let damaged = try file("x/damaged.gz", changed)
      #expect(message { try IDX.read(images: damaged, labels: labels) }.hasPrefix("x/damaged.gz: damaged "))
    }
    let other = try file("x/other.gz", [1, 2, 3])
    #expect(message { try IDX.read(images: other, labels: labels) } == "x/other.gz: expected gzip data, found 0x1 0x2")
    let empty = try file("x/empty.gz", [])
    #expect(
      message { try IDX.read(images: empty, labels: labels) } == "x/empty.gz: expected gzip data, found an empty file")
  }

  /// Bytes as a member of a gzip file, without compression.
  func gzipMember(_ bytes: [UInt8]) -> [UInt8] {
    func number(_ value: UInt32, bytes: UInt32 = 4) -> [UInt8] { (0..<bytes).map { UInt8(value >> (8 * $0) & 255) } }
    let sum = ~bytes.reduce(~0 as UInt32) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value & 1 == 0 ? value >> 1 : 0xEDB8_8320 ^ (value >> 1) }
    }
    let length = UInt32(bytes.count)
    return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1] + number(length, bytes: 2) + number(~length & 0xFFFF, bytes: 2)
      + bytes + number(sum) + number(length)
  }

  @Test func readsGzipOfSeveralMembersAndNoticesADamagedOne() throws {
    // Pixels that look like a member's start and, before it, the end of an empty one.
    let marks: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0x1F, 0x8B, 8, 7, 7, 7, 7, 7, 7, 7, 0x1F, 0x8B, 8, 9]
    let plain = idx(0x803, [3, 4, 11], (0..<6).flatMap { _ in marks })
    let labels = try file("m/labels", idx(0x801, [3], [0, 1, 0]))
    let members = [plain[..<50], plain[50..<51], plain[51...], []].map { gzipMember(Array($0)) }
    let packed = members.flatMap(\.self)
    // Zeros after the last member are padding; the trailer of the last one is all zeros too if it's the empty one.
    for content in [packed, Array(packed.dropLast(members[3].count))] {
      for padding in [0, 1, 50] {
        let whole = try file("m/whole.gz", content + Array(repeating: 0, count: padding))
        #expect(try IDX.read(images: whole, labels: labels).pixels == Array(plain[16...]))
      }
    }
    let more = try file("m/more.gz", packed + Array("more".utf8))
    #expect(
      message { try IDX.read(images: more, labels: labels) }
        == "m/more.gz: expected nothing after the end of the gzip data, found 4 bytes")
    for (index, place) in [(0, 40), (2, 20), (1, 15)] {
      var damaged = members
      damaged[index][place] ^= 1
      let url = try file("m/damaged.gz", damaged.flatMap(\.self))
      let found = message { try IDX.read(images: url, labels: labels) }
      #expect(found.hasPrefix("m/damaged.gz: damaged "), "member \(index): \(found)")
    }
  }

  @Test func readsCIFAR10() throws {
    var record = [UInt8](repeating: 0, count: 3073)
    (record[0], record[1], record[1 + 1024], record[1 + 2048]) = (7, 10, 20, 30)
    _ = try file("cifar/data_batch_1.bin", record + record)
    let read = try CIFAR10.read(directory: folder.appendingPathComponent("cifar"), split: "train")
    #expect((read.count, read.height, read.channels, read.labels) == (2, 32, 3, [7, 7]))
    #expect(Array(read.pixels.prefix(4)) == [10, 20, 30, 0])
    #expect(read.classes[7] == "horse")
    _ = try file("cifar/test_batch.bin", Array(record.dropLast()))
    #expect(
      message { try CIFAR10.read(directory: folder.appendingPathComponent("cifar"), split: "test") }
        == "cifar/test_batch.bin: expected whole records of 3073 bytes, found 3072 bytes")
    _ = try file("cifar/batches.meta.txt", "cat\ndog\n\ncat\n")
    #expect(
      message { try CIFAR10.read(directory: folder.appendingPathComponent("cifar"), split: "train") }
        == "cifar/batches.meta.txt:4: expected a name of its own for each class, found \"cat\" twice")
    _ = try file("cifar/data_batch_3.bin", record)
    #expect(
      message { try CIFAR10.read(directory: folder.appendingPathComponent("cifar"), split: "train") }
        == "cifar/data_batch_2.bin: no such file, though there is data_batch_3.bin")
  }

  @Test func splitsByHashAsPythonDoes() {
    // int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10
    let split = HashSplit()
    #expect(["", "abc", "hello", "你好"].map { split.split(of: $0) } == ["test", "train", "train", "train"])
  }
}
