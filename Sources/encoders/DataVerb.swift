import ArgumentParser
import Datasets
import Foundation

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Get real data sets as ordinary files.",
    discussion: """
      Example:
        encoders data get movie-reviews --output .cache/data
      """, subcommands: [Get.self, List.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Name the data sets that can be had.",
      discussion: """
        Example:
          encoders data list
        """)

    @Flag(name: .long, help: "Print the names and what they are as JSON.") var json = false

    /// What is printed.
    struct Entry: Encodable { let name, summary: String }

    func run() throws {
      try reporting {
        if json { return try printJSON(DataSource.all.map { Entry(name: $0.name, summary: $0.summary) }) }
        for source in DataSource.all {
          try printLine(source.name.padding(toLength: 18, withPad: " ", startingAt: 0) + source.summary)
        }
      }
    }
  }

  struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fetch a data set, check it and write it as ordinary files.",
      discussion: """
        Example:
          encoders data get movie-reviews --output .cache/data
        """)

    @Argument(help: "The data set's name (see `encoders data list`).") var name: String
    @Option(name: .shortAndLong, help: "The folder to write to; the data set gets a folder of its own there.")
    var output = "data"
    @Option(name: .long, help: "Where downloads are kept; else ~/.cache/encoders.") var cache: String?
    @Flag(name: .long, help: "Print the files' paths as a JSON list.") var json = false
    @Option(
      name: .long,
      help:
        "A file that was downloaded by other means, or a folder with those of mnist, to be used instead of a download.")
    var from: String?

    func run() throws {
      try reporting {
        guard let source = DataSource.all.first(where: { $0.name == name }) else {
          throw InputError(
            description:
              "data: unknown data set '\(name)' (expected one of \(DataSource.all.map(\.name).joined(separator: ", ")))"
          )
        }
        let caches = ProcessInfo.processInfo.environment["XDG_CACHE_HOME"] ?? ""
        let standard = (caches.isEmpty ? "~/.cache" : caches) + "/encoders"
        let files = try source.get(into: path(output), cache: path(cache ?? standard), from: from.map(path), log: note)
        if json { return try printJSON(files.map(\.path)) }
        for file in files { try printLine(file.path) }
      }
    }
  }
}
