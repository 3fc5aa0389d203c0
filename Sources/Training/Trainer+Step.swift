import Tensors

/// What a step gave.
struct StepOutcome {
  let loss: Double
  /// The norm of the gradients before clipping, if they are clipped.
  let norm: Double?
}

extension Trainer {
  /// Steps of all epochs.
  var stepCount: Int { options.epochs * stepsPerEpoch }

  private var samplesPerStep: Int { options.batchSize * options.accumulate }
  private var stepsPerEpoch: Int { (sampleCount + samplesPerStep - 1) / samplesPerStep }

  /// One step of the optimiser on some samples, in passes of `batchSize`.
  func trainStep(_ indices: ArraySlice<Int>, _ random: Random) throws -> StepOutcome {
    let random = random.split(UInt64(state.step))
    var (gradients, mean) = (Gradients(), 0.0)
    for (pass, start) in stride(from: indices.startIndex, to: indices.endIndex, by: options.batchSize).enumerated() {
      let part = Array(indices[start..<min(start + options.batchSize, indices.endIndex)])
      let value = try training(random.split(UInt64(pass))) { try loss(part, state.epoch) }
      precondition(value.count == 1, "Trainer: expected the loss to be a scalar, found shape \(value.shape)")
      try requireFinite(Double(value.scalar), "the loss")
      // Passes count by their samples, so that together they are the mean over the whole batch.
      let share = Double(part.count) / Double(indices.count)
      mean += share * Double(value.scalar)
      let partGradients = (part.count == indices.count ? value : value * Float(share)).gradients()
      if pass == 0 { gradients = partGradients } else { gradients.add(partGradients) }
    }
    var norm: Double?
    if let maximum = options.clipNorm {
      let found = gradients.norm()
      try requireFinite(found, "the norm of the gradients")
      gradients = gradients.clipped(to: maximum, norm: found)
      norm = found
    }
    state.learningRate = schedule.learningRate(step: state.step, of: stepCount)
    optimizer.step(gradients, learningRate: state.learningRate)
    ema?.update()
    state.step += 1
    state.position += indices.count
    state.lossSum += mean * Double(indices.count)
    return StepOutcome(loss: mean, norm: norm)
  }

  /// Throws if a parameter isn't finite, so that no such checkpoint is ever written.
  func requireFiniteParameters() throws {
    guard let broken = parameters.first(where: { !$0.tensor.isFinite }) else { return }
    let value = broken.scalars.first { !$0.isFinite }
    throw notFinite("the parameter \(broken.name)", Double(value ?? .nan), stepsAgo: 1)
  }

  /// Throws if a number isn't finite, naming the step under way or one before it.
  func requireFinite(_ value: Double, _ what: String, stepsAgo: Int = 0) throws {
    guard !value.isFinite else { return }
    throw notFinite(what, value, stepsAgo: stepsAgo)
  }

  private func notFinite(_ what: String, _ value: Double, stepsAgo: Int) -> TrainingError {
    let step = state.step + 1 - stepsAgo
    return .notFinite(
      what: what, value: value.isNaN ? "NaN" : "infinite", epoch: state.epoch + 1, step: step,
      batch: step - state.epoch * stepsPerEpoch,
      checkpoint: checkpoint.flatMap { $0.exists ? $0.last.path : nil })
  }
}
