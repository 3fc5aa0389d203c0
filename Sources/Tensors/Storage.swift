import Foundation
import Synchronization

/// Floats in memory that something else owns, such as a file mapped privately: what is written there reaches nobody else.
public struct MappedFloats: @unchecked Sendable {  // read only, until a parameter is made of it
  let pointer: UnsafeMutablePointer<Float>, count: Int, owner: AnyObject & Sendable

  /// Memory that is valid as long as `owner` lives.
  public init(_ floats: UnsafeMutableBufferPointer<Float>, owner: AnyObject & Sendable) {
    precondition(!floats.isEmpty, "MappedFloats: expected floats, found none")
    (pointer, count, self.owner) = (floats.baseAddress.unsafelyUnwrapped, floats.count, owner)
  }
}

/// Floats in memory that tensors share: 64-byte aligned, taken from a pool and given back to it; or mapped from a file.
///
/// A tensor's storage never changes after its operation made it; only `Parameter.write` changes one in place.
final class Storage: @unchecked Sendable {  // written before it is shared; `packed` is behind a lock
  let pointer: UnsafeMutablePointer<Float>
  let count: Int
  private let bytes: Int
  /// Who owns the memory, if not the pool.
  private let owner: AnyObject?
  private let isWritten = Atomic<Bool>(false)
  private let packed = Mutex<[PackedMatrix.Layout: PackedMatrix]>([:])

  /// Memory for `count` floats with undefined contents.
  init(count: Int) {
    self.count = count
    owner = nil
    let memory: UnsafeMutableRawPointer
    (memory, bytes) = StoragePool.take(bytes: max(1, count) * MemoryLayout<Float>.stride)
    pointer = memory.bindMemory(to: Float.self, capacity: max(1, count))
  }

  /// Memory that something else owns.
  init(_ floats: MappedFloats) {
    (pointer, count, owner) = (floats.pointer, floats.count, floats.owner)
    bytes = count * MemoryLayout<Float>.stride
  }

  deinit {
    if owner == nil { StoragePool.give(UnsafeMutableRawPointer(pointer), bytes: bytes) }
  }

  /// This storage as the right-hand matrix of products, rearranged once and kept until it is written to; or not kept, if it's wanted `once`.
  func packed(_ layout: PackedMatrix.Layout, once: Bool = false) -> PackedMatrix {
    if let found = packed.withLock({ $0[layout] }) { return found }
    let made = PackedMatrix(pointer, layout)
    if !once { packed.withLock { $0[layout] = made } }
    if owner != nil, !isWritten.load(ordering: .relaxed) { leavePages() }
    return made
  }

  /// Gives back the pages of a file, which are read again if they're needed again: the rearranged form is used instead.
  private func leavePages() {
    let (page, start) = (Int(getpagesize()), Int(bitPattern: pointer))
    let (first, end) = ((start + page - 1) / page * page, (start + bytes) / page * page)
    if first < end { madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, MADV_DONTNEED) }
  }

  /// Forgets rearranged forms, after a write.
  func invalidate() {
    isWritten.store(true, ordering: .relaxed)
    packed.withLock { $0.removeAll() }
  }
}

/// Blocks of memory kept for reuse by size class, so that a training step neither maps nor faults pages anew.
enum StoragePool {
  private struct State {
    var free: [Int: [UnsafeMutableRawPointer]] = [:]
    var bytes = 0
    /// Above this the pool gives memory back to the system.
    var limit = 1 << 30
  }
  nonisolated(unsafe) private static var state = State()  // only touched under `lock`
  private static let lock = Mutex(())
  /// Size classes are eighths of powers of two: at most 12.5 % is wasted.
  static func roundedUp(_ bytes: Int) -> Int {
    guard bytes > 512 else { return (bytes + 63) & ~63 }
    let step = 1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount - 3)
    return (bytes + step - 1) & ~(step - 1)
  }

  /// A block of at least that size, and its size. Batches differ in their rows: a free block half as large again serves too.
  static func take(bytes: Int) -> (UnsafeMutableRawPointer, bytes: Int) {
    let smallest = roundedUp(bytes)
    let pooled = lock.withLock { _ -> (UnsafeMutableRawPointer, bytes: Int)? in
      var size = smallest
      while size <= smallest + smallest / 2 {
        if let pointer = state.free[size]?.popLast() {
          state.bytes -= size
          return (pointer, size)
        }
        size = roundedUp(size + 1)
      }
      return nil
    }
    return pooled ?? (UnsafeMutableRawPointer.allocate(byteCount: smallest + 64, alignment: 64), smallest)
  }

  static func give(_ pointer: UnsafeMutableRawPointer, bytes: Int) {
    let kept = lock.withLock { _ -> Bool in
      guard state.bytes + bytes <= state.limit else { return false }
      state.free[bytes, default: []].append(pointer)
      state.bytes += bytes
      return true
    }
    if !kept { pointer.deallocate() }
  }

  /// From now on keeps all that a training step needs for the next one, up to half of the machine's memory.
  static func expectSteps() {
    lock.withLock { _ in state.limit = max(state.limit, Int(ProcessInfo.processInfo.physicalMemory / 2)) }
  }
}
