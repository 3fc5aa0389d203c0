import Foundation
import Testing

/// A hub on this machine: the addresses of the real one, for the models in a folder.
///
/// A model's files lie in `folder/owner/name`. Large files are sent on to a second address, as the real one does. Some names stand for a
/// behaviour: `private` needs the token `secret`, `cut` breaks off once in the middle, `down` breaks off and then answers 503 until there
/// is a file `up`, `slow` takes ten seconds, `wrong` sends other bytes, `rangeless` sends everything whatever range is asked for, `evil` lists
/// a path outside, `page` sends a small page instead of the weights, `endless` doesn't stop sending them, `halves` always breaks off in the
/// middle and knows no ranges, `lies` gives the first bytes whatever range is asked for and breaks off each other time, `elsewhere` has the
/// second page of its list on another host, `dropped` breaks off before it, `busy` is so the first time that it's asked for its list,
/// `drip` takes seconds for the weights.
final class Hub {
  let endpoint: String
  private let process = Process()
  /// The hub ends when nobody holds its standard input any more.
  private let input = Pipe()
  private let folder: URL
  private let log: URL

  init(_ folder: URL) throws {
    self.folder = folder
    log = folder.appendingPathComponent("requests.txt")
    let script = folder.appendingPathComponent("hub.py")
    try Data(Hub.script.utf8).write(to: script)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", script.path, folder.path]
    process.standardError = FileHandle.nullDevice
    process.standardInput = input
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    var line = Data()
    while let byte = try output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8), !byte.isEmpty {
      line += byte
    }
    endpoint = "http://127.0.0.1:" + String(decoding: line, as: UTF8.self)
  }

  deinit { try? input.fileHandleForWriting.close() }

  /// `host METHOD-less path range authorization` of each request so far.
  func requests() throws -> [String] {
    try String(contentsOf: log, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  private static let script = """
    import hashlib, json, os, sys, threading, time
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    root = sys.argv[1]
    cut = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def reply(self, status, body=b"", headers=(), sent=None):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if sent is None else body[:sent])
            if sent is not None:
                self.wfile.flush()
                self.close_connection = True

        def do_GET(self):
            token = self.headers.get("Authorization", "-")
            host = self.headers["Host"].split(":")[0]
            with open(os.path.join(root, "requests.txt"), "a") as log:
                log.write(f"{host} {self.path} {self.headers.get('Range', '-')} {token}\\n")
            path, _, query = self.path.partition("?")
            parts = path.strip("/").split("/")
            if parts[0] == "api":
                owner, name, revision = parts[2], parts[3], parts[5]
            elif parts[0] == "large":
                owner, name, revision = parts[1], parts[2], "main"
            else:
                owner, name, revision = parts[0], parts[1], parts[3]
            folder = os.path.join(root, owner, name)
            if name == "private" and token != "Bearer secret" and parts[0] != "large":
                return self.reply(401)
            if not os.path.isdir(folder) or revision not in ("main", "refs%2Fpr%2F1"):
                return self.reply(404)
            if parts[0] == "api":
                return self.list(folder, name, query)
            file = "/".join(parts[3:] if parts[0] == "large" else parts[4:])
            content = open(os.path.join(folder, file), "rb").read()
            if len(content) > 4000 and parts[0] != "large":
                place = f"http://localhost:{second}/large/{owner}/{name}/{file}"
                return self.reply(302, b"see there", [("Location", place)])
            if name == "slow":
                time.sleep(10)
            if name == "wrong" and file == "model.safetensors":
                content = content[:-1] + bytes([content[-1] ^ 1])
            if name == "down" and (name, file) in cut and not os.path.exists(os.path.join(root, "up")):
                return self.reply(503)
            range = self.headers.get("Range")
            status, headers = 200, []
            if range and name not in ("rangeless", "halves"):
                start = int(range.split("=")[1].split("-")[0])
                if start >= len(content):
                    return self.reply(416)
                headers = [("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")]
                status, content = 206, content[start:]
            sent = None
            if name == "page" and file == "model.safetensors":
                return self.reply(200, b"<html>please log in</html>")
            if name == "endless" and file == "model.safetensors":
                self.send_response(200)
                self.end_headers()
                try:
                    while True:
                        self.wfile.write(content)
                except OSError:
                    self.close_connection = True
                    return
            if name == "drip" and file == "model.safetensors":
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                while content:
                    self.wfile.write(content[:500])
                    content = content[500:]
                    time.sleep(0.1)
                return
            if name == "lies" and status == 206:
                content = open(os.path.join(folder, file), "rb").read()[:len(content)]
            if name in ("halves", "lies") and file == "model.safetensors" and status == 200:
                sent = len(content) // 2
            if name in ("cut", "down", "rangeless") and file == "model.safetensors" and (name, file) not in cut:
                cut.add((name, file))
                sent = len(content) // 2
            self.reply(status, content, headers, sent)

        def list(self, folder, name, query):
            entries = []
            for place, folders, files in os.walk(folder):
                for each in sorted(folders):
                    entries.append({"type": "directory", "oid": "0", "size": 0,
                                    "path": os.path.relpath(os.path.join(place, each), folder)})
                for each in sorted(files):
                    path = os.path.join(place, each)
                    content = open(path, "rb").read()
                    blob = hashlib.sha1(b"blob %d\\0" % len(content) + content).hexdigest()
                    entry = {"type": "file", "oid": blob, "size": len(content), "path": os.path.relpath(path, folder)}
                    if len(content) > 4000:
                        entry["oid"] = "0" * 40
                        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
                    entries.append(entry)
            if name == "evil":
                entries.append({"type": "file", "oid": "0", "size": 1, "path": "../evil.json"})
            entries.sort(key=lambda entry: entry["path"])
            start = int(query.split("cursor=")[1]) if "cursor=" in query else 0
            if name == "busy" and name not in cut:
                cut.add(name)
                return self.reply(503)
            if name == "dropped" and start > 0:
                return self.reply(200, b"[]", sent=0)
            headers = [("Content-Type", "application/json")]
            if start + 3 < len(entries):
                port = second if name == "elsewhere" else first
                address = f"http://127.0.0.1:{port}{self.path.split('?')[0]}?recursive=true&cursor={start + 3}"
                headers.append(("Link", f'<{address}>; rel="next"'))
            self.reply(200, json.dumps(entries[start:start + 3]).encode(), headers)

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    first, second = [server.server_address[1] for server in servers]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(first, flush=True)
    sys.stdin.read()
    os._exit(0)
    """
}
