import Checkpoints
import Foundation
import Tensors

/// The files from which a run is resumed, in one directory: `last.safetensors` (parameters, the optimiser's state, the
/// moving average and, as JSON in the file's notes, where the run stood) and `best.safetensors` (parameters alone).
///
/// Each is written under a temporary name, put on the disk and renamed: whenever the process dies, a whole one is left.
struct TrainingCheckpoint {
  /// `last.safetensors`.
  let last: URL
  /// `best.safetensors`.
  let best: URL
  private let directory: URL

  init(_ directory: URL) {
    self.directory = directory
    last = directory.appendingPathComponent("last.safetensors")
    best = directory.appendingPathComponent("best.safetensors")
  }

  /// Makes the directory, and keeps other processes from training in it as long as what is returned lives; what a killed process was
  /// writing in it is removed.
  ///
  /// - Throws: `FileError` if it can't be made or written to, or another process trains in it.
  func create() throws -> FolderLock {
    try AtomicFolder.make(directory)
    let lock = try FolderLock(directory)
    do {
      for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) where name.hasSuffix(".partial") {
        try FileManager.default.removeItem(at: directory.appendingPathComponent(name))
      }
    } catch {
      throw FileError(.unwritable, directory, "cannot prepare the directory: \(FileError.reason(error))")
    }
    return lock
  }

  /// Removes what an earlier run left.
  func remove() {
    for file in [last, best] { try? FileManager.default.removeItem(at: file) }
  }

  var exists: Bool { FileManager.default.fileExists(atPath: last.path) }

  /// Writes `last.safetensors`.
  func save(_ state: TrainerState, _ parameters: [Parameter], _ optimizer: Optimizer, _ ema: EMA?) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let notes = String(decoding: try encoder.encode(state), as: UTF8.self)
    var writer = SafetensorsWriter(metadata: ["format": "pt", "training": notes])
    add(parameters, "model.", to: &writer)
    add(optimizer.state, "optimizer.", to: &writer)
    add(ema?.averages ?? [], "average.", to: &writer)
    try writer.write(to: last)
  }

  /// Reads where a run stood from `last.safetensors`; `restore` puts back the rest.
  func open() throws -> (state: TrainerState, file: SafetensorsFile) {
    let file = try SafetensorsFile(last)
    guard let notes = file.metadata["training"] else {
      throw FileError(.mismatched, last, "not a checkpoint of training: it has no note \"training\"")
    }
    do {
      return (try JSONDecoder().decode(TrainerState.self, from: Data(notes.utf8)), file)
    } catch {
      throw FileError(.malformed, last, item: "training", "the note doesn't say where the training stood")
    }
  }

  /// Puts parameters, the optimiser's state and the moving average back.
  func restore(
    _ state: TrainerState, _ file: SafetensorsFile, _ parameters: [Parameter], _ optimizer: Optimizer, _ ema: EMA?
  ) throws {
    try read(parameters, "model.", from: file)
    try optimizer.restore(parameters, steps: state.optimizerSteps) { name, shape in
      try values("optimizer." + name, shape, in: file)
    }
    if let ema {
      try ema.restore(ema.averages.map { try values("average." + $0.name, $0.shape, in: file) })
    }
  }

  /// Writes `best.safetensors`.
  func saveBest(_ parameters: [Parameter]) throws {
    var writer = SafetensorsWriter()
    add(parameters, "", to: &writer)
    try writer.write(to: best)
  }

  /// - Throws: `FileError` if `best.safetensors` isn't there, whole and of these parameters.
  func requireBest(_ parameters: [Parameter]) throws {
    let file = try SafetensorsFile(best)
    for parameter in parameters { try requireShape(parameter.shape, of: parameter.name, in: file) }
  }

  /// Puts back the parameters of `best.safetensors`.
  func restoreBest(_ parameters: [Parameter]) throws {
    try read(parameters, "", from: try SafetensorsFile(best))
  }

  private func add(_ tensors: [Parameter], _ prefix: String, to writer: inout SafetensorsWriter) {
    for tensor in tensors {
      let value = tensor.tensor.detached
      writer.add(prefix + tensor.name, type: .float32, shape: tensor.shape) { write in
        try value.withUnsafeBuffer { try write(UnsafeRawBufferPointer($0)) }
      }
    }
  }

  private func read(_ parameters: [Parameter], _ prefix: String, from file: SafetensorsFile) throws {
    let names = Set(parameters.map { prefix + $0.name })
    if let unknown = file.keys.first(where: { $0.hasPrefix(prefix) && !names.contains($0) }) {
      throw FileError(.mismatched, file.url, item: unknown, "the model has no such parameter")
    }
    let all = try parameters.map { try values(prefix + $0.name, $0.shape, in: file) }
    for (parameter, values) in zip(parameters, all) { parameter.write { _ = $0.update(from: values) } }
  }

  private func values(_ name: String, _ shape: [Int], in file: SafetensorsFile) throws -> [Float] {
    try requireShape(shape, of: name, in: file)
    return try file.floats(name)
  }

  private func requireShape(_ shape: [Int], of name: String, in file: SafetensorsFile) throws {
    let found = try file.entry(name).shape
    guard found == shape else {
      throw FileError(.mismatched, file.url, item: name, "expected the shape \(shape), found \(found)")
    }
  }
}

