#if canImport(Glibc)
  import Glibc
#endif

extension Array {
  /// `count` times the same element, for tables that are read here and there: on huge pages where Linux gives them on
  /// request, as a table of millions of slots otherwise waits for page faults and translations of addresses.
  init(table element: Element, count: Int) {
    self.init(unsafeUninitializedCapacity: count) { buffer, initialized in
      #if os(Linux)
        let huge = UInt(1 << 21)
        let start = (UInt(bitPattern: buffer.baseAddress) + huge - 1) & ~(huge - 1)
        let end = UInt(bitPattern: buffer.baseAddress) + UInt(count * MemoryLayout<Element>.stride) & ~(huge - 1)
        if start < end { madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_HUGEPAGE) }
      #endif
      buffer.initialize(repeating: element)
      initialized = count
    }
  }
}
