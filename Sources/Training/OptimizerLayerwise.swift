import Foundation
import Tensors

extension ParameterGroup {
  /// Learning rates that fall with the distance from the top: of L layers, numbered from 0, layer l learns at decay^(L − l) of the rate, what
  /// comes before the layers (embeddings) at decay^(L + 1), and what comes after them (heads) at the whole rate.
  ///
  /// - Parameters:
  ///   - parameters: All of the model's, in the order of their making. A layer's number is the first number that follows `layer`, `layers` or
  ///     the like in a name.
  ///   - decay: In (0, 1].
  ///   - groups: What else differs, such as `biasesAndNorms`; a parameter has its factor times that of the first of these that contains it.
  ///
  /// Source: Howard and Ruder 2018 (discriminative fine-tuning); the depths are ELECTRA's and BEiT's (Clark et al. 2020; Bao et al. 2022).
  public static func layerwise(
    _ parameters: [Parameter], decay: Double, groups: [ParameterGroup] = []
  ) -> [ParameterGroup] {
    precondition(decay > 0 && decay <= 1, "ParameterGroup.layerwise: expected a decay in (0, 1], found \(decay)")
    let numbers = parameters.map { layer(of: $0.name) }
    guard let first = numbers.firstIndex(where: { $0 != nil }), let last = numbers.compactMap({ $0 }).max() else {
      return groups
    }
    var depths: [String: Int] = [:]
    for (place, parameter) in parameters.enumerated() where depths[parameter.name] == nil {
      depths[parameter.name] = numbers[place].map { $0 + 1 } ?? (place < first ? 0 : last + 2)
    }
    let known = depths
    return Set(depths.values).sorted().flatMap { depth in
      let factor = pow(decay, Double(last + 2 - depth))
      let rest = ParameterGroup { _, _ in true }
      return (groups + [rest]).map { group in
        ParameterGroup(weightDecay: group.weightDecay, learningRateFactor: group.learningRateFactor * factor) {
          known[$0] == depth && group.contains($0, $1)
        }
      }
    }
  }

  /// The number after the first name part that ends with `layer`, `layers` or `layer_groups`; nil if there is none.
  private static func layer(of name: String) -> Int? {
    let parts = name.split(separator: ".")
    return zip(parts, parts.dropFirst()).lazy.compactMap { part, number in
      ["layer", "layers", "layer_groups"].contains { part.hasSuffix($0) } ? Int(number) : nil
    }.first
  }
}
