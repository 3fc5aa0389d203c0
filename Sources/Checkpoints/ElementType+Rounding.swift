import Tensors

extension ElementType {
  /// Little-endian elements of F32, F16 or BF16, rounded to the nearest (ties to even), chunk by chunk on the workers.
  func bytes(of values: UnsafeBufferPointer<Float>) -> [UInt8] {
    precondition(self == .float32 || self == .float16 || self == .bfloat16, "ElementType.bytes: \(rawValue) of floats")
    let size = byteCount
    return [UInt8](unsafeUninitializedCapacity: values.count * size) { bytes, initialized in
      initialized = values.count * size
      guard let from = values.baseAddress, let to = bytes.baseAddress else { return }
      Workers.run(values.count, by: 1 << 18) { range in
        let target = UnsafeMutableRawPointer(to)
        for index in range {
          let bits = from[index].bitPattern
          switch self {
          case .float16:
            target.storeBytes(of: ElementType.half(bits).littleEndian, toByteOffset: index * 2, as: UInt16.self)
          case .bfloat16:
            target.storeBytes(of: ElementType.bfloat(bits).littleEndian, toByteOffset: index * 2, as: UInt16.self)
          default: target.storeBytes(of: bits.littleEndian, toByteOffset: index * 4, as: UInt32.self)
          }
        }
      }
    }
  }

  /// The first finite number that rounding to this type makes infinite.
  func firstTooLarge(in values: UnsafeBufferPointer<Float>) -> Float? {
    // Half a step above the largest number: what is at least that is nearer to infinity, or ties to it.
    let limit: Float
    switch self {
    case .float16: limit = 65520
    case .bfloat16: limit = Float(bitPattern: 0x7F7F_8000)
    default: return nil
    }
    return values.first { $0.magnitude >= limit && $0.isFinite }
  }

  /// Half precision: 5 bits of exponent, 10 of mantissa. In whole numbers, as threads may have switched subnormal floats off.
  @inline(__always)
  private static func half(_ bits: UInt32) -> UInt16 {
    let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
    let magnitude = bits & 0x7FFF_FFFF
    if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
    if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
    if magnitude >= 0x3880_0000 {
      let rounded = magnitude + 0xFFF + (magnitude >> 13 & 1)
      return sign | UInt16(truncatingIfNeeded: (rounded - 0x3800_0000) >> 13)
    }
    // Subnormal: whole steps of 2⁻²⁴.
    let exponent = magnitude >> 23
    if exponent < 102 { return sign }
    let (mantissa, shift) = (magnitude & 0x7F_FFFF | 0x80_0000, 126 - exponent)
    let rounded = mantissa + (1 << (shift - 1)) - 1 + (mantissa >> shift & 1)
    return sign | UInt16(truncatingIfNeeded: rounded >> shift)
  }

  /// The upper half of a float.
  @inline(__always)
  private static func bfloat(_ bits: UInt32) -> UInt16 {
    if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }
}
