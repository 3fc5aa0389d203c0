import ArgumentParser
import Checkpoints
import Encoders
import Foundation
import Tensors
import Training

@main
struct EncodersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encoders",
    abstract: "Train neural encoders from scratch, evaluate them and use them. Offline, without Python.",
    discussion: """
      A first run:
        encoders data get movie-reviews --output .cache/data
        encoders train Examples/recipes/reviews-cnn.yaml --output models/reviews
        echo "a moving, funny film" | encoders predict models/reviews --input -
      """,
    version: "0.1.0",
    subcommands: [
      TrainCommand.self, EvaluateCommand.self, MineCommand.self, PredictCommand.self, EmbedCommand.self,
      InspectCommand.self,
      SimilarityCommand.self, RerankCommand.self, VerifyCommand.self, BenchCommand.self, TokenizeCommand.self,
      TokenizerCommand.self,
      DataCommand.self,
      ModelCommand.self,
    ])

  static func main() {
    // A file that is opened must not take the place of a stream that was closed, whose uses go on to fail.
    for (stream, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
    where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", mode) }
    // A file that may not grow any more is an error like a full disk.
    signal(SIGXFSZ, SIG_IGN)
    Unfinished.watch()
    for index in (0..<Int(CommandLine.argc)).dropFirst() {
      guard let argument = CommandLine.unsafeArgv[index], String(validatingCString: argument) == nil else { continue }
      note("Error: argument \(index) isn't UTF-8: \(FileError.quoted(String(cString: argument)))")
      exit(withError: ExitCode.validationFailure)
    }
    if let problem = unknownVerb(CommandLine.arguments.dropFirst().drop { $0 == "help" }) {
      note("Error: \(oneLine(problem))")
      exit(withError: ExitCode.validationFailure)
    }
    main(nil)
  }

  /// What is wrong with the arguments if they don't begin with verbs.
  private static func unknownVerb(_ arguments: some Sequence<String>) -> String? {
    var verbs = configuration.subcommands
    for name in arguments where !verbs.isEmpty {
      if name.hasPrefix("-") { return nil }
      guard let verb = verbs.first(where: { $0._commandName == name }) else {
        let names = verbs.map { $0._commandName }
        return unknown("verb", name, names).replacing("unknown", with: "Unknown", maxReplacements: 1)
      }
      verbs = verb.configuration.subcommands
    }
    return nil
  }
}

/// Options that every computing verb has.
struct ComputeOptions: ParsableArguments {
  @Option(
    name: .long, parsing: .unconditional,
    help: "Threads that compute; else as many as the machine has cores. The results don't depend on it.")
  var threads: Int?
  @Option(
    name: .long, parsing: .unconditional,
    help:
      "The seed of all that is drawn at random: of train weights, order, dropout and augmentation (else the recipe's), of intervals the resamples (else 0)."
  )
  var seed: UInt64?

  @Flag(name: .long, help: "Say at the end where the time went, operation by operation.") var profile = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads: expected at least 1, found \(threads)") }
    // Recipes have whole numbers of 64 bits with a sign.
    if let seed, seed > UInt64(Int.max) {
      throw ValidationError("--seed: expected a number from 0 to \(Int.max), found \(seed)")
    }
  }

  func apply() {
    if let threads { Workers.count = threads }
    if profile { Profile.start() }
  }
}

/// The options of verbs that use a model.
struct InferenceOptions: ParsableArguments {
  @OptionGroup var compute: ComputeOptions
  @Option(
    name: .customLong("compute"),
    help:
      "What the products of linear layers multiply: float16 takes half the memory; float16 and bfloat16 are faster on processors that multiply them, int8 on all. Vectors move by a cosine of about 0.00001 in float16, 0.00002 in bfloat16 and 0.001 in int8."
  )
  var precision = Precision.float32

  var seed: UInt64? { compute.seed }

  func apply() {
    compute.apply()
    Precision.default = precision
  }
}

extension Precision: ExpressibleByArgument {}

/// Runs a verb; whatever goes wrong becomes one line on standard error and exit code 1.
func reporting(_ body: () throws -> Void) throws {
  do {
    try body()
    noteProfile()
  } catch let error as ExitCode {
    throw error
  } catch {
    var text = String(describing: error)
    if let error = error as? CocoaError {
      text = "\(error.filePath ?? "a file"): \(FileError.reason(error))"
    }
    note("encoders: \(oneLine(text))")
    throw ExitCode(1)
  }
}

/// The table of a profile, if there is one.
private func noteProfile() {
  let entries = Profile.stop()
  guard !entries.isEmpty else { return }
  let (total, ceiling) = (entries.reduce(0) { $0 + $1.seconds }, Ceiling.operationsPerSecond(Precision.default))
  note("operation                          seconds   share      calls   of ceiling")
  for entry in entries where entry.seconds > total / 1000 {
    let share =
      entry.operations > 0 ? String(format: "%.0f %%", 100 * entry.operations / entry.seconds / ceiling) : ""
    let numbers = String(
      format: "%9.3f %5.1f %% %10d   %@", entry.seconds, 100 * entry.seconds / total, entry.calls, share)
    note(entry.name.padding(toLength: max(33, entry.name.count), withPad: " ", startingAt: 0) + numbers)
  }
}

/// A path as the user gave it, `~` expanded.
func path(_ text: String) -> URL { URL(fileURLWithPath: NSString(string: text).expandingTildeInPath) }

/// Writes a line to standard output; a full disk or a closed descriptor is an error.
func printLine(_ text: String) throws {
  var line = text + "\n"
  try line.withUTF8 { try printBytes($0) }
}

/// Writes bytes to standard output; a full disk or a closed descriptor is an error.
func printBytes(_ bytes: UnsafeBufferPointer<UInt8>) throws {
  guard writeAll(UnsafeRawBufferPointer(bytes), to: STDOUT_FILENO) else {
    throw InputError(description: "standard output: cannot write: \(String(cString: strerror(errno)))")
  }
}

/// A text without line ends.
private func oneLine(_ text: String) -> String { text.split(whereSeparator: \.isNewline).joined(separator: " ") }

/// Checks numbers that options give: one that isn't finite, as nan, would be no limit to anything.
func requireFinite(_ options: KeyValuePairs<String, Float?>) throws {
  for case (let name, let number?) in options where !number.isFinite {
    throw ValidationError("\(name): expected a finite number, found \(number)")
  }
}

/// Writes a line to standard error. Names and texts from files stand in it, which must not steer the terminal.
func note(_ text: String) { writeToStandardError(FileError.printable(text) + "\n") }

/// JSON as the verbs print it: indented, keys sorted.
func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  try printLine(String(decoding: try encoder.encode(value), as: UTF8.self))
}
