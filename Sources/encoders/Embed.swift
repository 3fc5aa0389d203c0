import ArgumentParser
import Checkpoints
import Encoders
import Foundation
import Tensors

extension EmbeddingPrecision: ExpressibleByArgument {}

struct EmbedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed", abstract: "Turn input into vectors: a NumPy file or JSON lines.",
    discussion: """
      Input is one text a line, or JSON lines {"text": …} if the first line begins with a brace (then blank lines are skipped); for image models one path (PNG, JPEG, PGM or PPM) a line. \
      Output is a .npy file (a row an input), a .jsonl file ({"embedding": […]} a line), or JSON lines on standard output. \
      JSON lines of sparse encoders (SPLADE) have {"indices": […], "values": […]} of what isn't 0; those of encoders with a \
      vector for each token (ColBERT), and of --tokens, have {"embeddings": [[…], …]}.

      A million lines take no more memory than a thousand. With --resume the vectors done so far are kept beside the output, in \
      OUTPUT.partial and OUTPUT.partial.json, whatever stops the run (an error, Ctrl-C, kill -9, a power cut), and the same command \
      goes on from there. int8 and uint8 need room on the disk for all vectors as float32 until the last one is there.

      Example:
        encoders embed models/all-MiniLM-L6-v2 --input texts.txt --output vectors.npy
        encoders embed models/all-MiniLM-L6-v2 --input million.txt --resume \\
          --output vectors.npy
      """)

  @Argument(help: "The model folder: one of `train`, of sentence-transformers, or a plain Hugging Face folder.")
  var model: String
  @Option(name: .long, help: "The file of inputs, - for standard input.") var input = "-"
  @Option(name: .shortAndLong, help: "The .npy or .jsonl file to write, - for JSON lines on standard output.")
  var output = "-"
  @Flag(name: .long, help: "Write the vector of each token, special ones too, rather than one a text.") var tokens =
    false
  @Flag(name: .long, help: "The texts are queries: the model's prompt or way for these, if it has one.") var queries =
    false
  @OptionGroup var prompts: PromptOptions
  @Option(
    name: .long, parsing: .unconditional, help: "Keep the first columns only (for models trained for it: Matryoshka).")
  var dimensions: Int?
  @Option(name: .long, help: "How numbers are stored: float32, int8, uint8, binary or ubinary.")
  var precision = EmbeddingPrecision.float32
  @Flag(
    name: .long, inversion: .prefixedNo,
    help: "Make the vectors' length 1, after --dimensions; --no-normalize leaves out the model's own step too.")
  var normalize: Bool?
  @Flag(
    name: .long,
    help: "Go on where a run with --resume was cut off; the file has the same bytes as that of an uninterrupted run.")
  var resume = false
  @OptionGroup var compute: InferenceOptions

  func validate() throws {
    if resume, input == "-" || output == "-" {
      throw ValidationError(
        "--resume: expected files, --input FILE and --output FILE; found standard \(input == "-" ? "input" : "output")")
    }
    guard output == "-" || [".npy", ".jsonl"].contains(where: output.hasSuffix) else {
      throw ValidationError("--output: expected a name that ends with .npy or .jsonl, or -; found \(output)")
    }
    if let dimensions, dimensions < 1 {
      throw ValidationError("--dimensions: expected at least 1, found \(dimensions)")
    }
  }

  func run() throws {
    try reporting {
      try requireOther(output, than: input)
      compute.apply()
      var model = try openModel(path(model))
      if queries { model = model.forQueries() }
      if normalize == false { model = model.withoutNormalization() }
      if dimensions != nil { model = model.withoutTruncation() }
      if let dimensions, dimensions > model.width {
        throw InputError(description: "--dimensions: expected at most \(model.width), found \(dimensions)")
      }
      let prompt = try prompts.text(model) ?? (queries ? model.sentenceEncoder?.prompts.query : nil)
      if let encoder = model.sentenceEncoder, tokens || encoder.isMultiVector {
        return try writeTokens(encoder, prompt)
      }
      if tokens {
        throw InputError(description: "--tokens: only pretrained encoders of texts have a vector for each token")
      }
      let folder = path(self.model)
      let (whole, width, normalizes) = (model, dimensions ?? model.width, normalize == true)
      let stream = try stream(
        prompt: prompt, byteCount: RowOutput.byteCount(output, width: width, precision: precision))
      let rows = try RowOutput(
        output, width: width, precision: precision, isSparse: model.sentenceEncoder?.isSparse ?? false,
        partial: stream.partial)
      try stream.run(to: rows) {
        try whole.input(lines: $0, after: $1, prompt: prompt)
      } tokens: {
        $0.tokens
      } compute: { input in
        var vectors = whole.vectors(input)
        if width < whole.width { vectors = vectors.columns(0..<width) }
        if normalizes { vectors = vectors.normalized() }
        try vectors.withUnsafeBuffer { try requireFinite($0, from: folder) }
        return vectors
      }
    }
  }
}

