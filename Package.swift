// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: Swift 6 mode is the package's; memory safety is spelled out at each use; a warning is a mistake.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Tests call C freely to make trouble; they need not spell out each unsafe use.
let relaxed = Array(strict.dropFirst())

/// One target of the test suite: `<Target>Tests` mirrors `<Target>`.
func tests(_ target: String, _ dependencies: [Target.Dependency], data: [String] = []) -> Target {
    .testTarget(name: "\(target)Tests", dependencies: dependencies + ["TestSupport"], exclude: data, swiftSettings: relaxed)
}

let package = Package(
    name: "thimble",
    platforms: [.macOS(.v15), .iOS(.v18)],
    products: [
        .executable(name: "thimble", targets: ["ThimbleCommand"]),
        .library(name: "Thimble", targets: ["Thimble"]),
        .library(name: "ThimbleRuntime", targets: ["Tensors", "ModelGraph", "ThimbleFile", "Operators", "Execution"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        // System libraries: a module map each, nothing else.
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"]), .brew(["protobuf-c"])]),

        // C of our own.
        .target(name: "CSystem"),
        .target(name: "CKernels"),
        .target(name: "COnnx", dependencies: ["CProtobufC"]),
        .target(name: "CCompression", exclude: ["rounding.inc"]),

        // The run side: needs no library but zlib, never imports the make side.
        .target(name: "Tensors", dependencies: ["CSystem", "CKernels", "CZlib"], swiftSettings: strict),
        .target(name: "ModelGraph", dependencies: ["Tensors"], swiftSettings: strict),
        .target(name: "ThimbleFile", dependencies: ["ModelGraph", "Tensors", "CZlib"], swiftSettings: strict),
        .target(name: "Operators", dependencies: ["ModelGraph", "Tensors", "CKernels"], swiftSettings: strict),
        .target(name: "Execution", dependencies: ["Operators", "ModelGraph", "Tensors", "CKernels", "CSystem"], swiftSettings: strict),

        // The make side.
        .target(name: "Simplification", dependencies: ["Operators", "ModelGraph", "Tensors"], swiftSettings: strict),
        .target(name: "OnnxFile", dependencies: ["ModelGraph", "Tensors", "COnnx", "CSystem"], swiftSettings: strict),
        .target(
            name: "Compression", dependencies: ["Simplification", "Execution", "Operators", "ModelGraph", "Tensors", "CCompression", "CKernels"],
            swiftSettings: strict),
        .target(
            name: "Thimble", dependencies: ["Compression", "Simplification", "OnnxFile", "ThimbleFile", "Execution", "Operators", "ModelGraph", "Tensors"],
            swiftSettings: strict),
        .executableTarget(
            name: "ThimbleCommand",
            dependencies: ["Thimble", "Compression", "Simplification", "CSystem", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),

        .target(name: "TestSupport", dependencies: ["ModelGraph", "Tensors"], path: "Tests/TestSupport", swiftSettings: relaxed),
        // The ONNX backend suite as a library, and as a command for work on operators: `swift run backend-suite test_conv`.
        .target(
            name: "BackendSuite", dependencies: ["Execution", "OnnxFile", "ModelGraph", "Tensors", "TestSupport"], path: "Tests/BackendSuite",
            swiftSettings: relaxed),
        .executableTarget(
            name: "backend-suite", dependencies: ["BackendSuite", "OnnxFile", "ModelGraph", "Tensors"], path: "Tests/BackendSuiteCommand",
            swiftSettings: relaxed),
        tests("CKernels", ["CKernels"]),
        tests("Tensors", ["Tensors", "CKernels", "CSystem"]),
        tests("ModelGraph", ["ModelGraph", "Tensors"]),
        tests("OnnxFile", ["OnnxFile", "ThimbleFile", "ModelGraph", "Tensors"]),
        tests("ThimbleFile", ["ThimbleFile", "ModelGraph", "Tensors"], data: ["Golden"]),
        tests("Operators", ["BackendSuite", "Execution", "OnnxFile", "Operators", "ModelGraph", "Tensors", "CKernels"]),
        tests("Execution", ["BackendSuite", "Execution", "Operators", "OnnxFile", "ThimbleFile", "ModelGraph", "Tensors"]),
        tests("Simplification", ["BackendSuite", "Simplification", "Execution", "OnnxFile", "Operators", "ModelGraph", "Tensors"]),
        tests("Compression", ["Compression", "Execution", "OnnxFile", "ModelGraph", "Tensors", "CCompression"]),
        tests("Thimble", ["Thimble", "ModelGraph", "Tensors"]),
        tests("ThimbleCommand", ["Thimble", "ThimbleCommand"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)
