import Checkpoints
import Foundation
import Layers
import Tensors
import TestSupport
import Testing

/// One case of a file that Tests/Golden/make_goldens.py wrote with PyTorch.
struct Golden {
  let file: SafetensorsFile
  let name: String

  static func open(_ name: String) throws -> SafetensorsFile {
    try SafetensorsFile(goldens.appendingPathComponent("\(name).safetensors"))
  }

  /// The names of a file's cases.
  static func cases(_ file: SafetensorsFile) -> [String] {
    Set(file.keys.compactMap { $0.split(separator: "/").first.map(String.init) }).sorted()
  }

  func tensor(_ key: String) throws -> Tensor {
    let entry = try file.entry("\(name)/\(key)")
    return Tensor(try file.floats("\(name)/\(key)"), shape: entry.shape)
  }
  func has(_ key: String) -> Bool { file.contains("\(name)/\(key)") }
  func number(_ attribute: String) throws -> Int { Int(try file.int32s("\(name)/attributes/\(attribute)")[0]) }
  func ids(_ key: String) throws -> IDs { IDs(try file.int32s("\(name)/in/\(key)")) }
  func offsets() throws -> Offsets { Offsets(try file.int32s("\(name)/offsets")) }

  /// Checks that all elements agree: absolutely or relatively within `tolerance`.
  func expect(_ found: Tensor, _ key: String, _ tolerance: Float) throws {
    let expected = try tensor(key)
    #expect(found.shape == expected.shape, "\(name)/\(key)")
    guard found.count == expected.count else { return }
    let worst = zip(found.scalars, expected.scalars).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
    #expect(worst <= tolerance, "\(name)/\(key): differs by \(worst)")
  }

  /// Compares the output and the gradient by every input that the file has one for.
  func check(_ parameters: [String: Parameter], random: Bool = false, _ operation: () throws -> Tensor) throws {
    let cotangent = try tensor("cotangent")
    func differentiate() throws -> (Tensor, Gradients) {
      let out = try operation()
      let loss = (out.reshaped(cotangent.shape) * cotangent).mean() * Float(max(1, cotangent.count))
      return (out.detached, loss.gradients())
    }
    let (out, gradients) = try random ? training(Random(seed: 0), differentiate) : recording(differentiate)
    try expect(out.reshaped(cotangent.shape), "out", 1e-5)
    for (input, parameter) in parameters where has("grad/\(input)") {
      guard let gradient = gradients[parameter] else {
        Issue.record("\(name): no gradient by \(input)")
        continue
      }
      try expect(gradient, "grad/\(input)", 1e-4)
    }
  }

  /// The inputs of the case as parameters.
  func inputs(_ names: [String]) throws -> [String: Parameter] {
    var parameters: [String: Parameter] = [:]
    for input in names where has("in/\(input)") { parameters[input] = Parameter(input, try tensor("in/\(input)")) }
    return parameters
  }
}
