import Tensors

/// What a step gave.
struct StepOutcome {
  let loss: Double
  /// The norm of the gradients before clipping, if they are clipped.
  let norm: Double?
  /// The samples of all its passes.
  let samples: Int
}

extension Trainer {
  /// Steps of all epochs.
  var stepCount: Int { epochSteps.reduce(0, +) }

  /// The passes of an epoch, each the indices of its samples.
  func passes(of epoch: Int) throws -> [[Int]] {
    if let batches { return try batches(epoch) }
    let random = Random(seed: options.seed).split("order").split(UInt64(epoch))
    return Batches.shuffled(sampleCount, size: options.batchSize, random: random)
  }

  /// Counts the steps of each epoch, on which the schedule depends: plans of a run's own may differ from epoch to epoch.
  func countedSteps() throws -> [Int] {
    try (0..<options.epochs).map { epoch in
      let passes =
        try batches.map { try $0(epoch).count } ?? (sampleCount + options.batchSize - 1) / options.batchSize
      return (passes + options.accumulate - 1) / options.accumulate
    }
  }

  /// One step of the optimiser, in passes.
  func trainStep(_ passes: ArraySlice<[Int]>, _ random: Random) throws -> StepOutcome {
    Profile.lap("preparing")
    let random = random.split(UInt64(state.step))
    let samples = passes.reduce(0) { $0 + $1.count }
    var (gradients, mean) = (Gradients(), 0.0)
    for (pass, part) in passes.enumerated() {
      let value = try training(random.split(UInt64(pass))) { try options.precision { try loss(part, state.epoch) } }
      precondition(value.count == 1, "Trainer: expected the loss to be a scalar, found shape \(value.shape)")
      try requireFinite(Double(value.scalar), "the loss")
      // Passes count by their samples, so that together they are the mean over the whole batch.
      let share = Double(part.count) / Double(samples)
      mean += share * Double(value.scalar)
      let partGradients = (part.count == samples ? value : value * Float(share)).gradients()
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
    Profile.lap("gradients and their norm")
    optimizer.step(gradients, learningRate: state.learningRate)
    ema?.update()
    Profile.lap("optimizer")
    state.step += 1
    state.pass += passes.count
    state.position += samples
    state.lossSum += mean * Double(samples)
    return StepOutcome(loss: mean, norm: norm, samples: samples)
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
      batch: step - epochSteps.prefix(state.epoch).reduce(0, +),
      checkpoint: checkpoint.flatMap { $0.exists ? $0.last.path : nil })
  }
}
