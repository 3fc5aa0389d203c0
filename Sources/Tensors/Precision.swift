import CKernels
import Synchronization

/// The numbers that the products of linear layers, and of attention outside training, multiply. Sums, and all else, are in float32, and so
/// are weights and their gradients.
///
///     let gradients = training(random) { Precision.bfloat16 { loss(model(batch)).gradients() } }
public enum Precision: String, Sendable, CaseIterable {
  /// 24 bits of precision.
  case float32
  /// 11 bits of precision, outside training: half the memory, and where the processor multiplies them (AVX512-FP16) up to twice as fast as
  /// float32. Rows are multiplied by powers of two that keep them in float16's range, and sums of at most 128 products are of float16.
  /// Elsewhere only the weights are rounded, and are multiplied as float32 numbers.
  case float16
  /// 8 bits of precision, with float32's range: up to three times as fast as float32 where the processor multiplies tiles of them (AMX), twice
  /// where it multiplies pairs (AVX512-BF16 of AMD), about as fast elsewhere.
  case bfloat16
  /// Whole numbers of 8 bits, outside training: a scale for each run of 128 numbers of a weight's column, and a scale and an offset for each of
  /// a row, found as it comes. Sums are exact within a run and float32 across runs. Attention multiplies float16 or bfloat16 numbers where those
  /// are fast.
  case int8

  @TaskLocal private static var ofTask: Precision?
  private static let ofProcess = Atomic<Int>(0)

  /// The precision of products where nothing else is said.
  public static var `default`: Precision {
    get { allCases[ofProcess.load(ordering: .relaxed)] }
    set { ofProcess.store(allCases.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
  }

  /// The precision of the current task's products.
  public static var current: Precision { ofTask ?? .default }

  /// Runs `body` with products in this precision. Derivatives of what it computes are in the same, wherever they are computed.
  public func callAsFunction<R>(_ body: () throws -> R) rethrows -> R {
    try Precision.$ofTask.withValue(self, operation: body)
  }

  /// The precision for a weight of a shape: narrow ones gain nothing.
  static func forProduct(_ shape: [Int]) -> Precision {
    guard shape.allSatisfy({ $0 >= 64 }) else { return .float32 }
    return switch current {
    case .float32, .bfloat16: current
    case .float16, .int8: Mode.current.records ? .float32 : current
    }
  }

  /// The precision of attention's products outside training. Bytes leave them to the fastest of the others.
  var attends: Precision { self == .int8 ? Precision.fastest : self }
  private static let fastest: Precision =
    switch String(cString: enc_isa()) {
    case "avx512fp16": .float16
    case "avx512bf16", "amx": .bfloat16
    default: .float32
    }
}
