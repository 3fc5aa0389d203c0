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
  func files(of model: HubModel, _ log: (String) -> Void) throws -> [HubFile] {
    var address: String? =
      "\(endpoint)/api/models/\(model.name)/tree/\(escaped(model.revision, slash: false))?recursive=true"
    let scratch = HubConnection.scratch()
    try AtomicFolder.make(scratch, for: scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let (list, headers) = (scratch.appendingPathComponent("list.json"), scratch.appendingPathComponent("headers"))
    var (files, total, pages) = ([HubFile](), 0, Set<String>())
    while let page = address {
      var tries = 1
      while true {
        try? FileManager.default.removeItem(at: list)
        let answer = try curl(page, to: list, limit: 64_000_000, ["--dump-header", headers.path])
        guard !answer.isTooLong else {
          throw HubError(description: "\(page): expected a list of files of at most 64 MB, found more")
        }
        if answer.code == 0, answer.status == 200 { break }
        guard answer.mayPass, tries < 4 else {
          throw answer.isBroken
            ? HubError(description: "\(page): the connection broke: \(answer.reason)") : failure(model, nil, answer)
        }
        log("\(answer.trouble); asking again for the list of files")
        pause(tries)
        tries += 1
      }
      guard let entries = try? JSON(contentsOf: list).elements else {
        throw HubError(description: "\(page): expected a list of files as JSON; is it a hub's address?")
      }
      for entry in entries where entry["type"]?.string == "file" {
        guard let path = entry["path"]?.string, isSafePath(path),
          let size = (entry["lfs"]?["size"] ?? entry["size"])?.integer, 0...HubConnection.mostBytes - total ~= size
        else {
          throw HubError(
            description: "\(page): expected files with a path and a size, found \(entry.text().prefix(200))")
        }
        total += size
        let sha256 = entry["lfs"]?["oid"]?.string
        files.append(HubFile(path: path, size: size, sha256: sha256, blob: sha256 == nil ? entry["oid"]?.string : nil))
      }
      address = try nextPage((try? String(contentsOf: headers, encoding: .isoLatin1)) ?? "", after: page)
      pages.insert(page)
      guard pages.count < 1000, address.map({ pages.contains($0) }) != true else {
        throw HubError(description: "\(page): expected a list of files that ends")
      }
    }
    return files
  }

  /// A new place for what is only read, which nobody else has.
  static func scratch() -> URL {
    FileManager.default.temporaryDirectory.appendingPathComponent("encoders-\(UUID().uuidString)")
  }

  /// No model has more, and there is room to add up.
  private static let mostBytes = 1 << 60

  /// Where a file is until all of it is there.
  static func partial(_ url: URL) -> URL { url.appendingPathExtension("incomplete") }

  /// Downloads and checks a file, going on with what is there of it; a broken connection is tried again.
  ///
  /// - Throws: `HubError` if the hub doesn't give the file, or not the one of its list.
  func fetch(_ file: HubFile, of model: HubModel, to url: URL, _ log: (String) -> Void) throws {
    let address = "\(endpoint)/\(model.name)/resolve/\(escaped(model.revision, slash: false))/\(escaped(file.path))"
    let partial = HubConnection.partial(url)
    if let rest = length(partial), rest > file.size { try FileManager.default.removeItem(at: partial) }
    // Tries since the file was longest: a hub that gives nothing new isn't asked for ever.
    var (tries, longest, isSecond) = (0, length(partial) ?? 0, false)
    while true {
      let before = length(partial) ?? 0
      var isTooLong = false
      if before < file.size || file.size == 0 {
        // Bytes from 0 on are asked for as a whole: a hub that knows no ranges gives them too.
        let answer = try curl(
          address, to: partial, limit: file.size, before > 0 ? ["--continue-at", "\(before)"] : [])
        isTooLong = answer.isTooLong
        let now = length(partial) ?? 0
        if answer.code != 0, !isTooLong, now < file.size || file.size == 0 {
          // A range that the hub can't or won't give: from the start then.
          let isRangeless = before > 0 && (answer.code == 33 || answer.status == 416)
          if isRangeless { try FileManager.default.removeItem(at: partial) }
          tries = now > longest ? 1 : tries + 1
          longest = max(longest, now)
          guard answer.mayPass || isRangeless, tries < 4 else {
            guard answer.isBroken || isRangeless else { throw failure(model, file.path, answer) }
            let counts = "expected \(file.size) bytes, found \(longest)"
            throw HubError(description: "\(address): the connection broke: \(counts) (\(answer.reason))")
          }
          log("\(answer.trouble); going on with \(file.path) at \(ModelFiles.size(length(partial) ?? 0))")
          pause(tries)
          continue
        }
      }
      let problem = isTooLong ? "expected \(file.size) bytes, found more" : try file.problem(of: partial)
      guard let problem else { break }
      // Bytes of another download may stand before these: once more, from the start.
      try FileManager.default.removeItem(at: partial)
      guard before > 0, !isSecond else { throw HubError(description: "\(address): \(problem)") }
      isSecond = true
    }
    guard rename(partial.path, url.path) == 0 else { throw FileError(.unwritable, url, code: errno, doing: "write") }
  }

  /// What became of an address.
  private struct Answer {
    /// The last status of HTTP, 0 if none came.
    let status: Int
    /// curl's exit code, and what it says is wrong.
    let code: Int32
    let reason: String
    /// There was more than wanted.
    let isTooLong: Bool

    /// Whether the connection was there and broke: neither a name nobody knows nor a refusal.
    var isBroken: Bool { [18, 28, 52, 56, 92].contains(code) }
    /// Whether the same may come out otherwise a little later.
    var mayPass: Bool { isBroken || status == 429 || status >= 500 }
    /// What is wrong, in short.
    var trouble: String { status < 400 ? "the connection broke" : "HTTP \(status)" }
  }

  /// Waits before the next try, longer each time.
  private func pause(_ tries: Int) { Thread.sleep(forTimeInterval: 0.5 * Double(1 << (tries - 1))) }

  /// Fetches an address, and writes what comes behind what is in a file, which never has more than `limit` bytes.
  private func curl(_ address: String, to file: URL, limit: Int, _ options: [String]) throws -> Answer {
    func quoted(_ text: String) -> String {
      "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
    }
    let descriptor = open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError(.unwritable, file, code: errno, doing: "write") }
    defer { close(descriptor) }
    var left = limit - (length(file) ?? 0)
    // curl sends a header of this name to the first host only, and other programs can't see its standard input.
    let header = token.map { "header = \(quoted("Authorization: Bearer \($0)"))\n" } ?? ""
    let outcome = try OtherProgram.run(
      "curl",
      [
        "--disable", "--config", "-", "--fail", "--location", "--silent", "--show-error", "--proto", "=http,https",
        "--connect-timeout", "30", "--speed-limit", "100", "--speed-time", "60", "--no-buffer",
        "--write-out", "%{stderr}\n%{http_code}",
      ] + options, input: header + "url = \(quoted(address))\n", "reach \(endpoint)"
    ) { bytes in
      left -= bytes.count
      guard left >= 0 else { return false }
      guard writeAll(bytes, to: descriptor) else { throw FileError(.unwritable, file, code: errno, doing: "write") }
      return true
    }
    let lines = outcome.errors.split(whereSeparator: \.isNewline)
    let status = lines.last.flatMap { Int($0) }
    let reason = (status == nil ? lines : lines.dropLast()).last.map(String.init) ?? "exit code \(outcome.code)"
    return Answer(
      status: status ?? 0, code: outcome.code, reason: outcome.code == 0 ? "" : reason, isTooLong: left < 0)
  }

  private func failure(_ model: HubModel, _ path: String?, _ answer: Answer) -> HubError {
    let (status, reason) = (answer.status, answer.reason)
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

  /// The next page of a list, in the header `Link: <address>; rel="next"`.
  ///
  /// - Throws: `HubError` if it isn't of the same hub, as it gets the token.
  private func nextPage(_ headers: String, after page: String) throws -> String? {
    for line in headers.split(whereSeparator: \.isNewline) where line.lowercased().hasPrefix("link:") {
      for link in line.dropFirst("link:".count).split(separator: ",") where link.contains("rel=\"next\"") {
        guard let start = link.firstIndex(of: "<"), let end = link.firstIndex(of: ">"), start < end else { continue }
        let address = String(link[link.index(after: start)..<end])
        if address.hasPrefix("/") && !address.hasPrefix("//") { return endpoint + address }
        guard address.hasPrefix(endpoint + "/") else {
          throw HubError(
            description:
              "\(page): expected the list's next page below \(endpoint), found \(FileError.quoted(address))")
        }
        return address
      }
    }
    return nil
  }
}
