import Checkpoints
import Foundation
import Synchronization
import Tensors

/// A place in a tree of named parameters: it names, shapes, initialises and loads a parameter in one line.
///
/// The same layer code serves a new model (`Scope.random`) and a stored one (`Scope.open`). Names join with dots, as in PyTorch.
public struct Scope: Sendable {
  private let source: Source
  private var rules: ScopeRules
  /// The path of this place; empty at the root.
  public let path: String

  /// A new model: every parameter starts from its initialiser, as a function of the seed and its name alone.
  public static func random(seed: UInt64) -> Scope {
    Scope(Source(file: nil, random: Random(seed: seed)), path: "")
  }

  /// A stored model: a safetensors file, an index of several, or a folder with either. `name` stands before the names of its
  /// parameters, to tell them from those of other files.
  ///
  /// - Throws: `FileError` if a file is missing or damaged.
  public static func open(_ url: URL, name: String = "") throws -> Scope {
    Scope(Source(file: try Checkpoint(url), name: name, random: Random(seed: 0)), path: "")
  }

  /// The place `name` below this one; this one if `name` is empty.
  public subscript(name: String) -> Scope { Scope(source, path: join(name), rules) }

  private init(_ source: Source, path: String, _ rules: ScopeRules = ScopeRules()) {
    (self.source, self.path, self.rules) = (source, path, rules)
  }

  /// This place with parts of the model frozen: no derivatives are computed by what is made there.
  ///
  /// A part is a run of whole name parts: `embeddings`, `encoder.layer.0`, or several layers as `encoder.layer.0-5`.
  public func freezing(_ parts: [String]) -> Scope {
    var scope = self
    scope.rules.frozen += parts
    return scope
  }

  /// This place with additions to the linear layers that `adaptation` targets, and all else frozen.
  public func adapted(by adaptation: LowRankAdaptation) -> Scope {
    var scope = self
    scope.rules.adaptation = adaptation
    return scope
  }

  /// What is added to the linear layers made here, if something is.
  public var adaptation: LowRankAdaptation? { rules.adaptation }

  /// Checks that every frozen part and every target of the adaptation has been met below this place. Call when the model is made.
  ///
  /// - Throws: `ScopeError` naming the part or the target, and the names that there are.
  public func requireRulesMatched() throws { try Scope.requireRulesMatched(in: [self]) }

  /// Checks the same for a model in several files, whose scopes have the same rules: each must be met in one of them.
  ///
  /// - Throws: `ScopeError` naming the part or the target, and the names that there are.
  public static func requireRulesMatched(in scopes: [Scope]) throws {
    let parameters = scopes.flatMap { scope in scope.parameters.map { $0.name.dropFirst(scope.source.prefix.count) } }
    let linears = scopes.flatMap { scope in
      let prefix = scope.path.isEmpty ? "" : scope.path + "."
      return scope.source.linears.withLock { $0.filter { $0.hasPrefix(prefix) || $0 == scope.path } }
    }
    try scopes.first?.rules.requireMatched(parameters: parameters.map { String($0) }, linears: linears)
  }

  /// A parameter of this place: from the file, or from `initial`.
  ///
  /// - Throws: `FileError` naming the file and the full name if it's missing or of another shape.
  public func parameter(
    _ name: String, _ shape: [Int], _ initial: Initializer, trainable: Bool = true
  ) throws -> Parameter {
    let name = join(name)
    return try make(name, shape, initial, source.random, trainable: trainable && rules.trains(name))
  }

  /// A parameter of this place that has been made up from tensors stored under other names.
  public func parameter(_ name: String, _ value: Tensor) -> Parameter {
    let name = join(name)
    let parameter = Parameter(source.prefix + name, value, trainable: rules.trains(name))
    source.parameters.withLock { $0.append(parameter) }
    return parameter
  }

  /// The elements of a stored tensor of this place.
  ///
  /// - Throws: `FileError` if there is none, or it isn't floating-point.
  public func floats(_ name: String) throws -> [Float] {
    try stored(name) { file, name in
      let count = try file.entry(name).shape.reduce(1, *)
      return try [Float](unsafeUninitializedCapacity: count) {
        try file.read(name, into: UnsafeMutableBufferPointer(rebasing: $0[..<count]))
        $1 = count
      }
    }
  }

