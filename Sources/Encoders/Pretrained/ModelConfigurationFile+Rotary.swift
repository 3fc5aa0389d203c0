import Checkpoints
import Foundation

/// What a configuration says of rotary angles. Old files have `rope_theta` and `rope_scaling`, new ones `rope_parameters`, which may have an
/// object for each kind of layer.
extension ModelConfigurationFile {
  /// Angles for heads whose first `width` columns turn, of a model with `positions` (`max_position_embeddings`).
  ///
  /// - Parameters:
  ///   - layerType: the kind of layer whose object is meant, for families that have one for each.
  /// - Throws: `FileError` naming the key, what it has and what it may have.
  func rotary(
    width: Int, thetaKeys: [String] = ["rope_theta"], defaultTheta: Float, layerType: String? = nil, positions: Int
  ) throws -> RotaryForm {
    let (rope, shared) = try ropeParameters(layerType)
    let theta = try rope.positive("rope_theta", default: positive(of: thetaKeys, default: defaultTheta))
    let key = rope.value(["rope_type", "type"])?.key ?? "rope_type"
    let kinds = ["default", "linear", "dynamic", "yarn", "llama3", "longrope", "proportional", "ntk"]
    let kind = try rope.choice(key, kinds, default: "default")
    // Where nothing is stretched, no family's code asks for a part.
    let share =
      try kind == "default"
      ? 1 : rope.number("partial_rotary_factor", default: number("partial_rotary_factor", default: 1))
    let turned = Int(Float(width) * share)
    guard share > 0, share <= 1, turned % 2 == 0 else {
      throw error("partial_rotary_factor", "\(share) of \(width) columns can't be turned in pairs")
    }
    var form = RotaryForm(theta: theta, width: turned)
    switch kind {
    case "linear": form.scaling = .linear(try rope.positive("factor"))
    case "dynamic":
      guard turned > 2 else { throw error(key, "\"dynamic\" needs more than 2 turned columns, found \(turned)") }
      form.scaling = .dynamic(try rope.positive("factor"), trained: positions)
    case "ntk":
      let mixed = rope.value(["mixed_b"]) == nil ? nil : try rope.number("mixed_b", default: 0)
      form.scaling = .ntk(try rope.positive("factor", default: 1), mixed: mixed)
    case "proportional":
      form.width = width
      form.scaling = .proportional(try rope.positive("factor", default: 1), turned: turned)
    case "yarn": form.scaling = .yarn(try rope.yarn(shared, theta, original(rope, layerType, positions), positions))
    case "llama3":
      let (low, high) = (try rope.positive("low_freq_factor"), try rope.positive("high_freq_factor"))
      guard low < high else { throw error("high_freq_factor", "expected more than \(low), found \(high)") }
      form.scaling = .llama3(
        try rope.positive("factor"), low: low, high: high, trained: try original(rope, layerType, positions))
    case "longrope":
      let trained = try original(rope, layerType, positions)
      let factor = Double(try rope.positive("factor", default: Float(positions) / Float(trained)))
      let usual = factor <= 1 ? 1 : (1 + log(factor) / log(Double(trained))).squareRoot()
      form.scaling = .longrope(
        short: try rope.factors("short_factor", turned / 2), long: try rope.factors("long_factor", turned / 2),
        attention: try rope.positive("attention_factor", default: Float(usual)), trained: trained)
    default: break
    }
    return form
  }

  /// The object that says how to turn, for a kind of layer, and what holds for all kinds. As transformers joins them: `rope_scaling` comes
  /// before `rope_parameters`, or adds to the object of each kind.
  private func ropeParameters(_ layerType: String?) throws -> (ModelConfigurationFile, shared: ModelConfigurationFile) {
    func members(_ key: String, of json: JSON) throws -> [JSON.Member] {
      guard let value = json[key], value != .null else { return [] }
      guard let members = value.members else { throw error(key, "expected an object, found \(value.kind)") }
      return members
    }
    func file(_ members: [JSON.Member]) -> ModelConfigurationFile {
      ModelConfigurationFile(json: .object(members), url: url)
    }
    let (old, new) = (try members("rope_scaling", of: json), try members("rope_parameters", of: json))
    guard let layerType else {
      let only = file(old.isEmpty ? new : old)
      return (only, only)
    }
    let own = try members(layerType, of: .object(new)).filter { member in !old.contains { $0.name == member.name } }
    return (file(own + old), file(new))
  }

  /// How many positions the model was trained for before its angles were stretched.
  private func original(_ rope: ModelConfigurationFile, _ layerType: String?, _ positions: Int) throws -> Int {
    let key = "original_max_position_embeddings"
    if layerType == nil, let outer = try integerIfAny(key, least: 2) { return outer }
    return try rope.integer(key, default: positions, least: 2)
  }

  private func positive(of keys: [String], default standard: Float) throws -> Float {
    guard let key = value(keys)?.key else { return standard }
    return try positive(key, default: standard)
  }

  /// - Parameters:
  ///   - shared: where transformers looks for `truncate`, which is the object of no kind of layer.
  private func yarn(_ shared: ModelConfigurationFile, _ theta: Float, _ trained: Int, _ positions: Int) throws
    -> RotaryForm.Yarn
  {
    // 0 and null count as not given.
    func given(_ key: String) throws -> Double? {
      let number = try number(key, default: 0)
      return number == 0 ? nil : Double(number)
    }
    let factor = Double(try positive("factor", default: Float(positions) / Float(trained)))
    func growth(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }
    var usual = growth(1)
    if let scale = try given("mscale"), let all = try given("mscale_all_dim") { usual = growth(scale) / growth(all) }
    let (fast, slow) = (try given("beta_fast") ?? 32, try given("beta_slow") ?? 1)
    guard theta > 1 else { throw error("rope_theta", "expected more than 1 with \"yarn\", found \(theta)") }
    guard slow > 0, fast >= slow else {
      throw error("beta_fast", "expected at least beta_slow, \(slow), which is above 0, found \(fast)")
    }
    return RotaryForm.Yarn(
      factor: Float(factor), fast: fast, slow: slow, truncates: try shared.bool("truncate", default: true),
      attention: try positive("attention_factor", default: Float(usual)), trained: trained)
  }

  /// A list with a number above 0 for each pair of columns.
  private func factors(_ key: String, _ count: Int) throws -> [Float] {
    guard let (_, value) = value([key]) else { throw FileError(.missing, url, item: key, "no such key") }
    let numbers = (value.elements ?? []).compactMap { $0.double.map { Float($0) } }.filter { $0 > 0 && $0.isFinite }
    guard numbers.count == count, value.elements?.count == count else {
      let found = value.elements.map { "\($0.count) elements: " } ?? ""
      throw error(
        key, "expected \(count) numbers above 0, one a pair of columns, found \(found)\(value.text().prefix(40))")
    }
    return numbers
  }
}
