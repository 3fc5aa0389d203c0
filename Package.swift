// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "swift-encoders",
  products: [
    .library(name: "Tensors", targets: ["Tensors"]),
    .library(name: "Layers", targets: ["Layers"]),
    .library(name: "Checkpoints", targets: ["Checkpoints"]),
    .library(name: "Tokenizers", targets: ["Tokenizers"]),
    .library(name: "Inputs", targets: ["Inputs"]),
    .library(name: "Datasets", targets: ["Datasets"]),
    .library(name: "WordVectors", targets: ["WordVectors"]),
    .library(name: "Encoders", targets: ["Encoders"]),
    .library(name: "Training", targets: ["Training"]),
    .library(name: "Evaluation", targets: ["Evaluation"]),
    .executable(name: "encoders", targets: ["encoders"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .target(name: "CKernels"),
    .target(name: "Tensors", dependencies: ["CKernels", "COneDNN"]),
    .target(name: "Checkpoints", dependencies: ["Tensors"]),
    .target(name: "Layers", dependencies: ["Tensors", "Checkpoints"]),
    .target(name: "Tokenizers", dependencies: ["Checkpoints"]),
    .target(name: "Inputs", dependencies: ["Tensors", "Checkpoints", "CPNG", "CTurboJPEG"]),
    .target(
      name: "Datasets",
      dependencies: ["CArchive", "Checkpoints", .product(name: "Crypto", package: "swift-crypto")]),
    .target(
      name: "ModelFolders",
      dependencies: ["Checkpoints", "Datasets", .product(name: "Crypto", package: "swift-crypto")]),
    .target(name: "WordVectors", dependencies: ["Checkpoints", "Tokenizers"]),
    // Every module that a target's types are made of stands among its dependencies: by them it is known what to build anew.
    .target(
      name: "Encoders",
      dependencies: [
        "Tensors", "Layers", "Tokenizers", "Inputs", "WordVectors", "Checkpoints", "Evaluation",
        .product(name: "Crypto", package: "swift-crypto"), .product(name: "Yams", package: "Yams"),
      ]),
    .target(name: "Evaluation", dependencies: ["Tensors"]),
    .target(
      name: "Training",
      dependencies: [
        "Tensors", "Layers", "Tokenizers", "Inputs", "WordVectors", "Checkpoints", "Encoders", "Datasets", "Evaluation",
        "CKernels", .product(name: "Yams", package: "Yams"),
      ]),
    .executableTarget(
      name: "encoders",
      dependencies: [
        "CKernels", "Tensors", "Layers", "Tokenizers", "Inputs", "WordVectors", "Checkpoints", "Encoders", "Datasets",
        "Evaluation", "Training", "ModelFolders", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .executableTarget(
      name: "example-train-lstm", dependencies: ["Tensors", "Tokenizers", "Encoders", "Datasets", "Training"],
      path: "Examples/TrainLSTM"),
    .executableTarget(
      name: "example-neighbours", dependencies: ["Tensors", "Tokenizers", "Encoders"], path: "Examples/Neighbours"),
    .target(name: "TestSupport", dependencies: ["Checkpoints", "Tensors"], path: "Tests/Support"),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
    .testTarget(name: "LayersTests", dependencies: ["Layers", "Tensors", "Checkpoints", "TestSupport"]),
    .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "TestSupport"]),
    .testTarget(name: "TokenizersTests", dependencies: ["Tokenizers", "TestSupport"]),
    .testTarget(name: "InputsTests", dependencies: ["Inputs", "Checkpoints", "TestSupport"]),
    .testTarget(
      name: "DatasetsTests",
      dependencies: ["Datasets", "Checkpoints", .product(name: "Crypto", package: "swift-crypto")]),
    .testTarget(name: "ModelFoldersTests", dependencies: ["ModelFolders", "Checkpoints"]),
    .testTarget(name: "WordVectorsTests", dependencies: ["WordVectors", "TestSupport"]),
    .testTarget(
      name: "EncodersTests",
      dependencies: ["Encoders", "Tokenizers", "Layers", "Checkpoints", "Tensors", "TestSupport"]),
    .testTarget(
      name: "EncodersCommandTests", dependencies: ["encoders", "Checkpoints", "TestSupport"], path: "Tests/ProgramTests"
    ),
    .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "TestSupport"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Training", "Encoders", "Tokenizers", "Layers", "Evaluation", "Tensors", "Checkpoints", "TestSupport",
      ]),
  ],
  swiftLanguageModes: [.v6]
)
