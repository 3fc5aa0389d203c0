import Foundation
import Tensors

/// The tensors of a base model that an adapter changes or adds, by their names in the base's files.
struct AdaptedTensors: Sendable {
  /// What becomes of a tensor.
  enum Change: Sendable {
    /// Another tensor, of that name in the adapter's file, takes its place.
    case replaced(String)
    /// W + scale · B·A, or the transpose of the product for a table; with a magnitude, each row scaled to that length (DoRA).
    case added(down: String, up: String, scale: Double, isTable: Bool, magnitude: String?)
  }

  let file: SafetensorsFile
  private(set) var changes: [String: Change] = [:]

  /// Finds the tensor of the base model for each of the adapter's.
  ///
  /// - Throws: `FileError` naming a tensor of the adapter that has no place in the base model, or has another shape.
  init(_ adapter: AdapterFolder, base: [String], shape: (String) throws -> [Int]) throws {
    file = adapter.weights
    let known = Set(base)
    let names = file.keys.map { (key: $0, name: Self.plain($0)) }
    let keys = Dictionary(names.map { ($0.name, $0.key) }) { $1 }
    for (key, name) in names {
      if name.contains(".original_module.") || name.hasSuffix(".lora_B.weight") || name.hasSuffix(".lora_embedding_B")
        || name.hasSuffix(".lora_magnitude_vector")
      {
        continue
      }
      let isTable = name.hasSuffix(".lora_embedding_A")
      guard isTable || name.hasSuffix(".lora_A.weight") else {
        guard !name.contains(".lora_") else {
          throw FileError(.mismatched, file.url, item: key, "an unknown part of an addition")
        }
        changes[Self.place(name, in: known) ?? name] = .replaced(key)
        continue
      }
      let layer = String(name.dropLast((isTable ? ".lora_embedding_A" : ".lora_A.weight").count))
      guard let target = Self.place(layer + ".weight", in: known) else {
        // Where a base's file leaves the pooler out, no encoder reads it.
        if layer.split(separator: ".").contains("pooler") { continue }
        throw FileError(.mismatched, file.url, item: key, "the base model has no \(layer).weight")
      }
      guard changes[target] == nil else {
        throw FileError(
          .mismatched, file.url, item: key, "\(target) is replaced and has an addition, expected one of both")
      }
      let up = key.replacingOccurrences(of: "lora_A", with: "lora_B")
        .replacingOccurrences(of: "lora_embedding_A", with: "lora_embedding_B")
      let magnitude = keys[layer + ".lora_magnitude_vector"]
      if isTable, let magnitude {
        throw FileError(.mismatched, file.url, item: magnitude, "DoRA of a table is not supported")
      }
      let (a, b, whole) = (try file.entry(key).shape, try file.entry(up).shape, try shape(target))
      let expected = isTable ? [whole.last, whole.first] : [whole.first, whole.last]
      guard whole.count == 2, a.count == 2, b.count == 2, a[0] == b[1], a[0] > 0, [b[0], a[1]] == expected else {
        throw FileError(
          .mismatched, file.url, item: key,
          "expected an addition to \(target) of shape \(whole), found shapes \(a) and \(b)")
      }
      if let magnitude, try file.entry(magnitude).shape.reduce(1, *) != whole[0] {
        throw FileError(
          .mismatched, file.url, item: magnitude,
          "expected \(whole[0]) lengths, found shape \(try file.entry(magnitude).shape)")
      }
      changes[target] = .added(
        down: key, up: up, scale: try adapter.scale(layer, rank: a[0], item: key), isTable: isTable,
        magnitude: magnitude)
    }
  }

  /// A tensor's name without what PEFT puts round the base model's.
  private static func plain(_ key: String) -> String {
    var name = key.hasPrefix("base_model.model.") ? String(key.dropFirst("base_model.model.".count)) : key
    for part in [".base_layer.", ".modules_to_save.default.", ".modules_to_save."] {
      name = name.replacingOccurrences(of: part, with: ".")
    }
    return name.replacingOccurrences(of: "lora_A.default.", with: "lora_A.")
      .replacingOccurrences(of: "lora_B.default.", with: "lora_B.")
  }

  /// The base model's name of a tensor, which in its file may have another prefix, or none.
  private static func place(_ name: String, in known: Set<String>) -> String? {
    if known.contains(name) { return name }
    if let found = known.filter({ $0.hasSuffix("." + name) }).min(by: { $0.utf8.count < $1.utf8.count }) {
      return found
    }
    let inner = name.drop { $0 != "." }.dropFirst()
    return known.contains(String(inner)) ? String(inner) : nil
  }

  /// Changes the values of a tensor of the base model.
  ///
  /// - Throws: `FileError` if a part of the addition is missing or isn't floating-point.
  func apply(_ name: String, shape: [Int], to values: UnsafeMutableBufferPointer<Float>) throws {
    guard case .added(let downKey, let upKey, let scale, let isTable, let magnitude)? = changes[name] else { return }
    let (first, second) = (try file.floats(downKey), try file.floats(upKey))
    let rank = try file.entry(downKey).shape[0]
    // A table's addition is (B·A)ᵀ = Aᵀ·Bᵀ.
    let down = isTable ? Self.transposed(second, columns: rank) : first
    let up = isTable ? Self.transposed(first, columns: shape[0]) : second
    addLowRank(down: down, up: up, rank: rank, scale: scale, to: values)
    guard let magnitude else { return }
    let (lengths, columns) = (try file.floats(magnitude), shape[1])
    for row in 0..<shape[0] {
      let range = row * columns..<(row + 1) * columns
      let factor = Double(lengths[row]) / range.reduce(0) { $0 + Double(values[$1]) * Double(values[$1]) }.squareRoot()
      for index in range { values[index] = Float(Double(values[index]) * factor) }
    }
  }

  private static func transposed(_ values: [Float], columns: Int) -> [Float] {
    let rows = values.count / max(1, columns)
    return (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
  }
}

/// W + scale · B·A for W `[outputs, inputs]`, A `[rank, inputs]` and B `[outputs, rank]`, summed in float64 and rounded once.
public func addLowRank(
  down: [Float], up: [Float], rank: Int, scale: Double, to weight: UnsafeMutableBufferPointer<Float>
) {
  let (outputs, inputs) = (up.count / rank, down.count / rank)
  precondition(
    weight.count == outputs * inputs, "addLowRank: \(weight.count) weights for [\(outputs), \(inputs)]")
  nonisolated(unsafe) let weight = weight  // each worker writes its own rows
  Workers.run(outputs, by: 16) { rows in
    var sums = [Double](repeating: 0, count: inputs)
    for output in rows {
      for input in 0..<inputs { sums[input] = 0 }
      for inner in 0..<rank {
        let coefficient = Double(up[output * rank + inner])
        for input in 0..<inputs { sums[input] += coefficient * Double(down[inner * inputs + input]) }
      }
      for input in 0..<inputs {
        let place = output * inputs + input
        weight[place] = Float(Double(weight[place]) + scale * sums[input])
      }
    }
  }
}