extension EmbedCommand {
  /// A line a text with the vectors of its tokens.
  private func writeTokens(_ encoder: SentenceEncoder, _ prompt: String?) throws {
    guard !output.hasSuffix(".npy"), precision == .float32, dimensions == nil, normalize == nil else {
      throw InputError(
        description: "\(path(model).path): texts get a vector for each token, written as JSON lines of float32 only")
    }
    let queries = queries
    let before = prompt ?? (encoder.isMultiVector ? encoder.prompts.document : encoder.prompts.usual)
    let stream = try stream(prompt: before, byteCount: nil)
    let lines = try TokenOutput(output, partial: stream.partial)
    try stream.run(to: lines, by: 64) { texts, _ in
      try encoder.batch(texts, prompt: before, isQuery: queries)
    } tokens: {
      $0.ids.rows.count
    } compute: { batch in
      guard let vectors = encoder.tokenEmbeddings(batch) else {
        throw InputError(description: "\(encoder.folder.path): no module gives a vector for each token")
      }
      try vectors.rows.withUnsafeBuffer { try requireFinite($0, from: encoder.folder) }
      return vectors
    }
  }

  private func stream(prompt: String?, byteCount: ((Int) -> Int)?) throws -> EmbedStream {
    let lines = InputLines(source: input)
    // Before any file is begun; who waits for standard input or a pipe doesn't come to ask whether to stop.
    if lines.byteCount != nil { Interruption.watch() }
    let progress = EmbedProgress(of: lines.byteCount, isShown: output != "-" || isatty(STDOUT_FILENO) == 0)
    guard resume else { return EmbedStream(input: lines, checkpoint: nil, progress: progress) }
    let settings = try EmbedCheckpoint.settings(
      model: path(model),
      [
        "--prompt": prompt.map { FileError.quoted($0) } ?? "none",
        "--dimensions": dimensions.map(String.init) ?? "none",
        "--precision": precision.rawValue, "--normalize": normalize.map(String.init) ?? "none",
        "--tokens": String(tokens), "--queries": String(queries),
      ])
    let checkpoint = try EmbedCheckpoint(
      output: path(output), input: lines, settings: settings, byteCount: byteCount)
    return EmbedStream(input: lines, checkpoint: checkpoint, progress: progress)
  }
}

/// What stands before each text.
struct PromptOptions: ParsableArguments {
  @Option(
    name: .long, help: "The name of a prompt of the model to put before each text (else its default, if it has one).")
  var prompt: String?
  @Option(name: .long, parsing: .unconditional, help: "A prompt to put before each text, as it is.") var promptText:
    String?

  func validate() throws {
    if prompt != nil, promptText != nil { throw ValidationError("expected --prompt or --prompt-text, found both") }
  }

  func text(_ model: Model) throws -> String? {
    if let promptText { return promptText }
    guard let prompt else { return nil }
    guard let encoder = model.sentenceEncoder else {
      throw InputError(description: "--prompt: the model has no prompts; only pretrained encoders of texts have them")
    }
    return try encoder.prompt(named: prompt)
  }
}
