// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "Benchmarks",
  dependencies: [.package(name: "swift-encoders", path: "..")],
  targets: [
    .executableTarget(
      name: "bench",
      dependencies: [
        .product(name: "Tensors", package: "swift-encoders"), .product(name: "Layers", package: "swift-encoders"),
        .product(name: "Encoders", package: "swift-encoders"), .product(name: "Training", package: "swift-encoders"),
        .product(name: "Tokenizers", package: "swift-encoders"),
      ])
  ],
  swiftLanguageModes: [.v6]
)