  /// The elements of a stored tensor of this place.
  ///
  /// - Throws: `FileError` if there is none, or it isn't of whole numbers.
  public func integers(_ name: String) throws -> [Int64] { try stored(name) { try $0.int64s($1) } }

  private func stored<Values>(_ name: String, _ body: (Checkpoint, String) throws -> Values) throws -> Values {
    guard let file = source.file else { preconditionFailure("Scope: \(join(name)) of a new model") }
    return try body(file, join(name))
  }

  private func make(
    _ name: String, _ shape: [Int], _ initial: Initializer, _ random: Random, trainable: Bool, isNew: Bool = false
  ) throws -> Parameter {
    let parameter: Parameter
    if let file = source.file, !isNew {
      let entry = try file.entry(name)
      guard entry.shape == shape else {
        throw FileError(.mismatched, file.url(of: name), item: name, "expected shape \(shape), found \(entry.shape)")
      }
      let full = source.prefix + name
      if let floats = try file.mapped(name) {
        parameter = Parameter(full, floats, shape: shape, trainable: trainable)
      } else {
        parameter = try Parameter(full, shape: shape, trainable: trainable) { try file.read(name, into: $0) }
      }
    } else {
      let full = source.prefix + name
      try source.requireMemory(for: full, shape)
      parameter = Parameter(full, initial.tensor(shape, random.split(full)), trainable: trainable)
    }
    source.parameters.withLock { $0.append(parameter) }
    return parameter
  }

  /// The addition to the linear layer of this place, if it's a target: from the file if it has one, else new.
  func adapter(inputs: Int, outputs: Int) throws -> LowRankAdapter? {
    source.linears.withLock { $0.append(path) }
    guard let adaptation = rules.adaptation, adaptation.applies(to: path) else { return nil }
    func parameter(_ name: String, _ shape: [Int], _ initial: Initializer) throws -> Parameter {
      let isNew = !(source.file?.contains(join(name)) ?? false)
      return try make(
        join(name), shape, initial, Random(seed: adaptation.seed), trainable: !rules.isFrozen(path), isNew: isNew)
    }
    return LowRankAdapter(
      down: try parameter(LowRankAdapter.down, [adaptation.rank, inputs], .kaimingUniform),
      up: try parameter(LowRankAdapter.up, [outputs, adaptation.rank], .zeros), adaptation: adaptation)
  }

  /// Whether the file has a parameter of this place; true for a new model.
  public func contains(_ name: String) -> Bool { source.file?.contains(join(name)) ?? true }

  /// The shape of a stored tensor of this place.
  ///
  /// - Throws: `FileError` if there is none, or it's a scalar.
  public func shape(_ name: String) throws -> [Int] {
    try stored(name) { file, name in
      let shape = try file.entry(name).shape
      guard !shape.isEmpty else {
        throw FileError(.mismatched, file.url(of: name), item: name, "expected a shape, found a scalar")
      }
      return shape
    }
  }

  /// The place below this one where the file has a parameter of that name: what precedes it in the shortest such key, as `bert`. Nil if the
  /// file has none; for a new model too.
  public func place(of name: String) -> Scope? {
    guard let file = source.file else { return nil }
    let prefix = path.isEmpty ? "" : path + "."
    let keys = file.keys.filter { $0.hasPrefix(prefix) && ($0 == prefix + name || $0.hasSuffix("." + name)) }
    return keys.min { $0.utf8.count < $1.utf8.count }.map { key in
      Scope(source, path: String(key.dropLast(key == name ? name.count : name.count + 1)), rules)
    }
  }

  /// Where the model is stored; nil for a new one.
  public var url: URL? { source.file?.url }

  /// All parameters made so far below this place, in the order of their making.
  public var parameters: [Parameter] {
    let prefix = source.prefix + (path.isEmpty ? "" : path + ".")
    return source.parameters.withLock { $0.filter { $0.name.hasPrefix(prefix) } }
  }

