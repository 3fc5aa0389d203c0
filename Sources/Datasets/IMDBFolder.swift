import Checkpoints
import Foundation

/// Texts in a folder a class, as the IMDB reviews are (Maas et al. 2011): `train/pos/*.txt`, `train/neg/*.txt`, `test/…`.
public enum IMDBFolder {
  /// The texts of `split` in the order of class and file name; a folder without parts is read as it is, for train, validation or test.
  /// `unsup` is left out.
  ///
  /// - Throws: `FileError` if a folder is missing or empty, or a file is no UTF-8.
  public static func read(_ directory: URL, split: String) throws -> TextExamples {
    let part = directory.appendingPathComponent(split)
    let root = isFolder(part) ? part : directory
    let isUsual = ["train", "validation", "test"].contains(split)
    if !isFolder(part), !isUsual || isFolder(directory.appendingPathComponent("train")) {
      throw FileError(.missing, part, "expected a folder of classes, found none")
    }
    let classes = try names(in: root).filter { $0 != "unsup" && isFolder(root.appendingPathComponent($0)) }
    guard !classes.isEmpty else { throw FileError(.missing, root, "expected folders of texts by class, found none") }
    var examples = TextExamples(texts: [], labels: [])
    for name in classes {
      let folder = root.appendingPathComponent(name)
      for file in try names(in: folder) where file.hasSuffix(".txt") {
        let url = folder.appendingPathComponent(file)
        let text = try MappedFile(url).withBytes { try utf8Text($0, url, line: 1) }
        examples.texts.append(text)
        examples.labels.append(name)
      }
    }
    guard !examples.texts.isEmpty else {
      throw FileError(.missing, root, "expected .txt files in the folders of classes, found none")
    }
    return examples
  }

  private static func names(in folder: URL) throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
    } catch {
      throw FileError(.missing, folder, "expected a folder that can be read")
    }
  }
}
