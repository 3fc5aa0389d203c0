import Checkpoints
import Evaluation
import Foundation
import Layers
import Tensors
import Tokenizers

/// An encoder of texts in sentence-transformers' form: a folder whose `modules.json` names a chain of modules.
///
///     let encoder = try SentenceEncoder.open(URL(fileURLWithPath: "models/all-MiniLM-L6-v2"))
///     let vectors = try encoder.encode(["A splendid film.", "A dull one."])        // [2, 384]
///
/// A text's bits depend neither on the batch it is in nor on the threads; padding doesn't exist.
/// Source: sentence-transformers' `SentenceTransformer` (Reimers and Gurevych 2019).
public struct SentenceEncoder: Sendable {
  /// A module and where its files are.
  struct Stage: Sendable {
    let module: SentenceModule
    let entry: ModuleEntry
    let parameters: [Parameter]
    /// What is added to its linear layers.
    var adaptation: LowRankAdaptation?
  }

  /// Where it was opened.
  public let folder: URL
  /// What to put before a text.
  public let prompts: Prompts
  /// How its embeddings are to be compared.
  public let similarity: SimilarityFunction
  /// Columns of an embedding.
  public var width: Int { truncation ?? moduleWidth }
  /// All parameters; their names begin with the number of their module.
  public let parameters: [Parameter]
  /// Lines about what the folder doesn't say and was assumed.
  public let notes: [String]
  let tokens: SentenceTokenizer
  /// What queries and documents differ in, where each token keeps a vector.
  let roles: TokenRoles?
  let stages: [Stage]
  /// The encoder of queries, where a router leads them another way; empty: this one.
  var queries: [SentenceEncoder] = []
  /// The first columns of the last module's output that count, as the folder's `truncate_dim` says.
  var truncation: Int?
  /// The columns of the last module's output.
  let moduleWidth: Int
  /// How many numbers of a sparse embedding are kept, as the folder's `max_active_dims` says; nil: all.
  let mostActive: Int?

  /// The tokenizer, unless the encoder cuts texts at white space.
  public var tokenizer: Tokenizer? { tokens.tokenizer }

  /// The Transformer, if the encoder has one.
  public var transformer: Transformer? { stages.first?.module.transformer }

  /// Whether a text gets a vector for each token, to be compared by MaxSim (ColBERT), rather than one.
  public var isMultiVector: Bool { !stages.contains(where: \.module.givesSentence) }

  /// Whether the embeddings are sparse: most numbers are 0, as the weights of the vocabulary's entries are (SPLADE).
  public var isSparse: Bool { SentenceEncoder.isSparse(stages) }

  /// Throws if a text gets no vector of its own, but one for each token.
  ///
  /// - Throws: `FileError` naming the folder.
  package func requireOneVector() throws {
    guard isMultiVector else { return }
    throw FileError(
      .mismatched, folder, "expected an encoder with one vector a text, found one with a vector for each token")
  }

  static func isSparse(_ stages: [Stage]) -> Bool {
    switch stages.last?.module {
    case .spladePooling, .sparseCoder: true
    default: stages.last?.entry.type == "SparseStaticEmbedding"
    }
  }

  /// The most tokens of a text that are read, special tokens included; nil: all.
  public var maximumLength: Int? {
    switch tokens {
    case .pieces(let tokenizer, _, let limit): limit ?? tokenizer.truncation?.maximumLength
    case .words(_, let limit): limit
    }
  }

  /// The modules from first to last, with the shapes that come out of them.
  public var steps: [StepDescription] {
    stages.map { stage in
      let (layer, output) = stage.module.description
      return StepDescription(step: stage.entry.type, layer: layer, output: output)
    }
  }

  /// The text of a prompt; the folder's default if there's no name.
  ///
  /// - Throws: `PromptError` if there is no prompt of that name.
  public func prompt(named name: String?) throws(PromptError) -> String? {
    guard let name else { return prompts.usual }
    guard let prompt = prompts[name] else {
      throw PromptError(name: name, known: prompts.texts.keys.sorted(), folder: folder)
    }
    return prompt
  }

  /// Texts as the encoder takes them, with a prompt before each; as queries or documents, where that matters (ColBERT).
  ///
  /// - Throws: `TokenError` if the tokenizer gives ids that the model doesn't have.
  public func batch(_ texts: [String], prompt: String? = nil, isQuery: Bool = false) throws -> SentenceBatch {
    let prompt = prompt ?? ""
    let texts = prompt.isEmpty ? texts : texts.map { prompt + $0 }
    let (ids, seen) = roles?.encode(texts, tokens, isQuery: isQuery) ?? (tokens.encode(texts), nil)
    try check(ids)
    return SentenceBatch(
      ids: ids, promptLength: prompt.isEmpty ? 0 : tokens.length(ofPrompt: prompt), isQuery: isQuery, seen: seen)
  }

