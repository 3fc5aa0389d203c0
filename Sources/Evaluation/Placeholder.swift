public struct Estimate: Sendable, Codable, Equatable { public let value, lower, upper: Double }
public struct ClassificationReport: Sendable, Codable { public let count: Int; public let accuracy: Estimate
  public init(labels: [Int], predictions: [Int], probabilities: [[Float]]?, classes: [String], seed: UInt64 = 0, resamples: Int = 1000) throws { count = labels.count
   let a = Double(zip(labels, predictions).filter { $0 == $1 }.count) / Double(labels.count); accuracy = Estimate(value: a, lower: a, upper: a) }
  public var table: String { "accuracy \(accuracy.value)" } }
public struct ReconstructionReport: Sendable, Codable { public let mse: Estimate; public init(errors: [Double], absolute: [Double], seed: UInt64 = 0, resamples: Int = 1000) throws { let m = errors.reduce(0, +) / Double(errors.count); mse = Estimate(value: m, lower: m, upper: m) }
  public var table: String { "mse \(mse.value)" } }
public enum TSNE { public static func layout(_ v: [Float], width: Int, seed: UInt64) -> [(x: Float, y: Float)] { [] } }
