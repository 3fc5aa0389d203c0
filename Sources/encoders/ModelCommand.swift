import ArgumentParser
import Checkpoints
import Foundation
import ModelFolders

struct ModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Get pretrained models, convert and average them.",
    discussion: """
      Example:
        encoders model get sentence-transformers/all-MiniLM-L6-v2
        encoders model convert models/all-MiniLM-L6-v2 --dtype float16 -o models/half
      """, subcommands: [Get.self, Convert.self, Average.self])

  struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fetch a pretrained model, check it and write it as a folder.",
      discussion: """
        Fetches settings, vocabularies and safetensors, checked by the hub's checksums; an interrupted download goes on where it \
        stopped. The folder is there whole or not at all. From the environment: HF_ENDPOINT, a hub's address (else \
        https://huggingface.co); HF_TOKEN, for models that need one; HF_HUB_OFFLINE=1 forbids the network.

        Example:
          encoders model get sentence-transformers/all-MiniLM-L6-v2
          encoders model get intfloat/e5-small-v2 --revision main --output models/e5
          encoders model get all-MiniLM-L6-v2 --from model.tar.gz
        """)

    @Argument(help: "The model's name on the hub.") var name: String
    @Option(name: .long, help: "A branch, tag or commit.") var revision = "main"
    @Option(name: .shortAndLong, help: "The folder to write; else models/ and the last part of the name.")
    var output: String?
    @Option(
      name: .long, help: "A model folder or an archive with one (tar, tar.gz, zip, whl) to be used instead of the hub.")
    var from: String?

    func run() throws {
      try reporting {
        let model = try HubModel(name, revision: revision)
        let folder = path(output ?? "models/" + model.folderName)
        if let from {
          try ModelImport.copy(path(from), to: folder, log: note)
        } else {
          try model.get(to: folder, environment: ProcessInfo.processInfo.environment, log: note)
        }
        try printLine(folder.path)
      }
    }
  }

  struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy a model with its weights in another type, other shards or another layout.",
      discussion: """
        Rewrites every safetensors file and copies everything else; weights in other formats are left out. --to \
        sentence-transformers gives a plain Hugging Face folder the files with which sentence-transformers opens it; \
        --to huggingface takes the transformer out of a sentence-transformers folder; --adapter merges what the PEFT \
        library trained (LoRA, DoRA) into its base model.

        Example:
          encoders model convert models/all-MiniLM-L6-v2 --dtype float16 -o models/half
          encoders model convert models/bert --to sentence-transformers \\
            --pooling cls --output models/bert-cls
          encoders model convert models/bert --adapter models/bert-lora \\
            --output models/bert-merged
        """)

    @Argument(help: "The model folder.") var model: String
    @Option(name: .shortAndLong, help: "The folder to write.") var output: String
    @Option(name: .long, help: "What floats are stored as: float32, float16 or bfloat16; else as they are.")
    var dtype: String?
    @Option(name: .long, help: "How much a file of weights holds at most, as 5GB or 500MB; else the files stay.")
    var shardSize: String?
    @Option(name: .long, help: "The layout to write: sentence-transformers or huggingface; else as it is.")
    var to: String?
    @Option(
      name: .long,
      help: "With --to sentence-transformers: cls, mean, max, last, mean-sqrt-length or weighted-mean; else mean.")
    var pooling: String?
    @Flag(name: .long, help: "With --to sentence-transformers: vectors of length 1.") var normalize = false
    @Option(
      name: .long, help: "A folder with adapter_config.json and adapter_model.safetensors to merge into the weights.")
    var adapter: String?

    func validate() throws { _ = try conversion() }

    func run() throws {
      try reporting {
        try conversion().convert(path(model), to: path(output), log: note)
        try printLine(path(output).path)
      }
    }

    private func conversion() throws -> ModelConversion {
      func choice<Value>(_ option: String, _ text: String?, _ known: [(String, Value)]) throws -> Value? {
        guard let text else { return nil }
        guard let found = known.first(where: { $0.0 == text }) else {
          throw ValidationError(
            "--\(option): expected one of \(known.map(\.0).joined(separator: ", ")); found \(text)")
        }
        return found.1
      }
      var conversion = ModelConversion()
      conversion.type = try choice("dtype", dtype, ElementType.convertible.map { ($0.name, $0.type) })
      conversion.layout = try choice("to", to, ModelConversion.Layout.allCases.map { ($0.rawValue, $0) })
      conversion.pooling = try choice("pooling", pooling, PoolingName.allCases.map { ($0.rawValue, $0) })
      conversion.normalizes = normalize
      conversion.shardSize = try shardSize.map(bytes)
      conversion.adapter = adapter.map { path($0) }
      guard dtype != nil || to != nil || shardSize != nil || adapter != nil else {
        throw ValidationError("expected --dtype, --to, --shard-size or --adapter, or several of them")
      }
      if pooling != nil || normalize, conversion.layout != .sentenceTransformers {
        throw ValidationError("--pooling and --normalize: expected --to sentence-transformers with them")
      }
      return conversion
    }

    /// A size as 5GB, 500MB, 10KB or a count of bytes.
    private func bytes(_ text: String) throws -> Int {
      let upper = text.uppercased()
      let unit = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)].first { upper.hasSuffix($0.0) } ?? ("", 1)
      guard let number = Double(upper.dropLast(unit.0.count)), number > 0, number * Double(unit.1) < 1e18,
        number * Double(unit.1) >= 1
      else {
        throw ValidationError("--shard-size: expected a size, as 5GB or 500MB, found \(text)")
      }
      return Int(number * Double(unit.1))
    }
  }

  struct Average: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a model whose weights are the mean of several models' weights.",
      discussion: """
        Models that were trained from the same one, with other seeds or settings, can be better together than each of them, \
        and cost no more than one (model soups, Wortsman et al. 2022). Settings, vocabulary and head have to be the same; what \
        else is written is the first model's.

        Example:
          encoders train recipe.yaml --seed 1 --output models/a
          encoders train recipe.yaml --seed 2 --output models/b
          encoders model average models/a models/b --output models/both
        """)

    @Argument(help: "The model folders, two or more.") var models: [String]
    @Option(name: .shortAndLong, help: "The folder to write.") var output: String

    func validate() throws {
      guard models.count > 1 else { throw ValidationError("expected two models or more, found one") }
    }

    func run() throws {
      try reporting {
        try ModelAverage.write(of: models.map { path($0) }, to: path(output), log: note)
        try printLine(path(output).path)
      }
    }
  }
}
