import Foundation
import Tensors

/// The types of elements that tensors in files have, by their safetensors names.
public enum ElementType: String, Sendable, CaseIterable {
  /// IEEE 754's binary64.
  case float64 = "F64"
  /// IEEE 754's binary32.
  case float32 = "F32"
  /// IEEE 754's binary16: 5 bits of exponent, 10 of fraction.
  case float16 = "F16"
  /// The upper half of a binary32: 8 bits of exponent, 7 of fraction.
  case bfloat16 = "BF16"
  /// Whole numbers of 64 bits with a sign.
  case int64 = "I64"
  /// Whole numbers of 32 bits with a sign.
  case int32 = "I32"
  /// Whole numbers of 16 bits with a sign.
  case int16 = "I16"
  /// Whole numbers of 8 bits with a sign.
  case int8 = "I8"
  /// Whole numbers of 8 bits from 0.
  case uint8 = "U8"
  /// A byte each; false is 0.
  case bool = "BOOL"

  /// Bytes an element takes.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Bytes a tensor of this type and shape takes, or nil if a dimension is negative or the product overflows.
  func byteCount(of shape: [Int]) -> Int? {
    var total = byteCount
    for dimension in shape {
      let (product, overflow) = total.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow else { return nil }
      total = product
    }
    return total
  }

  /// Whether elements are floating-point numbers.
  public var isFloating: Bool { self == .float32 || self == .float64 || self == .bfloat16 || self == .float16 }

  /// Little-endian floating-point elements of this type as 32-bit floats (64-bit ones rounded); nil for other types.
  func floats(from bytes: UnsafeRawBufferPointer) -> [Float]? {
    guard isFloating else { return nil }
    let count = bytes.count / byteCount
    return [Float](unsafeUninitializedCapacity: count) { values, initialized in
      read(bytes, into: UnsafeMutableBufferPointer(rebasing: values[..<count]))
      initialized = count
    }
  }

  /// The same into memory for them, chunk by chunk on the workers; other types leave it alone.
  func read(_ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>) {
    guard let to = values.baseAddress, let from = bytes.baseAddress else { return }
    Workers.run(min(values.count, bytes.count / byteCount), by: 1 << 18) { range in
      let bytes = from + range.lowerBound * byteCount
      let values = UnsafeMutableBufferPointer(start: to + range.lowerBound, count: range.count)
      switch self {
      case .float32: UnsafeMutableRawPointer(to + range.lowerBound).copyMemory(from: bytes, byteCount: 4 * range.count)
      case .float64: ElementType.convert(bytes, from: UInt64.self, into: values) { Float(Double(bitPattern: $0)) }
      case .bfloat16:
        ElementType.convert(bytes, from: UInt16.self, into: values) { Float(bitPattern: UInt32($0) << 16) }
      case .float16: ElementType.convert(bytes, from: UInt16.self, into: values, ElementType.float(half:))
      default: break
      }
    }
  }

  /// Little-endian whole-number elements of this type as 64-bit integers (false is 0, true 1); nil for other types.
  func integers(from bytes: UnsafeRawBufferPointer) -> [Int64]? {
    switch self {
    case .int64: ElementType.convert(bytes, from: Int64.self) { $0 }
    case .int32: ElementType.convert(bytes, from: Int32.self) { Int64($0) }
    case .int16: ElementType.convert(bytes, from: Int16.self) { Int64($0) }
    case .int8: ElementType.convert(bytes, from: Int8.self) { Int64($0) }
    case .uint8: ElementType.convert(bytes, from: UInt8.self) { Int64($0) }
    case .bool: ElementType.convert(bytes, from: UInt8.self) { $0 == 0 ? 0 : 1 }
    default: nil
    }
  }

  /// A half-precision number as a float. Without the hardware's subnormals, which threads may have switched off.
  private static func float(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10) & 0x1F
    let mantissa = UInt32(half & 0x3FF)
    let normal = (exponent == 31 ? 0x7F80_0000 : (exponent + 112) << 23) | mantissa << 13
    let subnormal = (Float(mantissa) * 0x1p-24).bitPattern
    return Float(bitPattern: sign | (exponent == 0 ? subnormal : normal))
  }

  @inline(__always)
  private static func convert<Stored: FixedWidthInteger & BitwiseCopyable, Value>(
    _ bytes: UnsafeRawBufferPointer, from: Stored.Type, _ value: (Stored) -> Value
  ) -> [Value] {
    let count = bytes.count / MemoryLayout<Stored>.size
    return [Value](unsafeUninitializedCapacity: count) { values, initialized in
      if let base = bytes.baseAddress {
        convert(base, from: Stored.self, into: UnsafeMutableBufferPointer(rebasing: values[..<count]), value)
      }
      initialized = count
    }
  }

  @inline(__always)
  private static func convert<Stored: FixedWidthInteger & BitwiseCopyable, Value>(
    _ bytes: UnsafeRawPointer, from: Stored.Type, into values: UnsafeMutableBufferPointer<Value>,
    _ value: (Stored) -> Value
  ) {
    for index in values.indices {
      // The data of a tensor starts anywhere in a file, so loads can't count on alignment.
      let stored = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.size, as: Stored.self)
      values.initializeElement(at: index, to: value(Stored(littleEndian: stored)))
    }
  }
}

/// The type, shape and place of a tensor's bytes in a mapped file; what both file formats hand out.
struct TensorBytes: Sendable {
  let type: ElementType
  let shape: [Int]
  let range: Range<Int>

  func floats(in file: MappedFile, item: String?) throws -> [Float] {
    guard let values = file.withBytes({ type.floats(from: UnsafeRawBufferPointer(rebasing: $0[range])) }) else {
      throw FileError(.mismatched, file.url, item: item, "expected floating-point elements, found \(type.rawValue)")
    }
    return values
  }

  func read(in file: MappedFile, item: String, into values: UnsafeMutableBufferPointer<Float>) throws {
    guard type.isFloating else {
      throw FileError(.mismatched, file.url, item: item, "expected floating-point elements, found \(type.rawValue)")
    }
    file.withBytes { type.read(UnsafeRawBufferPointer(rebasing: $0[range]), into: values) }
  }

  func integers(in file: MappedFile, item: String?) throws -> [Int64] {
    guard let values = file.withBytes({ type.integers(from: UnsafeRawBufferPointer(rebasing: $0[range])) }) else {
      throw FileError(.mismatched, file.url, item: item, "expected whole-number elements, found \(type.rawValue)")
    }
    return values
  }
}