  /// Checks that every tensor of the file has become a parameter, those aside that `isUnused` names.
  ///
  /// - Throws: `FileError` naming those that nothing asked for.
  public func requireAllRead(except isUnused: (String) -> Bool = { _ in false }) throws {
    guard let file = source.file else { return }
    let read = Set(source.parameters.withLock { $0.map(\.name) })
    let unread = file.keys.filter { !read.contains(source.prefix + $0) && !isUnused($0) }
    guard unread.isEmpty else {
      let names = unread.prefix(5).joined(separator: ", ") + (unread.count > 5 ? ", …" : "")
      throw FileError(.mismatched, file.url, "\(unread.count) tensors belong to no layer of this model: \(names)")
    }
  }

  private func join(_ name: String) -> String {
    path.isEmpty ? name : name.isEmpty ? path : "\(path).\(name)"
  }

  private final class Source: Sendable {
    let file: Checkpoint?
    /// What the parameters' names begin with.
    let prefix: String
    let random: Random
    let parameters = Mutex<[Parameter]>([])
    /// The paths of the linear layers made so far.
    let linears = Mutex<[String]>([])

    init(file: Checkpoint?, name: String = "", random: Random) {
      self.file = file
      prefix = name.isEmpty ? "" : name + "."
      self.random = random
    }

    /// - Throws: `ScopeError` if there is no room for a new parameter beside those made before.
    func requireMemory(for name: String, _ shape: [Int]) throws {
      let before = parameters.withLock { $0.reduce(0) { $0 + $1.count } }
      let room = Double(ProcessInfo.processInfo.physicalMemory) / 4 - Double(before)
      guard shape.reduce(1, { $0 * Double($1) }) < room else { throw ScopeError(tooLarge: name, shape) }
    }
  }
}

/// How a new parameter starts.
public enum Initializer: Sendable {
  /// All 0.
  case zeros
  /// All 1.
  case ones
  /// Uniform in ±bound.
  case uniform(Float)
  /// Normal with mean 0.
  case normal(Float)
  /// Uniform in ±1/√(inputs of an output): PyTorch's default for linear and convolution weights (He et al. 2015 with a = √5).
  case kaimingUniform
  /// Uniform in ±√(6 / (inputs + outputs)). Source: Glorot and Bengio 2010.
  case xavierUniform
  /// These very values.
  case values([Float])

  func tensor(_ shape: [Int], _ random: Random) -> Tensor {
    let inputs = shape.dropFirst().reduce(1, *)
    switch self {
    case .zeros: return .zeros(shape)
    case .ones: return Tensor(repeating: 1, shape: shape)
    case .uniform(let bound): return uniform(shape, random, bound)
    case .kaimingUniform: return uniform(shape, random, 1 / Float(max(1, inputs)).squareRoot())
    case .xavierUniform: return uniform(shape, random, (6 / Float(inputs + (shape.first ?? 1))).squareRoot())
    case .values(let values): return Tensor(values, shape: shape)
    case .normal(let deviation):
      // Box and Muller 1958, one number a pair.
      return Tensor(
        (0..<shape.reduce(1, *)).map { index in
          let (u, v) = (random.uniform(at: UInt64(2 * index)), random.uniform(at: UInt64(2 * index + 1)))
          return deviation * (-2 * log(1 - u)).squareRoot() * cos(2 * .pi * v)
        }, shape: shape)
    }
  }

  private func uniform(_ shape: [Int], _ random: Random, _ bound: Float) -> Tensor {
    Tensor((0..<shape.reduce(1, *)).map { (random.uniform(at: UInt64($0)) * 2 - 1) * bound }, shape: shape)
  }
}

/// A part of a model: a value that holds its parameters and is called on its input.
public protocol Layer: Sendable {}

extension Tensor {
  /// `linear` with parameters.
  func linear(
    _ weight: Parameter, _ bias: Parameter?, activated activation: Activation? = nil, adding residual: Tensor? = nil
  ) -> Tensor {
    linear(weight.tensor, bias?.tensor, activated: activation, adding: residual)
  }
}
