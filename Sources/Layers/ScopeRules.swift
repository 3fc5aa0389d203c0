import Foundation

/// What a scope says of the parameters made in it: which are trained, and which layers get an addition.
struct ScopeRules: Sendable {
  var adaptation: LowRankAdaptation?
  var frozen: [String] = []

  /// Whether a parameter of that name is trained, the additions' own aside.
  func trains(_ name: String) -> Bool {
    !isFrozen(name) && (adaptation.map { $0.trained.contains { ScopeRules.part($0, isIn: name) } } ?? true)
  }

  func isFrozen(_ name: String) -> Bool { frozen.contains { ScopeRules.part($0, isIn: name) } }

  /// Whether a name has the name parts of `part` in a row. The last of them may be a range of numbers, as `0-5`.
  static func part(_ part: String, isIn name: String) -> Bool {
    let (wanted, found) = (part.split(separator: "."), name.split(separator: "."))
    guard let last = wanted.last, found.count >= wanted.count else { return false }
    let bounds = last.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    return (wanted.count...found.count).contains { end in
      guard found[end - wanted.count..<end - 1] == wanted.dropLast() else { return false }
      if bounds.count == 2, let first = bounds[0], let final = bounds[1], let number = Int(found[end - 1]) {
        return first <= number && number <= final
      }
      return found[end - 1] == last
    }
  }

  /// - Throws: `ScopeError` naming the first rule that nothing matches.
  func requireMatched(parameters: [String], linears: [String]) throws {
    for part in frozen + (adaptation?.trained ?? [])
    where !parameters.contains(where: { ScopeRules.part(part, isIn: $0) }) {
      throw ScopeError(unmatched: "part", part, names: parameters)
    }
    guard let adaptation else { return }
    for target in adaptation.targets where !linears.contains(where: { adaptation.matches(target, $0) }) {
      throw ScopeError(unmatched: "target", target, names: linears)
    }
    if adaptation.targets.isEmpty { throw ScopeError(unmatched: "target", "", names: linears) }
  }
}

/// A rule of a scope that nothing in the model matches.
public struct ScopeError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// What is wrong, and the names that there are.
  public let description: String
  /// Whether it's a target of the adaptation that nothing matches.
  public let isOfTarget: Bool

  /// Numbers in names become `N`, so that layers that are alike are named once.
  init(unmatched kind: String, _ wanted: String, names: [String]) {
    var known: [String] = []
    for name in names {
      let pattern = name.split(separator: ".").map { Int($0) == nil ? $0 : "N" }.joined(separator: ".")
      if !known.contains(pattern) { known.append(pattern) }
    }
    let list = known.isEmpty ? "nothing" : known.joined(separator: ", ")
    isOfTarget = kind == "target"
    description =
      "no \(isOfTarget ? "linear layer" : "parameter") matches the \(kind) \"\(wanted)\"; there are: \(list)"
  }

  init(tooLarge name: String, _ shape: [Int]) {
    isOfTarget = false
    let memory = String(format: "%.0f", Double(ProcessInfo.processInfo.physicalMemory) / 1e9)
    description =
      "the parameter \"\(name)\" of shape \(shape) makes the model larger than this machine's memory of \(memory) GB"
  }

  /// The same line.
  public var errorDescription: String? { description }
}
