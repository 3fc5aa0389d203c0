import ArgumentParser
import Checkpoints
import Foundation
import Tokenizers

struct TokenizerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer", abstract: "Learn a vocabulary from texts.",
    discussion: """
      Example:
        encoders tokenizer train --type wordpiece --size 8000 --lowercase \\
          --input texts.txt --output models/tokenizer
      """, subcommands: [Train.self])

  struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Learn a WordPiece, BPE or unigram vocabulary and write tokenizer.json and tokenizer_config.json.",
      discussion: """
        Input files have one text a line; files that end with .jsonl, or begin with a brace, have one object {"text": …} a line. The folder opens \
        in Hugging Face transformers with AutoTokenizer.from_pretrained. The same texts in any order give the same files.

        Example:
          encoders tokenizer train --type bpe --size 16000 \\
            --input reviews.txt more.jsonl --output models/tokenizer
        """)

    @Option(name: .long, help: "wordpiece (as BERT), bpe (as RoBERTa) or unigram (as XLM-RoBERTa).") var type: String
    @Option(
      name: .long, parsing: .unconditional,
      help: "How many tokens the vocabulary should have; it has more if the alphabet and the special tokens are more.")
    var size = 30_000
    @Option(
      name: .long, parsing: .upToNextOption, help: "Files of texts, one a line, or .jsonl; - for standard input.")
    var input: [String]
    @Option(name: .shortAndLong, help: "The folder to write to.") var output: String
    @Flag(name: .long, help: "Lower-case texts.") var lowercase = false
    @Flag(
      name: .long, inversion: .prefixedNo,
      help: "Drop accents; else a wordpiece vocabulary does so with --lowercase, others don't.")
    var stripAccents: Bool?
    @Option(
      name: .long, parsing: .unconditional, help: "Don't learn what is seen less often (wordpiece, bpe); else 2.")
    var minFrequency: Int?
    @Option(
      name: .long, parsing: .unconditional,
      help: "The most different characters that become tokens (wordpiece, bpe of characters).")
    var limitAlphabet: Int?
    @Option(name: .long, parsing: .upToNextOption, help: "Special tokens beside the usual ones.")
    var specialTokens: [String] = []
    @Flag(
      name: .long, inversion: .prefixedNo, help: "Whether bpe is of bytes, so that no text is unknown; else it is.")
    var byteLevel: Bool?
    @Flag(name: .long, help: "Write into a folder with files, in place of its tokenizer.") var overwrite = false

    func validate() throws {
      guard TokenizerTrainer.Kind(rawValue: type) != nil else {
        let known = TokenizerTrainer.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--type: expected one of \(known); found \(type)")
      }
      guard 1...(1 << 24) ~= size else {
        throw ValidationError("--size: expected from 1 to \(1 << 24), found \(size)")
      }
      if let minFrequency, minFrequency < 0 {
        throw ValidationError("--min-frequency: expected at least 0, found \(minFrequency)")
      }
      if let limitAlphabet, limitAlphabet < 1 {
        throw ValidationError("--limit-alphabet: expected at least 1, found \(limitAlphabet)")
      }
      if byteLevel != nil, type != "bpe" {
        throw ValidationError("--byte-level: expected --type bpe with it, found \(type)")
      }
      if minFrequency != nil, type == "unigram" {
        throw ValidationError("--min-frequency: expected --type wordpiece or bpe with it, found unigram")
      }
      if limitAlphabet != nil, type == "unigram" || type == "bpe" && byteLevel != false {
        throw ValidationError(
          "--limit-alphabet: expected --type wordpiece, or bpe and --no-byte-level, with it, found \(type)")
      }
      if let empty = specialTokens.first(where: \.isEmpty) {
        throw ValidationError("--special-tokens: expected a text, found \"\(empty)\"")
      }
    }

    func run() throws {
      try reporting {
        let folder = path(output)
        let replaces = overwrite && isFolder(folder)
        if !replaces { try AtomicFolder.requireFree(folder, advice: "; --overwrite replaces its tokenizer") }
        var trainer = try TokenizerTrainer(options)
        var count = 0
        for file in input {
          try InputLines(source: file).forEachBatch { texts in
            for text in texts { trainer.add(text) }
            count += texts.count
          }
        }
        guard trainer.wordCount > 0 else {
          let names = input.map { InputLines(source: $0).name }.joined(separator: ", ")
          throw InputError(description: "\(names): expected texts with words, found none")
        }
        let tokenizer = try trainer.train()
        func write(_ folder: URL) throws {
          try tokenizer.write(to: folder.appendingPathComponent("tokenizer.json"))
          try AtomicFile.write(options.configuration, to: folder.appendingPathComponent("tokenizer_config.json"))
        }
        if replaces { try write(folder) } else { try AtomicFolder.write(to: folder, write) }
        note("\(tokenizer.model.vocabulary.count) tokens from \(count) texts, \(trainer.wordCount) different words")
        try printLine(folder.appendingPathComponent("tokenizer.json").path)
      }
    }

    private var options: TokenizerTrainer.Options {
      var options = TokenizerTrainer.Options(TokenizerTrainer.Kind(rawValue: type) ?? .wordPiece)
      options.size = size
      options.lowercase = lowercase
      options.stripAccents = stripAccents
      options.minimumFrequency = minFrequency ?? options.minimumFrequency
      options.alphabetLimit = limitAlphabet
      options.isByteLevel = byteLevel ?? options.isByteLevel
      options.specialTokens = specialTokens
      return options
    }
  }
}
