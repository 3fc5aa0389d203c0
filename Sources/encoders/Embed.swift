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
      Input is one text a line, or JSON lines {"text": …}; for image models one path (PNG, JPEG, PGM or PPM) a line.
      Output is a .npy file (a row an input), a .jsonl file ({"embedding": […]} a line), or JSON lines on standard output.
      JSON lines of sparse encoders (SPLADE) have {"indices": […], "values": […]} of what isn't 0; those of encoders with a
      vector for each token (ColBERT), and of --tokens, have {"embeddings": [[…], …]}.

      Example:
        encoders embed models/all-MiniLM-L6-v2 --input sentences.txt --output vectors.npy
      """)

  @Argument(help: "The model folder: one of `train`, of sentence-transformers, or a plain Hugging Face folder.")
  var model: String
  @Option(name: .long, help: "The file of inputs, - for standard input.") var input = "-"
  @Option(name: .long, help: "The .npy or .jsonl file to write, - for JSON lines on standard output.") var output = "-"
  @Flag(name: .long, help: "Write the vector of each token, special ones too, rather than one a text.") var tokens =
    false
  @Flag(name: .long, help: "The texts are queries, for encoders with a vector for each token.") var queries = false
  @OptionGroup var prompts: PromptOptions
  @Option(name: .long, help: "Keep the first columns only (for models trained for it: Matryoshka).")
  var dimensions: Int?
  @Option(name: .long, help: "How numbers are stored: float32, int8, uint8, binary or ubinary.")
  var precision = EmbeddingPrecision.float32
  @Flag(
    name: .long, inversion: .prefixedNo,
    help: "Make the vectors' length 1, after --dimensions; --no-normalize leaves out the model's own step too.")
  var normalize: Bool?
  @OptionGroup var compute: InferenceOptions

  func validate() throws {
    guard output == "-" || [".npy", ".jsonl"].contains(where: output.hasSuffix) else {
      throw ValidationError("--output: expected a name that ends with .npy or .jsonl, or -; found \(output)")
    }
    if let dimensions, dimensions < 1 {
      throw ValidationError("--dimensions: expected at least 1, found \(dimensions)")
    }
  }

  func run() throws {
    try reporting {
      compute.apply()
      var model = try Model.open(path(model))
      if normalize == false { model = model.withoutNormalization() }
      if let dimensions, dimensions > model.width {
        throw InputError(description: "--dimensions: expected at most \(model.width), found \(dimensions)")
      }
      let prompt = try prompts.text(model)
      if let encoder = model.sentenceEncoder, tokens || encoder.isMultiVector {
        return try writeTokens(encoder, prompt)
      }
      if tokens {
        throw InputError(description: "--tokens: only pretrained encoders of texts have a vector for each token")
      }
      let width = dimensions ?? model.width
      let rows = try RowOutput(
        output, width: width, precision: precision, isSparse: model.sentenceEncoder?.isSparse ?? false)
      var (count, kept): (Int, [Tensor]) = (0, [])
      // Bytes are linear in each column's range, which only the last row completes.
      let waits = precision == .int8 || precision == .uint8
      try InputLines(source: input).forEachBatch { batch in
        var vectors = model.vectors(try model.input(lines: batch, after: count, prompt: prompt))
        if width < model.width { vectors = vectors.columns(0..<width) }
        if normalize == true { vectors = vectors.normalized() }
        if waits { kept.append(vectors) } else { try rows.write(vectors) }
        count += batch.count
      }
      if !kept.isEmpty { try rows.write(Tensor.stacked(kept)) }
      try rows.finish()
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
    let lines = try OutputLines(output)
    var count = 0
    let named = queries ? ["query"] : ["document", "passage", "corpus"]
    let before = try prompt ?? named.compactMap { encoder.prompts[$0] }.first ?? encoder.prompt(named: nil)
    try InputLines(source: input).forEachBatch(of: 64) { batch in
      let texts = try batch.enumerated().map { try text(of: $0.element, number: count + $0.offset + 1) }
      guard let vectors = encoder.tokenEmbeddings(try encoder.batch(texts, prompt: before), isQuery: queries) else {
        throw InputError(description: "\(path(model).path): no module gives a vector for each token")
      }
      let (values, width) = (vectors.rows.scalars, vectors.rows.width)
      for text in 0..<vectors.count {
        let rows = vectors.offsets[text].map { jsonNumbers(values[$0 * width..<($0 + 1) * width]) }
        try lines.write("{\"embeddings\":[\(rows.joined(separator: ","))]}")
      }
      count += batch.count
    }
    try lines.finish()
  }
}

/// What stands before each text.
struct PromptOptions: ParsableArguments {
  @Option(
    name: .long, help: "The name of a prompt of the model to put before each text (else its default, if it has one).")
  var prompt: String?
  @Option(name: .long, help: "A prompt to put before each text, as it is.") var promptText: String?

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

/// Writes vectors to a NumPy file or as JSON lines.
struct RowOutput {
  private let array: NumpyWriter?
  private let lines: OutputLines?
  private let precision: EmbeddingPrecision
  private let isSparse: Bool

  init(_ output: String, width: Int, precision: EmbeddingPrecision, isSparse: Bool = false) throws {
    (self.precision, self.isSparse) = (precision, isSparse)
    array =
      output.hasSuffix(".npy")
      ? try NumpyWriter(path(output), width: precision.columns(of: width), type: precision.numpyType) : nil
    lines = array == nil ? try OutputLines(output) : nil
  }

  func write(_ vectors: Tensor) throws {
    guard precision != .float32 else {
      let (values, width) = (vectors.scalars, vectors.width)
      try array?.append(values)
      for start in lines == nil ? [] : Array(stride(from: 0, to: values.count, by: width)) {
        let row = values[start..<start + width]
        if isSparse {
          let places = row.indices.filter { row[$0] != 0 }
          let indices = places.map { String($0 - start) }.joined(separator: ",")
          try lines?.write("{\"indices\":[\(indices)],\"values\":\(jsonNumbers(places.map { row[$0] }))}")
        } else {
          try lines?.write("{\"embedding\":\(jsonNumbers(row))}")
        }
      }
      return
    }
    let (bytes, width) = (precision.bytes(vectors), precision.columns(of: vectors.width))
    try array?.append(bytes: bytes)
    let isSigned = precision.numpyType == "|i1"
    for start in lines == nil ? [] : Array(stride(from: 0, to: bytes.count, by: width)) {
      let numbers = bytes[start..<start + width].map { isSigned ? String(Int8(bitPattern: $0)) : String($0) }
      try lines?.write("{\"embedding\":[\(numbers.joined(separator: ","))]}")
    }
  }

  func finish() throws {
    try array?.finish()
    try lines?.finish()
  }
}
