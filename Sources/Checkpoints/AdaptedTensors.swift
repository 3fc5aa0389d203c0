import Foundation
import Tensors

/// The tensors of a base model that an adapter changes or adds, by their names in the base's files.
struct AdaptedTensors: Sendable {
  /// What becomes of a tensor.
  enum Change: Sendable {
    /// Another tensor, of that name in the adapter's file, takes its place.
    case replaced(String)
    /// W + scale · B·A, or the transpose of the product for a table; with a magnitude, each row scaled to that length (DoRA). W is the base
    /// model's, or the adapter's tensor of that name (`to`).
    case added(to: String?, down: String, up: String, scale: Double, isTable: Bool, magnitude: String?)
    /// Blocks of its rows change, each in its own way.
    case blocks([(place: Place, change: Change)])
  }

  let file: SafetensorsFile
  private(set) var changes: [String: Change] = [:]

  /// Finds the tensor of the base model for each of the adapter's.
  ///
  /// - Throws: `FileError` naming a tensor of the adapter that has no place in the base model, or has another shape.
  init(_ adapter: AdapterFolder, base: [String], shape: (String) throws -> [Int]) throws {
    file = adapter.weights
    let known = Set(base)
    let names = file.keys.map { (key: $0, name: Self.plain($0)) }.filter { !$0.name.contains(".original_module.") }
    var found: [Place: Change] = [:]
    guard !names.isEmpty else { throw FileError(.mismatched, file.url, "expected an adapter's tensors, found none") }
    for (key, name) in names where !name.contains(".lora_") {
      guard let target = Self.place(of: name, in: known) else {
        guard adapter.mayBring(name) else {
          throw FileError(.mismatched, file.url, item: key, "the base model has no \(name)")
        }
        found[Place(name: name)] = .replaced(key)
        continue
      }
      let (own, expected) = (try file.entry(key).shape, target.shape(in: try shape(target.name)))
      guard own == expected else {
        throw FileError(.mismatched, file.url, item: key, "expected shape \(expected) of \(target), found \(own)")
      }
      found[target] = .replaced(key)
    }
    let keys = Dictionary(names.map { ($0.name, $0.key) }) { $1 }
    for (key, name) in names {
      guard let start = name.ranges(of: ".lora_").last?.lowerBound else { continue }
      let (layer, part) = (String(name[..<start]), String(name[start...]))
      let isTable = part == ".lora_embedding_A"
      guard isTable || part == ".lora_A.weight" else {
        guard let downs = Self.downs[part] else {
          throw FileError(.mismatched, file.url, item: key, "an unknown part of an addition")
        }
        guard downs.contains(where: { keys[layer + $0] != nil }) else {
          throw FileError(.mismatched, file.url, item: key, "expected \(downs[0].dropFirst()) beside it, found none")
        }
        continue
      }
      guard let target = Self.place(of: layer + ".weight", in: known) else {
        // Where a base's file leaves the pooler out, no encoder reads it.
        if layer.split(separator: ".").contains("pooler") { continue }
        throw FileError(.mismatched, file.url, item: key, "the base model has no \(layer).weight")
      }
      var whole: String?
      if case .replaced(let other)? = found[target], other.contains(".base_layer.") { whole = other }
      guard found[target] == nil || whole != nil else {
        throw FileError(
          .mismatched, file.url, item: key, "\(target) is replaced and has an addition, expected one of both")
      }
      let up = key.replacingOccurrences(of: "lora_A", with: "lora_B")
        .replacingOccurrences(of: "lora_embedding_A", with: "lora_embedding_B")
      let magnitude = keys[layer + ".lora_magnitude_vector"]
      if isTable, let magnitude {
        throw FileError(.mismatched, file.url, item: magnitude, "DoRA of a table is not supported")
      }
      let (a, b, base) = (
        try file.entry(key).shape, try file.entry(up).shape, target.shape(in: try shape(target.name))
      )
      let expected = isTable ? [base.last, base.first] : [base.first, base.last]
      guard base.count == 2, a.count == 2, b.count == 2, a[0] == b[1], a[0] > 0, [b[0], a[1]] == expected else {
        throw FileError(
          .mismatched, file.url, item: key,
          "expected an addition to \(target) of shape \(base), found shapes \(a) and \(b)")
      }
      if let magnitude, try file.entry(magnitude).shape.reduce(1, *) != base[0] {
        throw FileError(
          .mismatched, file.url, item: magnitude,
          "expected \(base[0]) lengths, found shape \(try file.entry(magnitude).shape)")
      }
      found[target] = .added(
        to: whole, down: key, up: up, scale: try adapter.scale(layer, rank: a[0], item: key), isTable: isTable,
        magnitude: magnitude)
    }
    for (place, change) in found.sorted(by: { $0.key.block < $1.key.block }) {
      guard place.blocks > 1 else {
        changes[place.name] = change
        continue
      }
      var blocks: [(place: Place, change: Change)] = []
      if case .blocks(let others)? = changes[place.name] { blocks = others }
      blocks.append((place, change))
      changes[place.name] = .blocks(blocks)
    }
  }

  /// What each other part of an addition stands beside.
  private static let downs = [
    ".lora_B.weight": [".lora_A.weight"], ".lora_embedding_B": [".lora_embedding_A"],
    ".lora_magnitude_vector": [".lora_A.weight", ".lora_embedding_A"],
  ]

  /// Changes the values of a tensor of the base model.
  ///
  /// - Throws: `FileError` if a part of the addition is missing or isn't floating-point.
  func apply(_ name: String, shape: [Int], to values: UnsafeMutableBufferPointer<Float>) throws {
    if let change = changes[name] { try apply(change, shape: shape, to: values) }
  }

  private func apply(_ change: Change, shape: [Int], to values: UnsafeMutableBufferPointer<Float>) throws {
    switch change {
    case .replaced(let key): try file.read(key, into: values)
    case .blocks(let blocks):
      for (place, change) in blocks {
        let part = place.shape(in: shape)
        let size = part.reduce(1, *)
        let rows = values[place.block * size..<(place.block + 1) * size]
        try apply(change, shape: part, to: UnsafeMutableBufferPointer(rebasing: rows))
      }
    case .added(let whole, let down, let up, let scale, let isTable, let magnitude):
      if let whole { try file.read(whole, into: values) }
      try add(down, up, scale: scale, isTable: isTable, magnitude: magnitude, shape: shape, to: values)
    }
  }

  private func add(
    _ downKey: String, _ upKey: String, scale: Double, isTable: Bool, magnitude: String?, shape: [Int],
    to values: UnsafeMutableBufferPointer<Float>
  ) throws {
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
