import Checkpoints
import Foundation
import Inputs
import TestSupport
import Testing

@Suite struct ImageFileTests {
  static let folder = goldens.appendingPathComponent("Images")

  /// What Pillow makes of an image: the first pixels and a hash of all.
  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    let name: String, width: Int, height: Int, channels: Int, pixels: [UInt8], hash: UInt32
    var testDescription: String { "\(name) \(width) × \(height), \(channels)" }
  }

  static func cases() throws -> [Case] {
    try JSONDecoder().decode([Case].self, from: Data(contentsOf: folder.appendingPathComponent("images.json")))
  }

  @Test func readsAndScalesAsPillow() throws {
    let cases = try ImageFileTests.cases()
    #expect(cases.count == 114)
    for one in cases {
      let url = ImageFileTests.folder.appendingPathComponent(one.name)
      let pixels = try ImageFile.read(url, height: one.height, width: one.width, channels: one.channels)
      #expect(pixels.count == one.width * one.height * one.channels)
      #expect(Array(pixels.prefix(8)) == one.pixels, "\(one.testDescription)")
      #expect(
        pixels.reduce(0x811C_9DC5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 } == one.hash, "\(one.testDescription)")
    }
  }

  @Test func jpegInGreyIsItsLuminance() throws {
    let url = ImageFileTests.folder.appendingPathComponent("colours.jpg")
    let grey = try ImageFile.read(url, height: 17, width: 23, channels: 1)
    let colours = try ImageFile.read(url, height: 17, width: 23, channels: 3)
    for place in grey.indices {
      let rgb = colours[place * 3..<place * 3 + 3].map(Double.init)
      // RGB that was cut at 0 or 255 has lost the file's grey.
      guard rgb.allSatisfy({ $0 > 0 && $0 < 255 }) else { continue }
      #expect(abs(Double(grey[place]) - (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])) <= 1.5)
    }
  }

  @Test func opacityIsAChannelOfItsOwn() throws {
    let url = ImageFileTests.folder.appendingPathComponent("opacity.png")
    let all = try ImageFile.read(url, height: 17, width: 23, channels: 4)
    let grey = try ImageFile.read(url, height: 17, width: 23, channels: 2)
    #expect(stride(from: 3, to: all.count, by: 4).allSatisfy { all[$0] == 200 })
    #expect(stride(from: 1, to: grey.count, by: 2).allSatisfy { grey[$0] == 200 })
    let opaque = try ImageFile.read(
      ImageFileTests.folder.appendingPathComponent("colours.png"), height: 17, width: 23, channels: 4)
    #expect(opaque[3] == 255)
  }

  /// The error's line for a file with some bytes, without its path.
  func problem(_ bytes: [UInt8], _ name: String = "image") throws -> String {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString)-\(name)")
    try Data(bytes).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    let error = #expect(throws: FileError.self) { try ImageFile.read(url, height: 17, width: 23, channels: 3) }
    #expect(error?.path == url.path)
    #expect(error?.description.contains("\n") == false)
    return error?.problem ?? ""
  }

  @Test func sayWhatIsNoImage() throws {
    #expect(try problem([]) == "expected an image (PNG, JPEG, binary PGM or PPM), found an empty file")
    #expect(
      try problem(Array("hello, world".utf8))
        == "expected an image (PNG, JPEG, binary PGM or PPM), found the bytes 68 65 6c 6c 6f 2c 20 77")
    #expect(try problem(Array("P5 23 x".utf8)).hasPrefix("a broken PGM or PPM image: expected its height"))
    #expect(
      try problem(Array("P5 2 2 255\nab".utf8)) == "a truncated PGM or PPM image: expected 4 bytes of pixels, found 2")
    #expect(try problem(Array("P5 99999 99999 255\n".utf8)).hasPrefix("expected an image of at most"))
    let missing = URL(fileURLWithPath: "/nowhere/at/all.png")
    #expect(throws: FileError(.missing, missing, "cannot open: No such file or directory")) {
      try ImageFile.read(missing, height: 1, width: 1, channels: 1)
    }
  }

  @Test(arguments: ["colours.png", "palette.png", "deep.png", "colours.jpg", "inks.jpg", "colours.ppm"])
  func truncatedAnywhereIsAnError(_ name: String) throws {
    let bytes = [UInt8](try Data(contentsOf: ImageFileTests.folder.appendingPathComponent(name)))
    for length in stride(from: 0, to: bytes.count - 20, by: 7) {
      #expect(try !problem(Array(bytes.prefix(length))).isEmpty, "\(length) bytes")
    }
  }
}
