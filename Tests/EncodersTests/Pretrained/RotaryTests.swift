import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Encoders

/// Models that reach beyond the length they were trained for: against transformers' numbers, and each text by its own length.
@Suite struct RotaryTests {
  static let root = PretrainedGolden.root
  static let cases: [JSON.Member] =
    (try? JSON(contentsOf: root.appendingPathComponent("rope.json")))?.members ?? []

  /// A model with some members of its configuration changed; null: left out.
  func configuration(_ model: String, _ changes: [JSON.Member]) throws -> TransformerConfiguration {
    let url = Self.root.appendingPathComponent("\(model)/config.json")
    let kept = try #require(JSON(contentsOf: url).members).filter { member in
      !changes.contains { $0.name == member.name }
    }
    return try TransformerConfiguration(.object(kept + changes.filter { $0.value != .null }), url: url)
  }

  @Test(arguments: cases.map(\.name)) func hiddenStatesAreTransformers(_ name: String) throws {
    let entry = try #require(Self.cases.first { $0.name == name }?.value)
    let model = try #require(entry["model"]?.string)
    let transformer = try Transformer.open(
      Self.root.appendingPathComponent(model), configuration: configuration(model, entry["changes"]?.members ?? []))
    let file = try SafetensorsFile(Self.root.appendingPathComponent("rope.safetensors"))
    let ids = Ragged(IDs(try file.int32s("ids")), Offsets(lengths: try file.int32s("lengths").map(Int.init)))
    try transformer.check(ids)
    let hidden = transformer(ids).rows
    let golden = PretrainedGolden(folder: Self.root.appendingPathComponent(name), file: file)
    let places = IDs(stride(from: 0, to: hidden.rows, by: 2).map { Int32($0) })
    try golden.expect(hidden.rows(at: places), "\(name)/hidden")
    // The texts in another order, one at a time: the same bits.
    let width = hidden.width
    for text in (0..<ids.count).reversed() {
      let rows = ids.offsets[text]
      let alone = transformer(Ragged([Array(ids.rows.values[rows])])).rows.scalars
      #expect(alone == Array(hidden.scalars[rows.lowerBound * width..<rows.upperBound * width]), "text \(text)")
    }
  }

  @Test func thereAreCases() { #expect(Self.cases.count == 17) }

  /// Positions are how much is read of a text if the folder says nothing, and no limit.
  @Test func textsMayBeLongerThanThePositions() throws {
    let model = try Transformer.open(Self.root.appendingPathComponent("qwen3"))
    #expect(model.configuration.maximumLength == 48 && model.configuration.positionLimit == nil)
    let ids = (0..<100).map { Int32(5 + $0 % 50) }
    try model.check(Ragged([ids]))
    // Its attention is causal: the first tokens don't know of those past the positions.
    let (long, short) = (model(Ragged([ids])).rows.scalars, model(Ragged([Array(ids.prefix(48))])).rows.scalars)
    #expect(long.allSatisfy(\.isFinite) && zip(long, short).allSatisfy { abs($0 - $1) < 2e-5 })
  }

  @Test func whatMakesNoSenseIsNamed() throws {
    func line(_ rope: [String: JSON], of model: String = "qwen3") -> String {
      let url = Self.root.appendingPathComponent("\(model)/config.json")
      do {
        _ = try configuration(model, [.init("rope_parameters", .object(rope.map { .init($0, $1) }))])
        return "opens"
      } catch {
        #expect("\(error)".hasPrefix(url.path + ": ") && !"\(error)".contains("\n"), "\(error)")
        return String("\(error)".dropFirst(url.path.count + 2))
      }
    }
    #expect(
      line(["rope_type": "mrope"])
        == #""rope_type": "mrope" is not supported; supported: default, linear, dynamic, yarn, llama3, longrope, proportional, ntk"#
    )
    #expect(line(["rope_type": "linear"]) == #""factor": no such key"#)
    #expect(line(["type": "dynamic", "factor": .integer(0)]) == #""factor": expected a number above 0, found 0"#)
    #expect(
      line(["type": "yarn", "factor": .integer(2), "beta_fast": .number(0.5)])
        == #""beta_fast": expected at least beta_slow, 1.0, which is above 0, found 0.5"#)
    #expect(
      line(["type": "yarn", "factor": .integer(2), "original_max_position_embeddings": .integer(1)])
        == #""original_max_position_embeddings": expected a whole number from 2 to 1073741824, found 1"#)
    #expect(
      line(["type": "yarn", "factor": .integer(2), "truncate": "no"])
        == #""truncate": expected true or false, found a string"#)
    let llama: [String: JSON] = ["rope_type": "llama3", "factor": .integer(8), "low_freq_factor": .integer(4)]
    #expect(line(llama) == #""high_freq_factor": no such key"#)
    #expect(
      line(llama.merging(["high_freq_factor": .integer(4)]) { $1 })
        == #""high_freq_factor": expected more than 4.0, found 4.0"#)
    let long: [String: JSON] = ["rope_type": "longrope", "short_factor": .array([.integer(1), .integer(2)])]
    #expect(
      line(long, of: "gte")
        == #""short_factor": expected 4 numbers above 0, one a pair of columns, found 2 elements: [1,2]"#)
    #expect(line(["rope_type": "longrope"], of: "gte") == #""short_factor": no such key"#)
    #expect(
      line(["type": "linear", "factor": .integer(2), "partial_rotary_factor": .integer(2)])
        == #""partial_rotary_factor": 2.0 of 12 columns can't be turned in pairs"#)
  }

  /// Beyond the trained length a text's angles depend on its own length alone, never on its neighbours'.
  @Test func textsBeyondTheTrainedLengthHaveTheirOwnAngles() throws {
    let form = RotaryForm(theta: 1000, width: 8, scaling: .dynamic(2, trained: 6))
    let angles = RotaryAngles(form)
    let random = Random(seed: 1)
    let lengths = [4, 9, 6, 13]
    let rows = lengths.reduce(0, +)
    let x = Tensor((0..<rows * 8).map { random.uniform(at: UInt64($0)) }, shape: [rows, 8])
    let batch = Ragged(x, Offsets(lengths: lengths))
    let all = angles.turn(batch, headWidth: 8).rows.scalars
    for text in 0..<batch.count {
      let range = batch.offsets[text].lowerBound * 8..<batch.offsets[text].upperBound * 8
      let alone = Ragged(
        Tensor(Array(x.scalars[range]), shape: [range.count / 8, 8]), Offsets(lengths: [lengths[text]]))
      #expect(angles.turn(alone, headWidth: 8).rows.scalars == Array(all[range]))
    }
    // Source of the numbers: transformers' _compute_dynamic_ntk_parameters with seq_len 13.
    let base = 1000 * pow(2 * 13.0 / 6 - 1, 8.0 / 6)
    let expected = (0..<4).map { 1 / pow(base, Double($0) / 4) }
    #expect(zip(form.frequencies(length: 13), expected).allSatisfy { abs(Double($0) - $1) < 1e-6 })
    // GTE's mixed scaling: frequencies over exp(ln 3 / 4^½ · (1, 2, 3, 4)^½).
    let mixed = RotaryForm(theta: 1000, width: 8, scaling: .ntk(3, mixed: 0.5)).frequencies(length: 9)
    for (pair, found) in mixed.enumerated() {
      let divisor = exp(log(3) / 2 * Double(pair + 1).squareRoot())
      #expect(abs(Double(found) - 1 / pow(1000, Double(pair) / 4) / divisor) < 1e-6)
    }
    #expect(form.frequencies(length: 6) == RotaryTable.frequencies(base: 1000, width: 8))
  }
}
