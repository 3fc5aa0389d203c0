// The sentences of a file that are nearest to a question, by the embeddings of a model folder.
//
//     swift run -c release example-neighbours models/reviews sentences.txt "a moving, funny film"
import Encoders
import Foundation
import Tensors

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count == 3 else {
  print("usage: example-neighbours MODEL SENTENCES QUESTION")
  exit(64)
}
do {
  let model = try Model.open(URL(fileURLWithPath: arguments[0]))
  let sentences = try String(contentsOfFile: arguments[1], encoding: .utf8).split(separator: "\n").map(String.init)

  /// Vectors of length 1, so that a dot product is the cosine.
  func vectors(_ texts: [String]) throws -> Tensor { model.embed(try model.input(texts: texts)).normalized() }

  let cosines = try vectors(sentences).linear(vectors([arguments[2]]), nil).scalars
  for index in sentences.indices.sorted(by: { cosines[$0] > cosines[$1] }).prefix(5) {
    print("\(cosines[index])  \(sentences[index])")
  }
} catch {
  FileHandle.standardError.write(Data("example-neighbours: \(error)\n".utf8))
  exit(1)
}
