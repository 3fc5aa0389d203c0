import Foundation
import Testing

@testable import Checkpoints

@Suite struct SafetensorsTests {
  @Test func readsEveryTypeTheReferenceWrote() throws {
    let file = try SafetensorsFile(golden.appendingPathComponent("types.safetensors"))
    #expect(
      file.keys == [
        "bool", "empty", "float16", "float32", "float64", "int16", "int32", "int64", "int8", "näme.\"quoted\"\n",
        "scalar", "uint8",
      ])
    #expect(file.metadata == ["format": "pt"])
    #expect(try file.floats("float64") == [1.5, 0, Float(Double.pi), .infinity])
    #expect(try file.floats("float32") == [0.1, -.leastNonzeroMagnitude, 3.4028235e38, .infinity])
    let halves = try file.floats("float16")
    #expect(halves == [1, 65504, 0x1p-14, 0x1p-24, 0])
    #expect(halves[4].sign == .minus)
    #expect(try file.int64s("int64") == [.min, .max])
    #expect(try file.int32s("int32") == [-5, 7])
    #expect(try file.int64s("int16") == [-300, 300])
    #expect(try file.int32s("int8") == [-128, 127, 3])
    #expect(try file.int32s("uint8") == [0, 255])
    #expect(try file.int64s("bool") == [1, 0, 1])
    #expect(try file.floats("empty") == [])
    #expect(try file.entry("empty").shape == [0, 3])
    #expect(try file.entry("int32") == (.int32, [2, 1]))
    #expect(try file.floats("scalar") == [2.5])
    #expect(try file.entry("scalar").shape == [])
    let bfloat = try SafetensorsFile(golden.appendingPathComponent("bfloat16.safetensors"))
    #expect(try bfloat.floats("b") == [1, -2.5, 3.140625])
  }

  @Test func convertsEveryHalf() {
    let bits = (0...UInt16.max).map { $0 }
    let values = bits.withUnsafeBytes { ElementType.float16.floats(from: $0) ?? [] }
    #expect(values.count == 65536)
    let wrong = zip(bits, values).filter { half, value in
      let expected = Float(Float16(bitPattern: half))
      return expected.isNaN ? !value.isNaN : expected.bitPattern != value.bitPattern
    }
    #expect(wrong.isEmpty)
  }

  @Test(arguments: ["types.safetensors", "bfloat16.safetensors"])
  func writesTheReferencesBytes(name: String) throws {
    let original = golden.appendingPathComponent(name)
    let file = try SafetensorsFile(original)
    var writer = SafetensorsWriter(metadata: file.metadata)
    for key in file.keys.reversed() {
      let (type, shape) = try file.entry(key)
      writer.add(key, type: type, shape: shape) { write in try file.withBytes(key, write) }
    }
    try withFolder { folder in
      let copy = folder.appendingPathComponent("copy.safetensors")
      try writer.write(to: copy)
      #expect(try Data(contentsOf: copy) == Data(contentsOf: original))
      #expect(try names(in: folder) == ["copy.safetensors"])
    }
  }

  @Test func writesWhatItReads() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.safetensors")
      let large = (0..<200_000).map { Float($0) * 0.25 }
      var writer = SafetensorsWriter()
      writer.add("large", shape: [400, 500], large)
      writer.add("ids", shape: [3], [1, -2, 3] as [Int32])
      writer.add("steps", shape: [], [Int64.max])
      try writer.write(to: url)
      let file = try SafetensorsFile(url)
      #expect(try file.floats("large") == large)
      #expect(try file.int32s("ids") == [1, -2, 3])
      #expect(try file.int64s("steps") == [.max])
      let error = fileError { _ = try file.int32s("steps") }
      #expect(error?.item == "steps")
      #expect(error?.problem == "expected 32-bit integers, found 9223372036854775807")
    }
  }

  @Test func namesTheMissingAndTheMistyped() throws {
    let url = golden.appendingPathComponent("types.safetensors")
    let file = try SafetensorsFile(url)
    #expect(
      fileError { _ = try file.floats("no\nsuch") }?.description
        == "\(url.path): \"no\\nsuch\": no such tensor in the file")
    let mistyped = fileError { _ = try file.floats("int8") }
    #expect(mistyped?.kind == .mismatched)
    #expect(mistyped?.problem == "expected floating-point elements, found I8")
    #expect(fileError { _ = try file.int64s("float32") }?.item == "float32")
    let absent = fileError { _ = try SafetensorsFile(URL(fileURLWithPath: "/absent/model.safetensors")) }
    #expect(absent?.description == "/absent/model.safetensors: cannot open: No such file or directory")
    #expect(fileError { _ = try SafetensorsFile(golden) }?.problem == "expected a file, found a directory")
  }

  @Test(arguments: [
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
      8,
      "appears twice"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
      12, "belong to no tensor"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
      12, "overlap"
    ),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 5, "at the end belong to no tensor"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4, "not a range"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "not a range"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, 4, "not a range"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "takes 8 bytes"),
    (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, 0, "larger than any memory"),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "whole numbers from 0 up, found -1"),
    (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, 4, "found 1.5"),
    (#"{"a":{"dtype":"F8","shape":[4],"data_offsets":[0,4]}}"#, 4, "unknown dtype \"F8\""),
    (#"{"a":{"dtype":1,"shape":[4],"data_offsets":[0,4]}}"#, 4, "expected dtype to be a string"),
    (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "expected the keys dtype, shape, data_offsets"),
    (#"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4, "expected the keys"),
    (#"{"a":[]}"#, 0, "expected an object"),
    (#"[]"#, 0, "expected an object"),
    (#"{"__metadata__":{"format":1}}"#, 0, "expected a string"),
    (#"{"__metadata__":{},"__metadata__":{}}"#, 0, "appears twice"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#, 4, "not JSON"),
    (#"{} {}"#, 0, "not JSON"),
    (String(repeating: "[", count: 100_000), 0, "nested"),
  ])
  func refusesHeadersThatLie(header: String, data: Int, problem: String) throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("bad.safetensors")
      try safetensors(header, data: data).write(to: url)
      let error = fileError { _ = try SafetensorsFile(url) }
      #expect(error?.kind == .malformed)
      #expect(error?.path == url.path)
      #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
    }
  }

  @Test func aShapeOfTooManyNumbersIsOneShortLine() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("bad.safetensors")
      let ones = Array(repeating: "1", count: 100_000).joined(separator: ",")
      try safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[\(ones)],\"data_offsets\":[0,8]}}", data: 8).write(to: url)
      let error = fileError { _ = try SafetensorsFile(url) }
      #expect(error?.problem == "expected shape to be at most 64 numbers, found 100000")
    }
  }

  @Test func refusesImpossibleLengths() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("bad.safetensors")
      for (length, problem) in [
        (UInt64.max, "above the limit"), (100_000_001, "above the limit"), (1000, "longer than the file"),
      ] {
        try (withUnsafeBytes(of: length.littleEndian) { Data($0) } + Data("{}".utf8)).write(to: url)
        #expect(fileError { _ = try SafetensorsFile(url) }?.problem.contains(problem) == true)
      }
    }
  }

  /// Every truncation is refused; every damaged byte is refused or leaves a file whose tensors can all be read.
  @Test func survivesDamage() throws {
    let original = try Data(contentsOf: golden.appendingPathComponent("types.safetensors"))
    try withFolder { folder in
      let url = folder.appendingPathComponent("damaged.safetensors")
      func readAll() throws {
        let file = try SafetensorsFile(url)
        for key in file.keys {
          let type = try file.entry(key).type
          if type.rawValue.contains("F") { _ = try file.floats(key) } else { _ = try file.int64s(key) }
        }
      }
      func isClear(_ error: FileError?) -> Bool {
        guard let error else { return false }
        return error.description.hasPrefix(url.path) && !error.description.contains("\n")
      }
      // One file, changed in place: thousands of new ones would take a minute.
      try original.write(to: url)
      let handle = try FileHandle(forUpdating: url)
      func write(_ byte: UInt8, at index: Int) throws {
        try handle.seek(toOffset: UInt64(index))
        try handle.write(contentsOf: Data([byte]))
      }
      for length in (0..<original.count).reversed() {
        try handle.truncate(atOffset: UInt64(length))
        #expect(isClear(fileError(readAll)), "truncated to \(length) bytes")
      }
      try original.write(to: url)
      for index in original.indices {
        for flip: UInt8 in [0x01, 0x02, 0x10, 0x20, 0x80, 0xFF] {
          try write(original[index] ^ flip, at: index)
          do { try readAll() } catch { #expect(isClear(error as? FileError), "byte \(index) ^ \(flip)") }
        }
        try write(original[index], at: index)
      }
    }
  }
}
