import Checkpoints
import Encoders
import Foundation
import Layers
import Tensors
import TestSupport
import Testing

@testable import Training

/// Low-rank adaptation of tiny pretrained models against the PEFT library's numbers (Golden/pretrained/make_adapters.py).
@Suite struct AdapterTests {
  static let cases: [(name: String, adaptation: LowRankAdaptation)] = [
    ("bert", LowRankAdaptation(rank: 4, alpha: 12, targets: ["query", "attention.output.dense"])),
    ("modernbert", LowRankAdaptation(rank: 2, alpha: 2, targets: [LowRankAdaptation.allLinear])),
    ("qwen3", LowRankAdaptation(rank: 3, alpha: 6, targets: ["q_proj", "v_proj"])),
  ]

  let folder = goldens.appendingPathComponent("pretrained")

  func open(_ name: String, _ adaptation: LowRankAdaptation) throws -> (Transformer, Scope) {
    let folder = folder.appendingPathComponent(name)
    let scope = try Scope.open(folder).adapted(by: adaptation)
    return (try Transformer(TransformerConfiguration(contentsOf: folder), at: scope), scope)
  }

  func expect(_ found: [Float], _ expected: [Float], within tolerance: Float, _ what: String) {
    #expect(found.count == expected.count, "\(what)")
    let scale = max(1e-3, expected.map { abs($0) }.max() ?? 0)
    let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
    #expect(worst <= tolerance * scale, "\(what): differs by \(worst) of \(scale)")
  }

