import Foundation
import Testing

@testable import Checkpoints

@Suite struct AtomicFileTests {
  @Test func replacesWholeFiles() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("note.txt")
      try AtomicFile.write("old", to: url)
      try AtomicFile.write(Data("nëw".utf8), to: url)
      #expect(try String(contentsOf: url, encoding: .utf8) == "nëw")
      #expect(try names(in: folder) == ["note.txt"])
    }
  }

  @Test func keepsTheOldFileOnFailure() throws {
    struct Interruption: Error {}
    try withFolder { folder in
      let url = folder.appendingPathComponent("note.txt")
      try AtomicFile.write("old", to: url)
      #expect(throws: Interruption.self) {
        try AtomicFile.write(to: url) { writer in
          try writer.write(String(repeating: "new", count: 1_000_000))
          throw Interruption()
        }
      }
      #expect(try String(contentsOf: url, encoding: .utf8) == "old")
      #expect(try names(in: folder) == ["note.txt"])
    }
  }

  @Test func removesWhatAKilledProcessLeft() throws {
    try withFolder { folder in
      // No process has so high a number; this one has its own.
      let left = [
        ".note.txt.2000000000.abc.partial", ".note.txt.\(getpid()).abc.partial", ".other.2000000000.abc.partial",
      ]
      for name in left {
        #expect(FileManager.default.createFile(atPath: folder.appendingPathComponent(name).path, contents: nil))
      }
      try AtomicFile.write("new", to: folder.appendingPathComponent("note.txt"))
      #expect(try names(in: folder) == (left.dropFirst() + ["note.txt"]).sorted())
    }
  }

  @Test(arguments: [10, 10_000_000])
  func saysThatTheDiskIsFull(size: Int) throws {
    try withFolder { folder in
      // A device that is always full stands for the temporary file.
      let temporary = folder.appendingPathComponent("temporary").path
      #expect(FileManager.default.createFile(atPath: temporary, contents: nil))
      let url = folder.appendingPathComponent("model.bin")
      let writer = AtomicWriter(url, temporary: temporary, descriptor: open("/dev/full", O_WRONLY))
      let error = fileError {
        try writer.write(String(repeating: "x", count: size))
        try writer.commit()
      }
      #expect(error?.kind == .unwritable)
      #expect(error?.description == "\(url.path): cannot write: No space left on device")
      writer.discard()
      let left = try names(in: folder)
      #expect(left == [])
    }
  }

  @Test func saysThatTheFolderIsMissing() {
    let error = fileError { try AtomicFile.write("x", to: URL(fileURLWithPath: "/absent/folder/note.txt")) }
    #expect(error?.description == "/absent/folder/note.txt: cannot write: No such file or directory")
  }

  @Test func linksStayAndWhatTheyLeadToIsWritten() throws {
    try withFolder { folder in
      let (link, far) = (folder.appendingPathComponent("link"), folder.appendingPathComponent("far"))
      #expect(symlink("far", link.path) == 0 && symlink("target", far.path) == 0)
      // First to nothing, then to a file.
      for text in ["new", "newer"] {
        try AtomicFile.write(text, to: link)
        #expect(try String(contentsOf: folder.appendingPathComponent("target"), encoding: .utf8) == text)
      }
      try AtomicWriter(resuming: link).commit()
      #expect(try Data(contentsOf: folder.appendingPathComponent("target")).isEmpty)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == "far")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: far.path) == "target")
      #expect(try names(in: folder) == ["far", "link", "target"])

      let circle = folder.appendingPathComponent("circle")
      #expect(symlink("circle", circle.path) == 0)
      #expect(
        fileError { try AtomicFile.write("x", to: circle) }?.problem
          == "cannot write: Too many levels of symbolic links")
    }
  }

  @Test func aFileThatIsGoneOnWithKeepsItsPermissions() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("vectors.npy")
      func mode(_ url: URL) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions] as? Int
      }
      try AtomicFile.write("old", to: url)
      #expect(chmod(url.path, 0o400) == 0)
      let writer = try AtomicWriter(resuming: url)
      #expect(try mode(AtomicWriter.partial(of: url)) == 0o600)
      try writer.commit()
      #expect(try mode(url) == 0o400)
    }
  }

  @Test func aFolderIsRefusedAtOnce() throws {
    try withFolder { folder in
      #expect(fileError { _ = try AtomicWriter(folder) }?.problem == "cannot write: Is a directory")
      #expect(fileError { _ = try AtomicWriter(resuming: folder) }?.problem == "cannot write: Is a directory")
      #expect(!FileManager.default.fileExists(atPath: AtomicWriter.partial(of: folder).path))
    }
  }

  @Test func overwritesBuffered() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("x")
      try AtomicFile.write(to: url) { writer in
        try writer.write("____ rest")
        try Array("head".utf8).withUnsafeBytes { try writer.overwrite(at: 0, with: $0) }
        try writer.write("!")
      }
      #expect(try String(contentsOf: url, encoding: .utf8) == "head rest!")
    }
  }
}

@Suite struct AtomicFolderTests {
  @Test func aFolderIsThereWholeOrNotAtAll() throws {
    struct Refusal: Error {}
    try withFolder { folder in
      let url = folder.appendingPathComponent("model")
      #expect(throws: Refusal.self) {
        try AtomicFolder.write(to: url) { place in
          try Data("half".utf8).write(to: place.appendingPathComponent("a"))
          throw Refusal()
        }
      }
      #expect(try names(in: folder) == [])
      // What a program left that was killed: no process has this number.
      let abandoned = folder.appendingPathComponent(".model.2147483647.x.partial")
      try FileManager.default.createDirectory(at: abandoned, withIntermediateDirectories: true)
      let begun = folder.appendingPathComponent(".model.partial")
      try FileManager.default.createDirectory(at: begun, withIntermediateDirectories: true)
      try AtomicFolder.write(to: url) { try Data("whole".utf8).write(to: $0.appendingPathComponent("a")) }
      #expect(try names(in: folder) == [".model.partial", "model"])
      #expect(try names(in: url) == ["a"])
      let error = fileError { try AtomicFolder.write(to: url) { _ in } }
      #expect(error?.problem == "expected a new folder to write to, found one with 1 files in it")
      let file = fileError { try AtomicFolder.write(to: url.appendingPathComponent("a")) { _ in } }
      #expect(file?.problem == "expected a folder to write to, found a file")
    }
  }
}
