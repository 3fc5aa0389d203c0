import Checkpoints
import Foundation

extension Tokenizer {
  /// The tokenizer of a SentencePiece `.model` file, as transformers 5 makes it when there is no `tokenizer.json`.
  ///
  /// The `tokenizer_class` of the `tokenizer_config.json`, else of the folder's `config.json`, else the class of its
  /// `model_type` decides about ids and special tokens: T5, XLM-RoBERTa, CamemBERT, ALBERT and Llama are known. Without
  /// one, the ids are sentencepiece's own and no special tokens are added.
  ///
  /// - Parameters:
  ///   - url: the `.model` file.
  ///   - configuration: the `tokenizer_config.json`; else the one in the same folder, if there is one.
  /// - Throws: `FileError` for damaged files, and for classes and settings that aren't known.
  public init(sentencePiece url: URL, configuration: URL? = nil) throws {
    let model = try SentencePieceModel(contentsOf: url)
    let folder = url.deletingLastPathComponent()
    let settings = try configuration.map { try TokenizerPart(contentsOf: $0) }
    let configuration = try SentencePieceConfiguration(
      settings ?? TokenizerPart("tokenizer_config.json", in: folder), in: folder)
    guard let family = configuration.family else {
      self = try model.plainTokenizer(url)
      return
    }
    self = try SentencePieceConversion(model, configuration, family, url).tokenizer()
  }

  /// The SentencePiece file of a model folder under one of the names that transformers uses, or nil.
  public static func sentencePieceFile(in folder: URL) -> URL? {
    sentencePieceNames.map { folder.appendingPathComponent($0) }.first {
      FileManager.default.fileExists(atPath: $0.path)
    }
  }

  /// What SentencePiece models are called, the first found being the one that counts.
  static let sentencePieceNames = [
    "spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "spm.model", "sentencepiece.model",
  ]
}

/// What transformers 5 makes of a SentencePiece model for one of its classes (`tokenization_*.py` and
/// `convert_slow_tokenizer.py` there).
private struct SentencePieceConversion {
  let model: SentencePieceModel
  let configuration: SentencePieceConfiguration
  let family: SentencePieceConfiguration.Family
  let url: URL

  init(
    _ model: SentencePieceModel, _ configuration: SentencePieceConfiguration,
    _ family: SentencePieceConfiguration.Family, _ url: URL
  ) throws {
    (self.model, self.configuration, self.family, self.url) = (model, configuration, family, url)
    let expected: SentencePieceModel.Algorithm = family == .llama ? .bpe : .unigram
    guard model.algorithm == expected else {
      throw FileError(
        .mismatched, url, "expected a \(expected) model for \(family.rawValue), found a \(model.algorithm) model")
    }
  }

  func tokenizer() throws -> Tokenizer {
    let model = try tokenizerModel()
    let added = try addedTokens(model.vocabulary)
    return Tokenizer(
      model: model, normalizer: try normalizer(), preTokenizer: try preTokenizer(),
      postProcessor: .template(try template(added)), decoder: try decoder(), addedTokens: added)
  }

  private func tokenizerModel() throws -> TokenizerModel {
    let pieces = self.model.pieces.map { (token: $0.text, score: Double($0.score)) }
    func token(_ key: String) throws -> (token: String, score: Double) { (try configuration.token(key) ?? "", 0) }
    switch family {
    case .llama:
      var options = BPE.Options()
      options.fusesUnknown = true
      options.fallsBackToBytes = true
      return try self.model.bpe(options, merging: nil, url)
    case .t5:
      let count = try configuration.count("extra_ids", default: 100, most: 1 << 16)
      let extra = (0..<count).reversed().map { (token: "<extra_id_\($0)>", score: 0.0) }
      return try unigram(pieces + extra, unknown: 2)
    case .albert: return try unigram(pieces, unknown: 1)
    case .xlmRoberta:
      let special = [try token("bos_token"), try token("pad_token"), try token("eos_token"), try token("unk_token")]
      return try unigram(special + pieces.dropFirst(3) + [try token("mask_token")], unknown: 3)
    case .camembert:
      let special = [
        ("<s>NOTUSED", 0), try token("pad_token"), ("</s>NOTUSED", 0), try token("unk_token"), ("<unk>NOTUSED", -100),
      ]
      return try unigram(special + pieces.dropFirst(1) + [try token("mask_token")], unknown: 3)
    }
  }

  private func unigram(_ pieces: [(token: String, score: Double)], unknown: Int32) throws -> TokenizerModel {
    guard Int(unknown) < pieces.count else {
      throw FileError(.mismatched, url, "expected the unknown piece at \(unknown), found \(pieces.count) pieces")
    }
    return .unigram(try Unigram(pieces: pieces, unknownID: unknown))
  }

