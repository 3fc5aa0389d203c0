import Testing

@testable import Training

struct EarlyStoppingTests {
  @Test func waitsForItsPatience() {
    var watch = EarlyStopping("loss", .minimize, patience: 2, minimumChange: 0.1)
    let improved = [1.0, 0.95, 0.8, .nan, 0.75].enumerated().map { watch.isImproved(by: $1, epoch: $0 + 1) }
    #expect(improved == [true, false, true, false, false])
    #expect(watch.shouldStop)
    #expect(watch.best == 0.8)
    #expect(watch.bestEpoch == 3)
  }

  @Test func withoutPatienceNeverStops() {
    var watch = EarlyStopping("accuracy", .maximize)
    for epoch in 1...50 { _ = watch.isImproved(by: 0.5, epoch: epoch) }
    #expect(!watch.shouldStop)
    #expect(watch.bestEpoch == 1)
  }
}
