import Testing

@testable import Training

struct ProgressDisplayTests {
  private final class Screen {
    var time = 0.0
    var text: [String] = []
  }

  private func display(_ screen: Screen, isTerminal: Bool, width: Int = 80) -> ProgressDisplay {
    ProgressDisplay(
      metric: "accuracy",
      on: ProgressLine(
        isTerminal: isTerminal, width: width, every: 10, now: { screen.time }, write: { screen.text.append($0) }))
  }

  private func progress(_ samples: Int) -> TrainingProgress {
    TrainingProgress(
      epoch: 3, epochs: 8, step: 40, steps: 100, samples: samples, sampleCount: 1000, loss: 0.5, meanLoss: 0.43125,
      learningRate: 0.001, gradientNorm: nil, samplesPerSecond: 1240, secondsLeft: 72)
  }

  private let record = EpochRecord(
    epoch: 3, trainLoss: 0.4, validationLoss: 0.5, metrics: ["accuracy": 0.7612], learningRate: 0.001, seconds: 3,
    samplesPerSecond: 1240.4)

  @Test func theBarIsRedrawnTenTimesASecondAtMost() {
    let screen = Screen()
    let display = display(screen, isTerminal: true)
    for step in 0..<100 {
      screen.time = Double(step) * 0.01
      display.stepDone(progress(step * 10))
    }
    #expect((9...10).contains(screen.text.count))
    #expect(screen.text.allSatisfy { $0.hasPrefix("\r\u{1B}[K") && !$0.contains("\n") })
    display.epochDone(record, isBest: true)
    #expect(
      screen.text.last
        == "\r\u{1B}[Kepoch 3: loss 0.4000 · validation loss 0.5000 · accuracy 0.7612 · 1,240/s · 0:03 · best\n")
    display.stepDone(progress(500))
    #expect(
      screen.text.last
        == "\r\u{1B}[Kepoch 3/8 ━━━━━────── 50% · 1,240/s · 1:12 left · loss 0.4313 · accuracy 0.7612")
  }

  @Test(arguments: [10, 40, 60, 200]) func theBarFitsTheTerminal(width: Int) {
    let bar = display(Screen(), isTerminal: true).bar(progress(1000), width: width)
    #expect(bar.unicodeScalars.count < width)
  }

  @Test func plainLinesAreFew() {
    let screen = Screen()
    let display = display(screen, isTerminal: false)
    for step in 0..<2500 {
      screen.time = Double(step) * 0.01
      display.stepDone(progress(step % 1000))
    }
    #expect(screen.text.count == 2)
    #expect(screen.text[0] == "epoch 3/8 step 40/100 · 1,240/s · 1:12 left · loss 0.4313\n")
    display.epochDone(record, isBest: false)
    #expect(screen.text.last?.hasPrefix("epoch 3: loss") == true)
  }

  @Test func aTerminalTooNarrowForABarHasTheNumbers() {
    #expect(ProgressLine.bar("1,000 rows", 0.5, "10/s", width: 80).contains("━"))
    #expect(ProgressLine.bar("1,000 rows", 0.5, "10/s", width: 25) == "1,000 rows  50% · 10/s")
    #expect(ProgressLine.bar("1,000 rows", 0.5, "10/s", width: 8) == "1,000 r")
  }

  @Test func numbersAreShort() {
    #expect(ProgressLine.count(999) == "999")
    #expect(ProgressLine.rate(3.21) == "3.2/s")
    #expect(ProgressLine.rate(1_234_567.4) == "1,234,567/s")
    #expect(ProgressLine.time(11_100) == "3:05:00")
    #expect(ProgressLine.time(.infinity).hasSuffix(":40"))
  }
}
