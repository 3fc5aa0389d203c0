import Checkpoints
import Foundation
import Tensors
import Tokenizers

/// A Transformer that reads a pair of texts, or one, at once and scores it: a `…ForSequenceClassification` folder.
///
///     let encoder = try CrossEncoder.open(URL(fileURLWithPath: "models/ms-marco-MiniLM-L6-v2"))
///     let scores = try encoder.scores([("how many legs has a spider", "Spiders have eight legs.")])     // [1, 1]
///
/// Source: sentence-transformers' `CrossEncoder` (Nogueira and Cho 2019).
public struct CrossEncoder: Sendable {
  /// The encoder with its classifier.
  public let classifier: SequenceClassifier
  /// Cuts the pairs, at the model's limit.
  public let tokenizer: Tokenizer
  /// What `scores` does to logits; nil: nothing.
  public let activation: Activation?
  /// What the labels are to each other.
  public let problem: Problem
  /// What stands before each first text: the folder's default prompt.
  public let prompt: String
  /// Whether the model is told which tokens are of the second text.
  private let takesTypes: Bool

  /// What the labels of a classifier are to each other: `problem_type` of transformers' config.json.
  public enum Problem: String, Sendable, CaseIterable {
    /// One of them is right.
    case single = "single_label_classification"
    /// Each is right or not.
    case multiple = "multi_label_classification"
    /// They are numbers to be guessed.
    case regression
  }

  /// The names of the labels, in the order of the columns.
  public var labels: [String] { classifier.labels }

  /// Whether a folder holds a `…ForSequenceClassification` model, as far as its configurations say.
  public static func isOne(_ folder: URL) throws -> Bool {
    if ModuleEntry.hasModules(folder) {
      return try ModuleEntry.settings(of: folder)?.string("model_type") == "CrossEncoder"
    }
    if AdapterFolder.isOne(folder) { return try AdapterFolder(folder).task == "SEQ_CLS" }
    guard let config = try ConfigFile.ifPresent(folder.appendingPathComponent("config.json")) else { return false }
    return try config.strings("architectures")?.contains { $0.hasSuffix("ForSequenceClassification") } ?? false
  }

  /// Opens a Hugging Face folder.
  ///
  /// The activation is what `config_sentence_transformers.json` (beside `modules.json`) or `config.json` says, else the sigmoid for a single
  /// label and none for several, as in sentence-transformers.
  ///
  /// - Throws: `FileError` naming the file and the key.
  public static func open(_ folder: URL) throws -> CrossEncoder {
    let modules = try ModuleEntry.read(folder)
    if let modules, modules.count != 1 {
      let found = modules.map(\.type).joined(separator: ", ")
      throw FileError(
        .mismatched, folder.appendingPathComponent("modules.json"),
        "expected a cross-encoder of a …ForSequenceClassification model alone, found \(found)")
    }
    let config = try ConfigFile(AdapterFolder.file("config.json", in: folder))
    let classifier = try SequenceClassifier.open(folder)
    let settings = try ModuleEntry.settings(of: folder)
    let (inner, older) = (config["sentence_transformers"]?["activation_fn"], "sbert_ce_default_activation_function")
    let named: [(file: URL, name: String?)] = [
      (settings?.url ?? folder, try settings?.string("activation_fn")),
      (config.url, try inner == nil ? config.string(older) : inner?.string),
    ]
    // As there, classes that aren't PyTorch's own are passed over.
    let trusted = named.first { $0.name?.hasPrefix("torch.") == true }
    var activation: Activation? = classifier.labels.count == 1 ? .sigmoid : nil
    switch trusted?.name?.split(separator: ".").last {
    case nil: break
    case "Sigmoid": activation = .sigmoid
    case "Identity": activation = nil
    case "Tanh": activation = .tanh
    case let other?:
      throw FileError(
        .mismatched, trusted?.file ?? config.url, item: "activation_fn",
        "expected Sigmoid, Tanh or Identity of torch.nn, found \(other)")
    }
    let kind = try config.string("problem_type")
    guard let problem = kind.map(Problem.init(rawValue:)) ?? (classifier.labels.count == 1 ? .multiple : .single) else {
      let known = Problem.allCases.map(\.rawValue).joined(separator: ", ")
      throw FileError(
        .mismatched, config.url, item: "problem_type", "expected \(known), found \(FileError.quoted(kind ?? ""))")
    }
    let limits = try modules?.first.flatMap { try SentenceModule.transformerSettings($0) }
    let tokens = try SentenceTokenizer.transformer(
      folder, settings: limits, classifier.transformer.configuration)
    guard let tokenizer = tokens.tokenizer else { throw FileError(.missing, folder, "expected a tokenizer") }
    let hasTypes = classifier.transformer.configuration.typeVocabularySize > 1
    return CrossEncoder(
      classifier: classifier, tokenizer: tokenizer, activation: activation, problem: problem,
      prompt: try Prompts(settings, in: folder).usual ?? "",
      takesTypes: try hasTypes && givesTypes(folder, config))
  }

  /// Whether transformers' tokenizer of a folder gives a model the types of tokens: where its settings name its outputs these say so,
  /// else its class decides.
  private static func givesTypes(_ folder: URL, _ config: ConfigFile) throws -> Bool {
    let settings = try ConfigFile.ifPresent(folder.appendingPathComponent("tokenizer_config.json"))
    if let names = try settings?.strings("model_input_names") { return names.contains("token_type_ids") }
    guard let name = try settings?.string("tokenizer_class") else {
      return try ["bert", "electra"].contains(config.string("model_type"))
    }
    return ["BertTokenizer", "ElectraTokenizer"].contains { name == $0 || name == $0 + "Fast" }
  }

  /// The logits `[texts, labels]` of pairs, or of single texts (`second` nil), the prompt before each.
  ///
  /// - Throws: `TokenError` if the tokenizer gives ids that the model doesn't have.
  public func logits(_ texts: [(first: String, second: String?)], tokens: Int = 8192) throws -> Tensor {
    let encodings = texts.map { tokenizer.encoding(prompt + $0.first, pair: $0.second) }
    let parts = try Offsets(lengths: encodings.map(\.count)).parts(rows: tokens).map { part in
      let (ids, types) = (Ragged(encodings[part].map(\.ids)), Ragged(encodings[part].map(\.typeIDs)))
      let known = takesTypes ? types : nil
      try classifier.transformer.check(ids, typeIDs: known)
      return classifier(ids, typeIDs: known).detached
    }
    return parts.isEmpty ? .zeros([0, labels.count]) : Tensor.stacked(parts)
  }

  /// The scores `[texts, labels]`: the logits after the activation.
  ///
  /// - Throws: `TokenError` if the tokenizer gives ids that the model doesn't have.
  public func scores(_ texts: [(first: String, second: String?)]) throws -> Tensor {
    let logits = try logits(texts)
    return activation.map { logits.activated($0) } ?? logits
  }

  /// The probability of each label `[texts, labels]` for single texts, as transformers' pipeline gives them: those of a `single` problem sum to
  /// 1, and those of a `regression` are the numbers themselves.
  ///
  /// - Throws: `TokenError` if the tokenizer gives ids that the model doesn't have.
  public func predictions(_ texts: [String]) throws -> Tensor {
    let logits = try logits(texts.map { ($0, nil) })
    return switch problem {
    case .single: logits.softmax()
    case .multiple: logits.activated(.sigmoid)
    case .regression: logits
    }
  }
}