  private func normalizer() throws -> Normalizer? {
    let map = model.characterMap.map { Normalizer.precompiled($0) }
    switch family {
    case .t5, .xlmRoberta, .camembert: return map
    case .llama: return nil
    case .albert:
      var steps: [Normalizer] = [.replace(TextPattern("``"), "\""), .replace(TextPattern("''"), "\"")]
      if try !configuration.bool("keep_accents", default: false) { steps += [.nfkd, .stripAccents] }
      if try configuration.bool("do_lower_case", default: true) { steps.append(.lowercase) }
      if let map { steps.append(map) }
      return .sequence(steps)
    }
  }

  private func metaspace() throws -> Metaspace {
    let addsPrefix = try family == .t5 || configuration.bool("add_prefix_space", default: true)
    guard family == .llama else { return Metaspace(prepending: addsPrefix ? .always : .never) }
    let prefix: Metaspace.Prepending = try configuration.bool("legacy", default: false) ? .always : .first
    return Metaspace(prepending: addsPrefix ? prefix : .never, splits: false)
  }

  private func preTokenizer() throws -> PreTokenizer {
    let metaspace = PreTokenizer.metaspace(try metaspace())
    return family == .llama ? metaspace : .sequence([.whitespaceSplit, metaspace])
  }

  private func decoder() throws -> TokenDecoder {
    guard family == .llama else { return .metaspace(try metaspace()) }
    return SentencePieceModel.byteDecoder(
      strippingPrefix: try configuration.bool("add_prefix_space", default: true))
  }

  private func template(_ added: [AddedToken]) throws -> PostProcessor.Template {
    typealias Piece = PostProcessor.Template.Piece
    func special(_ key: String) throws -> String {
      guard let token = try configuration.token(key) else {
        throw FileError(.malformed, url, "expected a \(key) in its tokenizer_config.json, found none")
      }
      return token
    }
    let (single, pair): ([Piece], [Piece])
    switch family {
    case .t5:
      let end = Piece.special(try special("eos_token"), typeID: 0)
      (single, pair) = ([.text(0, typeID: 0), end], [.text(0, typeID: 0), end, .text(1, typeID: 0), end])
    case .xlmRoberta, .camembert:
      let start = Piece.special(try special("bos_token"), typeID: 0)
      let end = Piece.special(try special("eos_token"), typeID: 0)
      single = [start, .text(0, typeID: 0), end]
      pair = single + [end, .text(1, typeID: 0), end]
    case .albert:
      let (start, end) = (try special("cls_token"), try special("sep_token"))
      single = [.special(start, typeID: 0), .text(0, typeID: 0), .special(end, typeID: 0)]
      pair = single + [.text(1, typeID: 1), .special(end, typeID: 1)]
    case .llama:
      let start = try configuration.bool("add_bos_token", default: false) ? try special("bos_token") : nil
      let end = try configuration.bool("add_eos_token", default: false) ? try special("eos_token") : nil
      func part(_ text: Int) -> [Piece] {
        let typeID = Int32(text)
        return (start.map { [Piece.special($0, typeID: typeID)] } ?? []) + [.text(text, typeID: typeID)]
          + (end.map { [Piece.special($0, typeID: typeID)] } ?? [])
      }
      (single, pair) = (part(0), part(0) + part(1))
    }
    let names = Set(pair.compactMap { if case .special(let name, _) = $0 { name } else { nil } }).sorted()
    return PostProcessor.Template(
      single: single, pair: pair,
      specialTokens: try names.map { name in
        guard let token = added.first(where: { $0.content == name }) else {
          throw FileError(.malformed, url, item: name, "the special token has no id")
        }
        return (name, [PostProcessor.Token(name, token.id)])
      })
  }

  /// The special tokens with their ids; those that the vocabulary hasn't come after it.
  private func addedTokens(_ vocabulary: Vocabulary) throws -> [AddedToken] {
    var tokens = try configuration.specialTokens()
    tokens += model.pieces.filter { $0.kind == .control }.map { AddedToken($0.text, id: -1) }
    if family == .t5 {
      let count = try configuration.count("extra_ids", default: 100, most: 1 << 16)
      tokens += (0..<count).map { AddedToken("<extra_id_\($0)>", id: -1) }
    }
    let symbols = model.pieces.filter { $0.kind == .userDefined }
    tokens += symbols.map { AddedToken($0.text, id: -1, special: false, normalized: false) }
    return AddedToken.numbered(tokens, after: vocabulary)
  }
}