  @Test(arguments: cases.indices) func forwardGradientsStepsAndMergeArePEFTs(_ index: Int) throws {
    let (name, adaptation) = AdapterTests.cases[index]
    let file = try SafetensorsFile(folder.appendingPathComponent("adapters.safetensors"))
    func stored(_ key: String) throws -> [Float] { try file.floats("\(name)/\(key)") }
    let (model, scope) = try open(name, adaptation)
    try scope.requireAllRead { $0.hasPrefix("pooler") }
    try scope.requireRulesMatched()
    let adapters = model.parameters.filter(\.isTrainable)
    let keys = Set(file.keys.filter { $0.hasPrefix("\(name)/start/") }.map { String($0.dropFirst(name.count + 7)) })
    #expect(Set(adapters.map(\.name)) == keys)
    for parameter in adapters {
      let values = try stored("start/\(parameter.name)")
      parameter.write { _ = $0.update(from: values) }
    }
    let golden = try SafetensorsFile(folder.appendingPathComponent("\(name)/golden.safetensors"))
    let ids = Ragged(
      IDs(try golden.int32s("ids")), Offsets(lengths: try golden.int32s("lengths").map(Int.init)))
    expect(model(ids).rows.scalars, try stored("hidden/start"), within: 2e-5, "\(name) forward")

    let target = Tensor(try stored("target"), shape: try file.entry("\(name)/target").shape)
    let optimizer = Optimizer(AdamW(epsilon: 1e-3, weightDecay: 0.1))
    for step in 0..<5 {
      let gradients = recording {
        let difference = model(ids).rows - target
        return (difference * difference).mean().gradients()
      }
      #expect(gradients.pairs.count == adapters.count)
      if step == 0 {
        for parameter in adapters {
          let gradient = try #require(gradients[parameter]?.scalars)
          expect(gradient, try stored("gradient/\(parameter.name)"), within: 1e-4, "\(name) \(parameter.name)")
        }
      }
      optimizer.step(gradients, learningRate: 0.01)
    }
    for parameter in adapters {
      expect(parameter.scalars, try stored("end/\(parameter.name)"), within: 2e-4, "\(name) \(parameter.name) after")
    }
    let after = model(ids).rows.scalars
    expect(after, try stored("hidden/end"), within: 2e-4, "\(name) after")

    let merged = adaptation.merged(model.parameters)
    #expect(merged.count == model.parameters.count - adapters.count)
    var changed = 0
    for parameter in merged where file.contains("\(name)/merged/\(parameter.name)") {
      expect(
        parameter.scalars, try stored("merged/\(parameter.name)"), within: 2e-4, "\(name) \(parameter.name) merged")
      changed += 1
    }
    #expect(changed == adapters.count / 2)
    // A model of the merged weights computes what the adapted one does.
    let copy = FileManager.default.temporaryDirectory.appendingPathComponent("adapters-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: copy) }
    var writer = SafetensorsWriter()
    for parameter in merged { writer.add(parameter.name, shape: parameter.shape, parameter.scalars) }
    try writer.write(to: copy.appendingPathComponent("model.safetensors"))
    let plain = try Transformer(model.configuration, at: Scope.open(copy))
    expect(plain(ids).rows.scalars, after, within: 2e-5, "\(name) merged")
  }

  @Test func anAdapterStartsAsNothingAndFromItsSeed() throws {
    let adaptation = LowRankAdaptation(rank: 4, dropout: 0.5, targets: ["query"], seed: 5)
    let (adapted, _) = try open("bert", adaptation)
    let plain = try Transformer.open(folder.appendingPathComponent("bert"))
    let ids = Ragged(IDs([5, 6, 7, 8]), Offsets(lengths: [3, 1]))
    #expect(adapted(ids).rows.scalars == plain(ids).rows.scalars)
    func start(_ adaptation: LowRankAdaptation) throws -> [Float] {
      try open("bert", adaptation).0.parameters.filter { $0.name.hasSuffix("lora_A.weight") }.flatMap(\.scalars)
    }
    let values = try start(adaptation)
    #expect(try start(adaptation) == values)
    #expect(try start(LowRankAdaptation(rank: 4, targets: ["query"], seed: 6)) != values)
    #expect(values.allSatisfy { abs($0) <= 0.25 } && values.contains { abs($0) > 0.2 })
  }

  @Test func savedAdaptersComeBack() throws {
    let adaptation = LowRankAdaptation(rank: 2, targets: ["second"], seed: 1)
    let scope = Scope.random(seed: 0).adapted(by: adaptation)
    let layer = try Linear(6, 4, at: scope["second"])
    layer.adapter?.up.write { for index in $0.indices { $0[index] = Float(index) } }
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    var writer = SafetensorsWriter()
    for parameter in scope.parameters { writer.add(parameter.name, shape: parameter.shape, parameter.scalars) }
    try writer.write(to: url)
    let stored = try Scope.open(url).adapted(by: LowRankAdaptation(rank: 2, targets: ["second"], seed: 9))
    let back = try Linear(6, 4, at: stored["second"])
    try stored.requireAllRead()
    let x = Tensor([1, 2, 3, 4, 5, 6], shape: [1, 6])
    #expect(back(x).scalars == layer(x).scalars)
    #expect(back(x).scalars != x.linear(back.weight.tensor, back.bias?.tensor).scalars)
  }

  @Test func whatNothingMatchesIsNamed() throws {
    #expect {
      try open("bert", LowRankAdaptation(targets: ["query", "q_proj"])).1.requireRulesMatched()
    } throws: {
      "\($0)".hasPrefix(
        "no linear layer matches the target \"q_proj\"; there are: encoder.layer.N.attention.self.query,")
    }
    let scope = try Scope.open(folder.appendingPathComponent("bert")).freezing(["encoder.layer.7"])
    _ = try Transformer(TransformerConfiguration(contentsOf: folder.appendingPathComponent("bert")), at: scope)
    #expect { try scope.requireRulesMatched() } throws: {
      "\($0)".hasPrefix(
        "no parameter matches the part \"encoder.layer.7\"; there are: embeddings.word_embeddings.weight")
    }
  }

  @Test func frozenPartsGetNoDerivatives() throws {
    let place = folder.appendingPathComponent("bert")
    let scope = try Scope.open(place).freezing(["embeddings", "encoder.layer.0-0"])
    let model = try Transformer(TransformerConfiguration(contentsOf: place), at: scope)
    try scope.requireRulesMatched()
    let ids = Ragged(IDs([5, 6, 7, 8]), Offsets(lengths: [3, 1]))
    let gradients = recording { model(ids).rows.mean().gradients() }
    #expect(gradients.pairs.count == 16)
    #expect(gradients.pairs.allSatisfy { $0.parameter.name.hasPrefix("encoder.layer.1.") })
  }

  @Test func ratesFallWithTheDistanceFromTheTop() throws {
    let scope = Scope.random(seed: 0)
    for name in ["bert.embeddings.words", "bert.encoder.layer.0.a", "bert.encoder.layer.11.b", "pooler.dense"] {
      _ = try Linear(2, 2, at: scope[name])
    }
    let groups = ParameterGroup.layerwise(scope.parameters, decay: 0.5, groups: [.biasesAndNorms])
    func group(_ parameter: Parameter) -> ParameterGroup? {
      groups.first { $0.contains(parameter.name, parameter.shape) }
    }
    let powers: [Double] = [13, 12, 1, 0]
    for (place, parameter) in scope.parameters.enumerated() {
      #expect(group(parameter)?.learningRateFactor == pow(0.5, powers[place / 2]), "\(parameter.name)")
      #expect(group(parameter)?.weightDecay == (place % 2 == 0 ? nil : 0), "\(parameter.name)")
    }
    #expect(!groups.contains { $0.contains("elsewhere", [2, 2]) })
  }
}
