import CKernels
import Tensors

/// An exponential moving average of parameters, which often generalises better than the last values.
///
/// It begins at the parameters' values; an update is average ← decay · average + (1 − decay) · value. Parameters that
/// aren't trainable (running statistics) aren't averaged. Source: Polyak and Juditsky 1992.
public final class EMA {
  /// How much of the average stays in an update, as 0.999.
  public let decay: Double
  /// Whether the parameters hold the averages at the moment, and `averages` their own values.
  public private(set) var isSwapped = false
  /// The averages, named as the parameters they are of.
  public let averages: [Parameter]
  private let parameters: [Parameter]

  private static let chunk = 1 << 14

  /// Averages of the trainable ones among `parameters`.
  public init(decay: Double, of parameters: [Parameter]) {
    precondition(decay >= 0 && decay < 1, "EMA: expected a decay in [0, 1), found \(decay)")
    self.decay = decay
    self.parameters = parameters.filter(\.isTrainable)
    averages = self.parameters.map { Parameter($0.name, $0.tensor.detached, trainable: false) }
  }

  /// Takes in the parameters' present values, after a step of the optimiser.
  public func update() {
    precondition(!isSwapped, "EMA.update: the averages are in the parameters")
    let (kept, added) = (Float(decay), Float(1 - decay))
    each { value, average, range in
      enc_scale(range.count, average + range.lowerBound, kept, average + range.lowerBound)
      enc_accumulate(range.count, added, value + range.lowerBound, average + range.lowerBound)
    }
  }

  /// Exchanges the parameters' values and the averages: once before an evaluation, once more after it.
  public func swap() {
    each { value, average, range in
      for index in range { Swift.swap(&value[index], &average[index]) }
    }
    isSwapped.toggle()
  }

  /// Puts back averages that were kept, in the order of `averages`.
  public func restore(_ values: [[Float]]) {
    precondition(values.count == averages.count, "EMA.restore: \(values.count) arrays for \(averages.count) averages")
    for (average, values) in zip(averages, values) { average.write { _ = $0.update(from: values) } }
    isSwapped = false
  }

  private func each(_ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, Range<Int>) -> Void) {
    for (parameter, average) in zip(parameters, averages) {
      parameter.write { values in
        average.write { averages in
          guard let value = values.baseAddress, let average = averages.baseAddress else { return }
          Workers.run(parameter.count, by: EMA.chunk) { body(value, average, $0) }
        }
      }
    }
  }
}
