import Checkpoints
import Tensors
import Testing

/// Attention's options, rotary positions, gates and RMS norms, forward and each gradient, against PyTorch's numbers.
@Suite struct AttentionGoldenTests {
  @Test func everyCaseOfTheFileAgrees() throws {
    let file = try Golden.open("attention")
    for name in Golden.cases(file) { try check(Golden(file: file, name: name)) }
  }

  func check(_ golden: Golden) throws {
    let inputs = try golden.inputs(["x", "weight", "q", "k", "v", "bias"])
    func input(_ name: String) throws -> Tensor { try #require(inputs[name]?.tensor, "\(golden.name): no \(name)") }
    let words = golden.name.split(separator: "_").map(String.init)
    try golden.check(inputs) {
      switch words[0] {
      case "rms": return try input("x").rmsNorm(input("weight"))
      case "gelu": return try input("x").activated(.geluTanh)
      case "gated":
        let activation = try #require(Activation(rawValue: words[1..<words.count - 1].joined(separator: "_")))
        return try input("x").gated(activation, gateFirst: words.last == "first")
      case "rotary":
        let turned = try golden.number("turned")
        let table = RotaryTable(frequencies: RotaryTable.frequencies(base: 10000, width: turned), positions: 37)
        let width = try input("x").width / golden.number("heads")
        return try Ragged(input("x"), golden.offsets()).rotated(
          by: table, headWidth: width, interleaved: golden.number("interleaved") == 1
        ).rows
      default:
        let window = try golden.number("window")
        return try Ragged(input("q"), golden.offsets()).attention(
          keys: input("k"), values: input("v"), heads: golden.number("heads"), keyHeads: golden.number("keys"),
          causal: golden.number("causal") == 1, window: window < 0 ? nil : window, bias: inputs["bias"]?.tensor
        ).rows
      }
    }
  }
}