  private func check(_ ids: Ragged<IDs>) throws {
    if let transformer { return try transformer.check(ids) }
    let entries: Int
    switch stages.first?.module {
    case .wordEmbeddings(let table), .staticEmbedding(let table): entries = table.entries
    case .bagOfWords(let weights, _): entries = weights.count
    default: return
    }
    for text in 0..<ids.count {
      if let row = ids.offsets[text].first(where: { !(0..<entries).contains(Int(ids.rows.values[$0])) }) {
        throw TokenError(
          text: text, "the id \(ids.rows.values[row]) is outside 0 ..< \(entries): the tokenizer isn't the model's",
          in: folder)
      }
    }
  }

  /// The embeddings of a batch `[texts, width]`.
  public func callAsFunction(_ batch: SentenceBatch) -> Tensor {
    output(stages.reduce(SentenceFeatures(batch)) { $1.module($0) })
  }

  /// The embeddings of a batch from what enters the Transformer's first layer, then from each layer's output, the last one's last.
  public func layers(_ batch: SentenceBatch) -> [Tensor] {
    guard let first = stages.first?.module, let transformer else { return [self(batch)] }
    return transformer.layers(batch.ids, seen: batch.seen).map { hidden in
      var features = SentenceFeatures(batch)
      features.tokens = hidden
      if case .maskedLanguageModel(let model) = first { features.tokens = hidden.map { model.logits($0) } }
      return output(stages.dropFirst().reduce(features) { $1.module($0) })
    }
  }

  /// A vector a token: what the modules before the pooling (and those that work on tokens) give.
  ///
  /// Source: Khattab and Zaharia 2020 (ColBERT).
  public func tokenEmbeddings(_ batch: SentenceBatch) -> Ragged<Tensor>? {
    stages.reduce(SentenceFeatures(batch)) { $1.module($0) }.tokens
  }

  private func output(_ features: SentenceFeatures) -> Tensor {
    guard let sentence = features.sentence else {
      preconditionFailure("SentenceEncoder: no module gives a vector a text")
    }
    return truncation.map { sentence.columns(0..<$0) } ?? sentence
  }

  /// The embeddings of texts `[texts, width]`, detached.
  ///
  /// Of a text without any token, pooling makes zeros; a `Model` with words of its own counts it as one unknown word.
  ///
  /// - Parameters:
  ///   - prompt: put before each text; nil: the folder's default prompt.
  /// - Throws: `TokenError` if the tokenizer gives ids that the model doesn't have; `FileError` if the encoder gives
  ///   a vector for each token.
  public func encode(_ texts: [String], prompt: String? = nil) throws -> Tensor {
    try requireOneVector()
    return vectors(try batch(texts, prompt: prompt ?? self.prompt(named: nil)))
  }

  /// The embeddings of queries `[texts, width]`: by their prompt and their way through the modules, where there is one.
  ///
  /// Source: sentence-transformers' `encode_query`.
  /// - Throws: `TokenError` if the tokenizer gives ids that the model doesn't have; `FileError` if the encoder gives
  ///   a vector for each token.
  public func encodeQueries(_ texts: [String]) throws -> Tensor { try forQueries.encode(texts, prompt: prompts.query) }

  /// The embeddings of what is searched `[texts, width]`, by its prompt.
  ///
  /// Source: sentence-transformers' `encode_document`.
  /// - Throws: `TokenError` if the tokenizer gives ids that the model doesn't have; `FileError` if the encoder gives
  ///   a vector for each token.
  public func encodeDocuments(_ texts: [String]) throws -> Tensor { try encode(texts, prompt: prompts.document) }

  /// The embeddings of a batch of any size `[texts, width]`, detached. Of sparse ones the largest numbers only, where the folder says how many.
  ///
  /// Each worker takes some texts, of at most `tokens` tokens (or one text), through all layers, so that what it computes stays in its cache
  /// and workers seldom meet. A text's vector doesn't depend on that.
  public func vectors(_ batch: SentenceBatch, tokens: Int = 256) -> Tensor {
    // Where each token has a number for every entry of the vocabulary, fewer of them fit in memory.
    let rows = isSparse ? max(1, min(tokens, 1 << 25 / width)) : tokens
    let parts = batch.ids.offsets.parts(rows: rows)
    Profile.lap("preparing")
    guard parts.count > 1 else { return parts.isEmpty ? .zeros([0, width]) : active(self(batch)) }
    let precision = Precision.current
    return Tensor(shape: [batch.count, width]) { target in
      nonisolated(unsafe) let target = target  // each part writes its own texts
      Workers.run(chunks: parts.count) { index in
        Profile.restart()
        precision {
          active(self(batch[parts[index]])).withUnsafeBuffer {
            _ = UnsafeMutableBufferPointer(rebasing: target[(parts[index].lowerBound * width)...]).update(from: $0)
          }
        }
      }
    }
  }