extension JSON {
  /// What a recipe says that a resumed run must have in common with the one that began, by key: not where the data are, which have a
  /// digest, nor how long it runs.
  func settings(_ key: String = "") -> [String: String] {
    if ["training.epochs", "training.early_stopping", "training.checkpoint_every"].contains(key) { return [:] }
    let inner = key.isEmpty ? "" : key + "."
    if let members {
      return members.reduce(into: [:]) { $0.merge($1.value.settings(inner + $1.name)) { first, _ in first } }
    }
    if let elements, elements.contains(where: { $0.members != nil }) {
      return elements.enumerated().reduce(into: [:]) { all, part in
        all.merge(part.element.settings(inner + String(part.offset))) { first, _ in first }
      }
    }
    let tellsWhere = key.hasPrefix("data.") && key != "data.mixing" && !key.contains(".objective.")
    return tellsWhere ? [:] : [key: text()]
  }
}

/// Where a run stands, besides its tensors.
struct TrainerState: Codable {
  /// What must be the same for a resumed run to be the same run.
  struct Settings: Codable {
    let seed: UInt64
    let sampleCount: Int
    let batchSize: Int
    let accumulate: Int
    let average: Bool
    let rule: String
    let metric: String
    let precision: String
    let data: String
    /// What else the recipe says, by key.
    let recipe: [String: String]?
  }

  let settings: Settings
  /// Epochs done.
  var epoch = 0
  /// Samples seen in the epoch under way.
  var position = 0
  /// Passes done in the epoch under way.
  var pass = 0
  /// Steps done.
  var step = 0
  /// The sum of the losses of the samples seen in the epoch.
  var lossSum = 0.0
  /// Seconds of training in the epoch.
  var seconds = 0.0
  var learningRate = 0.0
  var history: [EpochRecord] = []
  var earlyStopping: EarlyStopping?
  var optimizerSteps: [String: Int] = [:]

  init(settings: Settings, earlyStopping: EarlyStopping?) {
    self.settings = settings
    self.earlyStopping = earlyStopping
  }

  /// Throws if a checkpoint's settings are another run's.
  func requireSameRun(as settings: Settings, path: String) throws {
    let pairs: [(String, String, String)] = [
      ("the seed", "\(settings.seed)", "\(self.settings.seed)"),
      ("the number of samples", "\(settings.sampleCount)", "\(self.settings.sampleCount)"),
      ("the batch size", "\(settings.batchSize)", "\(self.settings.batchSize)"),
      ("the passes per step", "\(settings.accumulate)", "\(self.settings.accumulate)"),
      ("a moving average", "\(settings.average)", "\(self.settings.average)"),
      ("the optimiser", settings.rule, self.settings.rule),
      ("the metric for the best epoch", settings.metric, self.settings.metric),
      ("the precision", settings.precision, self.settings.precision),
      ("data with the SHA-256", settings.data, self.settings.data),
    ]
    let (new, old) = (settings.recipe ?? [:], self.settings.recipe ?? settings.recipe ?? [:])
    let keys = Set(new.keys).union(old.keys).sorted()
    let recipes = keys.map { (setting: $0, expected: new[$0] ?? "nothing", found: old[$0] ?? "nothing") }
    for (setting, expected, found) in pairs + recipes where expected != found {
      throw TrainingError.otherRun(path: path, setting: setting, expected: expected, found: found)
    }
  }
}
