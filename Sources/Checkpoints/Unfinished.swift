import Foundation
import Synchronization

/// Files and folders that are being written under temporary names: a program that watches removes them when it's interrupted.
public enum Unfinished {
  private static let paths = Mutex<Set<String>>([])
  private static let isWatched = Atomic<Bool>(false)
  /// The signal that came.
  private static let cause = Atomic<Int32>(0)
  /// Wakes the thread that removes.
  nonisolated(unsafe) private static let alarm = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)  // for all threads

  /// Creates one.
  static func begin<Outcome: Sendable>(_ path: String, _ create: () -> Outcome) -> Outcome {
    paths.withLock { paths in
      paths.insert(path)
      return create()
    }
  }

  /// Gives one its name, or removes it.
  @discardableResult
  static func end<Outcome: Sendable>(_ path: String, _ finish: () -> Outcome) -> Outcome {
    paths.withLock { paths in
      paths.remove(path)
      return finish()
    }
  }

  /// From now on Ctrl-C, `kill` and the end of the terminal remove all that is unfinished before they end the program.
  public static func watch() {
    guard sem_init(alarm, 0, 0) == 0 else { return }
    isWatched.store(true, ordering: .releasing)
    onInterruption { Unfinished.endProgram(by: $0) }
    let thread = Thread {
      while sem_wait(alarm) != 0 {}
      paths.withLock { paths in
        for path in paths { remove(path) }
        let number = cause.load(ordering: .relaxed)
        signal(number, SIG_DFL)
        kill(getpid(), number)
        // Nobody begins or finishes anything any more.
        while true { pause() }
      }
    }
    thread.start()
  }

  /// Ends the program as a signal would whose handler calls this; it calls only what a handler may.
  public static func endProgram(by number: Int32) {
    guard isWatched.load(ordering: .acquiring) else {
      signal(number, SIG_DFL)
      raise(number)
      return
    }
    cause.store(number, ordering: .relaxed)
    sem_post(alarm)
  }

  /// Has Ctrl-C, `kill` and the end of the terminal, where `nohup` doesn't keep it away, call a handler.
  public static func onInterruption(_ handler: @escaping @convention(c) (Int32) -> Void) {
    signal(SIGINT, handler)
    signal(SIGTERM, handler)
    if !isIgnored(SIGHUP) { signal(SIGHUP, handler) }
    // The program that started this one may have left them blocked, as Foundation's Process does.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Whether a signal does nothing, as the end of the terminal where `nohup` keeps it away.
  public static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    sigaction(number, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Others may go on writing into a folder a moment longer.
  private static func remove(_ path: String) {
    for _ in 0..<100 {
      try? FileManager.default.removeItem(atPath: path)
      if access(path, F_OK) != 0 { return }
      usleep(10_000)
    }
  }
}
