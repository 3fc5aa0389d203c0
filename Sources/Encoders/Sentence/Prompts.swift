import Checkpoints
import Foundation

/// What a folder wants put before texts: `prompts` and `default_prompt_name` of sentence-transformers' settings.
public struct Prompts: Sendable, Equatable {
  /// The texts by their names.
  public let texts: [String: String]
  /// The name of the one for texts that come without a prompt.
  public let defaultName: String?

  /// - Throws: `FileError` naming the key that isn't as it should be.
  init(_ settings: ConfigFile?, in folder: URL) throws {
    let url = settings?.url ?? folder
    if let prompts = settings?["prompts"], prompts.members == nil {
      throw FileError(.malformed, url, item: "prompts", "expected an object, found \(prompts.kind)")
    }
    texts = Dictionary(
      try (settings?["prompts"]?.members ?? []).compactMap { prompt in
        if prompt.value == .null { return nil }
        guard let text = prompt.value.string else {
          throw FileError(
            .malformed, url, item: "prompts.\(prompt.name)", "expected a string, found \(prompt.value.kind)")
        }
        return (prompt.name, text)
      }
    ) { $1 }
    defaultName = try settings?.string("default_prompt_name")
    if let defaultName, texts[defaultName] == nil {
      throw FileError(
        .malformed, url, item: "default_prompt_name",
        "expected the name of a prompt, found \(FileError.quoted(defaultName))")
    }
  }

  /// The text of a name.
  public subscript(name: String) -> String? { texts[name] }

  /// For texts that come without a prompt.
  public var usual: String? { defaultName.flatMap { texts[$0] } }
  /// For queries, as sentence-transformers' `encode_query` chooses it.
  public var query: String? { texts["query"] ?? usual }
  /// For what is searched, as `encode_document` chooses it.
  public var document: String? { ["document", "passage", "corpus"].compactMap { texts[$0] }.first ?? usual }
}
