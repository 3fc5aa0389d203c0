import Checkpoints
import Datasets
import Foundation

/// Speaks with a hub, by curl.
struct HubConnection {
  /// The hub's address, without a slash at its end.
  let endpoint: String
  private let token: String?

  /// - Throws: `HubError` if the environment forbids the network or has no proper address.
  init(_ environment: [String: String]) throws {
    if let value = environment["HF_HUB_OFFLINE"]?.uppercased(), ["1", "ON", "YES", "TRUE"].contains(value) {
      throw HubError(description: "HF_HUB_OFFLINE is set: a model can only be had --from a folder or an archive")
    }
    var address = environment["HF_ENDPOINT"] ?? ""
    if address.isEmpty { address = "https://huggingface.co" }
    while address.hasSuffix("/") { address.removeLast() }
    let isPlain = address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    guard isPlain, let url = URL(string: address), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false
    else {
      throw HubError(
        description: "HF_ENDPOINT: expected an address, as https://huggingface.co, found \(FileError.quoted(address))")
    }
    endpoint = address
    let token = environment["HF_TOKEN"]?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw HubError(description: "HF_TOKEN: expected a token without spaces or other than ASCII characters")
    }
    self.token = token.isEmpty ? nil : token
  }

  /// A model's files, with what is known of each.
  ///
  /// - Throws: `HubError` if the hub doesn't give a list.
  func files(of model: HubModel) throws -> [HubFile] {
    var address: String? =
      "\(endpoint)/api/models/\(model.name)/tree/\(escaped(model.revision, slash: false))?recursive=true"
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("encoders-\(UUID().uuidString)")
    try AtomicFolder.make(scratch, for: scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let (list, headers) = (scratch.appendingPathComponent("list.json"), scratch.appendingPathComponent("headers"))
    var (files, pages) = ([HubFile](), 0)
    while let page = address {
      let (status, reason) = try curl(page, to: list, ["--dump-header", headers.path, "--max-filesize", "100000000"])
      guard status == 200 else { throw failure(model, nil, status, reason) }
      guard let entries = try? JSON(contentsOf: list).elements else {
        throw HubError(description: "\(page): expected a list of files as JSON; is it a hub's address?")
      }
      for entry in entries where entry["type"]?.string == "file" {
        guard let path = entry["path"]?.string, ModelFiles.isSafe(path),
          let size = (entry["lfs"]?["size"] ?? entry["size"])?.integer, size >= 0
        else {
          throw HubError(
            description: "\(page): expected files with a path and a size, found \(entry.text().prefix(200))")
        }
        let sha256 = entry["lfs"]?["oid"]?.string
        files.append(HubFile(path: path, size: size, sha256: sha256, blob: sha256 == nil ? entry["oid"]?.string : nil))
      }
      address = nextPage((try? String(contentsOf: headers, encoding: .isoLatin1)) ?? "")
      pages += 1
      guard pages < 1000 else { throw HubError(description: "\(page): expected a list of files that ends") }
    }
    return files
  }

  /// Where a file is until all of it is there.
  static func partial(_ url: URL) -> URL { url.appendingPathExtension("incomplete") }

  /// Downloads and checks a file, going on with what is there of it; a broken connection is tried again.
  ///
  /// - Throws: `HubError` if the hub doesn't give the file, or not the one of its list.
  func fetch(_ file: HubFile, of model: HubModel, to url: URL, _ log: (String) -> Void) throws {
    let address = "\(endpoint)/\(model.name)/resolve/\(escaped(model.revision, slash: false))/\(escaped(file.path))"
    let partial = HubConnection.partial(url)
    var failures = 0
    while true {
      if !FileManager.default.fileExists(atPath: partial.path) || length(partial) > file.size {
        try AtomicFile.write(Data(), to: partial)
      }
      let before = length(partial)
      if before < file.size || file.size == 0 {
        // Bytes from 0 on are asked for as a whole: a hub that knows no ranges gives them too.
        let (status, reason) = try curl(
          address, to: partial,
          ["--max-filesize", "\(max(1, file.size))"] + (before > 0 ? ["--continue-at", "-"] : []))
        let isBroken = [0, 200, 206, 429].contains(status) || status >= 500
        if length(partial) < file.size || file.size == 0 && status != 200 {
          // A range that the hub can't or won't give: from the start then.
          if before > 0, length(partial) == before, status == 200 || status == 416 {
            try AtomicFile.write(Data(), to: partial)
          }
          failures = length(partial) > before ? 1 : failures + 1
          guard isBroken || status == 416, failures < 4, status != 0 || before < length(partial) || isReached(reason)
          else {
            throw failure(model, file.path, status, reason)
          }
          log("the connection broke; going on with \(file.path) at \(ModelFiles.size(length(partial)))")
          Thread.sleep(forTimeInterval: 0.5 * Double(1 << (failures - 1)))
          continue
        }
      }
      guard let problem = try file.problem(of: partial) else { break }
      // Bytes of another download may stand before these: once more, from the start.
      try FileManager.default.removeItem(at: partial)
      guard before > 0 else { throw HubError(description: "\(address): \(problem)") }
    }
    guard rename(partial.path, url.path) == 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
  }

  /// Whether curl's reason is one of a connection that was there: neither a name nobody knows nor a refusal.
  private func isReached(_ reason: String) -> Bool {
    ["(18)", "(28)", "(52)", "(56)", "(92)"].contains { reason.contains($0) }
  }

  /// Fetches an address into a file: the last status of HTTP, 0 if none came, and what curl says is wrong.
  private func curl(_ address: String, to file: URL, _ options: [String]) throws -> (status: Int, reason: String) {
    func quoted(_ text: String) -> String {
      "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
    }
    // curl sends a header of this name to the first host only, and other programs can't see its standard input.
    let header = token.map { "header = \(quoted("Authorization: Bearer \($0)"))\n" } ?? ""
    let outcome = try OtherProgram.run(
      "curl",
      [
        "--disable", "--config", "-", "--fail", "--location", "--silent", "--show-error", "--proto", "=http,https",
        "--connect-timeout", "30", "--speed-limit", "100", "--speed-time", "60", "--write-out", "%{http_code}",
        "--output", file.path,
      ] + options, input: header + "url = \(quoted(address))\n", "reach \(endpoint)")
    if [23, 26].contains(outcome.code) { throw FileError(.unwritable, file, "cannot write: \(outcome.reason)") }
    return (Int(outcome.output.suffix(3)) ?? 0, outcome.code == 0 ? "" : outcome.reason)
  }

  private func failure(_ model: HubModel, _ path: String?, _ status: Int, _ reason: String) -> HubError {
    let place = "\(endpoint)/\(model.name)" + (path.map { "/\($0)" } ?? "")
    switch status {
    case 401, 403:
      let hint = token == nil ? "or it needs a token in HF_TOKEN" : "or the token in HF_TOKEN may not read it"
      return HubError(description: "\(place): refused (HTTP \(status)): there is no such model, \(hint)")
    case 404:
      let what = path == nil ? "model" : "file"
      return HubError(
        description: "\(place): no such \(what) at revision \(FileError.quoted(model.revision)) (HTTP 404)")
    case 0:
      return HubError(
        description: "cannot reach \(endpoint): \(reason); HF_ENDPOINT names another hub, --from a local copy")
    default:
      return HubError(description: "\(place): HTTP \(status)" + (reason.isEmpty ? "" : ": \(reason)"))
    }
  }

  /// A path with everything percent-encoded that isn't plain.
  private func escaped(_ path: String, slash: Bool = true) -> String {
    var allowed = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
    if slash { allowed.insert("/") }
    return path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path
  }

  /// The next page of a list, in the header `Link: <address>; rel="next"`; only one of the same hub, as it gets the token.
  private func nextPage(_ headers: String) -> String? {
    for line in headers.split(whereSeparator: \.isNewline) where line.lowercased().hasPrefix("link:") {
      for link in line.dropFirst("link:".count).split(separator: ",") where link.contains("rel=\"next\"") {
        guard let start = link.firstIndex(of: "<"), let end = link.firstIndex(of: ">"), start < end else { continue }
        let address = String(link[link.index(after: start)..<end])
        if address.hasPrefix("/") { return endpoint + address }
        return address.hasPrefix(endpoint + "/") ? address : nil
      }
    }
    return nil
  }
}
