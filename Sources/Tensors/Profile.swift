import CKernels
import Synchronization

/// Where the time goes, operation by operation.
///
/// What passes on a thread between two laps counts for the operation that ends with the second. While a profile is off, a lap is one check.
public enum Profile {
  /// The time of an operation.
  public struct Entry: Sendable {
    /// The operation's name.
    public let name: String
    /// Seconds, those of workers that run side by side shared out among them.
    public var seconds = 0.0
    /// How often it ran.
    public var calls = 0
    /// Multiplications and additions, where they are counted.
    public var operations = 0.0
  }

  private static let isOn = Atomic<Bool>(false)
  private static let entries = Mutex<[String: Entry]>([:])

  /// Starts measuring.
  public static func start() {
    entries.withLock { $0 = [:] }
    enc_lap()
    isOn.store(true, ordering: .relaxed)
  }

  /// Stops measuring: the operations, those that took the most time first. Empty if nothing was started.
  public static func stop() -> [Entry] {
    guard isOn.exchange(false, ordering: .relaxed) else { return [] }
    return entries.withLock { $0.values.sorted { ($0.seconds, $1.name) > ($1.seconds, $0.name) } }
  }

  /// Ends an operation; its name is what stands before a parenthesis.
  public static func lap(_ name: StaticString, backward: Bool = false, operations: Double = 0) {
    guard isOn.load(ordering: .relaxed) else { return }
    let seconds = enc_lap() / Double(Workers.isInside ? Workers.count : 1)
    var key = String("\(name)".prefix { $0 != "(" })
    if backward { key += ", backward" }
    entries.withLock {
      var entry = $0[key] ?? Entry(name: key)
      entry.seconds += seconds
      entry.calls += 1
      entry.operations += operations
      $0[key] = entry
    }
  }

  /// Starts a thread's lap anew, so that waiting counts for no operation.
  public static func restart() {
    if isOn.load(ordering: .relaxed) { enc_lap() }
  }
}
