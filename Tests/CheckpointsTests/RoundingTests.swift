import Foundation
import Testing

@testable import Checkpoints

@Suite struct RoundingTests {
  func written(_ values: [Float], as type: ElementType) -> [UInt16] {
    let bytes = values.withUnsafeBufferPointer { type.bytes(of: $0) }
    return bytes.withUnsafeBytes { raw in
      (0..<values.count).map { UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) }
    }
  }

  /// Every half, the floats beside it, the middle to the next and its neighbours; and floats of any bits.
  var samples: [Float] {
    var samples: [Float] = [.nan, -.nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0]
    for bits in UInt16(0)..<0x7C00 {
      let (value, next) = (
        Float(Float16(bitPattern: bits)), bits < 0x7BFF ? Float(Float16(bitPattern: bits + 1)) : 65536
      )
      let middle = (value + next) / 2
      for sample in [value, value.nextUp, value.nextDown, middle, middle.nextUp, middle.nextDown] {
        samples += [sample, -sample]
      }
    }
    var random = SystemRandomNumberGenerator()
    return samples + (0..<500_000).map { _ in Float(bitPattern: random.next()) }
  }

  @Test func halvesAreTheProcessors() {
    let samples = samples
    let wrong = zip(samples, written(samples, as: .float16)).filter { value, half in
      let (expected, found) = (Float16(value), Float16(bitPattern: half))
      return expected.isNaN ? !found.isNaN : expected.bitPattern != half
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(5))")
  }

  @Test func upperHalvesAreTheNearestAndOfTwoTheEven() {
    let samples = samples
    let wrong = zip(samples, written(samples, as: .bfloat16)).filter { value, found in
      func float(_ bits: UInt32) -> Double {
        // One step above the largest number, infinity stands for what would be there.
        bits & 0x7FFF == 0x7F80 ? (bits & 0x8000 == 0 ? 0x1p128 : -0x1p128) : Double(Float(bitPattern: bits << 16))
      }
      if value.isNaN { return !Float(bitPattern: UInt32(found) << 16).isNaN }
      if value.isInfinite { return UInt32(found) << 16 != value.bitPattern }
      let lower = value.bitPattern >> 16
      let (down, up) = (abs(Double(value) - float(lower)), abs(float(lower + 1) - Double(value)))
      let expected = down < up || down == up && lower % 2 == 0 ? lower : lower + 1
      return UInt32(found) != expected
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(5))")
  }

  @Test func writesAndConvertsPieceByPiece() throws {
    try withFolder { folder in
      // More than one piece, and a part of one.
      let values = (0..<(1 << 22) + 1001).map { Float($0 % 4001) * 0.37 - 700 }
      var writer = SafetensorsWriter()
      writer.add("half", as: .float16, shape: [values.count], values)
      writer.add("whole", shape: [values.count], values)
      writer.add("ids", shape: [3], [1, 2, 3] as [Int32])
      let (first, second) = (
        folder.appendingPathComponent("a.safetensors"), folder.appendingPathComponent("b.safetensors")
      )
      try writer.write(to: first)
      let file = try SafetensorsFile(first)
      #expect(try file.entry("half").type == .float16)
      let halves = values.map { Float(Float16($0)) }
      #expect(try file.floats("half") == halves)
      var converted = SafetensorsWriter()
      for key in file.keys { try converted.add(key, of: file, as: .bfloat16) }
      #expect(converted.byteCount == 4 * values.count + 12)
      try converted.write(to: second)
      let again = try SafetensorsFile(second)
      #expect(try again.entry("whole") == (.bfloat16, [values.count]))
      #expect(try again.int32s("ids") == [1, 2, 3])
      let expected = written(values, as: .bfloat16).map { Float(bitPattern: UInt32($0) << 16) }
      #expect(try again.floats("whole") == expected)
    }
  }

  @Test func namesANumberThatIsTooLarge() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.safetensors")
      for (large, type) in [(Float(65520), ElementType.float16), (3.4e38, .bfloat16)] {
        var writer = SafetensorsWriter()
        writer.add("layer.weight", shape: [3], [1, .infinity, -large])
        try writer.write(to: url)
        let file = try SafetensorsFile(url)
        var converted = SafetensorsWriter()
        try converted.add("layer.weight", of: file, as: type)
        let error = fileError { try converted.write(to: folder.appendingPathComponent("b.safetensors")) }
        #expect(error?.item == "layer.weight")
        #expect(error?.problem == "expected numbers that \(type.rawValue) can hold, found \(-large)")
        #expect(try names(in: folder) == ["a.safetensors"])
      }
    }
  }
}
