import Foundation
import Testing

@testable import Checkpoints

@Suite struct JSONTests {
  func parse(_ text: String) throws -> JSON {
    try Array(text.utf8).withUnsafeBytes { try JSON(parsing: $0) }
  }

  @Test func parses() throws {
    let text = #" {"a": [1, -2.5e1, true, null, "\u00e9\ud83d\ude00\n\/"], "b": {}, "z": 36893488147419103232} "#
    let value = try parse(text)
    #expect(value["a"] == .array([.integer(1), .number(-25), .bool(true), .null, .string("é😀\n/")]))
    #expect(value["b"]?.members?.isEmpty == true)
    #expect(value["z"]?.double == 0x1p65)
    #expect(try parse(value.text()) == value)
    #expect(try parse(value.text(indented: true)) == value)
  }

  @Test func keepsNormalFormsApart() throws {
    let members = try parse(#"{"\u00e9":0,"e\u0301":1}"#).members ?? []
    #expect(members.map { Array($0.name.unicodeScalars.map(\.value)) } == [[0xE9], [0x65, 0x301]])
  }

  @Test func keepsTheDigitsOfLargeWholeNumbers() throws {
    for text in ["18446744073709551615", "-9223372036854775809", "9223372036854775807", "0.1"] {
      #expect(try parse(text).text() == text)
    }
    #expect(try parse("[18446744073709551614]") != parse("[18446744073709551615]"))
  }

  @Test func exactTextsAreToldApartByTheirBytes() {
    let (composed, decomposed) = (ExactText("\u{E9}"), ExactText("e\u{301}"))
    #expect(composed.text == decomposed.text && composed != decomposed)
    #expect(Set([composed, decomposed, ExactText("\u{E9}")]).sorted() == [decomposed, composed])
  }

  @Test(arguments: [
    "", " ", "{", "[1,]", "{\"a\":1,}", "01", "1.", "-", "+1", "1e", "nul", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
    "\"\\ud800\\u0041\"", "\"\n\"", "[1 2]", "{1:2}", "{\"a\" 1}", "1 2", "NaN", "1e999",
  ])
  func refuses(text: String) {
    #expect(throws: JSON.SyntaxError.self) { try parse(text) }
  }

  @Test func refusesBadUTF8() {
    #expect(throws: JSON.SyntaxError.self) { try [0x22, 0xC3, 0x28, 0x22].withUnsafeBytes { try JSON(parsing: $0) } }
  }

  @Test func writesControlCharacters() throws {
    let value: JSON = ["a\u{1}": "\u{1F}\"\\\t\u{7F}é"]
    #expect(value.text() == "{\"a\\u0001\":\"\\u001f\\\"\\\\\\t\u{7F}é\"}")
    #expect(JSON.array([.array([]), .integer(1)]).text(indented: true) == "[\n  [],\n  1\n]")
  }

  @Test func namesTheLine() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("config.json")
      try Data("{\n  \"a\": 1,\n  b: 2\n}".utf8).write(to: url)
      let error = fileError { _ = try JSON(contentsOf: url) }
      #expect(error?.description == "\(url.path):3: not JSON: expected a name in quotes")
    }
  }
}
