import COneDNN

/// The numbers that the products of linear layers multiply. Sums, and all else, are in float32, and so are weights and their gradients.
///
///     let gradients = training(random) { Precision.bfloat16 { loss(model(batch)).gradients() } }
public enum Precision: String, Sendable, CaseIterable {
  /// 24 bits of precision.
  case float32
  /// 8 bits of precision, with float32's range: twice as fast where the processor multiplies them.
  case bfloat16

  @TaskLocal static var ofProducts = Precision.float32

  /// Whether this processor multiplies bfloat16 numbers. Where it doesn't, `bfloat16` computes in float32.
  public static let hasBFloat16: Bool = {
    let wanted = dnnl_cpu_isa_avx512_core_bf16.rawValue
    return dnnl_get_effective_cpu_isa().rawValue & wanted == wanted
  }()

  /// Runs `body` with products in this precision. Derivatives of what it computes are in the same, wherever they are computed.
  public func callAsFunction<R>(_ body: () throws -> R) rethrows -> R {
    try Precision.$ofProducts.withValue(self, operation: body)
  }

  /// The precision for a weight of a shape: narrow ones gain nothing.
  static func forProduct(_ shape: [Int]) -> Precision {
    ofProducts == .bfloat16 && hasBFloat16 && shape.allSatisfy { $0 >= 64 } ? .bfloat16 : .float32
  }
}
