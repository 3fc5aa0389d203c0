import Checkpoints
import Crypto
import Foundation
import Testing

@testable import Datasets

/// Data sets from official addresses; here, of files on this machine.
@Suite final class OfficialTests {
  let place: URL

  init() throws {
    place = FileManager.default.temporaryDirectory.appendingPathComponent("official-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url("server"), withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: place) }

  func url(_ name: String) -> URL { place.appendingPathComponent(name) }
  func text(_ name: String) throws -> String { String(decoding: try Data(contentsOf: url(name)), as: UTF8.self) }

  /// Puts a file on the server, and gives its checksum.
  func serve(_ text: String, as name: String) throws -> String {
    try Data(text.utf8).write(to: url("server/\(name)"))
    return Insecure.MD5.hash(data: Data(text.utf8)).hexadecimal
  }

  func get(_ source: DataSource, from local: String? = nil) throws -> [String] {
    try source.get(into: url("data"), cache: url("cache"), from: local.map(url)) { _ in }.map {
      String($0.path.dropFirst(place.path.count + 1))
    }
  }

  func digits() throws -> DataSource {
    let sums = [try serve("images", as: "a.gz"), try serve("labels", as: "b.gz")]
    return .official("digits", "", "file://\(url("server").path)/", ["a.gz", "b.gz"], md5: sums)
  }

  @Test func severalFiles() throws {
    #expect(try get(digits()) == ["data/digits/a.gz", "data/digits/b.gz"])
    #expect(try text("data/digits/b.gz") == "labels")
  }

  @Test(arguments: ["", "ima", "images", "imagesimages"]) func goesOnWithWhatAnEarlierRunLeft(_ part: String) throws {
    try FileManager.default.createDirectory(at: url("cache"), withIntermediateDirectories: true)
    try Data(part.utf8).write(to: url("cache/a.gz.partial"))
    _ = try get(digits())
    #expect(try text("data/digits/a.gz") == "images")
    #expect(try FileManager.default.contentsOfDirectory(atPath: url("cache").path).sorted() == ["a.gz", "b.gz"])
  }

  @Test func otherContentIsRefused() throws {
    let source = try digits()
    _ = try serve("other", as: "b.gz")
    let error = #expect(throws: FileError.self) { try self.get(source) }
    #expect(error?.description.contains("/cache/b.gz.partial: expected content with MD5") == true)
    #expect(!FileManager.default.fileExists(atPath: url("data/digits/b.gz").path))
    #expect(!FileManager.default.fileExists(atPath: url("cache/b.gz.partial").path))
    _ = try digits()
    #expect(try get(source).count == 2)
  }

  @Test func aDamagedFileInTheCacheIsFetchedAgain() throws {
    let source = try digits()
    try FileManager.default.createDirectory(at: url("cache"), withIntermediateDirectories: true)
    try Data("imagez".utf8).write(to: url("cache/a.gz"))
    #expect(try get(source).count == 2)
    #expect(try text("data/digits/a.gz") == "images")
    #expect(try text("cache/a.gz") == "images")
  }

  @Test func severalFilesThatAreHere() throws {
    #expect(try get(digits(), from: "server").count == 2)
    #expect(try text("data/digits/a.gz") == "images")
    let error = #expect(throws: FileError.self) { try self.get(self.digits(), from: "server/a.gz") }
    #expect(error?.description.hasSuffix("/server/a.gz: expected a folder with a.gz, b.gz, found a file") == true)
  }

  @Test func anArchiveIsThereWholeOrNotAtAll() throws {
    try FileManager.default.createDirectory(at: url("reviews/train"), withIntermediateDirectories: true)
    try Data("good".utf8).write(to: url("reviews/train/0.txt"))
    let packed = url("server/reviews.tar.gz")
    _ = try OtherProgram.run("tar", ["-czf", packed.path, "reviews"], in: place, "pack")
    let bytes = try Data(contentsOf: packed)
    func source(_ bytes: Data) throws -> DataSource {
      try bytes.write(to: packed)
      let sum = Insecure.MD5.hash(data: bytes).hexadecimal
      return .official("reviews", "", archive: "file://\(packed.path)", md5: sum, holds: ["train"])
    }
    // Whole by its checksum, but no whole archive: as if unpacking were cut off.
    #expect(throws: DataSourceError.self) { try self.get(source(bytes.prefix(bytes.count - 9))) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: url("data").path) == [])
    try FileManager.default.removeItem(at: url("cache"))
    // A file that has nothing to do with it doesn't pass for the data.
    try FileManager.default.createDirectory(at: url("data/reviews"), withIntermediateDirectories: true)
    try Data().write(to: url("data/reviews/notes.txt"))
    #expect(throws: FileError.self) { try self.get(source(bytes)) }
    try FileManager.default.removeItem(at: url("data/reviews/notes.txt"))
    #expect(try get(source(bytes)) == ["data/reviews"])
    #expect(try text("data/reviews/train/0.txt") == "good")
    #expect(try get(source(bytes)) == ["data/reviews"])
  }
}
