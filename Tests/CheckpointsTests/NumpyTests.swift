import Foundation
import Testing

@testable import Checkpoints

@Suite struct NumpyTests {
  @Test func readsWhatNumpyWrote() throws {
    let float32 = try NumpyFile(golden.appendingPathComponent("float32.npy"))
    #expect(float32.shape == [3, 2])
    #expect(try float32.floats() == (0..<6).map { Float($0) / 3 })
    let float64 = try NumpyFile(golden.appendingPathComponent("float64.npy"))
    #expect(float64.shape == [2, 3, 4])
    #expect(try float64.floats() == (0..<24).map { Float(Double($0) / 7) })
    let int64 = try NumpyFile(golden.appendingPathComponent("int64.npy"))
    #expect(int64.shape == [2])
    #expect(try int64.int64s() == [-(1 << 40), 5])
    let scalar = try NumpyFile(golden.appendingPathComponent("scalar.npy"))
    #expect(scalar.shape == [])
    #expect(try scalar.floats() == [2.5])
    #expect(fileError { _ = try int64.floats() }?.problem == "expected floating-point elements, found I64")
    let fortran = fileError { _ = try NumpyFile(golden.appendingPathComponent("fortran.npy")) }
    #expect(fortran?.problem.contains("Fortran") == true)
  }

  @Test func writesNumpysBytes() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("x.npy")
      let writer = try NumpyWriter(url, width: 2)
      try writer.append([0, Float(1) / 3])
      try writer.append((2..<6).map { Float($0) / 3 })
      #expect(writer.rows == 3)
      #expect(!FileManager.default.fileExists(atPath: url.path))
      try writer.finish()
      #expect(try Data(contentsOf: url) == Data(contentsOf: golden.appendingPathComponent("float32.npy")))
      #expect(try names(in: folder) == ["x.npy"])
    }
  }

  @Test func leavesNothingUnfinished() throws {
    try withFolder { folder in
      do {
        let writer = try NumpyWriter(folder.appendingPathComponent("x.npy"), width: 3)
        try writer.append([1, 2, 3])
      }
      #expect(try names(in: folder) == [])
      let empty = folder.appendingPathComponent("empty.npy")
      try NumpyWriter(empty, width: 3).finish()
      #expect(try NumpyFile(empty).shape == [0, 3])
    }
  }

  @Test func survivesDamage() throws {
    let original = try Data(contentsOf: golden.appendingPathComponent("float32.npy"))
    try withFolder { folder in
      let url = folder.appendingPathComponent("damaged.npy")
      for length in 0..<original.count {
        try original.prefix(length).write(to: url)
        #expect(fileError { _ = try NumpyFile(url) }?.path == url.path, "truncated to \(length) bytes")
      }
      for index in 0..<128 {
        for flip: UInt8 in [0x01, 0x04, 0x10, 0x80, 0xFF] {
          var damaged = original
          damaged[index] ^= flip
          try damaged.write(to: url)
          let error = fileError {
            let file = try NumpyFile(url)
            if file.type == .float32 { _ = try file.floats() }
          }
          if index < 6 { #expect(error != nil, "byte \(index) ^ \(flip)") }
        }
      }
    }
  }
}