  /// Each row with its `mostActive` numbers farthest from 0 and zeros for the others.
  private func active(_ vectors: Tensor) -> Tensor {
    guard let mostActive, mostActive < vectors.width else { return vectors.detached }
    var values = vectors.scalars
    for start in stride(from: 0, to: values.count, by: vectors.width) {
      let places = (start..<start + vectors.width).filter { values[$0] != 0 }
      guard places.count > mostActive else { continue }
      let byGreatness = places.sorted { (abs(values[$1]), $0) < (abs(values[$0]), $1) }
      for place in byGreatness[mostActive...] { values[place] = 0 }
    }
    return Tensor(values, shape: vectors.shape)
  }

  /// The same encoder, whose Transformer keeps what enters its layers and computes the rest again for the derivatives: less memory, more
  /// time, the same bits.
  ///
  /// Source: Chen et al. 2016 (gradient checkpointing).
  public func checkpointingLayers() -> SentenceEncoder {
    let stages = stages.map { stage in
      let module: SentenceModule
      switch stage.module {
      case .transformer(var transformer):
        transformer.checkpointsLayers = true
        module = .transformer(transformer)
      case .maskedLanguageModel(var model):
        model.transformer.checkpointsLayers = true
        module = .maskedLanguageModel(model)
      default: return stage
      }
      return Stage(
        module: module, entry: stage.entry, parameters: stage.parameters, adaptation: stage.adaptation)
    }
    return SentenceEncoder(self, stages: stages)
  }

  /// Whether queries have another encoder.
  public var hasRoutes: Bool { !queries.isEmpty }

  /// The encoder of queries, where that is another one.
  ///
  /// Source: sentence-transformers' `Router`.
  public var forQueries: SentenceEncoder { queries.first ?? self }

  /// The same encoder with all columns, whatever the folder says.
  public func withoutTruncation() -> SentenceEncoder {
    var encoder = self
    encoder.truncation = nil
    encoder.queries = queries.map { $0.withoutTruncation() }
    return encoder
  }

  /// The same encoder without a last module that makes vectors of length 1.
  public func withoutNormalization() -> SentenceEncoder {
    guard case .normalize? = stages.last?.module else { return self }
    return SentenceEncoder(self, stages: Array(stages.dropLast()))
  }
}

extension Offsets {
  /// Ranges of sequences that follow each other, each of at most `rows` rows, or one sequence.
  func parts(rows: Int) -> [Range<Int>] {
    var (parts, start, sum): ([Range<Int>], Int, Int) = ([], 0, 0)
    for (sequence, length) in lengths.enumerated() {
      if sequence > start, sum + length > rows {
        parts.append(start..<sequence)
        (start, sum) = (sequence, 0)
      }
      sum += length
    }
    if start < lengths.count { parts.append(start..<lengths.count) }
    return parts
  }
}

/// Texts as a `SentenceEncoder` takes them.
public struct SentenceBatch: Sendable {
  /// The ids of their tokens.
  public let ids: Ragged<IDs>
  /// How many tokens at the start of each belong to the prompt.
  public let promptLength: Int
  /// Whether they are queries, where that matters.
  public var isQuery = false
  /// How many tokens of each attention sees; nil: all.
  var seen: [Int]?

  /// The number of texts.
  public var count: Int { ids.count }

  /// Some of the texts.
  subscript(range: Range<Int>) -> SentenceBatch {
    SentenceBatch(
      ids: Ragged(range.map { Array(ids.rows.values[ids.offsets[$0]]) }), promptLength: promptLength, isQuery: isQuery,
      seen: seen.map { Array($0[range]) })
  }
}

/// A prompt that the model doesn't have.
public struct PromptError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// The name that was asked for.
  public let name: String
  /// The names that there are.
  public let known: [String]
  /// The model's folder.
  public let folder: URL

  /// One line with the model and its prompts.
  public var description: String {
    let names = known.isEmpty ? "it has none" : "it has " + known.joined(separator: ", ")
    return "\(folder.path): no prompt '\(name)'; \(names)"
  }
  /// The same line.
  public var errorDescription: String? { description }
}
