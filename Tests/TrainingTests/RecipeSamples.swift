import Encoders
import Foundation

@testable import Training

/// Recipes in parts, so that a test changes one of them.
enum RecipeSamples {
  static let text = """
    preprocess:
      text: {tokens: words}
    encode:
      embedding: {dimension: 100}
      cnn: {widths: [3, 4, 5], channels: 100}
    pool: max
    project:
      - dropout: 0.5
    data:
      path: reviews.tsv
    objective: classification
    training:
      epochs: 8
      batch_size: 50
      learning_rate: 0.001

    """

  static let image = """
    preprocess:
      image: {size: [28, 28], channels: 1}
    encode:
      layers:
        - convolution: {channels: 32, kernel: 3}
        - relu
        - max_pool: 2
        - batch_norm
    pool: flatten
    project:
      - linear: 64
    data:
      path: mnist
    objective: classification
    training:
      epochs: 2

    """

  static let file = URL(fileURLWithPath: "/recipes/recipe.yaml")

  /// The recipe with one of its lines (or parts) replaced.
  static func parse(_ recipe: String = text, _ replacements: (String, String)...) throws -> Recipe {
    var recipe = recipe
    for (old, new) in replacements {
      guard recipe.contains(old) else { throw NotInRecipe(part: old) }
      recipe = recipe.replacingOccurrences(of: old, with: new)
    }
    return try Recipe(recipe, file)
  }

  struct NotInRecipe: Error { let part: String }

  /// The error of a changed recipe, without the file's path; empty if there is none.
  static func error(_ recipe: String = text, _ old: String, _ new: String) -> String {
    do {
      _ = try parse(recipe, (old, new))
      return ""
    } catch {
      let line = "\(error)"
      return line.hasPrefix("/recipes/") ? String(line.dropFirst("/recipes/".count)) : line
    }
  }
}
