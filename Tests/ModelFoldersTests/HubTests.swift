import Checkpoints
import Foundation
import Testing

@testable import ModelFolders

@Suite struct HubTests {
  @Test func takesOneSetOfWeightsOfEachFolder() {
    let paths = [
      ".gitattributes", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors",
      "2_Dense/pytorch_model.bin", "3_Dense/pytorch_model.bin", "README.md", "config.json", "flax_model.msgpack",
      "model.fp16.safetensors", "model.safetensors", "onnx/config.json", "onnx/model.onnx", "openvino/model.xml",
      "pytorch_model.bin", "rust_model.ot", "sentencepiece.bpe.model", "tf_model.h5", "tokenizer.json", "train.py",
      "vocab.txt",
    ]
    #expect(
      ModelFiles.needed(of: paths) == [
        "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors", "3_Dense/pytorch_model.bin",
        "README.md", "config.json", "model.safetensors", "sentencepiece.bpe.model", "tokenizer.json", "vocab.txt",
      ])
    let sharded = [
      "config.json", "consolidated.safetensors", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
      "model.safetensors.index.json", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json",
    ]
    #expect(ModelFiles.indexes(of: sharded) == ["model.safetensors.index.json"])
    let shards = Set(sharded.filter { $0.hasPrefix("model-") })
    #expect(
      ModelFiles.needed(of: sharded, shards: shards)
        == sharded.filter { $0.hasPrefix("model") || $0 == "config.json" })
    // Whole weights are read before an index that is left over, and need none.
    let both = sharded + ["model.safetensors"]
    #expect(ModelFiles.indexes(of: both) == [])
    #expect(ModelFiles.needed(of: both) == ["config.json", "model.safetensors"])
    #expect(ModelFiles.indexes(of: ["0/model.safetensors.index.json", ".git/model.safetensors.index.json"]).count == 1)
    #expect(ModelFiles.needed(of: ["config.json", "pytorch_model.bin"]) == ["config.json", "pytorch_model.bin"])
    #expect(ModelFiles.needed(of: ["0/model.safetensors", "0/modèle.safetensors"]) == ["0/model.safetensors"])
    let adapted = ["0/adapter_config.json", "0/adapter_model.safetensors", "0/model.safetensors", "artifact.metadata"]
    #expect(ModelFiles.needed(of: adapted + ["0/artifact.metadata"]) == adapted)
  }

  @Test func aModulesFolderMayEndWithASlash() throws {
    func paths(_ path: String) throws -> [String] {
      let list = JSON.array([["type": "sentence_transformers.models.Pooling", "path": .string(path)]])
      return try ModuleList(list, URL(fileURLWithPath: "/modules.json")).modules.map(\.path)
    }
    #expect(try paths("1_Pooling/") == ["1_Pooling"])
    for path in ["/", "1_Pooling//", "../"] { #expect(throws: FileError.self, "\(path)") { try paths(path) } }
  }

  @Test func namesAreChecked() throws {
    #expect(try HubModel("BAAI/bge-small-en-v1.5").folderName == "bge-small-en-v1.5")
    #expect(try HubModel("gpt2").folderName == "gpt2")
    for name in ["", "/", "a/", "/a", "a/b/c", "..", "a/..", "a b", "a/b?c", "http://x/y", "a\n"] {
      #expect(throws: HubError.self, "\(name)") { try HubModel(name) }
    }
    #expect(throws: HubError.self) { try HubModel("a/b", revision: "") }
    #expect(throws: HubError.self) { try HubModel("a/b", revision: "a b") }
  }

  @Test func theEnvironmentIsChecked() throws {
    #expect(try HubConnection([:]).endpoint == "https://huggingface.co")
    #expect(
      try HubConnection(["HF_ENDPOINT": "http://127.0.0.1:8080/", "HF_HUB_OFFLINE": "0"]).endpoint
        == "http://127.0.0.1:8080")
    for environment in [
      ["HF_HUB_OFFLINE": "1"], ["HF_HUB_OFFLINE": "true"], ["HF_ENDPOINT": "file:///etc"],
      ["HF_ENDPOINT": "hub.example"],
      ["HF_ENDPOINT": "http://a b"], ["HF_TOKEN": "a\"\nurl = b"],
    ] {
      #expect(throws: HubError.self, "\(environment)") { try HubConnection(environment) }
    }
    do {
      _ = try HubConnection(["HF_TOKEN": "secret token"])
    } catch {
      #expect(!"\(error)".contains("secret"))
    }
  }

  /// A hub that gives one list whatever it's asked for: of three huge files, or one whose next page is itself. It's asked twice at most.
  @Test func listsThatCannotBeAreRefused() throws {
    let script = """
      import http.server, json

      class Handler(http.server.BaseHTTPRequestHandler):
          count = 0

          def log_message(self, *arguments):
              pass

          def do_GET(self):
              Handler.count += 1
              self.send_response(200 if Handler.count <= 2 else 404)
              size = 2 ** 59 if "huge" in self.path else 1
              if "circle" in self.path:
                  self.send_header("Link", f'<{self.path}>; rel="next"')
              self.end_headers()
              self.wfile.write(json.dumps([{"type": "file", "path": "a", "size": size}] * 3).encode())

      server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
      print(server.server_address[1], flush=True)
      server.serve_forever()
      """
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script]
    process.standardOutput = output
    try process.run()
    // Foundation may leave other signals blocked in it.
    defer { kill(process.processIdentifier, SIGKILL) }
    let port = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    let hub = try HubConnection(["HF_ENDPOINT": "http://127.0.0.1:" + port.filter(\.isNumber)])
    for (name, problem) in [
      ("huge", "expected files with a path and a size, found {"), ("circle", "expected a list of files that ends"),
    ] {
      let error = #expect(throws: HubError.self) { _ = try hub.files(of: HubModel(name)) { _ in } }
      #expect(error?.description.contains(problem) == true, "\(String(describing: error))")
    }
  }

  @Test func checksumsAreThoseOfTheHub() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("hub-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: url) }
    try Data("hello\n".utf8).write(to: url)
    // git hash-object, sha256sum
    let blob = "ce013625030ba8dba906f756967f9e9ca394464a"
    let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    #expect(try HubFile(path: "a", size: 6, sha256: nil, blob: blob).problem(of: url) == nil)
    #expect(try HubFile(path: "a", size: 6, sha256: sha256, blob: nil).problem(of: url) == nil)
    #expect(try HubFile(path: "a", size: 7, sha256: sha256, blob: nil).problem(of: url) == "expected 7 bytes, found 6")
    try Data("hallo\n".utf8).write(to: url)
    #expect(try HubFile(path: "a", size: 6, sha256: nil, blob: blob).problem(of: url)?.contains(blob) == true)
    #expect(try HubFile(path: "a", size: 6, sha256: sha256, blob: nil).problem(of: url)?.contains(sha256) == true)
  }
}
